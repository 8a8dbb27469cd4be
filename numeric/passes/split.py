"""Split products of concatenations in scans: ``W @ [h[t-1], x[t]]`` is a part of W times h[t-1] plus one times x[t].

What does not depend on the recurrence can then leave the loop.

Read next: `numeric.passes.share`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import sympy

from derive.expr import Op, apply, concat, is_op, matmul, plus, transpose
from derive.rewrite import rebuild
from derive.shapes import ShapeOf
from numeric.passes.draft import depends_on, made_by
from numeric.schedule import Schedule, Stage


def split(plan: Schedule) -> Schedule:
    """Split products of which one part is recurrent and another is not."""
    shape_of = plan.shape_of

    def rewrite(stage: Stage) -> Stage:
        if stage.kind != "scan":
            return stage
        recurrent = made_by(stage)
        equations = (replace(e, expr=_split(e.expr, recurrent, shape_of)) for e in stage.equations)
        return replace(stage, equations=tuple(equations))

    return plan.with_stages(rewrite)


def _split(expr: sympy.Expr, recurrent: frozenset[str], shape_of: ShapeOf) -> sympy.Expr:
    if not isinstance(expr, Op):
        return expr
    if is_op(expr, "matmul") and is_op(expr.operands[-1], "concat"):
        matrix, joined = matmul(*expr.operands[:-1]), expr.operands[-1]
        assert isinstance(joined, Op)
        statuses = {depends_on(part, recurrent) for part in joined.operands}
        if statuses == {True, False} and not depends_on(matrix, recurrent):
            return plus(*_products(matrix, joined, recurrent, shape_of))
    return rebuild(expr, [_split(operand, recurrent, shape_of) for operand in expr.operands])


def _products(matrix: sympy.Expr, joined: Op, recurrent: frozenset[str], shape_of: ShapeOf) -> list[sympy.Expr]:
    terms: list[sympy.Expr] = []
    low: sympy.Expr = sympy.Integer(0)
    for _, group in groupby(joined.operands, key=lambda part: depends_on(part, recurrent)):
        part = concat(*group)
        high = sympy.expand(low + shape_of(part)[0])
        columns = transpose(apply("rows", transpose(matrix), static=(sympy.Tuple(low, high),)))
        terms.append(matmul(columns, part))
        low = high
    return terms
