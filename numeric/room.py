"""Room for arrays: memory that a kernel uses again instead of asking for new one.

Memory that was never touched costs as much as the arithmetic in it.  A block is used again when nothing refers to it
any more: not a saved run, not a view of either, which CPython's reference counts say.  So what a call returned stays
valid, a backward pass works on any earlier run, and threads need not know of each other.

With a block its steps are kept: where a step is a few numbers, cutting a sequence into views of them takes as long as
the arithmetic.  They refer to the block and are counted off.

Read next: `numeric.products`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain, islice
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 2**14  # numbers; a smaller result is copied rather than handed out
LEAST = 2**8  # numbers; less is not kept
MANY = 64  # blocks of one size that are kept
STEP = 2**12  # numbers; larger steps are cut anew, which takes no time beside what is done with them
SPARE = 1.5  # times as large as what is wanted a block may be; one too small by less gives way to a larger
VIEW = 256  # bytes that a view takes, about
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
        most: bytes kept at most, and an eighth of it in views; what is needed beyond is not kept.
    """

    def __init__(self, dtype: np.dtype[Any], most: int = MOST) -> None:
        self.dtype, self.most = dtype, most
        self.held = 0
        self._blocks: dict[int, list[NDArray[Any]]] = {}
        self._steps: dict[int, dict[Hashable, list[NDArray[Any]]]] = {}  # of each block, by its identity
        self._views: dict[int, int] = {}  # how many there are
        self._lock = Lock()

    def empty(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """An array whose entries are anything."""
        size = math.prod(shape)
        if size < LEAST or UNUSED == 0:
            return np.empty(shape, self.dtype)
        with self._lock:
            found = self._unused(self._blocks.get(size, ()))
            if found is None:
                near = sorted(known for known in self._blocks if size < SPARE * known and known < SPARE * size)
                found = self._unused(chain(*(self._blocks[known] for known in near if known > size)))
                if found is None:
                    self._forget(self._unused(chain(*(self._blocks[known] for known in near))))
            if found is not None:
                return found[:size].reshape(shape)
            block = np.empty(size, self.dtype)
            if self.held + block.nbytes > self.most:
                self._drop_unused()
            if self.held + block.nbytes <= self.most and len(self._blocks.get(size, ())) < MANY:
                self.held += block.nbytes
                self._blocks.setdefault(size, []).append(block)
                self._steps[id(block)], self._views[id(block)] = {}, 0
            return block.reshape(shape)

    def steps(self, label: Hashable, *arrays: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
        """The steps of sequences, side by side.

        Args:
            label: says together with a block which part of it each array is.
            arrays: whose first axis is time.
        """
        found: list[Iterable[NDArray[Any]]] = []
        for number, array in enumerate(arrays):
            known = self._steps.get(id(array.base))
            if known is None:
                found.append(array)
            else:
                steps = known.get((label, number))
                found.append(self._cut((label, number), array) if steps is None else steps)
        return chain(zip(*found, strict=False), islice(arrays, 0))  # holds the arrays, so that nobody else gets them

    def _cut(self, key: Hashable, array: NDArray[Any]) -> Iterable[NDArray[Any]]:
        """The steps of a sequence, kept for the next time if they are small."""
        if len(array) == 0 or array[0].size > STEP:
            return array
        with self._lock:
            owner = id(array.base)
            if owner not in self._steps or VIEW * (sum(self._views.values()) + len(array)) > self.most // 8:
                return array
            steps = self._steps[owner].get(key)
            if steps is None:
                steps = self._steps[owner][key] = list(array)
                self._views[owner] += len(steps)
            return steps

    def _unused(self, blocks: Iterable[NDArray[Any]]) -> NDArray[Any] | None:
        """The first of some blocks that nobody uses."""
        for block in blocks:
            if sys.getrefcount(block) == UNUSED + self._views[id(block)]:
                return block
        return None

    def _forget(self, block: NDArray[Any] | None) -> None:
        if block is not None:
            self.held -= block.nbytes
            self._blocks[block.size] = [other for other in self._blocks[block.size] if other is not block]
            del self._steps[id(block)], self._views[id(block)]

    def _drop_unused(self) -> None:
        """Forget blocks that nobody uses: their sizes are those of earlier calls."""
        while (block := self._unused(chain(*self._blocks.values()))) is not None:
            self._forget(block)
            del block

    def apart(self, array: NDArray[Any], taken: set[int]) -> NDArray[Any]:
        """The array, or a copy if it is small, or if its memory is kept here or taken: it is taken then.

        Args:
            array: whose memory nobody else may use.
            taken: identities of arrays (`root`) that others refer to.
        """
        if array.size < SMALL:
            return array.copy()
        owner = root(array)
        kept = any(block is owner for block in self._blocks.get(owner.size, ()))
        if kept or id(owner) in taken or not array.flags.c_contiguous:
            return np.array(array, order="C")
        taken.add(id(owner))
        return array

    def free(self) -> None:
        """Keep nothing; arrays in use live on until they are not."""
        with self._lock:
            self._blocks.clear()
            self._steps.clear()
            self._views.clear()
            self.held = 0
