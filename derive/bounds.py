"""How large a Jacobian can be: a bound for every product of diagonal and full matrices.

‖diag(s) W‖ ≤ max|s| · ‖W‖. In s, the derivative of a function counts with γ, its largest value, from
`Primitive.slope`: 1 for tanh, ¼ for σ. A gate counts as 1. What has no bound, such as a cell state, stays as a norm.

Read next: `derive.stability`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import sympy

from derive.elementwise import partial
from derive.expr import Op, Ref, is_op, neg, refs, step, times
from derive.factors import Product
from derive.primitives import TABLE
from derive.simplify import tidied
from derive.system import System
from derive.text import to_text

LARGEST = {"sigmoid": 1, "tanh": 1, "softmax": 1, "step": 1, "sign": 1, "sin": 1, "cos": 1}
SOFTMAX = sympy.Rational(1, 2)  # ‖diag(p) − p pᵀ‖ ≤ ½: Gershgorin, 2 p_i (1 − p_i) ≤ ½


@dataclass(frozen=True)
class Norm:
    """A norm that stays in a bound because nothing is known about it.

    Attributes:
        expr: an expression of the language.
        kind: "2", the spectral norm of a matrix, or "inf", the largest absolute entry of a column.
    """

    expr: sympy.Expr
    kind: Literal["2", "inf"]

    def __str__(self) -> str:
        text = to_text(self.expr)
        return f"‖{text}‖" if self.kind == "2" else f"‖{text}‖∞"


@dataclass(frozen=True)
class Bound:
    """A number times norms: a bound for the spectral norm of a product of factors.

    Attributes:
        number: what is known, such as ¼ for a sigmoid.
        norms: what is not.
    """

    number: sympy.Expr
    norms: tuple[Norm, ...]

    def __str__(self) -> str:
        norms = " ".join(map(str, self.norms))
        return norms if norms and self.number == 1 else f"{self.number} {norms}".rstrip()


def product_bound(product: Product, system: System) -> Bound:
    """A bound for the norm of a product of factors of a Jacobian.

    Args:
        product: of `derive.jacobian`.
        system: with named operands, as `derive.operands.name_operands` gives it.
    """
    number: sympy.Expr = sympy.Integer(1)
    norms: list[Norm] = []
    for factor in product:
        if factor.kind == "diag":
            scale, rest = diagonal_bound(factor.expr, system)
            number *= scale
            norms += [Norm(part, "inf") for part in rest]
        elif factor.kind == "softmax":
            number *= SOFTMAX
        elif factor.kind == "matrix":
            norms.append(Norm(factor.expr, "2"))
    return Bound(number, tuple(norms))


def map_bound(term: sympy.Expr, marker: str, system: System) -> Bound | None:
    """A bound, in the Frobenius norm, for what a term does to the matrix `marker`, of which it is a linear function.

    ‖A X B‖ ≤ ‖A‖ ‖X‖ ‖B‖ and ‖X ⊙ E‖ ≤ max|E| ‖X‖; None for a term of another form.

    Args:
        term: products of matrices and entry by entry, read at the time of its equation.
        marker: name of the quantity.
        system: with named operands.
    """
    if isinstance(term, Ref):
        return Bound(sympy.Integer(1), ()) if term.name == marker else None
    if not isinstance(term, Op):
        return None
    mine = [operand for operand in term.operands if any(read.name == marker for read in refs(operand))]
    others = [operand for operand in term.operands if operand not in mine]
    inner = map_bound(mine[0], marker, system) if len(mine) == 1 else None
    if inner is None or term.primitive not in ("times", "matmul"):
        return None
    if term.primitive == "matmul":
        return Bound(inner.number, (*inner.norms, *(Norm(_turned(other), "2") for other in others)))
    number, rest = diagonal_bound(times(*(_unspread(other) for other in others)), system)
    return Bound(inner.number * number, (*inner.norms, *(Norm(part, "inf") for part in rest)))


def _turned(expr: sympy.Expr) -> sympy.Expr:
    """A matrix for its transpose: the norm is the same."""
    return expr.operands[0] if is_op(expr, "transpose") else expr


def _unspread(expr: sympy.Expr) -> sympy.Expr:
    """A column or row for the matrix of its copies: the largest entry is the same."""
    while isinstance(expr, Op) and expr.primitive in ("broadcast_to", "transpose"):
        expr = expr.operands[0]
    return expr


def diagonal_bound(expr: sympy.Expr, system: System) -> tuple[sympy.Expr, list[sympy.Expr]]:
    """(a number, factors without a bound) of max|expr|."""
    expr = tidied(expr)
    factors = list(expr.operands) if is_op(expr, "times") else [expr]
    number: sympy.Expr = sympy.Integer(1)
    for slope, largest in _slopes(expr, system):
        needed = list(slope.operands) if is_op(slope, "times") else [slope]
        while all(factor in factors for factor in needed):
            for factor in needed:
                factors.remove(factor)
            number *= largest
    rest = []
    for factor in factors:
        size = _largest(factor, system)
        if size is None:
            rest.append(factor)
        else:
            number *= size
    return number, rest


def _slopes(expr: sympy.Expr, system: System) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """Derivatives that may stand in the expression, with their largest values."""
    values: list[tuple[Ref | Op, Op]] = [(call, call) for call in _calls(expr)]
    for read in dict.fromkeys(refs(expr)):
        call = _definition(read, system)
        if call is not None:
            values.append((read, call))
    for value, call in values:
        largest = TABLE[call.primitive].slope
        if largest is not None:
            yield tidied(times(partial(call.primitive)(value, *call.operands))), largest


def _calls(expr: sympy.Expr) -> Iterator[Op]:
    if isinstance(expr, Op):
        if TABLE[expr.primitive].is_elementwise and len(expr.operands) == 1:
            yield expr
        for operand in expr.operands:
            yield from _calls(operand)


def _definition(read: Ref, system: System) -> Op | None:
    """The function whose value a quantity is."""
    var = system.variables.get(read.name)
    if var is None or var.is_leaf or read.index != (step(var.axis) if var.axis else None):
        return None
    expr = system.equation(read.name).expr
    one = isinstance(expr, Op) and TABLE[expr.primitive].is_elementwise and len(expr.operands) == 1
    return expr if one else None


def _largest(factor: sympy.Expr, system: System) -> sympy.Expr | None:
    if factor.is_number:
        return abs(factor)
    if isinstance(factor, Ref):
        var = system.variables.get(factor.name)
        if var is None or var.is_leaf or factor.index != (step(var.axis) if var.axis else None):
            return None  # h[t-1] may be an initial value, of any size
        expr = system.equation(factor.name).expr
        return sympy.Integer(LARGEST[expr.primitive]) if isinstance(expr, Op) and expr.primitive in LARGEST else None
    if is_op(factor, "plus") and len(factor.operands) == 2 and factor.operands[0] == 1:
        gate = neg(factor.operands[1])
        if isinstance(gate, Ref) and gate.name in system.defined and is_op(system.equation(gate.name).expr, "sigmoid"):
            return sympy.Integer(1)
    if is_op(factor, "plus"):  # ½ + ½ sign(a)
        parts = [_largest(part, system) for part in factor.operands]
        return None if any(part is None for part in parts) else sympy.Add(*parts)
    if is_op(factor, "times"):
        parts = [_largest(part, system) for part in factor.operands]
        return None if any(part is None for part in parts) else sympy.Mul(*parts)
    if isinstance(factor, Op) and factor.primitive in LARGEST:
        return sympy.Integer(LARGEST[factor.primitive])
    return None
