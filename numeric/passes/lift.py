"""Lift summands that all rows of a packed product have into the product: biases, and rows of another packed value.

``z_f[t] = rows(z[t], 0:H) + b_f`` and so on for every gate becomes ``z[t] = W @ x[t] + b`` with ``b`` stacked once.

Read next: `numeric.passes.gather`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy

from derive.expr import Op, Ref, concat, is_op, plus, refs
from derive.system import Equation
from numeric.passes.draft import Additions, Draft, common_name, is_time_free, map_stage, terms_of
from numeric.schedule import Schedule, Stage, reads


@dataclass(frozen=True)
class _Member:
    """``equation: … = rows(packed, low:high) + terms``."""

    equation: Equation
    rows: Op
    terms: tuple[sympy.Expr, ...]


def lift(plan: Schedule) -> Schedule:
    """Lift summands, packed value by packed value."""
    draft = Draft(plan)
    parts = []
    changed: dict[Ref, sympy.Expr] = {}
    for stages in (plan.forward, plan.backward):
        additions = Additions(stages)
        additions.changed = changed
        for i, stage in enumerate(stages):
            for equation in stage.equations:
                members = _members(plan, equation, changed)
                if members:
                    _lift(plan, equation, members, draft, additions, i)
        parts.append(additions.result())
    return draft.finish(*parts)


def _members(plan: Schedule, packed: Equation, changed: dict[Ref, sympy.Expr]) -> list[_Member]:
    """The equations that read a value, if each adds distinct rows of it at its own step, and all rows are read."""
    if packed.axis is None or not any(is_op(term, "matmul") for term in terms_of(packed.expr)):
        return []
    found: list[_Member] = []
    for stage in plan.stages:
        current = [replace(e, expr=changed.get(e.out, e.expr)) for e in stage.equations]
        for equation, read, here in reads(current):
            if read.name != packed.name:
                continue
            terms = terms_of(equation.expr)
            own = [term for term in terms if isinstance(term, Op) and is_op(term, "rows")]
            own = [term for term in own if term.operands[0] == packed.out]
            if not here or len(own) != 1 or packed.name in plan.final or packed.name in plan.outputs:
                return []
            found.append(_Member(equation, own[0], tuple(t for t in terms if t is not own[0])))
    found = _in_order(found)
    return found if _covers([m.rows for m in found], plan.shape_of(packed.out)[0]) else []


def _in_order(members: Sequence[_Member]) -> list[_Member]:
    """Members whose rows follow one another, from row 0 on."""
    starting = {member.rows.static[0].args[0]: member for member in members}
    found: list[_Member] = []
    low: sympy.Expr = sympy.Integer(0)
    while low in starting and len(found) < len(members):
        found.append(starting[low])
        low = found[-1].rows.static[0].args[1]
    return found if len(found) == len(members) else list(members)


def _covers(rows: Sequence[Op], total: sympy.Expr) -> bool:
    """Whether ranges of rows follow one another from the first to the last."""
    low: sympy.Expr = sympy.Integer(0)
    for op in rows:
        first, stop = op.static[0].args
        if first != low:
            return False
        low = stop
    return len(rows) > 1 and low == total


def _lift(
    plan: Schedule, packed: Equation, members: list[_Member], draft: Draft, additions: Additions, position: int
) -> None:
    before = _known(plan, additions.stages, position)
    lifted: list[sympy.Expr] = []
    rest = {member.equation.out: list(member.terms) for member in members}
    same = _common_rows(plan, members, before, additions.changed)
    if same is not None:
        source, chosen = same
        lifted.append(source)
        for member, term in zip(members, chosen, strict=True):
            rest[member.equation.out].remove(term)
    free = [[t for t in m.terms if _is_bias(plan, t, m, before)] for m in members]
    if all(free):
        stacked = concat(*(plus(*terms) for terms in free))
        equation = draft.define(common_name([next(refs(terms[0])).name for terms in free]), stacked, None)
        additions.before_stage.setdefault(position, []).append(map_stage(equation, None))
        lifted.append(equation.out)
        for member, terms in zip(members, free, strict=True):
            for term in terms:
                rest[member.equation.out].remove(term)
    if lifted:
        additions.changed[packed.out] = plus(additions.expr(packed), *lifted)
        for member in members:
            additions.changed[member.equation.out] = plus(member.rows, *rest[member.equation.out])


def _known(plan: Schedule, stages: Sequence[Stage], position: int) -> set[str]:
    """What is given or computed before a stage."""
    before = [*stages[:position], *(plan.forward if stages is plan.backward else ())]
    leaves = {name for name, var in plan.variables.items() if var.is_leaf}
    return leaves | {equation.name for stage in before for equation in stage.equations}


def _is_bias(plan: Schedule, term: sympy.Expr, member: _Member, before: set[str]) -> bool:
    ready = is_time_free(term) and all(read.name in before for read in refs(term))
    return ready and plan.shape_of(term) == plan.shape_of(member.rows) and plan.shape_of(term)[0] != 1


def _common_rows(
    plan: Schedule, members: list[_Member], before: set[str], changed: dict[Ref, sympy.Expr]
) -> tuple[Ref, list[sympy.Expr]] | None:
    """Summands that are the same rows of one other value of the same size."""
    definitions = {e.out: changed.get(e.out, e.expr) for stage in plan.stages for e in stage.equations}
    found: dict[Ref, list[sympy.Expr]] = {}
    for member in members:
        for term in member.terms:
            rows = definitions.get(term) if isinstance(term, Ref) else term
            if isinstance(rows, Op) and is_op(rows, "rows") and rows.static == member.rows.static:
                source = rows.operands[0]
                if isinstance(source, Ref) and source.index == member.equation.out.index and source.name in before:
                    found.setdefault(source, []).append(term)
    total = members[-1].rows.static[0].args[1]
    for source, chosen in found.items():
        if len(chosen) == len(members) and plan.shape_of(source) == (total, 1):
            return source, chosen
    return None
