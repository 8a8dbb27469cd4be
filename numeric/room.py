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
UNUSED = 3  # references to a block of which nobody has a view: in the list, in a name, as an argument


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
        if size < SMALL or not hasattr(sys, "getrefcount"):
            return np.empty(shape, self.dtype)
        with self._lock:
            for block in self._blocks.get(size, ()):
                if sys.getrefcount(block) == UNUSED:
                    return block.reshape(shape)
            block = np.empty(size, self.dtype)
            if self.held + block.nbytes <= self.most:
                self.held += block.nbytes
                self._blocks.setdefault(size, []).append(block)
            return block.reshape(shape)

    def free(self) -> None:
        """Keep nothing; arrays in use live on until they are not."""
        with self._lock:
            self._blocks.clear()
            self.held = 0
