"""The search: candidates in turn, until the forward of one agrees.

Structures of the families are tried with the layouts that names suggest, then with all that shapes allow; variants of
a structure share the layouts.  A layout is tried at all steps only if the first steps agree.

Read next: `numeric.check.conventions.losses`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.dimensions import length
from derive.expr import Fixed, axis_symbol, refs
from derive.system import System
from numeric.arrays import Sizes
from numeric.check.bound import Floats
from numeric.check.conventions.arrangement import Arrangement
from numeric.check.conventions.candidates import Candidate, Group, changed, operands_named
from numeric.check.conventions.layouts import Layout, layouts
from numeric.check.conventions.readings import Reading, compared, preference, readings
from numeric.check.conventions.setting import Setting, settings
from numeric.check.conventions.trial import difference, filled, forwards
from numeric.check.dump import Dump

Progress = Callable[[str], None]
CHUNK = 400  # layouts in one evaluation
NUMBERS = 10_000_000  # of parameters in one, which every example of every layout has of its own
FEW = 2  # examples that the first steps are compared for


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


def search(
    dump: Dump,
    candidates: Iterable[Iterable[Group]],
    progress: Progress | None,
    out_of_time: Callable[[], bool] = lambda: False,
    loose: bool = False,
    quick: bool = False,
) -> tuple[list[Fit], Fit | None]:
    """All fits of the first structure that has any, and the nearest miss, as far as the time goes.

    Args:
        loose: whether names need not mean anything from the beginning.
        quick: whether to stop before names need not mean anything, and before forwards are changed.
    """
    nearest: Fit | None = None
    for some in candidates:
        tried: list[tuple[Group, list[tuple[Setting, Places]]]] = []
        for group in some:
            first = group[0].make()
            tried.append((group, _places(first, dump)))
            fits, nearest = _in_group(dump, *tried[-1], not loose, nearest, progress, out_of_time)
            if fits:
                return fits, nearest
        for group, places in () if quick else tried:
            fits, nearest = _in_group(dump, group, places, False, nearest, progress, out_of_time)
            if fits:
                return fits, nearest
        for group, places in () if quick else tried:
            fits, nearest = _in_group(dump, changed(group), places, True, nearest, progress, out_of_time)
            if fits:
                return fits, nearest
        if out_of_time() or (quick and any(places for _, places in tried)):
            break  # where shapes fit, other forwards and other meanings of names come before larger networks
    return [], nearest


def _places(system: System, dump: Dump) -> list[tuple[Setting, Places]]:
    """Settings; those of the same sizes share an arrangement and its layouts."""
    by_size: dict[object, Places] = {}
    found = []
    for setting in settings(system, dump):
        key = tuple(setting.sizes.dimensions.items())
        if key not in by_size:
            by_size[key] = Places(Arrangement(system, setting.sizes), dump)
        found.append((setting, by_size[key]))
    return found


class Places:
    """An arrangement, and the layouts of a dump's parameters in it, found when they are asked for."""

    def __init__(self, arrangement: Arrangement, dump: Dump) -> None:
        self.arrangement, self.dump = arrangement, dump
        self._found: dict[bool, tuple[list[Layout], Floats]] = {}

    def layouts(self, strict: bool) -> tuple[list[Layout], Floats]:
        """Layouts, and the parameters in each, (K, P)."""
        if strict not in self._found:
            params = self.dump.params
            arranged = layouts(self.arrangement, params, strict=strict, wishes=self.dump.wishes)
            vectors = np.array([filled(self.arrangement.space, layout, params) for layout in arranged])
            self._found[strict] = arranged, vectors
        return self._found[strict]


def _in_group(
    dump: Dump,
    group: Iterable[Candidate],
    places: Sequence[tuple[Setting, Places]],
    strict: bool,
    nearest: Fit | None,
    progress: Progress | None,
    out_of_time: Callable[[], bool],
) -> tuple[list[Fit], Fit | None]:
    candidates: list[Candidate] | None = None  # made when they are needed: changes take time
    every: list[Fit] = []
    for setting, place in places:
        if out_of_time():
            break
        arranged, vectors = place.layouts(strict)
        if not arranged:
            continue
        fits: list[Fit] = []
        candidates = list(group) if candidates is None else candidates
        for candidate in candidates:
            if out_of_time():
                break
            if progress is not None:
                progress(f"trying {candidate.words}")
            try:
                found = _tried(dump, candidate, setting, place.arrangement, arranged, vectors)
            except ValueError:  # a change that these sizes do not allow
                continue
            fits += [fit for fit in found if fit.worst <= dump.tolerance]
            likeliest = any(fit.score >= arranged[0].score for fit in fits)
            if fits and dump.outputs and not dump.targets and (likeliest or not candidate.changed):
                break
            for fit in found:
                if nearest is None or fit.worst < nearest.worst:
                    nearest = fit
        every += fits
        if fits and dump.outputs:
            break  # without outputs every setting fits, and the loss or the gradients decide
    return every, nearest


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
    choices = {}
    for name, array in dump.outputs.items():
        wish = dump.wishes.get(f"output/{name}")
        if wish is not None and wish not in system.defined:
            return []
        quantities = system.defined if wish is None else (wish,)
        found = readings(array.shape, quantities, system, setting.sizes)
        choices[f"output/{name}"] = [r for r in found if _ends_with_initial(r, array, setting)]
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


def _ends_with_initial(reading: Reading, array: NDArray[Any], setting: Setting) -> bool:
    """Whether a sequence that is said to end with the initial value does."""
    if reading.span != "steps+initial":
        return True
    last = reading.placement.read(array)[-1]
    return bool(np.allclose(last, setting.initial.get(reading.quantity, np.zeros(())), rtol=1e-6, atol=0))


def _prefixes(system: System, sizes: Sizes) -> list[int]:
    """Lengths at which a system that runs forward along one axis is compared first."""
    if len(system.axes) != 1 or any(component.direction < 0 for component in system.components):
        return []
    reads = (read for equation in system.equations for read in refs(equation.expr))
    if any(isinstance(read.index, Fixed) and not read.index.is_boundary for read in reads):
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
        begun = {
            k: [r for r in rs if r.span in ("steps", "initial+steps", "steps+initial")] for k, rs in choices.items()
        }
        choices = {key: rs for key, rs in begun.items() if rs and len(rs) == len(choices[key])}
        if not choices:
            return np.zeros(len(vectors)), {}
    like = list(setting.placements.values())
    wanted = sorted({reading.quantity for options in choices.values() for reading in options})
    worst = np.zeros(len(vectors))
    chosen: dict[str, list[Reading]] = {key: [] for key in choices}
    chunk = max(1, min(CHUNK, NUMBERS // max(vectors.shape[1] * setting.sizes.batch, 1)))
    for start in range(0, len(vectors), chunk):
        part = vectors[start : start + chunk]
        values = forwards(system, setting.sizes, arrangement.space, part, setting.inputs, setting.initial, wanted)
        for key, options in choices.items():
            name = key.partition("/")[2]
            apart = np.array(
                [difference(*compared(r, dump.outputs[name], values, steps, FEW)) for r in options]
            )  # (R, K)
            liking = np.array([preference(name, reading, like) for reading in options])
            ranked = np.where(apart <= dump.tolerance, -1.0 - 1e-3 * liking[:, None], apart)
            best = ranked.argmin(axis=0)
            chosen[key] += [options[n] for n in best]
            off = np.take_along_axis(apart, best[None], 0)[0]
            worst[start : start + chunk] = np.maximum(worst[start : start + chunk], off)
    return worst, chosen


def _cut(system: System, setting: Setting, steps: int) -> Setting:
    """The first steps of a few examples of a setting."""
    (axis,) = system.axes
    batch = min(setting.sizes.batch, FEW)
    sizes = Sizes({**setting.sizes.dimensions, length(axis_symbol(axis)): steps}, batch)
    driven = {n: system.variables[n].axis is not None for n in setting.inputs}
    inputs = {n: a[:steps, :batch] if driven[n] else a[:batch] for n, a in setting.inputs.items()}
    return replace(setting, sizes=sizes, inputs=inputs, initial={n: a[:batch] for n, a in setting.initial.items()})
