"""Where an author keeps the numbers of a weight: an array, or a part of one, as it is or transposed.

Read next: `numeric.check.diagnosis.authored`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numeric.check.bound import Bound, Integers


@dataclass(frozen=True)
class Stored:
    """Numbers of a weight in an array of the author.

    Attributes:
        text: the array, or a part of it.
        transposed: whether it holds the transpose.
        shape: of that part.
    """

    text: str
    transposed: bool
    shape: tuple[int, ...]


def stored_in(bound: Bound, wanted: Integers) -> Stored | None:
    """The author's array that holds these numbers of a weight, or a part of one."""
    for claim in bound.claims:
        inside = np.argwhere(np.isin(claim.index, wanted))
        if len(inside) != wanted.size:
            continue
        spans = [
            _span(int(low), int(high) + 1, length, wanted.ndim < 2)
            for low, high, length in zip(inside.min(0), inside.max(0), claim.index.shape, strict=True)
        ]
        found = claim.index[tuple(part for part, _ in spans)]
        texts = [text for _, text in spans]
        name = claim.name if set(texts) <= {":"} else f"{claim.name}[{', '.join(texts)}]"
        if found.shape == wanted.shape and np.array_equal(found, wanted):
            return Stored(name, False, found.shape)
        if wanted.ndim == 2 and found.shape == wanted.T.shape and np.array_equal(found, wanted.T):
            return Stored(name, True, found.shape)
        if wanted.ndim < 2 and np.array_equal(found.ravel(), wanted.ravel()):
            return Stored(name, False, found.shape)
    return None


def _span(low: int, high: int, length: int, vector: bool) -> tuple[slice | int, str]:
    """What selects a part of an axis: a number where a vector lies across it."""
    if (low, high) == (0, length):
        return slice(None), ":"
    if vector and high == low + 1:
        return low, str(low)
    return slice(low, high), f"{low}:{high}"
