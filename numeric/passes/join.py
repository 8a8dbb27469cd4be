"""Join the functions of rows of one value: gates lie side by side, so that one call can compute several.

``f[t] = …(rows(z[t], 0:H))``, ``i[t] = …(rows(z[t], H:2*H))`` get ``gates[t] = [f[t], i[t]]``, which costs nothing: a
kernel writes f and i into one buffer (`numeric.layout`), and sees that adjacent rows undergo the same
(`numeric.instructions`).

Read next: `numeric.passes.prune`.
"""

from __future__ import annotations

from dataclasses import replace

from derive.expr import Op, Ref, concat, is_op
from derive.system import Equation
from numeric.columns import is_columnwise
from numeric.passes.draft import Draft, common_name, is_here, terms_of
from numeric.schedule import Schedule, Stage, reads

Rows = tuple[object, object]


def join(plan: Schedule) -> Schedule:
    """Join gates, scan by scan."""
    draft = Draft(plan)
    taken = {
        operand
        for stage in plan.stages
        for e in stage.equations
        if isinstance(e.expr, Op) and is_op(e.expr, "concat")
        for operand in e.expr.operands
    }
    return draft.finish(*([_joined(stage, taken, draft) for stage in part] for part in (plan.forward, plan.backward)))


def _joined(stage: Stage, taken: set[object], draft: Draft) -> Stage:
    if not is_columnwise(stage, draft.plan):
        return stage
    parts = {e.out: rows for e in stage.equations if (rows := _rows_in(e, draft)) is not None}
    found: dict[Ref, list[tuple[Rows, Equation]]] = {}
    for equation in stage.equations:
        read = {r for _, r, _ in reads([equation])}
        rows = parts.get(next(iter(read))) if len(read) == 1 else None
        if rows is None or equation.out in taken or equation.out in parts:
            continue
        source = rows.operands[0]
        low, high = rows.static[0].args
        same = draft.plan.shape_of(rows) == draft.plan.shape_of(equation.out)
        if isinstance(source, Ref) and source.index == equation.out.index and same:
            found.setdefault(source, []).append(((low, high), equation))
    equations = list(stage.equations)
    for members in found.values():
        for run in _adjacent(members):
            joined = draft.define(common_name([e.name for e in run]), concat(*(e.out for e in run)), stage.axis)
            last = max(equations.index(e) for e in run)
            equations.insert(last + 1, joined)
    return replace(stage, equations=tuple(equations))


def _rows_in(equation: Equation, draft: Draft) -> Op | None:
    """``rows(z[t], 0:H)``, alone or in a sum of that shape."""
    for term in terms_of(equation.expr):
        picks = isinstance(term, Op) and is_op(term, "rows") and is_here(term.operands[0], equation.out.index)
        if picks and draft.plan.shape_of(term) == draft.plan.shape_of(equation.out):
            return term
    return None


def _adjacent(members: list[tuple[Rows, Equation]]) -> list[list[Equation]]:
    """Runs of at least two whose rows follow one another."""
    after = {low: (high, e) for (low, high), e in members}
    ends = {high for (_, high), _ in members}
    runs = []
    for (low, _), _ in members:
        run = []
        at = low
        while low not in ends and at in after:
            at, equation = after[at]
            run.append(equation)
        if len(run) > 1:
            runs.append(run)
    return runs
