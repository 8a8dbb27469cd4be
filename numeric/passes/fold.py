"""Fold cotangents of final values into the boundary of the recurrence that they start.

``dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)`` with ``g_h[T+1] = 0`` is ``dh[t] = up_h[t] + g_h[t+1]`` with
``g_h[T+1] = end_h``: the loop need not ask at every step whether it is the last.

Read next: `numeric.passes.blend`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import sympy

from derive.expr import Fixed, Op, Ref, Step, fixed, is_op, plus, ref
from derive.system import Equation
from numeric.schedule import Schedule, Stage, is_stepwise, reads


def fold(plan: Schedule) -> Schedule:
    """Move placed values into boundary equations that nothing else reads."""
    equations = {e.out: e for stage in plan.stages for e in stage.equations}
    changed: dict[Ref, Equation] = {}
    carriers: dict[Ref, list[Ref]] = {}  # boundary values that carry something now, by their reader
    for equation in equations.values():
        if not is_op(equation.expr, "plus") or equation.axis is None:
            continue
        terms = list(equation.expr.operands)
        for term in equation.expr.operands:
            own = carriers.get(equation.out, [])
            target = _target(plan, equation, term, equations, changed.keys() - own)
            if target is not None and len(terms) > 1:
                held = [changed[target].expr] if target in own else []
                changed[target] = replace(equations[target], expr=plus(*held, term.operands[0]))
                carriers[equation.out] = list(dict.fromkeys((*own, target)))
                terms.remove(term)
        if len(terms) < len(equation.expr.operands):
            changed[equation.out] = replace(equation, expr=plus(*terms))
    forward, backward = (tuple(_moved(part, changed, carriers)) for part in (plan.forward, plan.backward))
    return replace(plan, forward=forward, backward=backward)


def _moved(stages: Sequence[Stage], changed: dict[Ref, Equation], carriers: dict[Ref, list[Ref]]) -> Iterator[Stage]:
    """Changed stages; a boundary value that carries something is computed just before it is read."""
    late = {target for targets in carriers.values() for target in targets}
    for stage in stages:
        if stage.equations[0].out in late:
            continue
        for equation in stage.equations:
            for target in carriers.get(equation.out, ()):
                yield Stage("once", None, 0, (changed[target],))
        yield replace(stage, equations=tuple(changed.get(e.out, e) for e in stage.equations))


def _target(
    plan: Schedule,
    equation: Equation,
    term: sympy.Expr,
    equations: dict[Ref, Equation],
    taken: AbstractSet[Ref],
) -> Ref | None:
    """The boundary value that may carry a placed term."""
    if not is_op(term, "place") or not isinstance(term, Op) or equation.axis is None:
        return None
    position = term.static[0]
    if position.axis != equation.axis or is_stepwise(term.operands[0], equation.axis):
        return None
    assert isinstance(equation.expr, Op)
    for other in equation.expr.operands:
        if isinstance(other, Ref) and isinstance(other.index, Step) and other.index.shift:
            there = fixed(equation.axis, position.offset + other.index.shift, position.from_end)
            target = ref(other.name, there)
            free = target in equations and target not in taken and equations[target].expr == 0
            if free and there.is_boundary and _only_reader(plan, equation, other, there):
                return target
    return None


def _only_reader(plan: Schedule, equation: Equation, read: Ref, position: Fixed) -> bool:
    """Whether nothing but this read can see that boundary value, however short the sequence."""
    for stage in plan.stages:
        for reader, other, _ in reads(stage.equations):
            if other.name != read.name or (reader.out == equation.out and other == read):
                continue
            index = other.index
            if not isinstance(index, Fixed) or _may_be_same(index, position):
                return False
    assert isinstance(equation.expr, Op)
    return equation.expr.operands.count(read) == 1


def _may_be_same(one: Fixed, other: Fixed) -> bool:
    """Whether two positions can meet for some length of at least 1."""
    if one.from_end == other.from_end:
        return one.offset == other.offset
    start, end = (other, one) if one.from_end else (one, other)
    return start.offset - end.offset >= 1
