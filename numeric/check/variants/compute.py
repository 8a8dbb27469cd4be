"""Expressions over lanes: arrays (lanes, examples, rows, columns), an axis of length 1 where all share a value.

Read next: `numeric.check.variants.lanes`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from operator import add
from typing import Any, Protocol

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.expr import Op, Ref, is_op
from derive.primitives import TABLE
from numeric.arithmetic import NUMPY, meaning
from numeric.arrays import Sizes
from numeric.structure import STRUCTURE

Array = NDArray[Any]


class Reading(Protocol):
    """Where values come from: `numeric.check.lanes.Result`."""

    at: dict[str, int]
    sizes: Sizes

    def read(self, expr: Ref) -> Array:
        """A quantity at the step that is being computed."""


Compute = Callable[[Reading], Array]


@lru_cache(maxsize=20000)
def compiled(expr: sympy.Expr) -> Compute:
    """An expression as a function of what can be read, (lanes, examples, rows, columns)."""
    if isinstance(expr, Ref):
        return lambda run: run.read(expr)
    if not isinstance(expr, Op):
        number = np.full((1, 1, 1, 1), float(expr))
        return lambda run: number
    operands = [compiled(operand) for operand in expr.operands]
    primitive, static = expr.primitive, expr.static
    if primitive in ("sum", "stack", "unstack", "place"):
        return _along_time(operands[0], expr)
    if TABLE[primitive].is_elementwise:
        function = meaning(primitive)
        return lambda run: function(NUMPY, [operand(run) for operand in operands])
    if primitive == "matmul":
        return lambda run: reduce(_product, [operand(run) for operand in operands])
    rule = STRUCTURE[primitive]
    if primitive == "power":
        return lambda run: rule(NUMPY, static, [operand(run) for operand in operands])

    def compute(run: Reading) -> Array:
        number = run.sizes.number
        args = tuple(tuple(map(number, part)) if isinstance(part, sympy.Tuple) else number(part) for part in static)
        return rule(NUMPY, args, [operand(run) for operand in operands])

    return compute


def _product(a: Array, b: Array) -> Array:
    """A matrix product; one shared matrix times the columns of all lanes and examples is one product."""
    if a.shape[:2] == (1, 1) and b.shape[-1] == 1 and a.shape[-1] == b.shape[-2]:
        return (b[..., 0] @ a[0, 0].T)[..., None]
    if a.shape[-1] == 1 and b.shape[-2] == 1:
        return a * b
    return a @ b


def _along_time(operand: Compute, expr: Op) -> Compute:
    axis = str(expr.static[0]) if expr.primitive != "place" else expr.static[0].axis

    def values(run: Reading) -> list[Array]:
        outside, found = run.at.get(axis), []
        for position in range(1, run.sizes.steps(axis) + 1):
            run.at[axis] = position
            found.append(operand(run))
        if outside is None:
            del run.at[axis]
        else:
            run.at[axis] = outside
        return found

    if expr.primitive == "sum":
        return lambda run: reduce(add, values(run))
    if expr.primitive == "stack":
        return lambda run: _side_by_side(values(run))
    if expr.primitive == "unstack":
        return lambda run: operand(run)[..., run.at[axis] - 1 : run.at[axis]]
    position = expr.static[0]

    def place(run: Reading) -> Array:
        value = operand(run)
        return value if run.at[axis] == position.position(run.sizes.steps(axis)) else np.zeros_like(value)

    return place


def _side_by_side(columns: list[Array]) -> Array:
    lead = np.broadcast_shapes(*(column.shape[:2] for column in columns))
    return np.concatenate([np.broadcast_to(c, (*lead, *c.shape[2:])) for c in columns], -1)


def summed(expr: sympy.Expr, run: Reading) -> Array:
    """A term of something shared: summed over the examples, if it differs between them."""
    inner = expr.operands[0] if is_op(expr, "sum") else None
    if inner is not None and is_op(inner, "matmul") and len(inner.operands) == 2:
        axis = str(expr.static[0])
        left, right = (compiled(operand) for operand in inner.operands)
        pairs = []
        for position in range(1, run.sizes.steps(axis) + 1):
            run.at[axis] = position
            pairs.append((left(run), right(run)))
        del run.at[axis]
        if all(a.shape[-1] == 1 and b.shape[0] == 1 and b.shape[-2] == 1 for a, b in pairs):
            return _outer([a for a, _ in pairs], [b for _, b in pairs])
        values = reduce(add, (_product(a, b) for a, b in pairs))
    else:
        values = compiled(expr)(run)
    return values.sum(1, keepdims=True)


def _outer(columns: list[Array], rows: list[Array]) -> Array:
    """Σ over steps and examples of columns times rows, the rows the same in all lanes: one matrix product."""
    lanes = max(c.shape[0] for c in columns)
    examples = max(max(c.shape[1] for c in columns), max(r.shape[1] for r in rows))
    a = np.stack([np.broadcast_to(c[..., 0], (lanes, examples, c.shape[2])) for c in columns], 1)
    b = np.stack([np.broadcast_to(r[0, :, 0], (examples, r.shape[3])) for r in rows])
    a = a.reshape(lanes, -1, a.shape[-1])
    return (np.swapaxes(a, 1, 2) @ b.reshape(-1, b.shape[-1]))[:, None]
