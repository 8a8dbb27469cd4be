"""NumPy's functions of arrays, for traced values: joining, splitting, products and sums.

Read next: `derive.tracing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import sympy

from derive.expr import concat, matmul, transpose
from derive.traced import ARRAY_FUNCTIONS, Traced, TraceError, lift, number

Options = dict[str, Any]


def _join(name: str, axis: int, parts: Sequence[Any]) -> Traced:
    some = next(part for part in parts if isinstance(part, Traced))
    values = [lift(some, part) for part in parts]
    wide = {len(value.shape) for value in values}
    stacks = axis in (0, -2) or wide == {1}
    if wide not in ({1}, {2}) or not stacks or (name == "vstack" and wide == {1}):
        raise TraceError(f"np.{name}: vectors end to end, or matrices one below another, can be traced")
    rows = sympy.Add(*(value.shape[0] for value in values))
    return some.recorder.record(concat(*(value.expr for value in values)), (rows, *values[0].shape[1:]))


def concatenate(args: Sequence[Any], options: Options) -> Traced:
    """``np.concatenate([h, x])``."""
    return _join("concatenate", args[1] if len(args) > 1 else options.get("axis", 0), args[0])


def hstack(args: Sequence[Any], options: Options) -> Traced:
    """``np.hstack([h, x])`` of vectors."""
    return _join("hstack", -1, args[0])


def vstack(args: Sequence[Any], options: Options) -> Traced:
    """``np.vstack([W, U])`` of matrices."""
    return _join("vstack", 0, args[0])


def split(args: Sequence[Any], options: Options) -> list[Traced]:
    """``np.split(z, 4)``, or at given rows."""
    value: Any = args[0]
    where: Any = args[1] if len(args) > 1 else options.get("indices_or_sections")
    if not isinstance(value, Traced) or not value.shape:
        raise TraceError("np.split of what is no vector")
    rows = value.shape[0]
    if not isinstance(where, int):
        edges = [sympy.Integer(0), *map(number, where), rows]
        return [value[low:high] for low, high in pairwise(edges)]
    size = sympy.expand(rows / where)
    if sympy.fraction(sympy.together(size))[1] != 1:
        raise TraceError(f"{rows} rows cannot be split into {where} equal parts for every size; declare {where}*H rows")
    return [value[size * k : size * (k + 1)] for k in range(where)]


def dot(args: Sequence[Any], options: Options) -> Traced:
    """``np.dot(W, h)``."""
    left, right = args[:2]
    return left.dot(right) if isinstance(left, Traced) else lift(right, left).dot(right)


def outer(args: Sequence[Any], options: Options) -> Traced:
    """``np.outer(v, k)``."""
    like = next(value for value in args if isinstance(value, Traced))
    left, right = lift(like, args[0]), lift(like, args[1])
    if len(left.shape) != 1 or len(right.shape) != 1:
        raise TraceError("np.outer of what are no vectors")
    return like.recorder.record(matmul(left.expr, transpose(right.expr)), left.shape + right.shape)


def total(args: Sequence[Any], options: Options) -> Traced:
    """``np.sum(e)``."""
    if set(options) - {"axis"}:
        raise TraceError(f"np.sum with {', '.join(options)}: plain sums can be traced")
    value: Traced = args[0]
    return value.sum(*args[1:], **options)


def turned(args: Sequence[Any], options: Options) -> Traced:
    """``np.transpose(W)``."""
    value: Traced = args[0]
    return value.T


ARRAY_FUNCTIONS.update(
    concatenate=concatenate, hstack=hstack, vstack=vstack, split=split, array_split=split, dot=dot, matmul=dot,
    inner=dot, outer=outer, sum=total, transpose=turned,
)  # fmt: skip
