"""The derivative of one equation by everything that it reads, as products of matrix factors.

Read next: `derive.jacobian`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import sympy

from derive.elementwise import partial, power_partial
from derive.equation import Equation
from derive.expr import Op, Ref, apply, is_op, matmul, plus, ref, refs, times, transpose
from derive.primitives import TABLE, ShapeOf
from derive.structural import bounds
from derive.text import to_text

Kind = Literal["diag", "matrix", "softmax", "embed", "rows"]
ONE = sympy.Integer(1)
NOWHERE = sympy.Tuple()


@dataclass(frozen=True)
class Factor:
    """One factor of a Jacobian.

    Attributes:
        kind: "diag": diag(expr), or expr times the identity if it is a scalar; "matrix": expr itself; "softmax":
            diag(expr) − expr exprᵀ; "embed", "rows": the identity's columns or rows `part`, where nothing absorbs it.
        expr: an expression of the language, read at step t.
        part: for "embed" and "rows": first row and last row plus one.
    """

    kind: Kind
    expr: sympy.Expr
    part: sympy.Tuple = NOWHERE

    def __str__(self) -> str:
        if self.kind in ("embed", "rows"):  # the expression is a size
            return f"{self.kind}({self.part.args[0]}:{self.part.args[1]})"
        text = to_text(self.expr)
        if self.kind == "matrix":
            return f"({text})" if is_op(self.expr, "plus") or is_op(self.expr, "times") else text
        if self.kind == "softmax":
            return f"(diag({text}) - {text} @ {text}.T)"
        return f"diag({text})"


Product = tuple[Factor, ...]


def product_text(product: Product) -> str:
    """``diag(a) @ W @ diag(b)``; I for the empty product."""
    return " @ ".join(map(str, product)) or "I"


def compose(left: Product, right: Product, shape_of: ShapeOf) -> Product | None:
    """The product of two products, neighbours joined; None if it is zero."""
    result = list(left)
    for factor in right:
        if not result:
            result.append(factor)
            continue
        joined = _joined(result[-1], factor)
        if joined is None:
            return None
        result[-1:] = joined
    return tuple(result)


def _joined(a: Factor, b: Factor) -> list[Factor] | None:
    if a.kind == b.kind == "diag":
        return [Factor("diag", _numbers_first(times(a.expr, b.expr)))]
    if a.kind == "matrix" and b.kind == "embed":  # columns of W are rows of its transpose
        if is_op(a.expr, "matmul"):
            last = transpose(apply("rows", transpose(a.expr.operands[-1]), static=(b.part,)))
            return [Factor("matrix", matmul(*a.expr.operands[:-1], last))]
        return [Factor("matrix", transpose(apply("rows", transpose(a.expr), static=(b.part,))))]
    if a.kind == "rows" and b.kind == "embed":
        return [] if a.part == b.part else _overlap(a, b)
    if a.kind == "rows" and b.kind == "matrix":
        return [Factor("matrix", apply("rows", b.expr, static=(a.part,)))]
    return [a, b]


def _numbers_first(expr: sympy.Expr) -> sympy.Expr:
    if not is_op(expr, "times"):
        return expr
    numbers = [factor for factor in expr.operands if factor.is_number]
    return times(sympy.Mul(*numbers), *(factor for factor in expr.operands if not factor.is_number))


def _overlap(a: Factor, b: Factor) -> list[Factor] | None:
    """Rows i:j of columns k:l of the identity: zero where the ranges are disjoint."""
    (low, high), (first, last) = a.part.args, b.part.args
    apart = (sympy.sympify(first - high).is_nonnegative, sympy.sympify(low - last).is_nonnegative)
    return None if any(apart) else [a, b]


def merged(terms: Sequence[Product], shape_of: ShapeOf) -> list[Product]:
    """Terms that differ in their first diagonal factor alone, added: diag(n) W + diag(−h) W = diag(n − h) W."""
    found: list[list[Product]] = []
    for term in terms:
        head = [one for one in found if _alike(one[0], term, shape_of)]
        if head:
            head[0].append(term)
        else:
            found.append([term])
    return [
        (Factor("diag", _summed([term[0].expr for term in alike])), *alike[0][1:]) if len(alike) > 1 else alike[0]
        for alike in found
    ]


def _alike(a: Product, b: Product, shape_of: ShapeOf) -> bool:
    diagonal = bool(a) and bool(b) and a[0].kind == b[0].kind == "diag" and a[1:] == b[1:]
    return diagonal and shape_of(a[0].expr) == shape_of(b[0].expr)


def _summed(exprs: Sequence[sympy.Expr]) -> sympy.Expr:
    """A sum, with the factors that all terms share taken out."""
    split = [list(expr.operands) if is_op(expr, "times") else [expr] for expr in exprs]
    shared = [f for f in split[0] if not f.is_number and all(f in others for others in split[1:])]
    for factor in shared:
        for others in split:
            others.remove(factor)
    return times(plus(*(times(*others) for others in split)), *shared)


def derivatives(equation: Equation, shape_of: ShapeOf, sources: Collection[str]) -> Iterator[tuple[Ref, Product]]:
    """The derivative of an equation's right side by every read of `sources`, read by read.

    Raises:
        ValueError: where it is no product of matrices.
    """
    for name in (equation.name, *(read.name for read in refs(equation.expr) if read.name in sources)):
        if shape_of(ref(name))[1] != 1:
            raise ValueError(f"{name} is a matrix; Jacobians are written for columns and scalars")
    yield from _Local(shape_of, sources).walk(equation.expr, equation.out)


class _Local:
    """Derivatives inside one right side."""

    def __init__(self, shape_of: ShapeOf, sources: Collection[str]) -> None:
        self.shape_of, self.sources = shape_of, sources

    def walk(self, expr: sympy.Expr, value: sympy.Expr | None = None) -> Iterator[tuple[Ref, Product]]:
        """Reads below `expr` with their derivatives; `value` is a name for the value of `expr`."""
        if isinstance(expr, Ref):
            if expr.name in self.sources:
                yield expr, ()
            return
        if not isinstance(expr, Op) or expr.primitive == "stop":
            return
        for i, operand in enumerate(expr.operands):
            if any(read.name in self.sources for read in refs(operand)):
                factor, inner = self._factor(expr, i, expr if value is None else value)
                for read, product in self.walk(inner):
                    composed = compose(() if factor is None else (factor,), product, self.shape_of)
                    if composed is not None:
                        yield read, composed

    def _factor(self, expr: Op, i: int, value: sympy.Expr) -> tuple[Factor | None, sympy.Expr]:
        """The factor in front of operand i (None: the identity), and the column that it multiplies."""
        record, operand = TABLE[expr.primitive], expr.operands[i]
        others = (*expr.operands[:i], *expr.operands[i + 1 :])
        if record.is_elementwise:
            return self._scaling(expr, operand, partial(expr.primitive, i)(value, *expr.operands)), operand
        if expr.primitive == "times":
            return self._scaling(expr, operand, times(*others)), operand
        if expr.primitive in ("plus", "broadcast_to", "reduce_to"):
            return self._ones(expr, operand), operand
        if expr.primitive == "power":
            return Factor("diag", power_partial(operand, expr.static[0])), operand
        if expr.primitive == "matmul":
            return self._product(expr, i)
        if expr.primitive == "concat":
            return Factor("embed", self._size(expr), sympy.Tuple(*bounds(expr, self.shape_of)[i])), operand
        if expr.primitive == "rows":
            return Factor("rows", self._size(operand), expr.static[0]), operand
        if expr.primitive == "softmax" and self.shape_of(expr)[1] == 1:
            return Factor("softmax", value), operand
        if expr.primitive == "logsumexp" and self.shape_of(operand)[1] == 1:
            return Factor("matrix", transpose(apply("softmax", operand))), operand
        if expr.primitive == "transpose" and self.shape_of(expr) == (1, 1):
            return None, operand
        raise ValueError(f"the Jacobian of {to_text(expr)} is no product of matrices")

    def _size(self, expr: sympy.Expr) -> sympy.Expr:
        return self.shape_of(expr)[0]

    def _scaling(self, expr: Op, operand: sympy.Expr, slope: sympy.Expr) -> Factor:
        if self.shape_of(expr)[1] != 1:
            raise ValueError(f"{to_text(expr)} is a matrix; Jacobians are written for columns and scalars")
        spread = self.shape_of(operand) == (1, 1) != self.shape_of(expr)
        wide = self.shape_of(slope) == self.shape_of(expr)
        if spread and not wide:  # a scalar slope, the same in every row
            slope = times(slope, apply("broadcast_to", ONE, static=self.shape_of(expr)))
        return Factor("matrix" if spread else "diag", slope)

    def _ones(self, expr: Op, operand: sympy.Expr) -> Factor | None:
        rows, columns = self.shape_of(expr)
        inner = self.shape_of(operand)
        if columns != 1 or inner[1] != 1:
            raise ValueError(f"{to_text(expr)} is a matrix; Jacobians are written for columns and scalars")
        if inner[0] == rows:
            return None
        return Factor("matrix", apply("broadcast_to", ONE, static=(rows, inner[0])))

    def _product(self, expr: Op, i: int) -> tuple[Factor | None, sympy.Expr]:
        before, operand, after = expr.operands[:i], expr.operands[i], expr.operands[i + 1 :]
        if self.shape_of(expr)[1] == 1 and self.shape_of(operand)[1] == 1:
            scale = matmul(*after) if after else ONE  # 1 × 1
            if not before:
                return (Factor("diag", scale) if after else None), operand
            return Factor("matrix", times(scale, matmul(*before))), operand
        if self.shape_of(expr)[1] == 1 and is_op(operand, "transpose") and self.shape_of(operand)[0] == 1:
            turned: Sequence[sympy.Expr] = [transpose(factor) for factor in reversed(after)]
            return Factor("matrix", matmul(*before, *turned)), operand.operands[0]
        raise ValueError(f"the Jacobian of {to_text(expr)} is no product of matrices")
