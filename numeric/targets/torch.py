"""PyTorch: a loop over the steps forward, the derived equations backward, as a `torch.autograd.Function`.

A sequence is a dictionary of its steps, ``h[t - 1]``, with the values outside 1…T among them, so that a line of code
is its equation.

Read next: `numeric.targets.jax`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from derive.expr import Fixed, Op, Ref, Step, ref
from derive.order import Component, contextual_refs
from derive.shapes import pair
from derive.system import Equation
from numeric.arrays import BATCH
from numeric.targets.check import check_text, head
from numeric.targets.helpers import TORCH, used
from numeric.targets.parts import arguments, cotangents, mentioned, narrow, right_side, size_lines
from numeric.targets.plan import Plan
from numeric.targets.spelling import Speller, position_text
from numeric.targets.wrappers import torch_function

IMPORTS = "import torch\nfrom torch.autograd.function import once_differentiable"


def torch_source(plan: Plan) -> str:
    """The file."""
    writer = _Writer(plan)
    functions = [writer.forward(), writer.backward(), torch_function(plan)] if plan.gradients else [writer.forward()]
    check = check_text(plan, "torch")
    helpers = used([*functions, check], TORCH)
    return "\n\n\n".join([head(plan, "PyTorch", IMPORTS), *helpers, *functions, check]) + "\n"


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.batched = plan.whole.batched
        self.at: dict[str, str] = dict(plan.loops)  # text of the current position, by axis
        variables = plan.whole.variables
        self.like = next((n for n in plan.leaves if variables[n].classes is None), plan.leaves[0])
        self.speller = Speller(plan, "torch", self._anchor(), self._read, self._along)

    # --- expressions -------------------------------------------------------------------------------------------

    def _read(self, expr: Ref) -> str:
        name, index = self.plan.names[expr.name], expr.index
        if index is None:
            return name
        if isinstance(index, Fixed):
            return f"{name}[{position_text(self.plan, index)}]"
        assert isinstance(index, Step)
        offset = f" {'-' if index.shift < 0 else '+'} {abs(index.shift)}" if index.shift else ""
        return f"{name}[{self.at[index.axis]}{offset}]"

    def _along(self, call: Op) -> str:
        if call.primitive == "place":
            here = f"{self.at[call.static[0].axis]} == {position_text(self.plan, call.static[0])}"
            return f"place({self.speller.text(call.operands[0])}, {here})"
        axis = str(call.static[0])
        if call.primitive == "unstack":
            return f"{self.speller.text(call.operands[0], 3)}[..., {self.at[axis]} - 1, None]"
        outside, self.at[axis] = self.at[axis], self.plan.loops[axis]
        inner = self.speller.text(call.operands[0])
        self.at[axis] = outside
        over = f"for {self.plan.loops[axis]} in {self.plan.steps[axis]}"
        return f"sum({inner} {over})" if call.primitive == "sum" else f"beside({inner} {over})"

    def _shared(self, term: sympy.Expr) -> str:
        return self.speller.shared(term, self.batched, self._summed)

    def _summed(self, call: Op) -> str:
        axis = str(call.static[0])
        outside, self.at[axis] = self.at[axis], self.plan.loops[axis]
        inner = self._shared(call.operands[0])
        self.at[axis] = outside
        return f"sum({inner} for {self.plan.loops[axis]} in {self.plan.steps[axis]})"

    def _anchor(self) -> str:
        var = self.plan.whole.variables[self.like]
        return f"{self.plan.names[self.like]}[1]" if var.axis else self.plan.names[self.like]

    # --- statements --------------------------------------------------------------------------------------------

    def _stages(self, components: Sequence[Component], seen: set[str]) -> list[str]:
        lines: list[str] = []
        for group in _loops(components, self.plan):
            equations = [e for c in group for e in c.equations]
            axis = group[0].axis
            fresh = [e.name for e in equations if e.out.index is not None and e.name not in seen]
            for name in dict.fromkeys(fresh):
                lines.append(f"    {self.plan.names[name]} = {{}}")
            seen.update(fresh)
            if axis is None:
                lines += ["    " + self._statement(e) for e in equations]
                continue
            backward = any(c.direction < 0 for c in group)
            steps = f"reversed({self.plan.steps[axis]})" if backward else self.plan.steps[axis]
            lines.append(f"    for {self.plan.loops[axis]} in {steps}:")
            lines += ["        " + self._statement(e) for e in equations]
        return _together(lines)

    def _statement(self, equation: Equation) -> str:
        index = equation.out.index
        before = dict(self.at)
        if isinstance(index, Fixed):
            self.at[index.axis] = position_text(self.plan, index)
            if index.offset and index.from_end:
                self.at[index.axis] = f"({self.at[index.axis]})"
        right = right_side(self.plan, self.speller, equation, "", self._shared)
        text = f"{self._left(equation)} = {right}{self.plan.remark(equation)}"
        self.at = before
        return text

    def _left(self, equation: Equation) -> str:
        index = equation.out.index
        name = self.plan.names[equation.name]
        if isinstance(index, Fixed):
            return f"{name}[{position_text(self.plan, index)}]"
        return name if index is None else f"{name}[{self.plan.loops[index.axis]}]"

    # --- functions ---------------------------------------------------------------------------------------------

    def _opening(self, lines: Iterable[str], known: Sequence[str] = ()) -> list[str]:
        """Sizes that the lines use, ranges of steps, and leaves widened."""
        plan = self.plan
        lines = list(lines)
        every = [f"    {plan.steps[axis]} = range(1, {plan.length(axis)} + 1)" for axis in plan.whole.axes]
        every = [line for line in every if mentioned(line.split()[0], lines)]
        body = size_lines(plan, [*lines, *every])
        body += every
        for name in plan.leaves:
            var = plan.whole.variables.get(name) or plan.system.variables[name]
            text = plan.names[name]
            rank = len(var.shape)
            if name in known or not mentioned(text, lines):
                continue
            if var.axis:
                body.append(f"    {text} = by_step({text}, {rank})")
            elif rank < 2:
                body.append(f"    {text} = widened({text}, {rank})")
        return body

    def _boundaries(self) -> list[str]:
        plan, lines = self.plan, []
        for name, positions in plan.initial.items():
            var = plan.system.variables[name]
            shape = ", ".join([plan.sizes[BATCH], *map(plan.size, pair(var.shape))])
            given = plan.given[name]
            if name not in plan.leaves:
                lines.append(f"    {plan.names[name]} = {{}}")
            for number, position in enumerate(positions):
                one = f"{given}[{number}]" if len(positions) > 1 else given
                zero = f"zeros({self._anchor()}, {shape})" + (".long()" if var.classes is not None else "")
                value = f"{zero} if {given} is None else widened({one}, {len(var.shape)})"
                lines.append(f"    {plan.names[name]}[{position_text(plan, position)}] = {value}")
        return lines

    def forward(self) -> str:
        plan = self.plan
        arrays, keywords = arguments(plan)
        seen = {*plan.initial, *plan.leaves}
        body = [*self._boundaries(), *self._stages(plan.forward, seen)]
        results = []
        for name in plan.outputs:
            var, text = plan.whole.variables[name], plan.names[name]
            rank = len(var.shape)
            over = f"sequence({text}, {plan.steps[var.axis]}, {rank})" if var.axis else narrow(text, rank)
            results.append(over)
        for name, positions in plan.final.items():
            text, rank = plan.names[name], len(plan.system.variables[name].shape)
            values = [narrow(f"{text}[{position_text(plan, p)}]", rank) + ".clone()" for p in positions]
            results.append(values[0] if len(values) == 1 else f"torch.stack([{', '.join(values)}])")
        saved = [plan.names[name] for name in plan.residuals]
        signature = ", ".join([*arrays, *keywords])
        lines = [
            f"def forward({signature}):",
            '    """Results, and what the backward pass needs."""',
            *self._opening([*body, *results, *saved]),
            *body,
            f"    results = ({', '.join(results)},)",
            f"    return results, ({', '.join(saved)}{',' if saved else ''})",
        ]
        return "\n".join(lines)

    def backward(self) -> str:
        plan = self.plan
        arrays, keywords = arguments(plan)
        given, body = cotangents(plan, by_step=True)
        seen = {*plan.residuals, *plan.leaves, *plan.initial, *plan.upstream.values()}
        body += self._stages(plan.backward, seen)
        written = {e.out for e in plan.whole.equations}
        results = []
        for name in plan.leaves:
            results.append(self._gradient(name) if name in plan.gradients else "None")
        for name, positions in plan.initial.items():
            bar = plan.gradients.get(name)
            rank = len(plan.system.variables[name].shape)
            if bar is None:
                results.append("None")
                continue
            values = [
                narrow(f"{plan.names[bar]}[{position_text(plan, p)}]", rank)
                if ref(bar, p) in written
                else narrow(f"(0 * {plan.names[bar]}[1])", rank)
                for p in positions
            ]
            results.append(values[0] if len(values) == 1 else f"torch.stack([{', '.join(values)}])")
        results += ["None"] * len(keywords)
        saved = [plan.names[name] for name in plan.residuals]
        text = [
            f"def backward({', '.join(['arguments', 'saved', *given])}):",
            '    """Gradients of the arguments, from those of the results."""',
            f"    {', '.join([*arrays, *keywords])}{',' if len([*arrays, *keywords]) == 1 else ''} = arguments",
            *self._opening([*body, *results], plan.residuals),
            *([f"    {', '.join(saved)}{',' if len(saved) == 1 else ''} = saved"] if saved else []),
            *body,
            f"    return ({', '.join(results)},)",
        ]
        return "\n".join(text)

    def _gradient(self, leaf: str) -> str:
        plan = self.plan
        bar, var = plan.gradients[leaf], plan.system.variables[leaf]
        text, rank = plan.names[bar], len(var.shape)
        return f"sequence({text}, {plan.steps[var.axis]}, {rank})" if var.axis else narrow(text, rank)


def _loops(components: Sequence[Component], plan: Plan) -> list[list[Component]]:
    """Components that one loop can compute, together: neighbours on one axis that read no later step of each other."""
    groups: list[list[Component]] = []
    for component in components:
        if groups and component.axis is not None and groups[-1][0].axis == component.axis:
            directions = {c.direction for c in (*groups[-1], component)} - {0}
            made = {e.name for c in groups[-1] for e in c.equations}
            if len(directions) <= 1 and all(
                _fits(read, bound, component.axis, next(iter(directions), 0))
                for e in component.equations
                for read, bound in contextual_refs(e.expr)
                if read.name in made
            ):
                groups[-1].append(component)
                continue
        groups.append([component])
    return groups


def _fits(read: Ref, bound: tuple[str, ...], axis: str, direction: int) -> bool:
    index = read.index
    if not isinstance(index, Step) or index.axis in bound:
        return isinstance(index, Fixed) and index.is_boundary
    return index.axis == axis and index.shift * direction <= 0 and (direction != 0 or index.shift == 0)


def _together(lines: list[str]) -> list[str]:
    """``a = {}`` and ``b = {}`` on one line."""
    result: list[str] = []
    pending: list[str] = []
    for line in [*lines, ""]:
        if line.endswith(" = {}"):
            pending.append(line.strip().removesuffix(" = {}"))
            continue
        for start in range(0, len(pending), 8):
            part = pending[start : start + 8]
            result.append(f"    {', '.join(part)} = {', '.join(['{}'] * len(part))}")
        pending = []
        if line:
            result.append(line)
    return result
