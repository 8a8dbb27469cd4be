"""What the parts of a cell are, from its equations and not from their names: gates, candidates, blocks of weights.

Read next: `reports.symbols`.
"""

from __future__ import annotations

from functools import lru_cache

import sympy

from derive.equation import PRIMAL
from derive.expr import Op, Ref, Step, is_op, refs
from derive.structural import bounds
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
        origin = system.variables[equation.name].origin
        if equation.name not in system.states or equation.is_boundary or (origin and origin.kind not in PRIMAL):
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


def source_of(system: System, part: sympy.Expr) -> str:
    """The quantity that a part of a concatenation is named after: what it reads last, h in ``r[t] * h[t-1]``."""
    name = next(reversed([read.name for read in refs(part)]), "")
    var = system.variables.get(name)
    if var is not None and var.origin is not None and var.origin.kind == "operand":
        return source_of(system, system.equation(name).expr)
    return name


def part_of(system: System, block: Op) -> str:
    """What the rows of a transposed matrix multiply, by name; nothing where it is no block of one concatenation."""
    (turned,) = block.operands
    matrix = turned.operands[0] if is_op(turned, "transpose") else None
    stacked = _stacked(system).get(matrix.name) if isinstance(matrix, Ref) and matrix.index is None else None
    edges = bounds(stacked, system.shape_of) if stacked is not None else ()
    at = [place for place, edge in enumerate(edges) if edge == tuple(block.static[0].args)]
    return source_of(system, stacked.operands[at[0]]) if stacked is not None and at else ""


@lru_cache(maxsize=4)
def _stacked(system: System) -> dict[str, Op]:
    """The first concatenation that every matrix multiplies."""
    return {name: stacked for e in reversed(system.equations) for name, stacked in reversed(multiplied(e.expr))}


def updates(system: System) -> frozenset[str]:
    """Gates that multiply a candidate where it enters its state, one for each state."""
    known, new = gates(system), candidates(system)
    found: dict[str, set[str]] = {}
    for equation in system.equations:
        for product in products(equation.expr) if equation.name in new.values() else ():
            names = {factor.name for factor in product.operands if isinstance(factor, Ref)}
            if any(new.get(name) == equation.name for name in names):
                found.setdefault(equation.name, set()).update(names & known)
    return frozenset(name for names in found.values() if len(names) == 1 for name in names)
