"""How a step multiplies its columns by a matrix: in which order that lies, and how many of its rows at once.

OpenBLAS packs the factors of a product before it multiplies them, unless the product is small; then it reads them as
they lie, the smallest of them up to a third faster where a matrix of float32 lies column by column.  With 32 examples
packing takes a third of the time, so that a matrix multiplies faster some rows at a time.  Other libraries, or several
threads, may do better with all of it.  Nothing says so but the clock: each choice is measured once, when a kernel
first meets the sizes, and stays what it is while the process lives.

Read next: `numeric.functions`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Product = Callable[[Array, Array], object]
Inputs = Callable[[Array], Array]

TINY = 2**18  # multiplications: up to here columns of the matrix are better; measured
SMALL = 10**6  # multiplications: what OpenBLAS takes for a small product
LEAST = 16  # rows: with fewer, the columns are read again too often
TURNS = 4  # measurements of each way
MANY = 32  # rows: the same where all steps could be one product
GAIN = 0.95  # of the time, at most, where rows are worth a call


def multiplier(matrix: Array, batch: int) -> Product:
    """What writes the product of a matrix (m, n) and columns (n, B) to an array (m, B).

    Args:
        matrix: in any order; or a row (n,), of which the product is an array (B,).
        batch: B.
    """
    if matrix.size * batch <= TINY and matrix.itemsize < 8:
        return np.asfortranarray(matrix).dot
    matrix = np.ascontiguousarray(matrix)
    if matrix.size * batch <= SMALL or matrix.ndim == 1:
        return matrix.dot
    rows = rows_at_once(*matrix.shape, batch, matrix.dtype.char)
    return blockwise(matrix, rows) if rows else matrix.dot


def blockwise(matrix: Array, rows: int) -> Product:
    """The product, so many rows at a time."""
    blocks = matrix.reshape(-1, rows, matrix.shape[1])

    def times(columns: Array, out: Array) -> object:
        return np.matmul(blocks, columns, out.reshape(-1, rows, out.shape[1]))

    return times


def for_steps(empty: Callable[[tuple[int, ...]], Array], matrix: Array, bias: Array | None, batch: int) -> Inputs:
    """What multiplies the columns of all steps (T, B, n) by a matrix (m, n), and adds a bias (m,): (T, m, B).

    Args:
        empty: makes an array.
        matrix, bias: of the product; no bias is none.
        batch: B.
    """
    (m, n), one = matrix.shape, int(bias is not None)
    rows = m if matrix.size * batch <= SMALL else rows_at_once(m, n + one, batch, matrix.dtype.char)
    if batch == 1 or rows < min(m, MANY):
        return partial(_as_one, empty, matrix, bias)
    by_columns = rows * (n + one) * batch <= TINY
    shape = (n + one, rows) if by_columns else (rows, n + one)
    blocks = np.empty((m // rows, *shape), matrix.dtype)
    blocks = blocks.mT if by_columns else blocks
    blocks[..., :n] = matrix.reshape(-1, rows, n)
    if bias is not None:
        blocks[..., n] = bias.reshape(-1, rows)

    def times(values: Array) -> Array:
        columns = np.empty((len(values), n + one, batch), matrix.dtype)  # not kept: a backward pass needs the room
        out = empty((len(values), m, batch))
        columns[:, :n], columns[:, n:] = values.mT, 1
        np.matmul(blocks, columns[:, None], out.reshape(len(values), -1, rows, batch))
        return out

    return times


def _as_one(empty: Callable[[tuple[int, ...]], Array], matrix: Array, bias: Array | None, values: Array) -> Array:
    """The columns of all steps side by side."""
    steps, batch, n = values.shape
    out = empty((steps, len(matrix), batch))
    if batch == 1:
        np.matmul(values[:, 0], matrix.T, out[..., 0])
    else:
        np.copyto(out, (matrix @ values.reshape(-1, n).T).reshape(-1, steps, batch).transpose(1, 0, 2))
    if bias is not None:
        out += bias[:, None]
    return out


@lru_cache(maxsize=256)
def rows_at_once(m: int, n: int, batch: int, dtype: str) -> int:
    """How many rows of a matrix (m, n) multiply columns (n, B) at a time; 0 where all at once are as fast."""
    most = SMALL // (n * batch)
    rows = next((size for size in range(min(most, m), LEAST - 1, -1) if m % size == 0), 0)
    if not rows:
        return 0
    matrix, columns, out = np.ones((m, n), dtype), np.ones((n, batch), dtype), np.empty((m, batch), dtype)
    ways: tuple[Product, Product] = (blockwise(matrix, rows), matrix.dot)
    least = [float("inf")] * len(ways)
    for _ in range(TURNS):
        for number, way in enumerate(ways):
            start = time.perf_counter()
            way(columns, out)
            least[number] = min(least[number], time.perf_counter() - start)
    return rows if least[0] < GAIN * least[1] else 0
