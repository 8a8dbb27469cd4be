"""What a dump means: the system that was computed, its values, and where each number of a gradient belongs.

A layout is an index map.  Every gradient that the derivation knows has addresses in one long vector, a `Space`; an
author's array, stacked, transposed or with axes in any order, is an array of the same shape that holds addresses.
Whatever an author does to arrays is done to arrays of addresses, so there is one rule for all layouts, and any number
of derived gradients can be compared at once: ``space.flatten(gradients)[..., claim.index]``.

Read next: `numeric.check.verdict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.system import System

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]


class Space:
    """Addresses of all numbers that can have a gradient.

    Args:
        shapes: by quantity, of its public array: a parameter ``W`` (n, m); a sequence ``x`` or an intermediate ``z_f``
            (T, B, …); a time-free input (B, …); an initial value, called ``h[0]`` whatever its position is, (B, …).
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)
        self.offsets: dict[str, int] = {}
        self.size = 0
        for name, shape in self.shapes.items():
            self.offsets[name] = self.size
            self.size += int(np.prod(shape, dtype=int))

    def addresses(self, name: str) -> Integers:
        """The addresses of a quantity, in the shape of its public array."""
        shape = self.shapes[name]
        return self.offsets[name] + np.arange(int(np.prod(shape, dtype=int))).reshape(shape)

    def flatten(self, values: Mapping[str, Floats]) -> Floats:
        """Values (…, *shape) by quantity as one array (…, size); NaN where nothing is given."""
        lead = np.broadcast_shapes(*(v.shape[: v.ndim - len(self.shapes[n])] for n, v in values.items()))
        flat = np.full((*lead, self.size), np.nan)
        for name, value in values.items():
            count = int(np.prod(self.shapes[name], dtype=int))
            own = value.shape[: value.ndim - len(self.shapes[name])]
            flat[..., self.offsets[name] : self.offsets[name] + count] = value.reshape(*own, count)
        return flat

    def where(self, address: int) -> tuple[str, tuple[int, ...]]:
        """The quantity and the coordinates at an address."""
        name = next(n for n in reversed(self.offsets) if self.offsets[n] <= address)
        return name, tuple(int(i) for i in np.unravel_index(address - self.offsets[name], self.shapes[name]))


@dataclass(frozen=True)
class Claim:
    """One array of the author's gradients, and what each of its numbers is the gradient of.

    Attributes:
        name: the author's, without ``grad/``.
        values: as given, in float64.
        index: addresses in a `Space`, of the shape of `values`.
        precision: the spacing of the author's dtype at 1; 2.2e-16 for float64, 1.2e-7 for float32.
        more: further addresses, whose gradients add up with those at `index`: of a state that all examples share.
    """

    name: str
    values: Floats
    index: Integers
    precision: float = float(np.finfo(np.float64).eps)
    more: tuple[Integers, ...] = ()

    def quantities(self, space: Space) -> tuple[str, ...]:
        """The quantities that it holds numbers of, in the order of the space."""
        bounds = np.array(list(space.offsets.values()))
        found = np.unique(np.searchsorted(bounds, self.index.ravel(), side="right") - 1)
        names = list(space.offsets)
        return tuple(names[i] for i in found)


@dataclass(frozen=True)
class Bound:
    """A dump that is understood: one system, and every array of the dump in its place.

    Attributes:
        system: the forward that was computed, with names for all operands (`derive.operands.name_operands`), and, if
            the code differentiates a loss, with that loss.
        parameters, inputs, initial: public arrays of the system, float64; indices are integers.
        cotangents: upstream gradients by output, in the shape of the output: (T, B, …), or (B, …) of what has no time.
            Of a loss L: ones (B,).
        scales: named factors by which all gradients may differ from these cotangents and be right: the loss of a
            code that differentiates a loss may be a sum or a mean, {"sum": 1, "mean over B": 1 / B, …}.
        space, claims: the author's gradients, and where their numbers belong.
        names: quantities of the system as the author calls them, as far as the dump tells: {"f": "Wf", "h": "h"}.
        architecture, convention: in words, for the verdict.
        orientation: how the author holds a vector of every example: as "rows" (B, n), as "columns" (n, B), or, of one
            example, as "vectors" (n,).
        worst: the largest relative difference of the forward values that were compared; None if there were none.
        changed: what the forward does otherwise than the cell of that name, in words; empty if nothing.
        intended: that cell, with the same names, where the forward is a change of it.
        literal: whether upstream gradients are those of what outputs are called, which is not what they are: a backward
            pass that is right by this reading is that of another forward.
        lenient: whether a common factor between the printed loss and the one that is differentiated is no mistake.
        doubt: why what is differentiated may be something else, in words; empty if the dump leaves no doubt.
        direct: upstream gradients of initial values, by their name in the space: some authors add them to the gradient
            of the initial value, some do not.
        owed: those of them that belong to an output which begins with the initial value, so that they must be added.
        lacking: those that are owed, and left out by this reading.
        parts: where several upstream gradients of one quantity add up, each by the author's name: the quantity, and
            its share of `cotangents`.
        notes: what the reader should know, one line each.
        steps: lengths of the time axes.
    """

    system: System
    parameters: Mapping[str, Floats]
    inputs: Mapping[str, Floats]
    initial: Mapping[str, Floats]
    cotangents: Mapping[str, Floats]
    space: Space
    claims: tuple[Claim, ...]
    scales: Mapping[str, float] = field(default_factory=lambda: {"given": 1.0})
    names: Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""
    convention: str = ""
    orientation: str = "columns"
    worst: float | None = None
    changed: tuple[str, ...] = ()
    intended: System | None = None
    parts: Mapping[str, tuple[str, Floats]] = field(default_factory=dict)
    direct: Mapping[str, Floats] = field(default_factory=dict)
    owed: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()
    literal: bool = False
    lenient: bool = False
    doubt: str = ""
    notes: tuple[str, ...] = ()
    steps: Mapping[str, int] = field(default_factory=dict)

    def without_direct(self) -> Bound:
        """The same, with the upstream gradients of initial values taken out of the author's gradients of them."""
        flat = np.zeros(self.space.size)
        for name, value in self.direct.items():
            flat[self.space.addresses(name)] = value
        return replace(self, claims=tuple(replace(c, values=c.values - flat[c.index]) for c in self.claims))

    def direct_left_out(self) -> Bound:
        """The same where the upstream gradients of initial values are in no gradient: a mistake where they are owed."""
        if self.owed:
            return replace(self, lacking=tuple(sorted(self.owed)))
        names = ", ".join(name.removesuffix("[0]") for name in self.direct)
        said = f"the upstream gradient of the initial {names} is not in its gradient: some leave it to the caller"
        return replace(self, notes=(*self.notes, said))
