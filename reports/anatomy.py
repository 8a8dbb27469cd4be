"""What the parts of a cell are, from its equations and not from their names: gates, candidates, blocks of weights.

Read next: `reports.notation`.
"""

from __future__ import annotations

import sympy

from derive.expr import Op, Ref, Step, is_op, refs
from derive.system import System


def gates(system: System) -> frozenset[str]:
    """Sigmoids that multiply something."""
    factors = {
        read.name
        for equation in system.equations
        for product in products(equation.expr)
        for factor in product.operands
        for read in refs(factor)
    }
    return frozenset({e.name for e in system.equations if is_op(e.expr, "sigmoid")} & factors)


def candidates(system: System) -> dict[str, str]:
    """What a gate lets into a state, by name, and that state."""
    found: dict[str, str] = {}
    known = gates(system)
    for equation in system.equations:
        if equation.name not in system.states or equation.is_boundary:
            continue
        for product in products(equation.expr):
            if any(read.name in known for factor in product.operands for read in refs(factor)):
                for factor in product.operands:
                    if _enters(factor, system) and factor.name not in known:
                        found.setdefault(factor.name, equation.name)
    return found


def _enters(factor: sympy.Expr, system: System) -> bool:
    """Computed at this very step, and no state."""
    now = isinstance(factor, Ref) and isinstance(factor.index, Step) and factor.index.shift == 0
    return now and factor.name in system.defined and factor.name not in system.states


def products(expr: sympy.Expr) -> list[Op]:
    """Elementwise products anywhere in an expression."""
    if not isinstance(expr, Op):
        return []
    inner = [product for operand in expr.operands for product in products(operand)]
    return [expr, *inner] if expr.primitive == "times" else inner


def multiplied(expr: sympy.Expr) -> list[tuple[str, Op]]:
    """Matrices without time, with the concatenation that each multiplies."""
    if not isinstance(expr, Op):
        return []
    found = [pair for operand in expr.operands for pair in multiplied(operand)]
    if expr.primitive == "matmul":
        for left, right in zip(expr.operands, expr.operands[1:], strict=False):
            if isinstance(left, Ref) and left.index is None and is_op(right, "concat"):
                found.append((left.name, right))
    return found
