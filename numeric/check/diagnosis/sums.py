"""Sums over examples and steps taken otherwise: one example alone, the wrong axis, flattened in other orders.

A gradient of a weight is a sum of outer products, over steps and examples.  Code writes it as a product of matrices,
and where two sizes are equal a transpose that is missing there does not show in the shapes.

Read next: `numeric.check.diagnosis.visited`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.expr import is_op, refs
from derive.system import Equation
from numeric.check.diagnosis.local import Local, Locals
from numeric.check.variants.compute import compiled
from numeric.check.variants.lanes import Result
from numeric.check.variants.view import View, axis_of

Array = NDArray[Any]
MOST = 20_000_000  # numbers that are held for one gradient


def otherwise_summed(result: Result, name: str, locals_: Locals) -> Iterator[tuple[Local, Array]]:
    """Every such gradient of a parameter, (lanes, size)."""
    if name not in locals_.view.primal.parameters or name not in locals_.edits or result.sizes.batch < 2:
        return
    yield from _of_a_bias(result, name, locals_)
    found = factors_of(result, locals_.edits[name][0])
    if found is None:
        return
    columns, rows = found
    lanes, steps, batch = columns.shape[:3]
    if lanes * steps * batch * columns.shape[-1] * rows.shape[-1] > MOST:
        return
    for span in spans_of(locals_.view, locals_.edits[name][0]):
        yield from _not_transposed(name, columns, rows, span)
    order = np.arange(steps * batch).reshape(steps, batch)
    for place in (order.T.reshape(-1), order.reshape(batch, steps).T.reshape(-1)) if steps > 1 else ():
        moved = columns.reshape(lanes, steps * batch, 1, -1)[:, place]
        text = "steps and examples of the two factors are flattened in different orders"
        yield (
            Local("wrong-axis", name, text, text, 1),
            flat(outer(moved, rows.reshape(len(rows), *moved.shape[1:3], -1))),
        )


def factors_of(result: Result, equation: Equation) -> tuple[Array, Array] | None:
    """The two factors of a sum over one axis of outer products, (lanes, steps, examples, entries) each; else None."""
    if not is_op(equation.expr, "sum") or not is_op(equation.expr.operands[0], "matmul"):
        return None
    operands = equation.expr.operands[0].operands
    axis = str(equation.expr.static[0])
    if len(operands) != 2 or any(axis_of(read) not in (axis, None) for read in refs(equation.expr)):
        return None
    columns, rows = (at_every_step(result, operand, axis) for operand in operands)
    if columns.shape[-1] != 1 or rows.shape[-2] != 1:
        return None
    return columns[..., 0], rows[..., 0, :]


def outer(columns: Array, rows: Array) -> Array:
    """(lanes, n, m): the outer products (lanes, steps, examples, n) and (…, m), added up."""
    pairs = columns.shape[1] * columns.shape[2]
    left = columns.reshape(len(columns), pairs, -1)
    return np.swapaxes(left, 1, 2) @ rows.reshape(len(rows), pairs, -1)


def spans_of(view: View, equation: Equation) -> list[tuple[int, int, str]]:
    """Of a sum of outer products with ``[h, x]``, the columns of each and its name; last all of them."""
    right = equation.expr.operands[0].operands[1]
    right = right.operands[0] if is_op(right, "transpose") else right
    spans, start = [], 0
    for part in right.operands if is_op(right, "concat") else (right,):
        width = max(view.shape(part))
        spans.append((start, start + width, ", ".join(dict.fromkeys(read.name for read in refs(part)))))
        start += width
    return [*spans, (0, start, "each value")] if len(spans) > 1 else spans


def _not_transposed(
    name: str, columns: Array, rows: Array, span: tuple[int, int, str]
) -> Iterator[tuple[Local, Array]]:
    """A product of matrices (examples, entries) of which one or both stand the other way, where sizes are equal."""
    low, high, text = span
    batch, n, m = columns.shape[2], columns.shape[3], high - low
    part = np.broadcast_to(rows[..., low:high], (len(columns), *rows.shape[1:3], m))
    ways = {
        "its δ": ("ltik,ltkj->lij", n == batch),
        text: ("ltki,ltjk->lij", m == batch),
        f"its δ, nor {text},": ("ltik,ltjk->lij", n == m == batch),
    }
    for said, (how, fits) in ways.items():
        if fits:
            found = np.array(outer(columns, rows))
            found[..., low:high] = np.einsum(how, columns, part)
            detail = f"in its products {said} is not transposed: examples stand where entries belong"
            yield Local("wrong-axis", name, detail, "a factor is not transposed", 0, ("transpose",)), flat(found)


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


def of_each_example(result: Result, name: str) -> Array | None:
    """(lanes, examples, entries): what each example gives to the gradient of a column; None of anything else."""
    equation = result.derivation.equations.get(result.derivation.leaves.get(name))  # type: ignore[arg-type]
    if equation is None or equation.out.index is not None or equation.out in result.variants:
        return None
    value = compiled(equation.expr)(result)
    if value.shape[1] != result.sizes.batch or value.shape[3] != 1 or value.size > MOST:
        return None
    return value[..., 0]


def at_every_step(result: Result, expr: sympy.Expr, axis: str) -> Array:
    """(lanes, steps, examples, rows, columns) of an expression along an axis."""
    found = []
    for position in range(1, result.sizes.steps(axis) + 1):
        result.at[axis] = position
        found.append(compiled(expr)(result))
    del result.at[axis]
    lanes = max(value.shape[0] for value in found)
    return np.stack([np.broadcast_to(v, (lanes, result.sizes.batch, *v.shape[2:])) for v in found], 1)


def flat(value: Array) -> Array:
    """(lanes, size) of (lanes, …)."""
    return value.reshape(value.shape[0], -1)
