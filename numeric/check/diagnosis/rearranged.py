"""An author's array as a whole: gates or sources in another order, reshaped, not transposed, summed up.

A rearrangement is a permutation of the numbers of the right array, so lanes whose numbers add up to something else
are passed over.

Read next: `numeric.check.diagnosis.bench`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.check.bound import Bound, Claim, Space
from numeric.check.conventions.slots import slots
from numeric.check.diagnosis.local import Local
from numeric.check.diagnosis.regions import Region
from numeric.check.diagnosis.sums import of_each_example
from numeric.check.mistakes.gradients import exchange_tag
from numeric.check.variants.lanes import Result
from numeric.check.variants.view import View

Array = NDArray[Any]
Fold = Callable[[Array], Array]
BLOCKS = 5  # of an axis, whose order is looked at


@dataclass(frozen=True)
class Order:
    """The right array read in another order: where each number comes from."""

    local: Local
    places: Array


@dataclass(frozen=True)
class Whole:
    """One claim, with the numbers of its regions."""

    claim: Claim
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    space: Space
    floor: float
    tolerance: float
    gates: dict[str, tuple[str, str]]  # by parameter and role, the gate

    def error(self, found: Array) -> Array:
        """(lanes,) of (lanes, size of the claim)."""
        mine = self.claim.values.ravel()
        with np.errstate(all="ignore"):
            largest = np.maximum(np.abs(found).max(1), np.abs(mine).max(initial=0.0))
            error = np.abs(found - mine).max(1) / np.maximum(largest, self.floor)
        return np.where(np.isfinite(error), error, np.inf)

    def right(self, result: Result, fold: Fold) -> Array:
        """(lanes, size of the claim): what the derivation has where the author's numbers stand."""
        index = self.claim.index.ravel()
        found: Array | None = None
        for name in self.names:
            values = result.gradient(name)
            values = fold(values.reshape(values.shape[0], -1))
            low = self.space.offsets[name]
            inside = (index >= low) & (index < low + values.shape[1])
            if found is None:
                found = np.empty((values.shape[0], index.size))
            found[:, inside] = values[:, index[inside] - low]
        assert found is not None
        return found

    def values(self, result: Result, fold: Fold) -> Iterator[tuple[Local, Array]]:
        """Everything that may have been done to the array as a whole, (lanes, size)."""
        right = self.right(result, fold)
        if right.shape[1] < 2:
            return
        name = self.claim.name
        if max(self.claim.values.shape) == right.shape[1] and self.names[0] in result.derivation.primal.parameters:
            total = right.sum(1, keepdims=True)
            text = "the sum runs over all axes"
            yield Local("wrong-axis", name, text, text, 0), np.broadcast_to(total, right.shape)
            text = "the mean over all its entries"
            yield Local("wrong-axis", name, text, text, 1), np.broadcast_to(total / right.shape[1], right.shape)
        yield from self._cut_otherwise(result, fold)
        for order in self.orders:
            yield order.local, right[:, order.places]

    def _cut_otherwise(self, result: Result, fold: Fold) -> Iterator[tuple[Local, Array]]:
        """Gates side by side, (examples, entries), reshaped before the examples are added up."""
        each = {name: of_each_example(result, name) for name in self.names}
        known = [value for value in each.values() if value is not None]
        batch = result.sizes.batch
        if len(known) < len(each) or batch < 2:
            return
        index, lanes = self.claim.index.ravel(), max(len(value) for value in known)
        rows = np.empty((lanes, batch, index.size))
        for name, value in each.items():
            low = self.space.offsets[name]
            inside = (index >= low) & (index < low + self.space.shapes[name][0])
            rows[:, :, inside] = np.asarray(value)[:, :, index[inside] - low]
        text = "the sum runs over a reshaped axis, not over the examples"
        local = Local("wrong-axis", self.claim.name, text, text, 1)
        yield local, fold(rows.reshape(lanes, index.size, batch).sum(2))
        columns = np.swapaxes(rows, 1, 2).reshape(lanes, batch, index.size)
        yield local, fold(columns.sum(1))

    @cached_property
    def orders(self) -> list[Order]:
        """Every other order of the numbers that somebody may have made."""
        found: dict[bytes, Order] = {}
        same = np.arange(self.claim.values.size)
        for order in (*self._blocks(), *self._shapes()):
            if not np.array_equal(order.places, same):
                found.setdefault(order.places.tobytes(), order)
        return list(found.values())

    def _blocks(self) -> Iterator[Order]:
        """Gates, or sources, one after another in another order."""
        numbers = np.arange(self.claim.values.size).reshape(self.claim.values.shape)
        for axis in range(numbers.ndim):
            spans = self._spans(axis)
            if not 1 < len(spans) <= BLOCKS:
                continue
            for chosen in permutations(range(len(spans))):
                moved = [n for n, k in enumerate(chosen) if n != k]
                if not moved:
                    continue
                order = np.concatenate([np.arange(spans[n][1], spans[n][2]) for n in chosen])
                blocks = [spans[n][0] for n in chosen]
                names = [spans[n][0] for n in moved]
                tag = exchange_tag(names) if len(moved) == 2 else f"the order is {', '.join(blocks)}"
                detail = f"{', '.join(blocks)} one after another, where {', '.join(s[0] for s in spans)} belong"
                where = ", ".join((self.claim.name, *names))
                yield Order(Local("swap-gates", where, detail, tag, 1), np.take(numbers, order, axis).ravel())

    def _spans(self, axis: int) -> list[tuple[str, int, int]]:
        """Contiguous runs of one gate, or of one source, along an axis: what, from, to."""
        table = self.table
        found: list[tuple[str, int, int]] = []
        kinds: list[frozenset[str]] = []
        for n in range(self.claim.index.shape[axis]):
            here = table[np.take(self.claim.index, n, axis).ravel()]
            kind = frozenset(here.tolist())
            if kinds and kinds[-1] == kind:
                found[-1] = (found[-1][0], found[-1][1], n + 1)
                continue
            gates = {self.gates[k][0] for k in kind if k in self.gates}
            sources = {self.gates[k][1] for k in kind if k in self.gates}
            found.append((gates.pop() if len(gates) == 1 else "+".join(sorted(sources)), n, n + 1))
            kinds.append(kind)
        sources = {f[0] for f in found}
        if len(set(kinds)) != len(kinds) or "" in sources:
            return []
        if len(sources) != len(found):  # one gate, several sources
            found = [
                ("+".join(sorted({self.gates[k][1] for k in kind if k in self.gates})), f[1], f[2])
                for f, kind in zip(found, kinds, strict=True)
            ]
        return found

    @cached_property
    def table(self) -> Array:
        """By address, the parameter and the columns that it belongs to."""
        names = np.empty(self.space.size, object)
        names[:] = ""
        for key in self.gates:
            parameter, _, span = key.partition("|")
            own = self.space.addresses(parameter)
            if span:
                low, high = map(int, span.split(":"))
                names[own[:, low:high].ravel()] = key
            else:
                names[own.ravel()] = key
        return names

    def _shapes(self) -> Iterator[Order]:
        """Reshaped where the axes should have been exchanged."""
        shape = self.claim.values.shape
        if sum(n > 1 for n in shape) < 2:
            return
        numbers = np.arange(self.claim.values.size).reshape(shape)
        weights = {key.partition("|")[0] for key in self.gates} >= {*self.names}
        for axes in permutations(range(len(shape))):
            if axes != tuple(range(len(shape))):
                inverse = tuple(int(n) for n in np.argsort(axes))
                square = weights and numbers.transpose(axes).shape == shape  # so that rows and columns are exchanged
                kind = "transpose" if len(shape) == 2 or square else "wrong-axis"
                text = "it is reshaped where axes should be exchanged"
                local = Local(kind, self.claim.name, text, text, 1)
                yield Order(local, numbers.transpose(axes).reshape(shape).ravel())
                turned = numbers.reshape([shape[n] for n in axes]).transpose(inverse)
                yield Order(local, turned.ravel())


def arrays_of(regions: Sequence[Region], view: View, bound: Bound) -> list[Whole]:
    """All claims whose numbers may have been rearranged; of a gate or the like it is its layout that is not known."""
    gates: dict[str, tuple[str, str]] = {}
    number = view.derivation.sizes.number
    for slot in slots(view.primal):
        if slot.parameter not in bound.space.shapes:
            continue
        span = ""
        if slot.first is not None and len(bound.space.shapes[slot.parameter]) == 2:
            low = number(slot.first)
            span = f"|{low}:{low + number(slot.width)}"
        gate = view.gate_of(slot.gate) if slot.gate in view.primal.variables else slot.gate
        gates[f"{slot.parameter}{span}"] = (gate, slot.role)
    found = []
    for claim in bound.claims:
        mine = tuple(n for n, region in enumerate(regions) if region.claim == claim.name)
        names = claim.quantities(bound.space)
        if mine and not claim.more and not set(names) & set(bound.system.defined):
            one = regions[mine[0]]
            found.append(Whole(claim, mine, names, bound.space, one.floor, one.tolerance, gates))
    return found
