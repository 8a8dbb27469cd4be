"""Collect weight gradients that share an input: ``sum[t](dz_f[t] @ x[t].T)`` are rows of ``sum[t](dz[t] @ x[t].T)``.

Read next: `numeric.passes.prune`.
"""

from __future__ import annotations

import sympy

from derive.expr import Op, Ref, Step, apply, is_op, matmul, plus
from derive.system import Equation
from numeric.passes.draft import Additions, Draft, common_name, map_stage, rows_among, terms_of
from numeric.schedule import Schedule

Member = tuple[int, Equation, sympy.Expr, Ref]  # stage, equation, its term, the column that is summed
Key = tuple[str, sympy.Expr | None]  # axis, what the column is multiplied with


def collect(plan: Schedule) -> Schedule:
    """Compute sums over time of columns that are stacked anyway as one sum."""
    draft = Draft(plan)
    known: dict[frozenset[sympy.Expr], tuple[int, Equation]] = {}
    parts = []
    for stages in (plan.forward, plan.backward):
        additions = Additions(stages)
        groups: dict[Key, list[Member]] = {}
        for i, stage in enumerate(stages):
            for equation in stage.equations:
                if is_op(equation.expr, "concat") and not equation.is_boundary:
                    known[frozenset(equation.expr.operands)] = (i, equation)
                if equation.out.index is None and equation.name not in plan.batched:
                    for key, term, column in sums_of(equation):
                        groups.setdefault(key, []).append((i, equation, term, column))
        for key, members in groups.items():
            for (position, joined), together in _stacked(members, known, draft):
                apart = len({e.out for _, e, _, _ in together}) == len({c for _, _, _, c in together}) == len(together)
                if position < together[0][0] and apart:
                    _collect(key, together, joined, draft, additions)
        known = {parts: (-1, equation) for parts, (_, equation) in known.items()}
        parts.append(additions.result())
    return draft.finish(*parts)


def _stacked(
    members: list[Member], known: dict[frozenset[sympy.Expr], tuple[int, Equation]], draft: Draft
) -> list[tuple[tuple[int, Equation], list[Member]]]:
    """Where several of these columns lie side by side, alone or among others, and which; each in one place only."""
    found = []
    rest = members
    for place in sorted(known.values(), key=lambda place: place[1].name):
        parts = place[1].expr.operands if isinstance(place[1].expr, Op) else ()
        inside = [member for member in rest if member[3] in parts]
        if len(inside) > 1 and rows_among(parts, {member[3] for member in inside}, draft.plan) is not None:
            found.append((place, inside))
            rest = [member for member in rest if member not in inside]
    return found


def sums_of(equation: Equation) -> list[tuple[Key, sympy.Expr, Ref]]:
    """Sums over time of a column, alone or multiplied: by what, the summand, the column."""
    found: list[tuple[Key, sympy.Expr, Ref]] = []
    for term in terms_of(equation.expr):
        if not isinstance(term, Op) or not is_op(term, "sum"):
            continue
        axis, inner = str(term.static[0]), term.operands[0]
        column, right = inner, None
        if isinstance(inner, Op) and is_op(inner, "matmul"):
            column, right = inner.operands[0], matmul(*inner.operands[1:])
        if isinstance(column, Ref) and isinstance(column.index, Step) and column.index.axis == axis:
            found.append(((axis, right), term, column))
    return found


def _collect(key: Key, members: list[Member], joined: Equation, draft: Draft, additions: Additions) -> None:
    axis, right = key
    assert isinstance(joined.expr, Op)
    symbol = sympy.Symbol(axis, integer=True)
    columns = {column for _, _, _, column in members}
    rows = rows_among(joined.expr.operands, columns, draft.plan)
    assert rows is not None
    stacked = joined.out if len(columns) == len(joined.expr.operands) else apply("rows", joined.out, static=(rows,))
    inner = stacked if right is None else matmul(stacked, right)
    total = draft.define(
        common_name([e.name for _, e, _, _ in members]), apply("sum", inner, static=(symbol,)), None, shared=True
    )
    additions.before_stage.setdefault(members[0][0], []).append(map_stage(total, None))
    low: sympy.Expr = sympy.Integer(0)
    ranges: dict[sympy.Expr, sympy.Tuple] = {}
    for part in (operand for operand in joined.expr.operands if operand in columns):
        high = sympy.expand(low + draft.plan.shape_of(part)[0])
        ranges[part] = sympy.Tuple(low, high)
        low = high
    for _, equation, term, column in members:
        terms = list(terms_of(additions.expr(equation)))
        terms[terms.index(term)] = apply("rows", total.out, static=(ranges[column],))
        additions.changed[equation.out] = plus(*terms)
