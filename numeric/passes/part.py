"""Part weight gradients of a concatenation where others need its parts alone.

``sum[t](da_z[t] @ [h[t-1], x[t]].T)`` beside ``sum[t](da_n[t] @ x[t].T)`` and ``sum[t](da_hn[t] @ h[t-1].T)`` becomes a
product with h[t-1] and one with x[t].  Each is then rows of one product with those of the others
(`numeric.passes.collect`): two products instead of three, and nothing to lay side by side.

Read next: `numeric.passes.collect`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derive.expr import Op, Ref, apply, concat, is_op, matmul, plus, refs, transpose
from derive.system import Equation
from numeric.passes.collect import Key, sums_of
from numeric.passes.draft import Additions, Draft, map_stage, rows_among, terms_of
from numeric.schedule import Schedule


def part(plan: Schedule) -> Schedule:
    """Part sums over time of columns that are stacked anyway."""
    draft, additions = Draft(plan), Additions(plan.backward)
    columns: dict[Key, list[Ref]] = {}
    for equation in _gradients(plan):
        for key, _, column in sums_of(equation):
            columns.setdefault(key, []).append(column)
    stacks = [
        e.expr.operands for stage in plan.stages for e in stage.equations if _is_stack(e) and isinstance(e.expr, Op)
    ]
    for i, stage in enumerate(plan.backward):
        for equation in stage.equations if stage.kind == "once" else ():
            for key, term, column in sums_of(equation) if equation.name not in plan.batched else ():
                parts = _parts(key)
                if parts and all(_is_shared(key, one, columns, stacks, draft) for one in parts):
                    made = [_alone(equation, key, column, one, draft) for one in parts]
                    additions.before_stage.setdefault(i, []).extend(map_stage(one, None) for one in made)
                    terms = list(terms_of(additions.expr(equation)))
                    terms[terms.index(term)] = transpose(concat(*(transpose(one.out) for one in made)))
                    additions.changed[equation.out] = plus(*terms)
    return draft.finish(plan.forward, additions.result())


def _gradients(plan: Schedule) -> Iterator[Equation]:
    for stage in plan.backward:
        yield from (e for e in stage.equations if e.out.index is None and e.name not in plan.batched)


def _is_stack(equation: Equation) -> bool:
    return is_op(equation.expr, "concat") and not equation.is_boundary


def _parts(key: Key) -> tuple[sympy.Expr, ...]:
    """What is stacked in the second factor; empty for any other."""
    right = key[1]
    inner = right.operands[0] if isinstance(right, Op) and is_op(right, "transpose") else None
    return inner.operands if isinstance(inner, Op) and is_op(inner, "concat") else ()


def _is_shared(
    key: Key, one: sympy.Expr, columns: dict[Key, list[Ref]], stacks: list[tuple[sympy.Expr, ...]], draft: Draft
) -> bool:
    """Whether others are multiplied with this part alone, side by side with those that are with all of it."""
    others = columns.get((key[0], transpose(one)), [])
    wanted = {*columns[key], *others}
    return bool(others) and any(rows_among(stack, wanted, draft.plan) is not None for stack in stacks)


def _alone(equation: Equation, key: Key, column: Ref, one: sympy.Expr, draft: Draft) -> Equation:
    name = next((read.name for read in refs(one)), "part")
    inner = matmul(column, transpose(one))
    symbol = sympy.Symbol(key[0], integer=True)
    return draft.define(f"{equation.name}_{name}", apply("sum", inner, static=(symbol,)), None, shared=True)
