"""How a step multiplies its columns by a matrix: in which order that lies, and how many of its rows at once.

OpenBLAS packs the factors of a product before it multiplies them, unless the product is small; then it reads them as
they lie, the smallest of them up to a third faster where the matrix lies column by column.  With an example count of
32 packing takes a third of the time, so that a matrix multiplies faster some rows at a time.  Other libraries, or
several threads, may do better with all of it.  Nothing says so but the clock: each choice is measured once, when a
kernel first meets the sizes, and stays what it is while the process lives.

Read next: `numeric.functions`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Product = Callable[[Array, Array], object]

TINY = 2**18  # multiplications: up to here columns of the matrix are better; measured
SMALL = 10**6  # multiplications: what OpenBLAS takes for a small product
LEAST = 16  # rows: with fewer, the columns are read again too often
TURNS = 4  # measurements of each way
GAIN = 0.95  # of the time, at most, where rows are worth a call


def multiplier(matrix: Array, batch: int) -> Product:
    """What writes the product of a matrix (m, n) and columns (n, B) to an array (m, B).

    Args:
        matrix: in any order; or a row (n,), of which the product is an array (B,).
        batch: B.
    """
    if matrix.size * batch <= TINY:
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
