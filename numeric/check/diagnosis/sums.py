"""Sums over examples and steps taken otherwise: one example alone, the wrong axis, flattened in other orders.

Read next: `numeric.check.diagnosis.rearranged`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.expr import is_op, refs
from numeric.check.diagnosis.local import Local, Locals
from numeric.check.variants.compute import compiled
from numeric.check.variants.lanes import Result
from numeric.check.variants.view import axis_of

Array = NDArray[Any]
MOST = 20_000_000  # numbers that are held for one gradient


def otherwise_summed(result: Result, name: str, locals_: Locals) -> Iterator[tuple[Local, Array]]:
    """Every such gradient of a parameter, (lanes, size)."""
    if name not in locals_.view.primal.parameters or name not in locals_.edits or result.sizes.batch < 2:
        return
    yield from _of_a_bias(result, name, locals_)
    equation, _ = locals_.edits[name]
    if not is_op(equation.expr, "sum") or not is_op(equation.expr.operands[0], "matmul"):
        return
    left, right = equation.expr.operands[0].operands[0], equation.expr.operands[0].operands[1:]
    if len(right) != 1:
        return
    axis = str(equation.expr.static[0])
    if any(axis_of(read) not in (axis, None) for read in refs(equation.expr)):
        return
    columns, rows = _steps(result, left, axis), _steps(result, right[0], axis)
    if columns is None or rows is None or columns.shape[-1] != 1 or rows.shape[-2] != 1:
        return
    lanes, steps, batch = columns.shape[:3]
    if steps < 2 or lanes * columns.size // max(lanes, 1) * rows.shape[-1] > MOST:
        return
    order = np.arange(steps * batch).reshape(steps, batch)
    for place in (order.T.reshape(-1), order.reshape(batch, steps).T.reshape(-1)):
        moved = columns.reshape(lanes, steps * batch, -1)[:, place]
        across = rows.reshape(rows.shape[0], steps * batch, -1)
        product = np.swapaxes(moved, 1, 2) @ across
        text = "steps and examples of the two factors are flattened in different orders"
        yield Local("wrong-axis", name, text, text, 1), product.reshape(product.shape[0], -1)


def _of_a_bias(result: Result, name: str, locals_: Locals) -> Iterator[tuple[Local, Array]]:
    """Of the gradients that the examples give to a column: one alone, or summed over the rows."""
    value = compiled(locals_.edits[name][0].expr)(result)
    if value.shape[1] != result.sizes.batch or value.shape[3] != 1 or value.size > MOST:
        return
    each = value[..., 0]
    for example, text in ((0, "the first"), (-1, "the last")):
        also = ("wrong-axis", "drop-path")
        detail = f"of {text} example alone, where a sum over all belongs"
        yield Local("not-accumulated", name, detail, detail, 1, also), each[:, example]
    if each.shape[1] == each.shape[2]:
        detail = "the sum runs over the rows, not over the examples"
        yield Local("wrong-axis", name, detail, detail, 0), each.sum(2)


def _steps(result: Result, expr: Any, axis: str) -> Array | None:
    """(lanes, steps, examples, rows, columns) of an expression at every step; None if examples share it."""
    found = []
    for position in range(1, result.sizes.steps(axis) + 1):
        result.at[axis] = position
        found.append(compiled(expr)(result))
    del result.at[axis]
    lanes = max(value.shape[0] for value in found)
    if any(value.shape[1] != result.sizes.batch for value in found) and result.sizes.batch > 1:
        found = [np.broadcast_to(v, (v.shape[0], result.sizes.batch, *v.shape[2:])) for v in found]
    return np.stack([np.broadcast_to(v, (lanes, *v.shape[1:])) for v in found], 1)
