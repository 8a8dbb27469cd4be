"""Scans of columns: those whose step is products of shared matrices with columns, and functions of entries.

Every example is a column there, and a batch is a matrix (n, B) whose columns they are, *feature-major*: each gate is a
contiguous block of rows, ``W.dot(h, out)`` is one call, and every operation can write where its result belongs.
Anything else (states that are matrices, attention inside the loop) is written batch-major (`numeric.emit_function`).

Read next: `numeric.passes.draft`.
"""

from __future__ import annotations

import sympy

from derive.expr import Fixed, Op, Ref, Step, is_op, matmul, refs, times
from numeric.printer import is_elementwise
from numeric.schedule import Schedule, Stage


def is_columnwise(stage: Stage, plan: Schedule) -> bool:
    """Whether a stage is a scan of columns."""
    if stage.kind != "scan" or stage.axis is None:
        return False
    axis = stage.axis
    return all(
        not e.is_boundary and plan.shape_of(e.out)[1] == 1 and e.name in plan.batched and _is_column(e.expr, axis, plan)
        for e in stage.equations
    )


def is_fixed(expr: sympy.Expr) -> bool:
    """Whether no step changes an expression."""
    return all(read.index is None for read in refs(expr)) and not _acts_along_time(expr)


def signed(term: sympy.Expr) -> tuple[int, sympy.Expr]:
    """A summand as its sign and the rest."""
    if isinstance(term, Op) and is_op(term, "times") and term.operands[0] == -1:
        return -1, times(*term.operands[1:])
    if term.is_number and not isinstance(term, Op | Ref) and term < 0:
        return -1, -term
    return 1, term


def _acts_along_time(expr: sympy.Expr) -> bool:
    if not isinstance(expr, Op):
        return False
    return expr.primitive in ("sum", "stack", "unstack", "place") or any(map(_acts_along_time, expr.operands))


def is_shared_matrix(expr: sympy.Expr, plan: Schedule) -> bool:
    """Whether an expression is the same at every step and for every example."""
    return is_fixed(expr) and not any(read.name in plan.batched for read in refs(expr))


def _is_column(expr: sympy.Expr, axis: str, plan: Schedule) -> bool:
    if not isinstance(expr, Op | Ref):
        return bool(expr.is_number)
    if plan.shape_of(expr)[1] != 1 or any(isinstance(r.index, Fixed) for r in refs(expr)):
        return False
    if any(isinstance(r.index, Step) and r.index.axis != axis for r in refs(expr)):
        return False
    if isinstance(expr, Ref) or is_fixed(expr):
        return True
    if is_op(expr, "matmul"):
        matrix, column = matmul(*expr.operands[:-1]), expr.operands[-1]
        return is_shared_matrix(matrix, plan) and plan.shape_of(matrix)[1] != 1 and _is_column(column, axis, plan)
    if is_elementwise(expr) or expr.primitive in ("rows", "concat", "stop"):
        return all(_is_column(operand, axis, plan) for operand in expr.operands)
    return False
