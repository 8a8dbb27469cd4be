"""What is compared: the author's arrays, cut into the gradients that they hold.

A stacked weight holds the gradients of four gates, and one of them may be wrong; so a claim is compared quantity by
quantity, and each can be explained by a mistake of its own.

Read next: `numeric.check.diagnosis.local`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.check.bound import Claim, Space

Array = NDArray[Any]
LOOSE = {True: 1e-9, False: 1e-4}  # by whether the author computed in float64: what an explanation has to reach


@dataclass(frozen=True)
class Region:
    """The numbers of one claim that are the gradient of one quantity.

    Attributes:
        claim: the author's name.
        quantity: a name of the `Space`.
        places: addresses within that quantity; (S, n) where the gradients of S places add up.
        values: what the author has there.
        floor: magnitudes below this are rounding errors of the largest gradients.
        tolerance: of the relative difference.
        turned: the places if the claim, a square, were transposed; None if it is none.
    """

    claim: str
    quantity: str
    places: Array
    values: Array
    floor: float
    tolerance: float
    turned: Array | None = None

    def gathered(self, found: Array, *, turned: bool = False) -> Array:
        """(lanes, n) of (lanes, size of the quantity): what stands where the author's values stand."""
        places = self.turned if turned else self.places
        assert places is not None
        mine = found[:, places]
        return mine.sum(1) if places.ndim == 2 else mine

    def error(self, found: Array, *, turned: bool = False) -> Array:
        """(lanes,) largest difference relative to the largest entry, of (lanes, size of the quantity)."""
        mine = self.gathered(found, turned=turned)
        with np.errstate(all="ignore"):
            largest = np.maximum(np.abs(mine).max(1), np.abs(self.values).max(initial=0.0))
            error = np.abs(mine - self.values).max(1) / np.maximum(largest, self.floor)
        return np.where(np.isfinite(error), error, np.inf)

    def factor(self, found: Array) -> Array:
        """(lanes,) the number that brings the derivation closest to the author's values."""
        mine = self.gathered(found)
        with np.errstate(all="ignore"):
            return (mine @ self.values) / np.einsum("ln,ln->l", mine, mine)


def regions(claims: Sequence[Claim], space: Space) -> list[Region]:
    """All regions, in the order of the claims."""
    largest = max((float(np.abs(c.values).max(initial=0.0)) for c in claims), default=0.0)
    found = []
    for claim in claims:
        exact = claim.precision < 1e-12
        tolerance = LOOSE[exact]
        floor = max(10 * claim.precision / tolerance * largest, np.finfo(float).tiny)
        index = claim.index.ravel()
        for name in claim.quantities(space):
            low = space.offsets[name]
            own = (index >= low) & (index < low + int(np.prod(space.shapes[name], dtype=int)))
            for inside in _once_each(index, own):
                turned = _turned(claim, inside)
                values, places = claim.values.ravel()[inside], index[inside] - low
                if claim.more:
                    places = np.stack([places, *(more.ravel()[inside] - low for more in claim.more)])
                other = None if turned is None else turned[inside] - low
                found.append(Region(claim.name, name, places, values, floor, tolerance, other))
    return found


def _once_each(index: Array, own: Array) -> Iterator[Array]:
    """Where a quantity stands in a claim, once for every time that it is there: two biases may be wrong apart."""
    number = np.zeros(index.size, int)
    order = np.argsort(index, kind="stable")
    same = np.concatenate([[False], index[order][1:] == index[order][:-1]])
    starts = np.maximum.accumulate(np.where(same, 0, np.arange(index.size)))
    number[order] = np.arange(index.size) - starts
    for time in range(int(number[own].max(initial=0)) + 1):
        yield own & (number == time)


def _turned(claim: Claim, inside: Array) -> Array | None:
    """The addresses of a transposed claim, where its region is a square block that stays in place."""
    shape = tuple(n for n in claim.index.shape if n > 1)
    if len(shape) != 2:
        return None
    rows, columns = np.nonzero(inside.reshape(shape))
    low, left, side = rows.min(), columns.min(), int(np.sqrt(rows.size))
    if side < 2 or side * side != rows.size or rows.max() != low + side - 1 or columns.max() != left + side - 1:
        return None
    turned = claim.index.reshape(shape).copy()
    block = (slice(low, low + side), slice(left, left + side))
    turned[block] = turned[block].T
    return turned.ravel()


def limits(regions: Sequence[Region]) -> list[float]:
    """Magnitudes that entries may have been limited to: the largest of a claim, where it is reached more than once."""
    found: dict[float, int] = {}
    for region in regions:
        sizes = np.abs(region.values)
        largest = float(sizes.max(initial=0.0))
        if largest > 0:
            near = next((limit for limit in found if abs(limit / largest - 1) < 1e-6), largest)
            found[near] = found.get(near, 0) + int((sizes >= largest * (1 - 1e-6)).sum())
    return sorted((limit for limit, count in found.items() if count > 1), key=lambda limit: -found[limit])[:2]
