"""In which order, and in which direction of time, equations can be computed.

Equations depend on each other through their reads.  The strongly connected components of that graph are the
units of computation.  Inside a component all shifts along the axis have one sign: negative runs forward in time,
positive backward; a component without a cycle is a map over all steps.  A mixture, or a cycle at one and the same
step, cannot be computed, and the error names the cycle.

Read next: `derive.system`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy
from sympy.utilities.iterables import strongly_connected_components

from derive.equation import Equation
from derive.errors import EquationError
from derive.expr import Fixed, Index, Op, Ref, Step, fixed, ref
from derive.primitives import TABLE

Edges = dict[tuple[int, int], list[Ref | None]]  # which equation reads which, and how; None: it needs all steps


@dataclass(frozen=True)
class Component:
    """Equations that are computed together.

    Attributes:
        equations: in an order that is computable within one step.
        axis: the axis they run along; None for boundary and time-free equations.
        direction: +1 forward in time, -1 backward, 0 for a map over all steps (or a single value).
        carried: quantities that the recurrence reads from another step.
    """

    equations: tuple[Equation, ...]
    axis: str | None
    direction: int
    carried: tuple[str, ...]


def contextual_refs(expr: sympy.Basic, axes: tuple[str, ...] = ()) -> Iterator[tuple[Ref, tuple[str, ...]]]:
    """Every read with the axes bound around it by ``sum[t]`` and ``stack[t]``, in order of appearance."""
    if isinstance(expr, Ref):
        yield expr, axes
    elif isinstance(expr, Op):
        inner = (*axes, str(expr.static[0])) if TABLE[expr.primitive].binds else axes
        for operand in expr.operands:
            yield from contextual_refs(operand, inner)


def contextual_calls(expr: sympy.Basic, axes: tuple[str, ...] = ()) -> Iterator[tuple[Op, tuple[str, ...]]]:
    """Every operation with the axes bound around it."""
    if isinstance(expr, Op):
        yield expr, axes
        inner = (*axes, str(expr.static[0])) if TABLE[expr.primitive].binds else axes
        for operand in expr.operands:
            yield from contextual_calls(operand, inner)


def boundary_refs(equations: Sequence[Equation]) -> list[Ref]:
    """All reads outside 1…T: ``h[0]`` for a read of ``h[t-1]``; each once, in order of appearance."""
    found: dict[Ref, None] = {}
    for equation in equations:
        for read, _ in contextual_refs(equation.expr):
            if isinstance(read.index, Fixed) and read.index.is_boundary:
                found[ref(read.name, read.index)] = None
            elif isinstance(read.index, Step):
                for position in outside(read.index):
                    found[ref(read.name, position)] = None
    return list(found)


def outside(index: Step) -> list[Fixed]:
    """Positions outside 1…T that a shifted read touches: -1 and 0 for a shift of -2, T+1 for a shift of +1."""
    shift = index.shift
    return [fixed(index.axis, 1 + shift + i) for i in range(-shift)] + [
        fixed(index.axis, 1 + i, from_end=True) for i in range(shift)
    ]


def touches(index: Index | None, boundary: Index | None) -> bool:
    """Whether a read can meet a value outside 1…T: ``[t+1]`` meets ``[T+1]``; so does ``[2]``, when T = 1."""
    if isinstance(index, Step):
        return boundary in outside(index)
    if not isinstance(index, Fixed) or not isinstance(boundary, Fixed) or index.from_end == boundary.from_end:
        return False
    steps = boundary.offset - index.offset if index.from_end else index.offset - boundary.offset
    return steps >= 1


def components(equations: Sequence[Equation]) -> tuple[Component, ...]:
    """Strongly connected components, dependencies first.

    Raises:
        EquationError: for a cycle that cannot be computed, naming it.
    """
    core = {e.name: i for i, e in enumerate(equations) if not e.is_boundary}
    edges_of: dict[str, list[int]] = {}
    for i, equation in enumerate(equations):
        if equation.is_boundary:
            edges_of.setdefault(equation.name, []).append(i)
    at_boundary = {equation.out: i for i, equation in enumerate(equations) if equation.is_boundary}
    edges: Edges = {}
    for i, equation in enumerate(equations):
        for read, axes in contextual_refs(equation.expr):
            index = read.index
            if isinstance(index, Fixed) and index.is_boundary:
                if (j := at_boundary.get(ref(read.name, index))) is not None:
                    edges.setdefault((i, j), []).append(None)
                continue
            if (j := core.get(read.name)) is not None:
                stepwise = isinstance(index, Step) and index.axis == equation.axis and index.axis not in axes
                edges.setdefault((i, j), []).append(read if stepwise else None)
            for j in edges_of.get(read.name, []):
                if touches(index, equations[j].out.index):
                    edges.setdefault((i, j), []).append(None)
    groups = strongly_connected_components((list(range(len(equations))), list(edges)))
    place = {i: number for number, group in enumerate(groups) for i in group}
    inner: list[Edges] = [{} for _ in groups]
    for (i, j), reads in edges.items():
        if place[i] == place[j]:
            inner[place[i]][i, j] = reads
    return tuple(_component(equations, sorted(group), own) for group, own in zip(groups, inner, strict=True))


def _component(equations: Sequence[Equation], group: list[int], inner: Edges) -> Component:
    members = tuple(equations[i] for i in group)
    if not inner:
        return Component(members, members[0].axis, 0, ())
    if any(read is None for reads in inner.values() for read in reads):
        raise EquationError(f"{_names(members)} depend on each other in a cycle", members[0].span)
    shifts = {read.index.shift for reads in inner.values() for read in reads if read is not None}  # type: ignore[union-attr]
    if min(shifts) < 0 < max(shifts):
        raise EquationError(
            f"{_names(members)} depend on each other both forward and backward in time", members[0].span
        )
    now = {
        pair
        for pair, reads in inner.items()
        if any(read is not None and read.index.shift == 0 for read in reads)  # type: ignore[union-attr]
    }
    ordered: list[Equation] = []
    for sub in strongly_connected_components((group, list(now))):
        if len(sub) > 1 or (sub[0], sub[0]) in now:
            cycle = tuple(equations[i] for i in sorted(sub))
            raise EquationError(f"{_names(cycle)} depend on each other in a cycle at the same step", cycle[0].span)
        ordered.append(equations[sub[0]])
    carried = dict.fromkeys(
        read.name
        for reads in inner.values()
        for read in reads
        if read is not None and read.index.shift  # type: ignore[union-attr]
    )
    return Component(tuple(ordered), members[0].axis, 1 if min(shifts) < 0 else -1, tuple(carried))


def _names(members: Sequence[Equation]) -> str:
    names = [str(equation.out) for equation in members]
    return " → ".join([*names, names[0]]) if len(names) > 1 else f"{names[0]} → {names[0]}"
