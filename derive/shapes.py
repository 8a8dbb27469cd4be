"""Shapes of expressions over quantities of known shape.

Dimensions are symbolic and rigid: D never equals H, or 1.  Rank inference and size inference for text live in
`derive.inference`; they use the same shape rules with another idea of what "equal" means.

Read next: `derive.inference`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy

from derive.errors import EquationError
from derive.expr import Op, Ref
from derive.primitives import TABLE, Shape
from derive.text import to_text

ONE = sympy.Integer(1)
MANY = sympy.Symbol("many")


def pair(shape: Sequence[sympy.Expr]) -> Shape:
    """(rows, columns) of a quantity's shape: () is 1 × 1, (n,) is n × 1."""
    return (*shape, ONE, ONE)[:2]


def unpair(shape: Shape) -> tuple[sympy.Expr, ...]:
    """The shape of a quantity: () for 1 × 1, (n,) for a column, else (n, m)."""
    if shape[1] != 1:
        return shape
    return () if shape[0] == 1 else shape[:1]


def show(shape: Iterable[sympy.Expr]) -> str:
    """``H × D`` for error messages."""
    return " × ".join(map(str, shape))


class _Mismatch(Exception):
    pass


class _Known:
    """`Dims` over known sizes: they agree or they do not."""

    def same(self, *dims: sympy.Expr) -> sympy.Expr:
        for dim in dims[1:]:
            if dim != dims[0] and sympy.expand(dim - dims[0]) != 0:
                raise _Mismatch
        return dims[0]

    def join(self, *dims: sympy.Expr) -> sympy.Expr:
        wide = [dim for dim in dims if dim != 1]
        return self.same(*wide) if wide else ONE

    def within(self, part: sympy.Expr, whole: sympy.Expr) -> None:
        spare = sympy.expand(whole - part)
        growing = all(c > 0 for term, c in spare.as_coefficients_dict().items() if not term.is_number)
        if not growing or spare.subs(dict.fromkeys(spare.free_symbols, 1)) < 0:  # every dimension is at least 1
            raise _Mismatch

    def add(self, *dims: sympy.Expr) -> sympy.Expr:
        return sympy.Add(*dims)


def mismatch(call: Op, shapes: Sequence[Shape]) -> EquationError:
    """The error that shows every operand with its shape."""
    operands = ", ".join(
        f"{to_text(operand)} is {show(shape)}" for operand, shape in zip(call.operands, shapes, strict=True)
    )
    return EquationError(f"shapes do not fit in {to_text(call)}: {operands}", call.span)


class ShapeOf:
    """Shape of any expression over quantities of known shape; remembers what it has seen.

    Raises:
        EquationError: where shapes contradict, naming both.
    """

    def __init__(self, variables: Mapping[str, Shape]) -> None:
        self.variables = variables
        self.known: dict[sympy.Basic, Shape] = {}

    def __call__(self, expr: sympy.Expr) -> Shape:
        """Rows and columns of `expr`."""
        if isinstance(expr, Ref):
            return self.variables[expr.name]
        if not isinstance(expr, Op):
            return ONE, ONE
        if expr not in self.known:
            shapes = [self(operand) for operand in expr.operands]
            try:
                self.known[expr] = TABLE[expr.primitive].shape(_Known(), shapes, expr.static)
            except _Mismatch:
                raise mismatch(expr, shapes) from None
        return self.known[expr]
