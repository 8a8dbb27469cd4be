"""Steps and examples in one axis: predictions (T·B, V), as a loss over all words of a batch wants them.

Read next: `numeric.check.conventions.bind`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any

from numpy.typing import NDArray

from numeric.check.dump import Dump

Shape = tuple[int, ...]


def unfolded(dump: Dump) -> Iterator[Dump]:
    """The dump with that axis in two, in each way that the axes of the inputs suggest."""
    groups = (dump.outputs, dump.cotangents, dump.targets, dump.grads)
    pairs = [pair for array in dump.inputs.values() for pair in permutations([n for n in array.shape if n > 1], 2)]
    lengths = {n for pair in pairs for n in (*pair, pair[0] + 1)}
    lengths |= {n for arrays in (dump.params, dump.initial) for array in arrays.values() for n in array.shape}
    for first, second in dict.fromkeys(pairs):
        both = first * second
        wide = any(array.shape[0] == both for arrays in groups[:3] for array in arrays.values() if array.ndim)
        if wide and both not in lengths:
            outputs, cotangents, targets, grads = (
                {name: _unfolded(array, first, second) for name, array in arrays.items()} for arrays in groups
            )
            yield replace(dump, outputs=outputs, cotangents=cotangents, targets=targets, grads=grads)


def _unfolded(array: NDArray[Any], first: int, second: int) -> NDArray[Any]:
    if array.ndim == 0 or array.shape[0] != first * second:
        return array
    return array.reshape(first, second, *array.shape[1:])
