"""Room for arrays: memory that a kernel uses again instead of asking for new one.

Memory that was never touched costs as much as the arithmetic in it.  A block is used again when nothing refers to it
any more: not a saved run, not a view of either, which CPython's reference counts say.  So what a call returned stays
valid, a backward pass works on any earlier run, and threads need not know of each other.

Read next: `numeric.functions`.
"""

from __future__ import annotations

import math
import sys
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 2**14  # numbers; less is not worth it
MOST = 2**28  # bytes that a kernel keeps


def _unused() -> int:
    """References to a block of which nobody has a view, as `Room.empty` counts them; 0 where counts say nothing."""
    if not hasattr(sys, "getrefcount") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return 0
    for block in [np.empty(1)]:
        return sys.getrefcount(block)
    return 0


UNUSED = _unused()


def root(array: NDArray[Any]) -> NDArray[Any]:
    """The array that owns the memory of another."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Room:
    """Blocks of one dtype.

    Args:
        dtype: of all arrays.
        most: bytes kept at most; what is needed beyond is not kept.
    """

    def __init__(self, dtype: np.dtype[Any], most: int = MOST) -> None:
        self.dtype, self.most = dtype, most
        self.held = 0
        self._blocks: dict[int, list[NDArray[Any]]] = {}
        self._lock = Lock()

    def empty(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """An array whose entries are anything."""
        size = math.prod(shape)
        if size < SMALL or UNUSED == 0:
            return np.empty(shape, self.dtype)
        with self._lock:
            for block in self._blocks.get(size, ()):
                if sys.getrefcount(block) == UNUSED:
                    return block.reshape(shape)
            block = np.empty(size, self.dtype)
            if self.held + block.nbytes > self.most:
                self._drop_unused()
            if self.held + block.nbytes <= self.most:
                self.held += block.nbytes
                self._blocks.setdefault(size, []).append(block)
            return block.reshape(shape)

    def _drop_unused(self) -> None:
        """Forget blocks that nobody uses: their sizes are those of earlier calls."""
        for size, blocks in self._blocks.items():
            found = []
            for block in blocks:
                if sys.getrefcount(block) != UNUSED:
                    found.append(block)
            self.held -= sum(block.nbytes for block in blocks) - sum(block.nbytes for block in found)
            self._blocks[size] = found

    def apart(self, array: NDArray[Any], taken: set[int]) -> NDArray[Any]:
        """The array, or a copy if it is small, or if its memory is kept here or taken: it is taken then.

        Args:
            array: whose memory nobody else may use.
            taken: identities of arrays (`root`) that others refer to.
        """
        owner = root(array)
        kept = any(block is owner for block in self._blocks.get(owner.size, ()))
        if array.size < SMALL or kept or id(owner) in taken or not array.flags.c_contiguous:
            return np.array(array, order="C")
        taken.add(id(owner))
        return array

    def free(self) -> None:
        """Keep nothing; arrays in use live on until they are not."""
        with self._lock:
            self._blocks.clear()
            self.held = 0
