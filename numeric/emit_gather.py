"""Gather, scatter, softmax and logsumexp as NumPy text.

Read next: `numeric.emit_time`.
"""

from __future__ import annotations

import sympy

from derive.expr import Op
from derive.primitives import Shape
from numeric.emit_values import Place, Value, align, plain, rank, turn


def take(place: Place, expr: Op) -> Value:
    """Column j of a table, ``take(E, j)``."""
    table, index = place.value(expr.operands[0]), place.value(expr.operands[1])
    rows, classes = table.shape
    if classes == 1:
        return table
    shape: Shape = (rows, sympy.Integer(1))
    if table.is_shared:
        return Value(f"{plain(turn(table)).atom}[{index.text}]", index.axes, index.batch, shape)
    axes, batch = place.union((table, index))
    picked = align(index, axes, batch, table.shape)
    text = f"np.take_along_axis({align(table, axes, batch, table.shape)}, {picked}, axis=-1)[..., 0]"
    return Value(text if rows != 1 else f"{text}[..., 0]", axes, batch, shape)


def scatter(place: Place, expr: Op) -> Value:
    """A table that is zero but for column j, ``scatter(v, j, V)``."""
    value, index = place.value(expr.operands[0]), place.value(expr.operands[1])
    shape = place.shape_of(expr)
    axes, batch = place.union((value, index))
    if shape[1] == 1:
        return value
    chosen = f"{align(index, axes, batch, shape)} == np.arange({place.size(shape[1])})"
    return Value(f"np.where({chosen}, {align(value, axes, batch, shape)}, 0.0)", axes, batch, shape)


def softmax(place: Place, expr: Op) -> Value:
    """Each column positive with sum 1."""
    value = plain(place.value(expr.operands[0]))
    if value.shape[0] == 1:
        return Value("1", is_number=True) if value.shape[1] == 1 else value.but(f"np.ones_like({value.text})")
    place.need("softmax")
    return value.but(f"softmax({value.text}, {-rank(value.shape)})")


def logsumexp(place: Place, expr: Op) -> Value:
    """One number for each column."""
    value = plain(place.value(expr.operands[0]))
    if value.shape[0] == 1:
        return value
    place.need("logsumexp")
    text = f"logsumexp({value.text}, {-rank(value.shape)})"
    shape = place.shape_of(expr)
    return Value(text if rank(shape) else f"{text}[..., 0]", value.axes, value.batch, shape)
