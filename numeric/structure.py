"""What structural primitives mean for arrays of shape (…, rows, columns).

One function a primitive: (arithmetic, static arguments, operands) → value; dimensions among the static arguments are
numbers here.  Leading axes are the batch and broadcast.  What acts along time (``sum``, ``stack``, ``unstack``,
``place``) needs to know the step and is in `numeric.program`.

Read next: `numeric.program`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add, matmul, mul
from types import MappingProxyType
from typing import Any

import numpy

from numeric.arithmetic import Arithmetic, Array, power

Static = tuple[Any, ...]
Rule = Callable[[Arithmetic, Static, Sequence[Array]], Array]


def joined(xp: Arithmetic, parts: Sequence[Array], axis: int) -> Array:
    """Concatenation along one of the last two axes, the batch broadcast first."""
    batch = numpy.broadcast_shapes(*(part.shape[:-2] for part in parts))
    return xp.concat([xp.broadcast(part, batch + tuple(part.shape[-2:])) for part in parts], axis)


def _rows(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    low, high = static[0]
    return operands[0][..., low:high, :]


def _embed(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    (low, high), rows = static
    (value,) = operands
    columns = value.shape[-1]
    above, below = (xp.constant(numpy.zeros((n, columns)), value.dtype) for n in (low, rows - high))
    return joined(xp, [above, value, below], -2)


def _reduce_to(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    value = operands[0]
    for axis, wanted in zip((-2, -1), static, strict=True):
        value = xp.total(value, axis) if wanted == 1 else value
    return value


def _broadcast_to(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    return xp.broadcast(operands[0], tuple(operands[0].shape[:-2]) + tuple(static))


def _one_hot(xp: Arithmetic, index: Array, classes: int, like: Array) -> Array:
    """(…, 1, classes), 1 where the column is the one asked for."""
    return xp.constant(index == numpy.arange(classes), like.dtype)


def _take(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    table, index = operands
    return table @ xp.swap(_one_hot(xp, index, table.shape[-1], table))


def _scatter(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    column, index = operands
    return column * _one_hot(xp, index, static[0], column)


def _softmax(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    weights = xp.functions["exp"](operands[0])
    return weights / xp.total(weights, -2)


def _logsumexp(xp: Arithmetic, static: Static, operands: Sequence[Array]) -> Array:
    return xp.functions["log"](xp.total(xp.functions["exp"](operands[0]), -2))


STRUCTURE: Mapping[str, Rule] = MappingProxyType(
    {
        "plus": lambda xp, static, operands: reduce(add, operands),
        "times": lambda xp, static, operands: reduce(mul, operands),
        "power": lambda xp, static, operands: power(xp, operands[0], static[0]),
        "matmul": lambda xp, static, operands: reduce(matmul, operands),
        "transpose": lambda xp, static, operands: xp.swap(operands[0]),
        "concat": lambda xp, static, operands: joined(xp, operands, -2),
        "rows": _rows,
        "embed": _embed,
        "reduce_to": _reduce_to,
        "broadcast_to": _broadcast_to,
        "take": _take,
        "scatter": _scatter,
        "softmax": _softmax,
        "logsumexp": _logsumexp,
        "stop": lambda xp, static, operands: xp.stop(operands[0]),
    }
)
