"""Structural primitives: sums, products, concatenation, gather, and what acts along time.

Their derivative is a written rule in the language itself.  Most come in adjoint pairs, so the list is closed under
differentiation: ``rows``/``embed``, ``stack``/``unstack``, ``take``/``scatter``, ``reduce_to``/``broadcast_to``;
``place`` is its own adjoint.  Matrix rules: dA = dY Bᵀ, dB = Aᵀ dY (Giles 2008, "An extended collection of matrix
derivative results", §2.2.1).

Read next: `derive.shapes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from derive.elementwise import power_partial
from derive.expr import Op, apply, matmul, neg, plus, times, transpose
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
    return fit(times(ybar, *others), shape_of(call.operands[i]), shape_of)


def _power_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return times(ybar, power_partial(call.operands[0], call.static[0]))


def _power_jvp(call: Op, tangents: Sequence[sympy.Expr | None], shape_of: ShapeOf) -> sympy.Expr | None:
    return None if tangents[0] is None else times(tangents[0], power_partial(call.operands[0], call.static[0]))


def _matmul_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    for (_, inner), (rows, _) in zip(shapes, shapes[1:], strict=False):
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
    return high - low, shapes[0][1]


def _rows_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("embed", ybar, static=(call.static[0], shape_of(call.operands[0])[0]))


def _embed_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    low, high = static[0].args
    dims.same(shapes[0][0], high - low)
    return static[1], shapes[0][1]


def _embed_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("rows", ybar, static=(call.static[0],))


def _embed_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    (low, _), (value,) = static[0], operands
    blank = [sympy.Integer(0)] * len(value[0])
    return [value[i - low] if 0 <= i - low < len(value) else blank for i in range(static[1])]


# --- shapes, gather, softmax ------------------------------------------------------------------------------------


def _to_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    rows = static[0] if len(static) > 0 else sympy.Integer(1)
    columns = static[1] if len(static) > 1 else sympy.Integer(1)
    for given, wanted in zip(shapes[0], (rows, columns), strict=True):
        dims.join(given, wanted)
    return rows, columns


def _reduce_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    (value,) = operands
    rows, columns = (*static, 1, 1)[:2]
    if rows == 1 and len(value) > 1:
        value = [[sympy.Add(*column) for column in zip(*value, strict=True)]]
    if columns == 1 and len(value[0]) > 1:
        value = [[sympy.Add(*row)] for row in value]
    return value


def _broadcast_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    (value,) = operands
    rows, columns = (*static, 1, 1)[:2]
    return [[value[i % len(value)][j % len(value[0])] for j in range(columns)] for i in range(rows)]


def _no_gradient(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> None:
    return None


def _no_tangent(call: Op, tangents: Sequence[sympy.Expr | None], shape_of: ShapeOf) -> None:
    return None


def _take_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr | None:
    table, index = call.operands
    return apply("scatter", ybar, index, static=(shape_of(table)[1],)) if i == 0 else None


def _scatter_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr | None:
    return apply("take", ybar, call.operands[1]) if i == 0 else None


def _first_only(name: str) -> Any:
    def jvp(call: Op, tangents: Sequence[sympy.Expr | None], shape_of: ShapeOf) -> sympy.Expr | None:
        return None if tangents[0] is None else apply(name, tangents[0], call.operands[1], static=call.static)

    return jvp


def _softmax_times(y: sympy.Expr, v: sympy.Expr, shape: Shape) -> sympy.Expr:
    """The Jacobian diag(y) − y yᵀ of each column applied to v; it is symmetric."""
    weighted = apply("reduce_to", times(y, v), static=(sympy.Integer(1), shape[1]))
    return times(y, plus(v, neg(weighted)))


def _softmax_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return _softmax_times(y, ybar, shape_of(call))


def _softmax_jvp(call: Op, tangents: Sequence[sympy.Expr | None], shape_of: ShapeOf) -> sympy.Expr | None:
    return None if tangents[0] is None else _softmax_times(call, tangents[0], shape_of(call))


def _softmax_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    exps = [[sympy.exp(entry) for entry in row] for row in operands[0]]
    sums = [sympy.Add(*column) for column in zip(*exps, strict=True)]
    return [[entry / total for entry, total in zip(row, sums, strict=True)] for row in exps]


def _logsumexp_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return times(ybar, apply("softmax", call.operands[0]))


def _logsumexp_jvp(call: Op, tangents: Sequence[sympy.Expr | None], shape_of: ShapeOf) -> sympy.Expr | None:
    if tangents[0] is None:
        return None
    return apply("reduce_to", times(apply("softmax", call.operands[0]), tangents[0]), static=shape_of(call))


def _logsumexp_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    columns = zip(*operands[0], strict=True)
    return [[sympy.log(sympy.Add(*(sympy.exp(entry) for entry in column))) for column in columns]]


# --- along time -------------------------------------------------------------------------------------------------


def _sum_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return ybar  # the same cotangent reaches every step


def _place_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("place", ybar, static=call.static)


def _stack_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    dims.same(shapes[0][1], sympy.Integer(1))
    return shapes[0][0], length(static[0])


def _unstack_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    dims.same(shapes[0][1], length(static[0]))
    return shapes[0][0], sympy.Integer(1)


def length(axis: sympy.Symbol) -> sympy.Symbol:
    """The dimension that is the number of steps of an axis: T for t, U for u."""
    return dimension(str(axis).upper())


def dimension(name: str) -> sympy.Symbol:
    """The SymPy symbol of a dimension."""
    return sympy.Symbol(name, integer=True, positive=True)


def _stack_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("unstack", ybar, static=call.static)


def _unstack_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("stack", ybar, static=call.static)


def _same_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    return shapes[0]


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
        name="power", static=("exponent",), shape=_same_shape, vjp=_power_vjp, jvp=_power_jvp,
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
    Primitive(
        name="reduce_to", static=("dim", "dim"), shape=_to_shape,
        vjp=lambda call, y, ybar, i, shape_of: spread(ybar, shape_of(call.operands[0]), shape_of), jvp="linear",
        entries=_reduce_entries, latex=r"\operatorname{{sum}}\left({0}\right)",
    ),
    Primitive(
        name="broadcast_to", static=("dim", "dim"), shape=_to_shape,
        vjp=lambda call, y, ybar, i, shape_of: fit(ybar, shape_of(call.operands[0]), shape_of), jvp="linear",
        entries=_broadcast_entries, latex=r"\mathbf{{1}}\,{0}",
    ),
    Primitive(
        name="take", arity=2, shape=lambda dims, shapes, static: (shapes[0][0], sympy.Integer(1)),
        vjp=_take_vjp, jvp=_first_only("take"),
        entries=lambda static, operands: [[row[int(operands[1][0][0])]] for row in operands[0]],
        latex=r"{0}_{{:,{1}}}",
    ),
    Primitive(
        name="scatter", arity=2, static=("dim",), vjp=_scatter_vjp, jvp=_first_only("scatter"),
        shape=lambda dims, shapes, static: (shapes[0][0], static[0]),
        entries=lambda static, operands: [
            [row[0] if j == int(operands[1][0][0]) else sympy.Integer(0) for j in range(static[0])]
            for row in operands[0]
        ],
        latex=r"\operatorname{{scatter}}_{{{1}}}\left({0}\right)",
    ),
    Primitive(
        name="softmax", shape=_same_shape, vjp=_softmax_vjp, jvp=_softmax_jvp, entries=_softmax_entries,
        latex=r"\operatorname{{softmax}}\left({0}\right)", source="Jacobian diag(y) − y yᵀ, of each column",
    ),
    Primitive(
        name="logsumexp", shape=lambda dims, shapes, static: (sympy.Integer(1), shapes[0][1]),
        vjp=_logsumexp_vjp, jvp=_logsumexp_jvp, entries=_logsumexp_entries,
        latex=r"\operatorname{{logsumexp}}\left({0}\right)",
    ),
    Primitive(
        name="stop", shape=_same_shape, vjp=_no_gradient, jvp=_no_tangent,
        entries=lambda static, operands: operands[0], latex=r"\operatorname{{stop}}\left({0}\right)",
    ),
    Primitive(
        name="sum", static=("axis",), binds=True, shape=_same_shape, vjp=_sum_vjp, jvp="linear",
        latex=r"\sum_{{{1}}} {0}",
    ),
    Primitive(
        name="stack", static=("axis",), binds=True, shape=_stack_shape, vjp=_stack_vjp, jvp="linear",
        latex=r"\left[{0}\right]_{{{1}}}",
    ),
    Primitive(
        name="unstack", static=("axis",), shape=_unstack_shape, vjp=_unstack_vjp, jvp="linear",
        latex=r"\left[{0}\right]_{{:,{1}}}",
    ),
    Primitive(
        name="place", static=("position",), shape=_same_shape, vjp=_place_vjp, jvp="linear",
        latex=r"\left[{1}\right]\,{0}",
    ),
)  # fmt: skip
