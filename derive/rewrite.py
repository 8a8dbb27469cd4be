"""Rebuilding expressions with other operands, in normal form.

Read next: `derive.text`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from derive.expr import Node, Op, Ref, apply, concat, matmul, plus, power, times, transpose


def rebuild(expr: Op, operands: Sequence[sympy.Expr]) -> sympy.Expr:
    """The same primitive on other operands, in normal form (flattened, signs collected)."""
    builders = {"plus": plus, "times": times, "matmul": matmul, "transpose": transpose, "concat": concat}
    if expr.primitive == "power":
        return power(operands[0], expr.static[0])
    if expr.primitive in builders:
        return builders[expr.primitive](*operands)
    return apply(expr.primitive, *operands, static=expr.static)


def replace(expr: sympy.Expr, mapping: Callable[[Ref], sympy.Expr]) -> sympy.Expr:
    """`expr` with every read `r` replaced by ``mapping(r)``; spans are kept where nothing changes."""
    if isinstance(expr, Ref):
        return mapping(expr)
    if not isinstance(expr, Op):
        return expr
    operands = [replace(operand, mapping) for operand in expr.operands]
    if all(new is old for new, old in zip(operands, expr.operands, strict=True)):
        return expr
    new = rebuild(expr, operands)
    return new.at(expr.span) if isinstance(new, Node) else new
