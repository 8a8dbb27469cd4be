"""Gradients of quantities that are neither parameters nor inputs: a gate, its pre-activation, all of them stacked.

The name says most of it, but ``dft`` is the gradient of f for some and of what f is a sigmoid of for others.  Where
several places are possible, the one whose derived gradient points the same way is taken; else the one that the name
says.

Read next: `numeric.check.conventions.claims`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.system import System
from numeric.check.bound import Floats, Integers, Space
from numeric.check.conventions.axes import Placement, placements, rarity, time_label
from numeric.check.conventions.layouts import Layout
from numeric.check.conventions.names import words
from numeric.check.conventions.readings import Reading, addressed, preference, readings
from numeric.check.conventions.setting import Setting

PREFIX = re.compile(r"^(?:dL_?d|dL_?|grad_?|g_|d_?|D_?|delta_?|∂|δ)(?=.)")
BEFORE = ("z", "a", "pre", "raw", "net", "bar", "score", "act", "lin", "preact", "pa", "gates", "zeta")
ALIKE = 1e-5  # of 1 − |cos|: two gradients point the same way


@dataclass(frozen=True)
class Place:
    """Where a gradient may belong.

    Attributes:
        system, setting, layout, space: of the fit.
        read: how outputs and upstream gradients are read, by key.
    """

    system: System
    setting: Setting
    layout: Layout
    space: Space
    read: Mapping[str, Reading]


@dataclass(frozen=True)
class Option:
    """One place of a gradient: how well the name fits, its addresses, and what it is in words."""

    score: float
    index: Integers
    words: str


def address(reading: Reading, space: Space, shape: tuple[int, ...]) -> NDArray[Any]:
    """Addresses of a reading in the author's shape."""
    first = space.addresses(f"{reading.quantity}[0]") if f"{reading.quantity}[0]" in space.shapes else None
    return addressed(reading, space.addresses(reading.quantity), first, shape)


def intermediate(
    name: str, array: NDArray[Any], place: Place, derived: Callable[[], Floats], wish: str | None = None
) -> tuple[Integers | None, str]:
    """Addresses of a gradient that goes by the name of a quantity, or None; and a note.

    Args:
        derived: gradients of everything in the space, (P,); it is called only where names do not decide.
        wish: the quantity that it is of, or several, "z_i, z_f".
    """
    shape = array.shape
    options = sorted((*_single(name, shape, place), *_stacked(name, shape, place)), key=lambda o: -o.score)
    if wish is not None:
        options = [option for option in options if option.words.replace(" ", "") == wish.replace(" ", "")]
    if not options:
        return None, f"grad/{name} {shape} could not be placed"
    best = options[0]
    if len(options) > 1 and options[1].score > best.score - 1.5:
        truth = derived()
        alike = [option for option in options if _parallel(truth[option.index], array)]
        best = alike[0] if alike else best
        if not alike and best.score < 1.0:
            return None, f"grad/{name} {shape} could not be placed"
    return best.index, f"grad/{name} is taken as the gradient of {best.words}"


def _parallel(one: Floats, other: NDArray[Any]) -> bool:
    """Whether two arrays are multiples of each other."""
    norms = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return norms > 0 and 1 - abs(float((one * other).sum())) / norms < ALIKE


def _single(name: str, shape: tuple[int, ...], place: Place) -> Iterator[Option]:
    """One quantity."""
    like = list(place.setting.placements.values())
    defined = [n for n in place.system.defined if n in place.space.shapes]
    for reading in readings(shape, defined, place.system, place.setting.sizes):
        if "initial" not in reading.span or f"{reading.quantity}[0]" in place.space.shapes:
            score = _score(name, reading, place.system, like)
            yield Option(score, address(reading, place.space, shape), reading.quantity)


def _score(name: str, reading: Reading, system: System, like: Sequence[Placement]) -> float:
    """How well a gradient's name fits a quantity: z_f for a pre-activation, f for a gate."""
    origin = system.variables[reading.quantity].origin
    bare = PREFIX.sub("", name)
    pieces = words(bare)
    before = len(pieces) > 1 and any(word in BEFORE for word in pieces[:-1])
    if origin is not None and origin.kind in ("pre-activation", "operand"):
        plain = Reading(origin.of, reading.span, reading.placement)
        return preference(bare, plain, like) + (1.0 if before else -1.0)
    return preference(bare, reading, like) - (1.0 if before else 0.0)


def _stacked(name: str, shape: tuple[int, ...], place: Place) -> Iterator[Option]:
    """Gates or pre-activations side by side, in an order in which the author has weights."""
    pieces = words(name)
    before = any(word in BEFORE for word in pieces)
    for gates in _orders(place.layout):
        pre = [place.system.find("pre-activation", gate) for gate in gates]
        activated = all(gate in place.space.shapes for gate in gates)
        if all(var is not None for var in pre):
            names = tuple(var.name for var in pre if var is not None)
            yield from _side_by_side(names, shape, place, 1.5 + before)
        if activated:
            yield from _side_by_side(gates, shape, place, 1.0 + 0.5 * (not before))


def _orders(layout: Layout) -> list[tuple[str, ...]]:
    """Orders of gates: of stacked arrays, and in which arrays of single gates come."""
    stacked = [gates for gates, _, _ in layout.held.values() if len(gates) > 1]
    single = tuple(dict.fromkeys(gates[0] for gates, _, _ in layout.held.values() if len(gates) == 1))
    return list(dict.fromkeys([*stacked, *([single] if len(single) > 1 else [])]))


def _side_by_side(names: Sequence[str], shape: tuple[int, ...], place: Place, score: float) -> Iterator[Option]:
    arrays = [place.space.addresses(name) for name in names]  # (T, B, rows) each
    var = place.system.variables[names[0]]
    if len({array.shape[:-1] for array in arrays}) > 1 or len(var.shape) != 1:
        return
    lead = ([time_label(var.axis)] if var.axis is not None else []) + ["B"] * (
        arrays[0].ndim - 1 - (var.axis is not None)
    )
    forms: list[tuple[NDArray[Any], list[str]]] = [(np.concatenate(arrays, axis=-1), [*lead, "0"])]
    if len({array.shape for array in arrays}) == 1:
        cube = np.stack(arrays, axis=-2)
        forms.append((cube, [*lead, "g", "0"]))
        forms.append((cube.swapaxes(-1, -2).reshape(forms[0][0].shape), [*lead, "0"]))  # interleaved
    like = list(place.setting.placements.values())
    for less, (form, labels) in enumerate(forms):
        for last in (False, True) if var.axis is not None and form.shape[0] > 1 else (False,):
            part, own = (form[-1], labels[1:]) if last else (form, labels)
            for placement in placements(shape, tuple(own), dict(zip(own, part.shape, strict=True))):
                said = score - 0.05 * rarity(placement) - 0.1 * less - 0.5 * last
                said += 0.3 * any(_same_order(placement, other) for other in like)
                yield Option(said, placement.write(part, shape), ", ".join(names))


def _same_order(one: Placement, other: Placement) -> bool:
    mine = [label for label in one.author if label in other.author]
    return mine == [label for label in other.author if label in one.author]
