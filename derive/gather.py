"""Structural primitives that reduce, gather, normalise, or act along time.

In adjoint pairs: ``reduce_to``/``broadcast_to``, ``take``/``scatter``, ``stack``/``unstack``; ``place`` is its
own adjoint, and a sum over time sends the same cotangent to every step.

Read next: `derive.shapes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from derive.dimensions import length
from derive.expr import Op, apply, neg, plus, times
from derive.primitives import Dims, Entries, Primitive, Shape, ShapeOf, register
from derive.structural import Static, fit, same_shape, spread

# --- shapes, gather, softmax ------------------------------------------------------------------------------------


def _reduced_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    for given, wanted in zip(shapes[0], static, strict=True):
        if wanted != 1:
            dims.same(given, wanted)
    return static[0], static[1]


def _broadcast_shape(dims: Dims, shapes: Sequence[Shape], static: Static) -> Shape:
    for given, wanted in zip(shapes[0], static, strict=True):
        if given != 1:
            dims.same(given, wanted)
    return static[0], static[1]


def _reduce_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    (value,) = operands
    rows, columns = static
    if rows == 1 and len(value) > 1:
        value = [[sympy.Add(*column) for column in zip(*value, strict=True)]]
    if columns == 1 and len(value[0]) > 1:
        value = [[sympy.Add(*row)] for row in value]
    return value


def _broadcast_entries(static: Static, operands: Sequence[Entries]) -> Entries:
    (value,) = operands
    rows, columns = static
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


def _stack_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("unstack", ybar, static=call.static)


def _unstack_vjp(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: ShapeOf) -> sympy.Expr:
    return apply("stack", ybar, static=call.static)


register(
    Primitive(
        name="reduce_to", static=("dim", "dim"), shape=_reduced_shape,
        vjp=lambda call, y, ybar, i, shape_of: spread(ybar, shape_of(call.operands[0]), shape_of), jvp="linear",
        entries=_reduce_entries, latex=r"\operatorname{{sum}}\left({0}\right)",
    ),
    Primitive(
        name="broadcast_to", static=("dim", "dim"), shape=_broadcast_shape,
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
        name="softmax", shape=same_shape, vjp=_softmax_vjp, jvp=_softmax_jvp, entries=_softmax_entries,
        latex=r"\operatorname{{softmax}}\left({0}\right)", source="Jacobian diag(y) − y yᵀ, of each column",
    ),
    Primitive(
        name="logsumexp", shape=lambda dims, shapes, static: (sympy.Integer(1), shapes[0][1]),
        vjp=_logsumexp_vjp, jvp=_logsumexp_jvp, entries=_logsumexp_entries,
        latex=r"\operatorname{{logsumexp}}\left({0}\right)",
    ),
    Primitive(
        name="stop", shape=same_shape, vjp=_no_gradient, jvp=_no_tangent,
        entries=lambda static, operands: operands[0], latex=r"\operatorname{{stop}}\left({0}\right)",
    ),
    Primitive(
        name="sum", static=("axis",), binds=True, shape=same_shape, vjp=_sum_vjp, jvp="linear",
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
        name="place", static=("position",), shape=same_shape, vjp=_place_vjp, jvp="linear",
        latex=r"\left[{1}\right]\,{0}",
    ),
)  # fmt: skip
