"""The search: candidates in turn, until the forward of one agrees.

Structures of the families are tried with the layouts that names suggest, then with all that shapes allow; variants of
a structure share the layouts.  A layout is tried at all steps only if the first steps agree.

Read next: `numeric.check.losses`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice

import numpy as np

from derive.dimensions import length
from derive.expr import axis_symbol
from derive.networks import bidirectional, head, stack
from derive.operands import name_operands
from derive.system import System
from numeric.arrays import Sizes
from numeric.check.bound import Floats
from numeric.check.changes import changes
from numeric.check.dump import Dump
from numeric.check.families import Structure, Variant, structures
from numeric.check.layouts import Arrangement, Layout, layouts
from numeric.check.readings import Reading, compared, preference, readings
from numeric.check.setting import Setting, settings
from numeric.check.trial import difference, filled, forwards

Progress = Callable[[str], None]
CHUNK = 400  # layouts in one evaluation
COMMON = 2  # variants of a structure that are tried with changes: of the GRU both polarities
DEEP = 4  # structures that are tried in networks of several cells: the commonest of all, or of a family
HEADS = ("linear", "softmax", "sigmoid")


@dataclass(frozen=True)
class Candidate:
    """A system that may have been computed, in words; `changed` says what differs from the cell of that name."""

    words: str
    make: Callable[[], System]
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """A candidate, and how well its forward agrees.

    Attributes:
        system: with names for all operands.
        read: how outputs are read, by key.
        worst: the largest difference of an output.
        score: how well the names agree.
    """

    candidate: Candidate
    system: System
    setting: Setting
    arrangement: Arrangement
    layout: Layout
    vector: Floats
    read: Mapping[str, Reading]
    worst: float
    score: float


Group = tuple[Candidate, ...]  # systems with the same parameters


def groups(cell: System | None, family: str, count: int) -> Iterator[list[Group]]:
    """Candidates by structure: bare cells and cells with a read-out; then two directions, two layers.

    Args:
        cell: the user's own, which is then the only one, with or without a read-out.
        family: that is searched; "" for all.
        count: how many arrays of parameters there are.
    """
    if cell is not None:
        own = cell.title or cell.name
        yield [(Candidate(own, _Given(cell)),)]
        if len(cell.outputs) == 1 and cell.variables[cell.outputs[0]].axis is not None:
            yield [tuple(Candidate(f"{own}, {kind} read-out", partial(head, cell, kind)) for kind in HEADS)]
        return
    found = list(structures(family))
    yield [build(structure) for build in (_bare, _read_out) for structure in found]
    for build, least in NETWORKS.items():
        if count >= least:
            yield [build(structure) for structure in found[:DEEP]]


def _bare(structure: Structure) -> Group:
    return tuple(Candidate(variant.words, variant.system, variant.changed) for variant in structure.variants)


def _read_out(structure: Structure) -> Group:
    return tuple(
        Candidate(f"{variant.words}, {kind} read-out", partial(_with_head, variant, kind), variant.changed)
        for variant in structure.variants
        for kind in HEADS
    )


def _two_ways(structure: Structure) -> Group:
    return tuple(Candidate(f"bidirectional {v.words}", partial(_with_directions, v)) for v in structure.variants)


def _two_layers(structure: Structure) -> Group:
    return tuple(Candidate(f"two layers of {v.words}", partial(_with_layers, v)) for v in structure.variants)


def _two_ways_read_out(structure: Structure) -> Group:
    return tuple(
        Candidate(f"bidirectional {v.words}, {kind} read-out", partial(_with_both, v, kind))
        for v in structure.variants
        for kind in HEADS
    )


def _two_layers_read_out(structure: Structure) -> Group:
    return tuple(
        Candidate(f"two layers of {v.words}, {kind} read-out", partial(_with_layers_and_head, v, kind))
        for v in structure.variants
        for kind in HEADS
    )


@dataclass(frozen=True)
class _Given:
    """The user's own cell."""

    cell: System

    def __call__(self) -> System:
        return self.cell


@cache
def _with_head(variant: Variant, kind: str) -> System:
    return head(variant.system(), kind)


@cache
def _with_directions(variant: Variant) -> System:
    return bidirectional(variant.system(), output="h")


@cache
def _with_both(variant: Variant, kind: str) -> System:
    return head(_with_directions(variant), kind)


@cache
def _with_layers(variant: Variant) -> System:
    return stack([variant.system(), variant.system()], output="h")


@cache
def _with_layers_and_head(variant: Variant, kind: str) -> System:
    return head(_with_layers(variant), kind)


NETWORKS: Mapping[Callable[[Structure], Group], int] = {  # and the number of arrays from which on they are possible
    _two_ways: 2,
    _two_layers: 2,
    _two_ways_read_out: 3,
    _two_layers_read_out: 3,
}


def search(
    dump: Dump, candidates: Iterable[Iterable[Group]], progress: Progress | None
) -> tuple[list[Fit], Fit | None]:
    """All fits of the first structure that has any, and the nearest miss."""
    nearest: Fit | None = None
    for some in candidates:
        tried: list[tuple[Group, list[tuple[Setting, Arrangement]]]] = []
        for group in some:
            first = group[0].make()
            tried.append((group, [(setting, Arrangement(first, setting.sizes)) for setting in settings(first, dump)]))
            fits, nearest = _in_group(dump, *tried[-1], True, nearest, progress)
            if fits:
                return fits, nearest
        for group, places in tried:
            fits, nearest = _in_group(dump, _changed(group), places, True, nearest, progress)
            if fits:
                return fits, nearest
        for group, places in tried:
            fits, nearest = _in_group(dump, group, places, False, nearest, progress)
            if fits:
                return fits, nearest
    return [], nearest


def _changed(group: Group) -> Iterator[Candidate]:
    """The commonest of a group, each with one change of its forward."""
    plain = (c for c in group if not c.changed and not c.words.endswith(("softmax read-out", "sigmoid read-out")))
    for candidate in islice(plain, COMMON):
        for system, words in changes(candidate.make()):
            yield Candidate(candidate.words, _Given(system), (words,))


def _in_group(
    dump: Dump,
    group: Iterable[Candidate],
    places: Sequence[tuple[Setting, Arrangement]],
    strict: bool,
    nearest: Fit | None,
    progress: Progress | None,
) -> tuple[list[Fit], Fit | None]:
    candidates: list[Candidate] | None = None  # made when they are needed: changes take time
    for setting, arrangement in places:
        arranged = layouts(arrangement, dump.params, strict=strict)
        if not arranged:
            continue
        vectors = np.array([filled(arrangement.space, layout, dump.params) for layout in arranged])
        fits: list[Fit] = []
        candidates = list(group) if candidates is None else candidates
        for candidate in candidates:
            if progress is not None:
                progress(f"trying {candidate.words}")
            found = _tried(dump, candidate, setting, arrangement, arranged, vectors)
            fits += [fit for fit in found if fit.worst <= dump.tolerance]
            if fits and not dump.targets:
                break
            for fit in found:
                if nearest is None or fit.worst < nearest.worst:
                    nearest = fit
        if fits:
            return fits, nearest
    return [], nearest


def _tried(
    dump: Dump,
    candidate: Candidate,
    setting: Setting,
    arrangement: Arrangement,
    arranged: Sequence[Layout],
    vectors: Floats,
) -> list[Fit]:
    """All layouts of one system that agree, or else the best."""
    system = operands_named(candidate.make)
    choices = {
        f"output/{name}": list(readings(array.shape, system.defined, system, setting.sizes))
        for name, array in dump.outputs.items()
    }
    if not all(choices.values()):
        return []
    left = np.arange(len(arranged))
    for steps in _prefixes(system, setting.sizes):
        worst, _ = _compared(dump, system, setting, arrangement, vectors[left], choices, steps)
        near = worst <= 10 * dump.tolerance
        left = left[near] if near.any() else left[[int(worst.argmin())]]
    worst, chosen = _compared(dump, system, setting, arrangement, vectors[left], choices, None)
    keep = np.flatnonzero(worst <= dump.tolerance) if (worst <= dump.tolerance).any() else [int(worst.argmin())]
    return [
        Fit(
            candidate,
            system,
            setting,
            arrangement,
            arranged[left[k]],
            vectors[left[k]],
            {key: options[k] for key, options in chosen.items()},
            float(worst[k]),
            arranged[left[k]].score,
        )
        for k in keep
    ]


@cache
def operands_named(make: Callable[[], System]) -> System:
    """The system of a candidate with names for all operands."""
    return name_operands(make())


def _prefixes(system: System, sizes: Sizes) -> list[int]:
    """Lengths at which a system that runs forward along one axis is compared first."""
    if len(system.axes) != 1 or any(component.direction < 0 for component in system.components):
        return []
    steps = sizes.steps(system.axes[0])
    return [n for n in (1, 2) if 2 * n < steps]


def _compared(
    dump: Dump,
    system: System,
    setting: Setting,
    arrangement: Arrangement,
    vectors: Floats,
    choices: Mapping[str, list[Reading]],
    steps: int | None,
) -> tuple[Floats, dict[str, list[Reading]]]:
    """How far the worst output is off by layout, and how each output is read; the first steps of sequences, or all."""
    if steps is not None:
        setting = _cut(system, setting, steps)
        begun = {k: [r for r in rs if r.span in ("steps", "initial+steps")] for k, rs in choices.items()}
        choices = {key: rs for key, rs in begun.items() if rs and len(rs) == len(choices[key])}
        if not choices:
            return np.zeros(len(vectors)), {}
    like = list(setting.placements.values())
    wanted = sorted({reading.quantity for options in choices.values() for reading in options})
    worst = np.zeros(len(vectors))
    chosen: dict[str, list[Reading]] = {key: [] for key in choices}
    for start in range(0, len(vectors), CHUNK):
        part = vectors[start : start + CHUNK]
        values = forwards(system, setting.sizes, arrangement.space, part, setting.inputs, setting.initial, wanted)
        for key, options in choices.items():
            name = key.partition("/")[2]
            apart = np.array([difference(*compared(r, dump.outputs[name], values, steps)) for r in options])  # (R, K)
            liking = np.array([preference(name, reading, like) for reading in options])
            ranked = np.where(apart <= dump.tolerance, -1.0 - 1e-3 * liking[:, None], apart)
            best = ranked.argmin(axis=0)
            chosen[key] += [options[n] for n in best]
            off = np.take_along_axis(apart, best[None], 0)[0]
            worst[start : start + CHUNK] = np.maximum(worst[start : start + CHUNK], off)
    return worst, chosen


def _cut(system: System, setting: Setting, steps: int) -> Setting:
    """The first steps of a setting."""
    (axis,) = system.axes
    sizes = Sizes({**setting.sizes.dimensions, length(axis_symbol(axis)): steps}, setting.sizes.batch)
    inputs = {n: a[:steps] if system.variables[n].axis is not None else a for n, a in setting.inputs.items()}
    return replace(setting, sizes=sizes, inputs=inputs)
