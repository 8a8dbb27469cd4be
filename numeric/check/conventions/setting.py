"""Sizes and data of a dump under a system: which axes the inputs have, which state an initial value belongs to.

Read next: `numeric.check.conventions.families`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations, product
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.dimensions import length
from derive.system import System
from numeric.arrays import Sizes, number_of
from numeric.check.bound import Floats
from numeric.check.conventions.arrangement import Arrangement
from numeric.check.conventions.axes import Placement, placements, rarity, sized, time_label
from numeric.check.conventions.names import base_and_copy, hint
from numeric.check.conventions.readings import agrees, readings
from numeric.check.conventions.slots import DIAGONAL, Slot, original, slots
from numeric.check.dump import Dump

MOST = 24  # settings that are tried
PART = re.compile(r"\[[:, ]*\d+\]$")


@dataclass(frozen=True)
class Setting:
    """A system's inputs and initial values out of a dump.

    Attributes:
        sizes: of everything.
        inputs, initial: public arrays of the system.
        placements: how the author's arrays lie, by key, ``input/x``.
        belongs: the quantity of the system by key: ``initial/h0`` → h.
        cost: how unusual all this is.
    """

    sizes: Sizes
    inputs: Mapping[str, NDArray[Any]]
    initial: Mapping[str, Floats]
    placements: Mapping[str, Placement]
    belongs: Mapping[str, str]
    cost: float


def settings(system: System, dump: Dump) -> list[Setting]:
    """All settings that the shapes allow, the commonest first."""
    found = [
        setting
        for assigned in _assigned(system, dump)
        for placed in _placed_inputs(system, dump, assigned)
        for sizes in _all_sizes(system, dump, assigned, placed)
        for setting in _with_initial(system, dump, assigned, placed, sizes)
    ]
    holds: dict[object, bool] = {}
    possible = (s for s in sorted(found, key=lambda setting: setting.cost) if _holds(s.sizes, system, dump, holds))
    return list(islice(possible, MOST))


def _holds(sizes: Sizes, system: System, dump: Dump, known: dict[object, bool]) -> bool:
    """Whether every array of parameters can hold some of the system's."""
    key = tuple(sizes.dimensions.items())
    if key not in known:
        arrangement = Arrangement(system, sizes)
        known[key] = all(arrangement.options(a.shape) for a in sorted(dump.params.values(), key=_volume))
    return known[key]


def _volume(array: NDArray[Any]) -> int:
    return int(array.size)


def _assigned(system: System, dump: Dump) -> Iterator[dict[str, str]]:
    """The author's inputs as inputs of the system, by the author's names."""
    wanted = list(system.inputs)
    given = list(dump.inputs)
    if len(wanted) != len(given):
        return
    orders = sorted(permutations(wanted), key=lambda order: -sum(map(hint, given, order)))
    for order in islice(orders, 6):
        if all(dump.wishes.get(f"input/{name}", ours) == ours for name, ours in zip(given, order, strict=True)):
            yield dict(zip(given, order, strict=True))


def _placed_inputs(
    system: System, dump: Dump, assigned: Mapping[str, str]
) -> Iterator[tuple[dict[str, Placement], dict[str, int], dict[sympy.Symbol, int]]]:
    """Placements of all inputs that agree on T and B, and the dimensions that follow."""
    choices = []
    for theirs, ours in assigned.items():
        var, array = system.variables[ours], dump.inputs[theirs]
        labels: dict[str, int | None] = {time_label(var.axis): None} if var.axis is not None else {}
        labels["B"] = None
        features = {str(n): int(dim) if dim.is_Integer else None for n, dim in enumerate(var.shape)}
        whole = labels if _one_hot(var.shape, array) else labels | features
        choices.append(list(placements(array.shape, tuple(whole), whole)))
        if whole is labels and array.ndim > 1 and _binary(array):  # zeros and ones may be features of each step
            choices[-1] += list(placements(array.shape, tuple(labels | features), labels | features))
    for chosen in product(*choices):
        lengths: dict[str, int] = {}
        dims: dict[sympy.Symbol, int] = {}
        fits = True
        for (theirs, ours), placement in zip(assigned.items(), chosen, strict=True):
            got = sized(placement, dump.inputs[theirs].shape)
            for label in got:
                if not label.isdigit():
                    fits &= lengths.setdefault(label, got[label]) == got[label]
            for n, dim in enumerate(system.variables[ours].shape):
                if str(n) in got and dim.is_Symbol:
                    fits &= dims.setdefault(dim, got[str(n)]) == got[str(n)]
        if fits:
            yield dict(zip(assigned, chosen, strict=True)), lengths, dims


def _is_coded(system: System, dump: Dump, theirs: str, ours: str) -> bool:
    return _one_hot(system.variables[ours].shape, dump.inputs[theirs])


def _one_hot(shape: Sequence[sympy.Expr], array: NDArray[Any]) -> bool:
    """Integers where a column is read: classes, unless they are zeros and ones already."""
    return array.dtype.kind == "i" and len(shape) == 1 and (array.ndim < 3 or int(array.max()) > 1)


def _binary(array: NDArray[Any]) -> bool:
    return 0 <= int(array.min()) <= int(array.max()) <= 1


def _all_sizes(
    system: System,
    dump: Dump,
    assigned: Mapping[str, str],
    placed: tuple[dict[str, Placement], dict[str, int], dict[sympy.Symbol, int]],
) -> Iterator[Sizes]:
    """Sizes of the remaining dimensions, such that parameters have as many numbers as the author's."""
    _, lengths, known = placed
    times = {length(sympy.Symbol(axis)): time_label(axis) for axis in system.axes}
    batch = lengths.get("B", 1)
    known = {**known, **{symbol: lengths[label] for symbol, label in times.items() if label in lengths}}
    unknown = [symbol for symbol in dict.fromkeys((*system.dimensions, *times)) if symbol not in known]
    arrays = [*dump.params.values(), *dump.outputs.values(), *dump.initial.values(), *dump.cotangents.values()]
    lengths_seen = {n for array in arrays for n in array.shape}
    parts = {n // k for n in lengths_seen for k in (2, 3, 4) if n % k == 0}  # of an axis that gates or directions share
    pool = sorted(lengths_seen) + sorted((parts | {1}) - lengths_seen)
    count = sum(array.size for array in dump.params.values())
    blocks = slots(system)
    apart = {n - m - bias for n in lengths_seen for m in pool for bias in (0, 1)} - {*pool}  # [h, x, 1] of a known H
    wide = [*pool, *sorted(n for n in apart if n > 0)]
    hidden = {
        system.variables[ours].shape[0] for theirs, ours in assigned.items() if _is_coded(system, dump, theirs, ours)
    }
    pools = [wide if symbol in hidden else pool for symbol in unknown]
    grid = np.array(list(product(*pools)))  # one row a choice; one of no columns if all is known
    least, most = _counts(blocks, {**known, **dict(zip(unknown, grid.T, strict=True))})
    for values in grid[np.broadcast_to((least <= count) & (count <= most), len(grid))].tolist():
        sizes = Sizes({**known, **dict(zip(unknown, values, strict=True))}, batch)
        if _plausible(system, dump, sizes) and _classes_fit(system, dump, assigned, placed[0], sizes):
            yield sizes


def _counts(blocks: Sequence[Slot], known: Mapping[sympy.Symbol, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """How many numbers an author's parameters can have: without any bias, and with two of each."""
    least, most = np.array(0), np.array(0)
    for slot in blocks:
        number = number_of(slot.rows, known) * number_of(slot.width, known)
        column = slot.role in ("1", "1'")
        least = least + (0 if column or slot.role.endswith(DIAGONAL) else number)
        most = most + (2 * number if column else number)
    return least, most


def _plausible(system: System, dump: Dump, sizes: Sizes) -> bool:
    """Whether every output and upstream gradient has a quantity of its shape."""
    kinds = {(system.variables[n].shape, system.variables[n].axis, n in system.batched): n for n in system.defined}
    defined = tuple(kinds.values())
    shapes = {array.shape for arrays in (dump.outputs, dump.cotangents) for array in arrays.values()}
    return all(next(readings(shape, defined, system, sizes), None) is not None for shape in shapes)


def _classes_fit(
    system: System, dump: Dump, assigned: Mapping[str, str], placed: Mapping[str, Placement], sizes: Sizes
) -> bool:
    for theirs, ours in assigned.items():
        var, array = system.variables[ours], dump.inputs[theirs]
        whole = _one_hot(var.shape, array) and "0" not in placed[theirs].canonical
        dim = var.classes if var.classes is not None else var.shape[0] if whole else None
        if dim is not None and not 0 <= int(array.min()) <= int(array.max()) < sizes.number(dim):
            return False
    return True


def _with_initial(
    system: System,
    dump: Dump,
    assigned: Mapping[str, str],
    placed: tuple[dict[str, Placement], dict[str, int], dict[sympy.Symbol, int]],
    sizes: Sizes,
) -> Iterator[Setting]:
    """The setting with each way to give the states their initial values."""
    places = {f"input/{name}": placement for name, placement in placed[0].items()}
    inputs = {
        ours: _canonical(dump.inputs[theirs], places[f"input/{theirs}"], system, ours, sizes)
        for theirs, ours in assigned.items()
    }
    belongs = {f"input/{name}": ours for name, ours in assigned.items()}
    cost = sum(map(rarity, places.values()))
    states = [name for name, positions in system.boundaries.items() if len(positions) == 1]
    if len(dump.initial) > len(states):
        return
    for chosen in _orders(list(dump.initial), states, system):
        wishes = (dump.wishes.get(f"initial/{name}") for name in dump.initial)
        if any(wish not in (None, state) for wish, state in zip(wishes, chosen, strict=True)):
            continue
        options = []
        for array, state in zip(dump.initial.values(), chosen, strict=True):
            dims = {str(n): sizes.number(dim) for n, dim in enumerate(system.variables[state].shape)}
            labels = {"B": sizes.batch, **dims}
            options.append(list(placements(array.shape, tuple(labels), labels)))
        for ways in product(*options):
            own = {f"initial/{name}": way for name, way in zip(dump.initial, ways, strict=True)}
            initial = {
                state: way.read(array) for (array, state, way) in zip(dump.initial.values(), chosen, ways, strict=True)
            }
            said = sum(hint(name, state) for name, state in zip(dump.initial, chosen, strict=True))
            unlike = sum(not any(agrees(way, other) for other in places.values()) for way in ways)
            names = {f"initial/{name}": state for name, state in zip(dump.initial, chosen, strict=True)}
            yield Setting(
                sizes, inputs, initial, {**places, **own}, {**belongs, **names}, cost + 2 * unlike - 0.5 * said
            )


def _orders(names: Sequence[str], states: Sequence[str], system: System) -> Iterator[tuple[str, ...]]:
    """Which state each initial value may be of; what comes out of one array, ``h_0[1]``, is in the order of copies."""
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(PART.sub("", name), []).append(name)
    several = [members for members in parts.values() if len(members) > 1]
    alone = [members[0] for members in parts.values() if len(members) == 1]
    kinds: dict[str, list[str]] = {}
    for state in states:
        kinds.setdefault(base_and_copy(original(state, system))[0], []).append(state)
    for chosen in permutations(kinds.values(), len(several)):
        if all(len(own) == len(members) for own, members in zip(chosen, several, strict=True)):
            fixed = {
                n: s for members, own in zip(several, chosen, strict=True) for n, s in zip(members, own, strict=True)
            }
            for rest in permutations([s for s in states if s not in fixed.values()], len(alone)):
                given = fixed | dict(zip(alone, rest, strict=True))
                yield tuple(given[name] for name in names)


def _canonical(array: NDArray[Any], placement: Placement, system: System, name: str, sizes: Sizes) -> NDArray[Any]:
    """The author's input as a public array; classes become one-hot columns where the system reads a column."""
    var = system.variables[name]
    moved = placement.read(array)
    if var.classes is not None:
        return moved
    if _one_hot(var.shape, array) and "0" not in placement.canonical:
        return np.eye(sizes.number(var.shape[0]))[moved]
    return moved.astype(float)
