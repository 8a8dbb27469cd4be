"""Axes in any order: which axis of an author's array is time, which is batch, which is a feature.

A `Placement` gives every axis of an author's array a label, or none where its length is one; a label that no axis
has is of length one too.  The labels of a canonical array have a fixed order, T, B and the features, and both
directions are here: the author's array as a canonical one, and canonical addresses in the author's shape.

Read next: `numeric.check.conventions.slots`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Label = str  # "T:t" for time axis t, "B", or the number of a feature axis: "0", "1"


def time_label(axis: str) -> Label:
    """The label of a time axis."""
    return f"T:{axis}"


@dataclass(frozen=True)
class Placement:
    """Labels of an author's axes.

    Attributes:
        author: one label an axis; None for an axis of length one that means nothing.
        canonical: all labels in canonical order.
    """

    author: tuple[Label | None, ...]
    canonical: tuple[Label, ...]

    def read(self, array: NDArray[Any]) -> NDArray[Any]:
        """The author's array in canonical axes."""
        kept = array.reshape([n for n, label in zip(array.shape, self.author, strict=True) if label is not None])
        present = [label for label in self.author if label is not None]
        order = [present.index(label) for label in self.canonical if label in present]
        moved = kept.transpose(order)
        missing = [n for n, label in enumerate(self.canonical) if label not in present]
        return np.expand_dims(moved, tuple(missing))

    def write(self, canonical: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """A canonical array in the author's axes, of the author's shape."""
        present = [label for label in self.author if label is not None]
        missing = tuple(n for n, label in enumerate(self.canonical) if label not in present)
        kept = [label for label in self.canonical if label in present]
        return canonical.squeeze(missing).transpose([kept.index(label) for label in present]).reshape(shape)

    def words(self, letters: Mapping[Label, str]) -> str:
        """``(T, B, D)``."""
        return (
            "("
            + ", ".join(letters.get(label, label.partition(":")[0]) if label else "1" for label in self.author)
            + ")"
        )


def placements(
    shape: tuple[int, ...], labels: tuple[Label, ...], sizes: Mapping[Label, int | None]
) -> Iterator[Placement]:
    """All placements of a shape; a size that is None is not known yet and fits any length.

    Common orders come first: the canonical one, batch before time, features first.
    """
    axes = len(shape)
    spare = [n for n in range(axes) if shape[n] == 1]
    seen = set()
    for size in range(min(axes, len(labels)), -1, -1):
        if axes - size > len(spare):
            break
        for chosen in permutations(labels, size):
            missing = [label for label in labels if label not in chosen]
            if any(sizes[label] not in (1, None) for label in missing):
                continue
            for places in _places(axes, size, spare):
                author: list[Label | None] = [None] * axes
                for place, label in zip(places, chosen, strict=True):
                    author[place] = label
                fits = all(sizes[label] in (shape[n], None) for n, label in enumerate(author) if label is not None)
                if fits and tuple(author) not in seen:
                    seen.add(tuple(author))
                    yield Placement(tuple(author), labels)


def _places(axes: int, size: int, spare: list[int]) -> Iterator[tuple[int, ...]]:
    """Increasing positions for `size` labelled axes, such that all others have length one."""
    need = [n for n in range(axes) if n not in spare]
    for extra in _subsets(spare, size - len(need)):
        yield tuple(sorted([*need, *extra]))


def _subsets(items: list[int], size: int) -> Iterator[tuple[int, ...]]:
    if size < 0:
        return
    if size == 0:
        yield ()
        return
    for n, item in enumerate(items):
        for rest in _subsets(items[n + 1 :], size - 1):
            yield (item, *rest)


def sized(placement: Placement, shape: tuple[int, ...]) -> dict[Label, int]:
    """Sizes of the labels by a placement."""
    given = dict(zip(placement.author, shape, strict=True))
    return {label: given.get(label, 1) for label in placement.canonical}


COMMON = ("TB0", "BT0", "T0", "0BT", "TB", "B0", "0T", "0TB", "BT", "T0B", "B0T", "T", "0", "B", "0B")


def rarity(placement: Placement) -> float:
    """How unusual an order of axes is: 0 for (T, B, D)."""
    text = "".join(label[0] for label in placement.author if label)
    return COMMON.index(text) if text in COMMON else len(COMMON)
