"""Padded batches: sequences of unequal length side by side, ``lengths={"t": (B,)}``.

What a padded batch means is said once, by `derive.networks.masked`: a padded step leaves every state as it is and
adds nothing to a sum.  Here are the system with masks, made from lengths, and what stands in the padding: on the way
in the last true step of each sequence again, so that a NaN or a number outside a function's domain there does not
matter; on the way out zero, as `torch.nn.utils.rnn.pad_packed_sequence` has it.

Read next: `numeric.options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.expr import Fixed, refs
from derive.networks.masks import masked
from derive.system import System
from numeric.arrays import Arrays, Sizes

Lengths = Mapping[str, Any]
Masks = Mapping[str, NDArray[np.bool_]]  # (T, B) by axis: whether a step is true


@lru_cache(maxsize=64)
def with_masks(system: System, axes: tuple[str, ...]) -> tuple[System, tuple[str, ...]]:
    """The system with a mask along each of these axes, and the names of the masks.

    Raises:
        EquationError: one line, if a step of it cannot be masked.
    """
    names: list[str] = []
    for axis in axes:
        known = set(system.variables)
        system = masked(system, axis)
        names += system.variables.keys() - known
    return system, tuple(names)


def masks_of(system: System, lengths: Lengths, sizes: Sizes) -> Masks:
    """Which steps are true.

    Args:
        system: whose axes they are.
        lengths: number of true steps of every example, (B,), by axis.
        sizes: T and B.

    Raises:
        ValueError: one line, for an axis that does not exist, another shape, or a length that is no integer in 1…T.
    """
    found = {}
    for axis, given in lengths.items():
        if axis not in system.axes:
            there = f"there are {', '.join(system.axes)}" if system.axes else "it has none"
            raise ValueError(f"lengths: {axis} is no time axis of {system.name}; {there}")
        array, steps = np.asarray(given), sizes.steps(axis)
        if array.shape != (sizes.batch,):
            raise ValueError(f"lengths along {axis}: expected (B,) = ({sizes.batch},), got {array.shape}")
        if array.dtype.kind not in "iu":
            raise ValueError(f"lengths along {axis} are integers, not {array.dtype}")
        least = max([1, *(read.offset for read in _picked(system, axis))])
        if array.min() < least or array.max() > steps:
            raise ValueError(
                f"lengths along {axis} lie in {least}…{axis.upper()} = {steps}, got {array.min()}…{array.max()}"
            )
        found[axis] = np.arange(steps)[:, None] < array
    return found


def _picked(system: System, axis: str) -> list[Fixed]:
    """Steps that are read by their number: every sequence has them."""
    indices = (read.index for equation in system.equations for read in refs(equation.expr))
    return [i for i in indices if isinstance(i, Fixed) and i.axis == axis and not i.from_end]


def filled(system: System, inputs: Arrays, masks: Masks) -> dict[str, Any]:
    """The inputs with the last true step of each sequence repeated in its padding."""
    result = dict(inputs)
    for name, array in inputs.items():
        mask = masks.get(system.variables[name].axis or "")
        if mask is not None:
            last = np.minimum(np.arange(len(mask))[:, None], mask.sum(axis=0) - 1)
            result[name] = np.asarray(array)[last, np.arange(mask.shape[1])]
    return result


def hidden(system: System, arrays: Arrays, masks: Masks) -> dict[str, Any]:
    """Sequences (T, B, …) by name with zeros in the padding."""
    result = dict(arrays)
    for name, array in arrays.items():
        mask = masks.get(system.variables[name].axis or "")
        if mask is not None:
            true = mask.reshape(mask.shape + (1,) * (np.ndim(array) - 2))
            result[name] = np.where(true, array, np.zeros((), np.asarray(array).dtype))
    return result


def carried_over(system: System, axes: tuple[str, ...]) -> frozenset[str]:
    """States whose value at the end is that at the true last step."""
    return frozenset(name for part in system.components if part.axis in axes for name in part.carried)
