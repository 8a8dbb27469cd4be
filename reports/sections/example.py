"""Section 9: a worked example with every number, forward, backward and through one update.

Each row is one equation at one step: in symbols, with the numbers in place of the names, and what comes out. A large
network shows every equation once, at the step that is computed last, and lists the values of the other steps.

Read next: `reports.sections.certificate`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from derive.chain import scalar_losses
from derive.dimensions import dimension
from derive.equation import PRIMAL
from derive.expr import fixed, ref
from derive.latex import dim_latex
from derive.text import to_text
from derive.typeset import terms as typeset_terms
from derive.typeset import typeset
from numeric.pocket import DIGITS, Line, Worked, worked
from numeric.pocket_notes import note_for
from numeric.pocket_numbers import given_for
from reports.context import Context
from reports.document import Block, Heading, Prose, Row, Rows, Table
from reports.inline import plain
from reports.notation import LOSS
from reports.substitution import Substitution, array, at_step, number

UNARY = re.compile(r"(\(|= )(-[0-9.]+)")
LIMIT = 100  # rows; beyond it every equation is shown once
NEAR = 20  # units of the fourth decimal; beyond it numbers are too large for such a statement


def example(context: Context) -> list[Block]:
    """The example with small numbers, or, if the context asks for it, one that lecture notes print."""
    if context.example == "none":
        return []
    blocks: list[Block] = [Heading(1, "Worked example", "example")]
    try:
        seen, work = worked_example(context)
    except ValueError as error:
        return [*blocks, Prose(f"Left out: {plain(str(error))}.")]
    writer = _Writer(seen, context, work)
    return [*blocks, *writer.setting(), *writer.forward(), *writer.backward(), *writer.update()]


def worked_example(context: Context) -> tuple[Context, Worked]:
    """The context whose gradient is that of the loss, if the system has one, and the numbers.

    Raises:
        ValueError: if no example can be computed, or none of that name exists, as for ``none``.
    """
    system = context.system
    seen = context if context.outputs else replace(context, outputs=scalar_losses(system))
    chosen = given_for(system) if context.example == "default" else note_for(system, context.example).given(system)
    return seen, worked(system, seen.reading, chosen)


def example_data(context: Context) -> dict[str, object] | None:
    """The numbers of the example for the JSON file, not rounded; None without one."""
    try:
        _, work = worked_example(context)
    except ValueError:
        return None
    given, update = work.given, work.update
    return {
        "sizes": dict(given.sizes),
        "parameters": {name: value.tolist() for name, value in given.parameters.items()},
        "inputs": {name: value.tolist() for name, value in given.inputs.items()},
        "values": {to_text(work.clock.placed(n.equation.out, n.at)): n.value.tolist() for n in work.lines},
        "rate": update.rate,
        "updated": {name: value.tolist() for name, value in update.parameters.items()},
        "loss": [update.before, update.after],
    }


class _Writer:
    """The blocks of one example.

    Args:
        seen: the context whose gradient is worked out.
        printed: the context of the report, whose equations have numbers.
        work: the numbers.
    """

    def __init__(self, seen: Context, printed: Context, work: Worked) -> None:
        self.seen, self.printed, self.work = seen, printed, work
        self.names = seen.names
        self.numbers = Substitution(work.read, work.sizes)
        lines = [line for line in work.lines if line.equation.expr != 0]
        self.whole = len(lines) <= LIMIT
        last = {line.equation.out: line for line in lines}
        self.lines = lines if self.whole else [line for line in lines if last[line.equation.out] is line]

    # --- what is given ----------------------------------------------------------------------------------------

    def setting(self) -> list[Block]:
        """Sizes, weights, inputs, the loss, and what rounding does."""
        given, system = self.work.given, self.seen.system
        text = [self._about()]
        sizes = [f"${dim_latex(dimension(name))} = {size}$" for name, size in given.sizes.items()]
        learned = [self._given(name, given.parameters[name]) for name in (*system.parameters, *system.constants)]
        known = []
        for name in system.inputs:
            axis, values = system.variables[name].axis, given.inputs[name]
            known += (
                [self._given(name, values[0])]
                if axis is None
                else [self._given(name, value[0], fixed(axis, t)) for t, value in enumerate(values, 1)]
            )
        for name, positions in system.boundaries.items():
            zero: np.ndarray = np.zeros(self.work.read(ref(name, positions[0])).shape)
            first = given.initial.get(name, zero[None])[0]  # an example of the notes gives one at most
            known += [self._given(name, first if len(positions) == 1 else zero, p) for p in positions]
        text.append(f"Sizes: {', '.join(sizes)}.")
        text += [f"Weights: {', '.join(learned)}."] if learned else []
        text += [f"Inputs and initial values: {', '.join(known)}."] if known else []
        text.append(self._rounding())
        return [Prose("\n\n".join(text))]

    def _about(self) -> str:
        if self.seen.example == "default":
            return "Small enough for a pocket calculator: sizes as small as they can be, weights of one decimal."
        return plain(note_for(self.seen.system, self.seen.example).said)

    def _given(self, name: str, value: np.ndarray, index: object = None) -> str:
        left = typeset(ref(name, index), self.names)  # type: ignore[arg-type]
        matrix = np.asarray(value, float)
        return f"${_unary([f'{left} = {array(_matrix(matrix))}'])[0]}$"

    def _rounding(self) -> str:
        slip = max((line.slip for line in self.lines), default=0)
        text = (
            f"Numbers are printed with {DIGITS} decimals, small ones with three digits, and computed with all digits. "
        )
        if slip == 0:
            return text + "Whoever goes on with the printed numbers gets every printed result."
        if slip > NEAR:
            return text + "Whoever goes on with the printed numbers gets the printed results up to their rounding."
        return (
            text + "Whoever puts the printed numbers into a row gets its printed result, up to "
            f"{slip} in the fourth decimal."
        )

    # --- forward and backward ---------------------------------------------------------------------------------

    def forward(self) -> list[Block]:
        """The values, step by step, and the loss."""
        rows = [self.row(line) for line in self.lines if self._is_primal(line)]
        blocks: list[Block] = [Heading(2, "Forward", "example-forward")]
        if not self.whole:
            blocks.append(Prose(self._left_out()))
        blocks.append(Rows((*rows, *self._loss())))
        return blocks if self.whole else [*blocks, *self._values(primal=True)]

    def backward(self) -> list[Block]:
        """Every gradient with its terms: of what is computed, of parameters, of inputs."""
        groups: dict[str, list[Row]] = {"Backward": self._upstream(), "Parameter gradients": [], "Inputs": []}
        leaves = {"parameter": "Parameter gradients", "input": "Inputs"}
        for line in self.lines:
            if self._is_primal(line):
                continue
            of = self.seen.of(line.equation.name)
            role = self.seen.adjoint.variables[of].role if self.seen.kind(line.equation.name) == "cotangent" else ""
            outside = line.equation.is_boundary
            groups["Inputs" if outside else leaves.get(role, "Backward")].append(self.row(line, sums=True))
        blocks: list[Block] = []
        for title, rows in groups.items():
            if not rows:
                continue
            words = "Inputs and initial values" if title == "Inputs" else title
            blocks += [Heading(2, words, f"example-{title.split()[0].lower()}"), Rows(tuple(rows))]
            if title == "Backward" and not self.whole:
                blocks += self._values(primal=False)
        return blocks

    def _is_primal(self, line: Line) -> bool:
        return self.seen.kind(line.equation.name) in ("", *PRIMAL)

    def row(self, line: Line, *, sums: bool = False) -> Row:
        """In symbols, with numbers, the values of the terms, and the result."""
        names, equation = self.names, line.equation
        symbols = typeset_terms(at_step(equation.expr, line.at, self.work.clock), names)
        for axis, position in line.at.items():  # one column of what runs over all steps
            symbols = tuple(term.replace(rf"_{{:,{axis}}}", rf"_{{:,{position}}}") for term in symbols)
        result = array(line.value)
        steps = [symbols, self.numbers.terms(line.expr), self.numbers.sums(line.expr) if sums else (), (result,)]
        found: list[str] = list(steps[0])
        said = " ".join(symbols)
        for step in steps[1:]:
            if step and " ".join(step) != said:
                said = " ".join(step)
                found += _equal(step)
        left = typeset(self.work.clock.placed(equation.out, line.at), names)
        label = self.printed.labels.get(equation.name, "") if not equation.is_boundary else ""
        return Row(left, _unary(found), reason=f"{{eq:{label}}}" if label else "")

    def _loss(self) -> list[Row]:
        """½ Σ ‖y − 1‖² for a system without a loss."""
        if scalar_losses(self.seen.system):
            return []
        reads = [self.work.reads(name) for name in self.seen.system.outputs]
        places = [read for group in reads for read in group]
        symbols = [rf"\tfrac{{1}}{{2}}\lVert {typeset(read, self.names)} - 1 \rVert^{{2}}" for read in places]
        values = [0.5 * float(np.sum((self.work.read(read) - 1) ** 2)) for read in places]
        total = number(sum(values))
        found = [symbols[0], *(f"+ {s}" for s in symbols[1:])]
        if len(values) > 1:
            found += _equal([number(values[0]), *(f"+ {number(v)}" for v in values[1:])])
        return [Row(LOSS, _unary([*found, f"= {total}"]), reason="the loss of this example")]

    def _upstream(self) -> list[Row]:
        """What the loss contributes at every output."""
        rows = []
        for name, var in self.seen.adjoint.variables.items():
            if var.origin is None or var.origin.kind != "upstream" or var.origin.of in scalar_losses(self.seen.system):
                continue
            for read in self.work.reads(var.origin.of):
                own = typeset(read, self.names)
                value = self.work.read(read)
                bare = number(value[0, 0]) if value.shape == (1, 1) else array(value)
                found = [own, "- 1", f"= {bare}", "- 1", f"= {array(value - 1)}"]
                rows.append(Row(self.names.read(ref(name, read.index)), _unary(found), reason="from the loss"))
        return rows

    # --- large networks ---------------------------------------------------------------------------------------

    def _left_out(self) -> str:
        every = sum(line.equation.expr != 0 for line in self.work.lines)
        return (
            f"All {every} rows would be many pages. Every equation is shown once, at the step that is computed last, "
            f"which are {len(self.lines)} rows; what the others give is in the tables."
        )

    def _values(self, *, primal: bool) -> list[Block]:
        """Values by quantity and step, of what runs along an axis."""
        found: dict[str, dict[int, str]] = {}
        for line in self.work.lines:
            if line.at and line.equation.expr != 0 and self._is_primal(line) == primal:
                (step,) = line.at.values()
                found.setdefault(line.equation.name, {})[step] = f"${array(line.value)}$"
        steps = sorted({step for values in found.values() for step in values})
        axis = {name: self.seen.adjoint.variables[name].axis or "t" for name in found}
        rows = tuple(
            (f"${self.names.written(name, axis[name])}$", *(values.get(step, "") for step in steps))
            for name, values in found.items()
        )
        header = ("Quantity", *(f"step {step}" for step in steps))
        return [Table(header, rows, align="l" + "r" * len(steps))] if rows else []

    # --- one update -------------------------------------------------------------------------------------------

    def update(self) -> list[Block]:
        """θ − η ∂L/∂θ for every parameter, and the loss before and after."""
        update = self.work.update
        if not update.rate:
            return []
        slope = self.names.derivative(LOSS, r"\theta")
        text = rf"Every parameter moves against its gradient, $\theta' = \theta - {number(update.rate)}\,{slope}$:"
        losses = ((rf"{LOSS}(\theta)", update.before), (rf"{LOSS}(\theta')", update.after))
        falls = tuple(Row(left, (number(value),)) for left, value in losses)
        rows = []
        for name, gradient in update.gradients.items():
            own, old, new = self.names.written(name), self.work.given.parameters[name], update.parameters[name]
            bare = array(_matrix(gradient))
            slope = self.names.derivative(LOSS, own)
            rate = number(update.rate)
            moved = [own, rf"- {rate}\,{slope}", f"= {array(_matrix(old))}", rf"- {rate} \cdot {_factor(bare)}"]
            rows.append(Row(f"{{{own}}}'", _unary([*moved, f"= {array(_matrix(new))}"])))
        return [
            Heading(2, "One update", "example-update"),
            Prose(text),
            Rows(tuple(rows)),
            Prose("So the loss falls:"),
            Rows(falls),
        ]


def _factor(number: str) -> str:
    return f"({number})" if number.startswith("-") else number


def _matrix(value: np.ndarray) -> np.ndarray:
    return np.asarray(value, float).reshape((*np.shape(value), 1, 1)[:2])


def _unary(words: Sequence[str]) -> tuple[str, ...]:
    """A minus that belongs to a number stands in braces with it, so that it is spaced as one."""
    return tuple(UNARY.sub(r"\1{\2}", word) for word in words)


def _equal(words: Sequence[str]) -> list[str]:
    """Terms that go on with the same value: ``= a``, ``+ b``."""
    return [f"= {words[0]}", *words[1:]]
