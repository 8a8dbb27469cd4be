"""Cells side by side: equations, cost, what it buys, gradients on one axis.

Read next: `reports.comparing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy

from derive.equation import Equation
from derive.expr import refs
from numeric.regimes import SEED, SIZE, SPREAD, STEPS, Regime
from reports.context import Context
from reports.document import Block, Column, Figure, Heading, Note, Prose, Rows, Table
from reports.inline import plain
from reports.measures import LENGTH, NORMS, UNITS, Measures
from reports.pictures import canvas
from reports.pictures.mathtext import words
from reports.pictures.plots import Curve, norms_plot
from reports.rows import equation_rows
from reports.sections.counts import polynomial
from reports.sections.paths import product_latex
from reports.sections.plots import printed

BESIDE, TALL = 3, 16  # columns on paper, and rows of equations in one that has no page break


def verdicts(found: Sequence[Measures]) -> list[Block]:
    """Whether the derivations hold, of all in one note."""
    evidence = [m.context.evidence for m in found]
    if not all(evidence):
        return [Note("The equations were derived but not checked.", kind="warning", title="Not verified")]
    failed = [m.system.name for m in found if not all(e.holds for e in m.context.evidence)]
    if failed:
        return [Note(f"The derivation of {plain(', '.join(failed))} does not hold.", kind="fail", title="Fails")]
    cases = sum(e.cases for each in evidence for e in each)
    methods = max(len(each) for each in evidence)
    text = f"Each is checked by up to {methods} independent methods, over {cases} cases in all."
    return [Note(text, kind="pass", title="The derivations hold")]


def side_by_side(found: Sequence[Measures]) -> list[Block]:
    """Forward and backward equations, a column for each system."""
    blocks: list[Block] = []
    for title, anchor, chosen in (
        ("Forward equations", "forward", _forward),
        ("Backward recursion", "backward", _backward),
    ):
        blocks.append(Heading(1, title, anchor))
        blocks += _columns(found, chosen)
    blocks.append(Heading(1, "Gradients of the parameters", "parameters"))
    return blocks + _columns(found, lambda context: context.of_parameters)


def _forward(context: Context) -> tuple[Equation, ...]:
    return context.forward


def _backward(context: Context) -> tuple[Equation, ...]:
    return context.recursion


def _columns(found: Sequence[Measures], chosen: Callable[[Context], tuple[Equation, ...]]) -> list[Block]:
    number = len(found)
    rows = [
        tuple(replace(row, shape="") for row in equation_rows(m.context, chosen(m.context), labelled=False))
        for m in found
    ]
    paper = number <= BESIDE and max(map(len, rows)) <= TALL
    blocks: list[Block] = []
    for place, (each, lines) in enumerate(zip(found, rows, strict=True)):
        blocks.append(Column("next" if place else "first", number, paper))
        blocks.append(Heading(2, plain(each.system.name)))
        blocks.append(Rows(lines) if lines else Prose("None."))
    return [*blocks, Column("end", number, paper)]


# --- cost and what it buys -----------------------------------------------------------------------------------------


def cost(found: Sequence[Measures]) -> list[Block]:
    """The table: cheap or expensive, scalable, flexible, powerful, with the numbers behind the words."""
    step = ", a step" if all(m.by_step for m in found) else ""
    budget = max(m.number(m.parameters) for m in found)
    rows = [
        ("parameters", *(polynomial(m.parameters) for m in found)),
        ("… at these sizes", *_relative([m.number(m.parameters) for m in found])),
        (f"operations, forward{step}", *(polynomial(m.forward) for m in found)),
        ("… at these sizes", *_relative([m.number(m.forward) for m in found])),
        (f"operations, backward{step}", *(polynomial(m.backward) for m in found)),
        ("… at these sizes", *_relative([m.number(m.backward) for m in found])),
        (f"numbers kept for the backward pass{step}", *(polynomial(m.kept) for m in found)),
        ("… at these sizes", *_relative([m.number(m.kept) for m in found])),
        (f"units for {grouped(budget)} parameters", *(_units(m, budget) for m in found)),
        ("gates", *(_listed(m, m.gates) for m in found)),
        ("carried from step to step", *(_listed(m, m.system.states) for m in found)),
        ("direct path", *(_direct(m) for m in found)),
    ]
    header = ("", *(plain(m.system.name) for m in found))
    sizes = found[0].sizes
    given = ", ".join(f"${name} = {size}$" for name, size in sizes.items())
    rest = f"every {'other ' if given else ''}dimension {UNITS}" + ("" if step else f", length {LENGTH}")
    caption = (
        f"What they cost and what it buys, for one example{' and a step of a long sequence' if step else ''}, at "
        f"{given + ', ' if given else ''}{rest}; in parentheses, how many times the least."
    )
    return [
        Heading(1, "Cost, and what it buys", "cost"),
        Prose(_summary(found)),
        Table(header, tuple(rows), caption, "l" * len(header)),
        *_gates(found),
    ]


def _summary(found: Sequence[Measures]) -> str:
    """Cheap and scalable, or expensive, flexible and powerful: in words that the numbers decide."""
    by_cost = sorted(found, key=lambda m: m.number(m.parameters))
    cheap, dear = by_cost[0], by_cost[-1]
    ratio = sympy.cancel(dear.parameters / cheap.parameters) if cheap.parameters != 0 else None
    times = f"{dear.number(dear.parameters) / max(1, cheap.number(cheap.parameters)):.3g} times"
    exactly = (
        f"{ratio} times, at every size," if ratio is not None and ratio.is_Rational else f"{times}, at these sizes,"
    )
    text = f"Cheap and scalable or expensive and flexible: {plain(dear.system.name)} has {exactly} the parameters of "
    text += f"{plain(cheap.system.name)}, {len(dear.gates)} gates against {len(cheap.gates)}"
    room = cheap.units(dear.number(dear.parameters)), dear.units(dear.number(dear.parameters))
    if room[0] is not None and room[1] is not None:
        text += f"; for the same number of parameters {plain(cheap.system.name)} can have {room[0][1]} units and "
        text += f"{plain(dear.system.name)} {room[1][1]}"
    carrying = [plain(m.system.name) for m in found if m.direct]
    without = [plain(m.system.name) for m in found if not m.direct]
    text += ". "
    if carrying:
        text += f"A state reaches itself without a matrix in between in {', '.join(carrying)}"
        text += f", and does not in {', '.join(without)}." if without else "."
    else:
        text += "In none of them does a state reach itself without a matrix in between."
    return text


def _relative(numbers: Sequence[int]) -> list[str]:
    least = min(numbers) or 1
    return [f"{grouped(n)} ({n / least:.3g})" for n in numbers]


def grouped(number: int) -> str:
    """Digits in threes."""
    return f"{number:,}".replace(",", "\u2009")


def _units(measures: Measures, budget: int) -> str:
    found = measures.units(budget)
    return "–" if found is None else f"${found[0]} = {found[1]}$"


def _listed(measures: Measures, names: Sequence[str]) -> str:
    axis = measures.system.axes[0] if measures.system.axes else ""
    written = [f"${measures.context.names.written(n, measures.system.variables[n].axis or axis)}$" for n in names]
    return (f"{len(written)}: " if len(written) > 1 else "") + ", ".join(written) if written else "none"


def _direct(measures: Measures) -> str:
    if measures.analysis is None:
        return "the state is no column" if measures.system.states else "no recurrence"
    parts = []
    for recurrence, path in measures.direct:
        names = measures.context.notation.names(recurrence.system)
        factor = product_latex(path.step, names) or "I"
        parts.append(f"${names.written(path.state, recurrence.axis)}$: ${factor}$")
    return "; ".join(parts) or "none"


def _gates(found: Sequence[Measures]) -> list[Block]:
    """What each gate multiplies, what it costs, and how a gradient grows without it."""
    rows = []
    for measures in found:
        if not measures.recurrences:
            continue
        growth = measures.at(measures.recurrences[0], NORMS[0]).growth
        on_path = {read.name for _, path in measures.direct for f in path.step for read in refs(f.expr)}
        for gate in measures.gates:
            less = measures.growth_without(gate, NORMS[0])
            rows.append(
                (
                    plain(measures.system.name),
                    _listed(measures, [gate]),
                    ", ".join(_listed(measures, [name]) for name in measures.scaled_by(gate)),
                    polynomial(measures.parameters_of(gate)),
                    "yes" if gate in on_path else "no",
                    f"{growth:.3g}",
                    "–" if less is None else f"{less:.3g}",
                )
            )
    if not rows:
        return []
    header = ("", "Gate", "multiplies", "costs", "on the direct path", "growth with it", "if it is always 1")
    caption = (
        f"What each gate buys. Growth is by how much a gradient is multiplied a step, on average over {STEPS} steps, "
        f"at recurrent weights of norm {NORMS[0]:g}, every dimension {SIZE}, inputs of standard deviation {SPREAD:g}, "
        f"seed {SEED}; without the gate, at the same weights. A gate that is learned can be anything in between."
    )
    return [Heading(2, "What each gate buys"), Table(header, tuple(rows), caption, "lllllrr")]


# --- gradients on one axis -----------------------------------------------------------------------------------------


def gradients(found: Sequence[Measures]) -> list[Block]:
    """Norms of the state Jacobians over lags, all systems on one axis, at a small and at a large norm of weights."""
    blocks: list[Block] = [Heading(1, "Gradients over many steps", "gradients")]
    left_out = [plain(m.system.name) for m in found if not m.recurrences]
    if not canvas.available():
        return [*blocks, Prose(canvas.MISSING)]
    for norm in NORMS if any(m.recurrences for m in found) else ():
        regimes = [(_label(m, r.states), m.at(r, norm)) for m in found for r in m.recurrences]
        blocks.append(_figure(regimes, norm))
    if left_out:
        blocks.append(
            Prose(f"Without a recurrence whose state is a column, and so not plotted: {', '.join(left_out)}.")
        )
    return blocks


def _label(measures: Measures, states: Sequence[str]) -> str:
    several = len(measures.recurrences) > 1
    return measures.system.name + (f": {', '.join(states)}" if several else "")


def _figure(regimes: Sequence[tuple[str, Regime]], norm: float) -> Figure:
    curves = [
        Curve(words(f"{name}\n{regime.growth:.3g} a step"), regime.spectra.norms[:, 0], place)
        for place, (name, regime) in enumerate(regimes)
    ]
    label = r"$\Vert \partial s_T / \partial s_{T-k} \Vert$"
    picture = norms_plot(curves, label)
    told = "; ".join(
        f"{name} {regime.spectra.norms[-1, 0]:.3g} at lag {STEPS}, {regime.growth:.3g} a step"
        for name, regime in regimes
    )
    caption = (
        "Spectral norm of the derivative of the whole state $s$ by the state $k$ steps before, recurrent weights of "
        f"norm {norm:g}, every dimension {SIZE}, inputs of standard deviation {SPREAD:g}, biases 0, seed {SEED}: "
        f"{printed(plain(told))}."
    )
    alt = f"Gradient norms against the lag, on one logarithmic axis. {told}."
    return Figure(picture.svg, picture.pdf, alt, caption)
