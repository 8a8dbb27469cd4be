"""Structural primitives of algebra: sums, products, powers, transposes, and rows stacked or cut out.

Their derivative is a written rule in the language itself, so that it can be differentiated again; ``rows`` and
``embed`` are each other's adjoint.  Matrix rules: dA = dY Bᵀ, dB = Aᵀ dY (Giles 2008, "An extended collection of
matrix derivative results", §2.2.1).

Read next: `derive.gather`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import sympy

from derive.elementwise import power_partial
from derive.expr import Op, apply, matmul, plus, scaled, times, transpose
from derive.primitives import Dims, Entries, Primitive, Shape, ShapeOf, broadcast, register

Static = tuple[Any, ...]


def fit(value: sympy.Expr, target: Shape, shape_of: ShapeOf) -> sympy.Expr:
    """Sum a cotangent over the dimensions along which its operand was broadcast."""
    return value if shape_of(value) == target else apply("reduce_to", value, static=target)


def spread(value: sympy.Expr, target: Shape, shape_of: ShapeOf) -> sympy.Expr:
    """Broadcast a cotangent to the shape of the operand that was summed."""
    return value if shape_of(value) == target else apply("broadcast_to", value, static=target)


def product(factors: Sequence[sympy.Expr], shape_of: ShapeOf) -> sympy.Expr:
    """A matrix product in which 1 × 1 factors are written as elementwise ones."""
    scalars = [factor for factor in factors if shape_of(factor) == (1, 1)]
    others = [factor for factor in factors if shape_of(factor) != (1, 1)]
    if not scalars or not others or len(factors) == 1:
        return matmul(*factors)
    return times(*scalars, product(others, shape_of))


# --- sums and products ------------------------------------------------------------------------------------------


def _plus_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return fit(spread(ybar, shape_of(call), shape_of), shape_of(call.operands[i]), shape_of)


def _times_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    others = call.operands[:i] + call.operands[i + 1 :]
    return fit(scaled(ybar, *others), shape_of(call.operands[i]), shape_of)


def _power_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return scaled(ybar, power_partial(call.operands[0], call.static[0]))


def _power_jvp(call: Op, tangents: Sequence[sympy.Expr | None], shape_of: ShapeOf) -> sympy.Expr | None:
    return None if tangents[0] is None else scaled(tangents[0], power_partial(call.operands[0], call.static[0]))


def _matmul_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    for (_, inner), (rows, _) in pairwise(shapes):
        dims.same(inner, rows)
    return shapes[0][0], shapes[-1][1]


def _matmul_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    before, after = call.operands[:i], call.operands[i + 1 :]
    left = [transpose(factor) for factor in reversed(before)]
    right = [transpose(factor) for factor in reversed(after)]
    return product([*left, ybar, *right], shape_of)


def _transpose_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return ybar if shape_of(ybar) == (1, 1) else turned(ybar, shape_of)


def turned(expr: sympy.Expr, shape_of: ShapeOf) -> sympy.Expr:
    """The transpose, pushed inwards so that it ends at names: (A B)ᵀ = Bᵀ Aᵀ."""
    if shape_of(expr) == (1, 1):
        return expr
    if isinstance(expr, Op) and expr.primitive in ("times", "plus"):
        build = times if expr.primitive == "times" else plus
        return build(*(turned(operand, shape_of) for operand in expr.operands))
    if isinstance(expr, Op) and expr.primitive == "matmul":
        return matmul(*(turned(operand, shape_of) for operand in reversed(expr.operands)))
    return transpose(expr)


def same_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    """Shape rule of what keeps the shape of its first operand."""
    return shapes[0]


# --- rows -------------------------------------------------------------------------------------------------------


def bounds(call: Op, shape_of: ShapeOf) -> list[tuple[sympy.Expr, sympy.Expr]]:
    """First and last-plus-one row of every part of a concatenation."""
    result, low = [], sympy.Integer(0)
    for part in call.operands:
        high = low + shape_of(part)[0]
        result.append((low, high))
        low = high
    return result


def _concat_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    return dims.add(*(rows for rows, _ in shapes)), dims.same(*(columns for _, columns in shapes))


def _concat_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return some_rows(ybar, sympy.Tuple(*bounds(call, shape_of)[i]))


def some_rows(expr: sympy.Expr, part: sympy.Tuple) -> sympy.Expr:
    """A range of rows; of a product, those of its first factor: rows(A B) = rows(A) B."""
    if isinstance(expr, Op) and expr.primitive == "matmul":
        return matmul(some_rows(expr.operands[0], part), *expr.operands[1:])
    return apply("rows", expr, static=(part,))


def _rows_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    low, high = static[0].args
    for part, whole in ((sympy.Integer(0), low), (low, high), (high, shapes[0][0])):
        dims.within(part, whole)
    return high - low, shapes[0][1]


def _rows_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("embed", ybar, static=(call.static[0], shape_of(call.operands[0])[0]))


def _embed_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    low, high = static[0].args
    dims.same(shapes[0][0], high - low)
    dims.within(sympy.Integer(0), low)
    dims.within(high, static[1])
    return static[1], shapes[0][1]


def _embed_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("rows", ybar, static=(call.static[0],))


def _embed_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    (low, _), (value,) = static[0], operands
    blank = [sympy.Integer(0)] * len(value[0])
    return [value[i - low] if 0 <= i - low < len(value) else blank for i in range(static[1])]


# --- entries -------------------------------------------------------------------------------------------------------


def _mul(static: Static, operands: Sequence[Entries]) -> Entries:
    result = operands[0]
    for right in operands[1:]:
        columns = list(zip(*right, strict=True))
        result = [[sympy.Add(*map(sympy.Mul, row, column)) for column in columns] for row in result]
    return result


def broadcast_entries(function: Any, operands: Sequence[Entries]) -> Entries:
    """Apply a scalar function entry by entry; a single row or column is repeated."""
    rows, columns = max(len(m) for m in operands), max(len(m[0]) for m in operands)
    return [
        [function(*(m[min(i, len(m) - 1)][min(j, len(m[0]) - 1)] for m in operands)) for j in range(columns)]
        for i in range(rows)
    ]


register(
    Primitive(
        name="plus", arity=None, shape=broadcast, vjp=_plus_vjp, jvp="linear",
        entries=lambda static, operands: broadcast_entries(sympy.Add, operands),
    ),
    Primitive(
        name="times", arity=None, shape=broadcast, vjp=_times_vjp, jvp="multilinear",
        entries=lambda static, operands: broadcast_entries(sympy.Mul, operands),
    ),
    Primitive(
        name="power", static=("exponent",), shape=same_shape, vjp=_power_vjp, jvp=_power_jvp,
        entries=lambda static, operands: [[entry ** static[0] for entry in row] for row in operands[0]],
    ),
    Primitive(
        name="matmul", arity=None, shape=_matmul_shape, vjp=_matmul_vjp, jvp="multilinear", entries=_mul,
        source="Giles 2008, §2.2.1",
    ),
    Primitive(
        name="transpose", shape=lambda dims, shapes, static: (shapes[0][1], shapes[0][0]),
        vjp=_transpose_vjp, jvp="linear",
        entries=lambda static, operands: [list(column) for column in zip(*operands[0], strict=True)],
    ),
    Primitive(
        name="concat", arity=None, shape=_concat_shape, vjp=_concat_vjp, jvp="linear",
        entries=lambda static, operands: [row for part in operands for row in part],
    ),
    Primitive(
        name="rows", static=("slice",), shape=_rows_shape, vjp=_rows_vjp, jvp="linear",
        entries=lambda static, operands: operands[0][static[0][0] : static[0][1]],
        latex=r"\left[{0}\right]_{{{1}}}",
    ),
    Primitive(
        name="embed", static=("slice", "dim"), shape=_embed_shape, vjp=_embed_vjp, jvp="linear",
        entries=_embed_entries, latex=r"\operatorname{{embed}}_{{{1}}}\left({0}\right)",
    ),
)  # fmt: skip
