"""Readings: which quantity an author's array may hold, at which steps, in which axes.

Sequences have T entries, or T + 1 that begin with the initial value (or end with it, where s[-1] is read at the first
step), or are one step, the last.

Read next: `numeric.check.conventions.setting`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from derive.system import System
from numeric.arrays import Sizes
from numeric.check.bound import Floats
from numeric.check.conventions.axes import Placement, placements, rarity, time_label
from numeric.check.conventions.names import LAST, hint, words

Span = Literal["steps", "initial+steps", "steps+initial", "last", "once"]


@dataclass(frozen=True)
class Reading:
    """One way to read an array.

    Attributes:
        quantity: of the system; "h[0]" for an initial value.
        span: which steps it holds; "once" for what has no time.
        placement: what its axes are.
        end: the step that is computed last, −1, or 0 where a state runs backward.
    """

    quantity: str
    span: Span
    placement: Placement
    end: int = -1


def readings(shape: tuple[int, ...], quantities: Sequence[str], system: System, sizes: Sizes) -> Iterator[Reading]:
    """All readings that a shape allows."""
    for name in quantities:
        var = system.variables[name]
        features = {str(n): sizes.number(dim) for n, dim in enumerate(var.shape)}
        batch = {"B": sizes.batch} if name in system.batched else {}
        steps = sizes.steps(var.axis) if var.axis is not None else None
        spans: list[tuple[Span, dict[str, int]]] = [("once", {**batch, **features})]
        if steps is not None:
            time = time_label(str(var.axis))
            spans = [
                ("steps", {time: steps, **batch, **features}),
                ("initial+steps", {time: steps + 1, **batch, **features}),
                ("steps+initial", {time: steps + 1, **batch, **features}),
            ]
            spans += [("last", {**batch, **features})] if steps > 1 else []
        backward = any(position.from_end for position in system.boundaries.get(name, ()))
        for span, labels in spans:
            if backward and span in ("initial+steps", "steps+initial"):
                continue
            for placement in sorted(placements(shape, tuple(labels), labels), key=rarity):
                yield Reading(name, span, placement, 0 if backward else -1)


def looks_last(name: str) -> bool:
    """Whether a name says that an array is of the last step: h_last, hn, c_T."""
    pieces = words(name)
    return (len(pieces) > 1 and pieces[-1] in LAST) or name.lower() in LAST


def preference(name: str, reading: Reading, like: Sequence[Placement] = ()) -> float:
    """How well a reading fits the author's name, and the axes that the author's other arrays have."""
    score = hint(name, reading.quantity.removesuffix("[0]")) - 0.05 * rarity(reading.placement)
    score += 0.5 * ((reading.span == "last") == looks_last(name))
    score -= {"initial+steps": 0.2, "steps+initial": 0.6}.get(reading.span, 0.0)
    return score + 1.0 * any(agrees(reading.placement, other) for other in like)


def agrees(one: Placement, other: Placement) -> bool:
    """Whether two placements put the axes that both have in the same order."""
    mine = [label for label in one.author if label is not None and label in other.author]
    theirs = [label for label in other.author if label is not None and label in one.author]
    return mine == theirs


def compared(
    reading: Reading,
    array: NDArray[Any],
    values: Mapping[str, Floats],
    steps: int | None = None,
    examples: int | None = None,
) -> tuple[Floats, Floats]:
    """What the author's array is to be compared with, (K, …), and the array in the same axes.

    Only the first `steps` of `examples` are compared if `steps` is given.
    """
    target = reading.placement.read(array)
    if steps is not None and "B" in reading.placement.canonical:
        target = target[:, :examples]
    found = values[reading.quantity]
    if reading.span == "steps+initial":
        return found, target[: -1 if steps is None else steps]
    if reading.span in ("steps", "initial+steps"):
        first = int(reading.span == "initial+steps")
        return found, target[first : None if steps is None else first + steps]
    return (found[:, reading.end] if reading.span == "last" else found), target


def addressed(
    reading: Reading, addresses: NDArray[Any], first: NDArray[Any] | None, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Addresses in the author's shape, from those of the quantity; `first` are those of its initial value."""
    if reading.span == "last":
        addresses = addresses[reading.end]
    if reading.span == "initial+steps":
        assert first is not None
        addresses = np.concatenate([first[None], addresses])
    if reading.span == "steps+initial":
        assert first is not None
        addresses = np.concatenate([addresses, first[None]])
    return reading.placement.write(addresses, shape)
