"""What acts along time as NumPy text: all steps as columns, one column for each step, one position.

Read next: `numeric.emit_flat`.
"""

from __future__ import annotations

import sympy

from derive.dimensions import length
from derive.expr import Op
from numeric.emit_values import Place, Value, align, plain, rank
from numeric.schedule import is_stepwise


def stack(place: Place, expr: Op) -> Value:
    """A matrix whose columns are all steps, ``h[:]``."""
    axis = str(expr.static[0])
    value = plain(place.whole(axis).value(expr.operands[0]))
    axes = tuple(a for a in place.time_axes if a in {*value.axes, axis})
    if axis not in value.axes:
        text = place.full(value, axes, value.batch, value.shape)
        value = Value(text, axes, value.batch, value.shape)
    moved = f"np.moveaxis({value.text}, {axes.index(axis)}, -1)"
    rest = tuple(a for a in axes if a != axis)
    if rank(value.shape) == 0:  # a row of numbers
        moved = f"{moved}[..., None, :]"
    return Value(moved, rest, value.batch, (value.shape[0], length(expr.static[0])))


def unstack(place: Place, expr: Op) -> Value:
    """Column t of a matrix."""
    axis = str(expr.static[0])
    value = plain(place.value(expr.operands[0]))
    row = ", 0" if value.shape[0] == 1 else ""
    shape = (value.shape[0], sympy.Integer(1))
    if axis in place.steps:
        return Value(f"{value.atom}[...{row or ', :'}, {place.steps[axis]}]", value.axes, value.batch, shape)
    text = f"{value.atom}[...{row}, :]" if row else value.text
    axes = tuple(a for a in place.time_axes if a in {*value.axes, axis})
    if axis in value.axes:  # column t of a matrix that itself depends on t
        place.need("diagonal")
        return Value(f"diagonal({text}, {axes.index(axis)})", axes, value.batch, shape)
    return Value(f"np.moveaxis({text}, -1, {axes.index(axis)})", axes, value.batch, shape)


def placed(place: Place, expr: Op) -> Value:
    """The value where the position that is computed is the one asked for, else zero."""
    value, position = plain(place.value(expr.operands[0])), expr.static[0]
    if value.is_number:
        value = Value(f"DTYPE({value.text})")
    axis = position.axis
    if place.here is not None and place.here.axis == axis:
        if place.here.from_end == position.from_end:
            return value if place.here == position else value.but(f"np.zeros_like({value.text})")
        meets = f"{place.position(place.here)} == {place.position(position)}"
        return value.but(f"({value.text} if {meets} else np.zeros_like({value.text}))")
    if axis in place.steps:
        meets = f"{place.steps[axis]} == {place.position(position, -1)}"
        if is_stepwise(expr.operands[0], axis):
            return value.but(f"({value.text} if {meets} else np.zeros_like({value.text}))")
        once = place.prepare("placed", value.text, value.text)
        zero = place.prepare("nothing", f"np.zeros_like({once})", f"np.zeros_like({once})")
        return value.but(f"({once} if {meets} else {zero})")
    chosen = Value(f"(np.arange({place.steps_of(axis)}) == {place.position(position, -1)})", (axis,))
    axes, batch = place.union((value, chosen))
    condition, text = (align(v, axes, batch, value.shape) for v in (chosen, value))
    return Value(f"np.where({condition}, {text}, 0.0)", axes, batch, value.shape)
