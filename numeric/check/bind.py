"""`bind`: from a dump to what it means, by trying conventions until the forward values agree.

Structures of the families are tried in turn (or the user's own system); shapes prune, names order, values decide.

Read next: `numeric.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from derive.networks import head
from derive.operands import name_operands
from derive.system import System
from numeric.check.axes import Placement
from numeric.check.bound import Bound, Floats
from numeric.check.claims import claims, same, space_of
from numeric.check.dump import Dump
from numeric.check.families import Variant, structures
from numeric.check.layouts import ROWS, Arrangement, Layout, is_bias, layouts
from numeric.check.readings import Reading, compared, looks_last, preference, readings
from numeric.check.setting import Setting, settings
from numeric.check.trial import difference, filled, forwards, public

Progress = Callable[[str], None]
CHUNK = 400  # layouts in one evaluation


class Undecided(ValueError):
    """No convention makes a known forward agree.

    Attributes:
        nearest: the candidate whose outputs came nearest, in words; "" if no shapes fit.
        difference: how far its worst output was off, relative to its largest entry.
    """

    def __init__(self, reason: str, nearest: str = "", difference: float | None = None) -> None:
        super().__init__(reason)
        self.nearest, self.difference = nearest, difference


@dataclass(frozen=True)
class Fit:
    """A candidate, and how well its forward agrees.

    Attributes:
        system: with names for all operands.
        read: how outputs are read, by key.
        worst: the largest difference of an output.
        score: how well the names agree.
    """

    system: System
    words: str
    setting: Setting
    arrangement: Arrangement
    layout: Layout
    vector: Floats
    read: Mapping[str, Reading]
    worst: float
    score: float


def bind(
    dump: Dump,
    *,
    cell: System | None = None,
    family: str = "",
    loss: str | None = None,
    mapping: Mapping[str, str] | None = None,
    convention: str | None = None,
    progress: Progress | None = None,
) -> list[Bound]:
    """What a dump means, the likeliest first.

    Args:
        dump: the arrays.
        cell: a system of the user's own; only its layouts are searched.
        family: "rnn", "gru" or "lstm" to search only these.

    Raises:
        Undecided: if the forward of no candidate agrees.
    """
    nearest: Fit | None = None
    for group in _groups(cell, family):
        fits, best = _search(dump, group, progress)
        if fits:
            return [_bound(dump, fit, fits) for fit in _distinct(fits)]
        if best is not None and (nearest is None or best.worst < nearest.worst):
            nearest = best
    if nearest is None:
        raise Undecided("the shapes of the arrays fit no cell that is known; give its equations as the cell")
    raise Undecided(
        f"no forward agrees: the nearest is {nearest.words}, whose outputs differ by {nearest.worst:.1e}",
        nearest.words,
        nearest.worst,
    )


Group = tuple[tuple[str, Callable[[], System]], ...]  # systems with the same parameters


def _groups(cell: System | None, family: str) -> Iterator[Group]:
    """Candidates by structure; with a read-out only after the bare cells."""
    if cell is not None:
        yield ((cell.title or cell.name, lambda: cell),)
        return
    for structure in structures(family):
        yield tuple((variant.words, variant.system) for variant in structure.variants)
    for structure in structures(family):
        yield tuple(
            (f"{variant.words}, {kind} read-out", partial(_with_head, variant, kind))
            for variant in structure.variants
            for kind in ("linear", "softmax", "sigmoid")
        )


def _with_head(variant: Variant, kind: str) -> System:
    return head(variant.system(), kind)


def _search(dump: Dump, group: Group, progress: Progress | None) -> tuple[list[Fit], Fit | None]:
    """All fits of a group, and the nearest miss."""
    first = group[0][1]()
    fits: list[Fit] = []
    nearest: Fit | None = None
    for setting in settings(first, dump):
        arrangement = Arrangement(first, setting.sizes)
        arranged = layouts(arrangement, dump.params)
        if not arranged:
            continue
        vectors = np.array([filled(arrangement.space, layout, dump.params) for layout in arranged])
        for words, make in group:
            if progress is not None:
                progress(f"trying {words}")
            system = name_operands(make())
            for fit in _tried(dump, system, words, setting, arrangement, arranged, vectors):
                if fit.worst <= dump.tolerance:
                    fits.append(fit)
                elif nearest is None or fit.worst < nearest.worst:
                    nearest = fit
            if fits:
                break
        if fits:
            break
    return fits, nearest


def _tried(
    dump: Dump,
    system: System,
    words: str,
    setting: Setting,
    arrangement: Arrangement,
    arranged: list[Layout],
    vectors: Floats,
) -> Iterator[Fit]:
    """All layouts of one system that agree, or else the best."""
    like = list(setting.placements.values())
    choices = {
        f"output/{name}": list(readings(array.shape, system.defined, system, setting.sizes))
        for name, array in dump.outputs.items()
    }
    wanted = sorted({reading.quantity for options in choices.values() for reading in options})
    best: Fit | None = None
    some = False
    for start in range(0, len(arranged), CHUNK):
        part = vectors[start : start + CHUNK]
        values = forwards(system, setting.sizes, arrangement.space, part, setting.inputs, setting.initial, wanted)
        worst = np.zeros(len(part))
        chosen: dict[str, list[Reading]] = {}
        for name, array in dump.outputs.items():
            key = f"output/{name}"
            apart = np.array([difference(*compared(reading, array, values)) for reading in choices[key]])  # (R, K)
            liking = np.array([preference(name, reading, like) for reading in choices[key]])
            ranked = np.where(apart <= dump.tolerance, -1.0 - 1e-3 * liking[:, None], apart)
            best_reading = ranked.argmin(axis=0)
            chosen[key] = [choices[key][n] for n in best_reading]
            worst = np.maximum(worst, np.take_along_axis(apart, best_reading[None], 0)[0])
        for k in map(int, np.flatnonzero(worst <= dump.tolerance)):
            some = True
            read = {key: options[k] for key, options in chosen.items()}
            layout = arranged[start + k]
            yield Fit(system, words, setting, arrangement, layout, part[k], read, float(worst[k]), layout.score)
        least = int(worst.argmin())
        if not some and (best is None or worst[least] < best.worst):
            read = {key: options[least] for key, options in chosen.items()}
            layout, error = arranged[start + least], float(worst[least])
            best = Fit(system, words, setting, arrangement, layout, part[least], read, error, layout.score)
    if not some and best is not None:
        yield best


def _distinct(fits: list[Fit]) -> list[Fit]:
    """Fits that mean different gradients, the likeliest first."""
    found: dict[object, Fit] = {}
    for fit in sorted(fits, key=lambda fit: -fit.score):
        index = tuple((name, i.tobytes()) for name, i in sorted(fit.layout.index.items()))
        found.setdefault((fit.system, index, tuple(fit.setting.belongs.items())), fit)
    return list(islice(found.values(), 4))


# --- the bound of a fit ------------------------------------------------------------------------------------------


def _bound(dump: Dump, fit: Fit, fits: list[Fit]) -> Bound:
    system, setting = fit.system, fit.setting
    space = space_of(system, setting.sizes)
    read = dict(fit.read)
    cotangents, notes = _cotangents(dump, fit, read)
    found, more = claims(dump, system, setting, fit.layout, space, read)
    return Bound(
        system,
        public(fit.arrangement.space, fit.vector),
        setting.inputs,
        setting.initial,
        cotangents,
        space,
        found,
        names=_names(fit, read),
        architecture=fit.words,
        convention=_convention(fit),
        worst=fit.worst if dump.outputs else None,
        notes=(*notes, *more),
    )


def _cotangents(dump: Dump, fit: Fit, read: dict[str, Reading]) -> tuple[dict[str, Floats], list[str]]:
    """Upstream gradients by quantity; several of one quantity add up.  Adds how they are read to `read`."""
    system, sizes, notes = fit.system, fit.setting.sizes, []
    found: dict[str, Floats] = {}
    like = list(fit.setting.placements.values())
    for name, array in dump.cotangents.items():
        key = f"cotangent/{name}"
        own = same(name, dump.outputs)
        twin = read.get(f"output/{own}") if own is not None else None
        options = list(readings(array.shape, system.defined, system, sizes))
        outputs = {r.quantity for k, r in read.items() if k.startswith("output/")}
        if not options:
            notes.append(f"cotangent/{name} {array.shape} fits no quantity, and is left out")
            continue
        scores = [_liking(name, option, twin, outputs, like, system) for option in options]
        reading = options[int(np.argmax(scores))]
        read[key] = reading
        var = system.variables[reading.quantity]
        dims = tuple(map(sizes.number, var.shape))
        steps = (sizes.steps(var.axis),) if var.axis is not None else ()
        value = found.setdefault(reading.quantity, np.zeros((*steps, sizes.batch, *dims)))
        given = reading.placement.read(array)
        if reading.span == "last":
            value[-1] += given
        elif reading.span == "initial+steps":
            value += given[1:]
            if np.any(given[0]):
                notes.append(f"the first of the T + 1 entries of cotangent/{name}, of the initial value, is left out")
        else:
            value += given
    return found, notes


def _liking(
    name: str, option: Reading, twin: Reading | None, outputs: set[str], like: Sequence[Placement], system: System
) -> float:
    """How likely an upstream gradient is to be read so: as the output of its name, as an output, as a state."""
    score = preference(name, option, like) + 1.5 * (option.quantity in system.outputs)
    score += 1.0 * (option.quantity in outputs) + 0.5 * (option.quantity in system.states)
    if twin is not None and option.quantity == twin.quantity:
        score += 10 + 2 * (option.placement == twin.placement) + (option.span == twin.span)
    return score


def _names(fit: Fit, read: Mapping[str, Reading]) -> dict[str, str]:
    """Quantities as the author calls them."""
    found: dict[str, str] = {}
    for name, (gates, roles, _) in fit.layout.held.items():
        for gate in gates:
            for role in roles:
                parameter = fit.arrangement.table[gate][role].parameter
                found.setdefault(parameter, name)
            if len(gates) == 1 and not is_bias(roles[0]):
                found.setdefault(gate, name)
    for key, quantity in fit.setting.belongs.items():
        name = key.partition("/")[2]
        found.setdefault(f"{quantity}[0]" if key.startswith("initial") else quantity, name)
    for key, reading in read.items():
        if not looks_last(key.partition("/")[2]) or reading.quantity not in found:
            found[reading.quantity] = key.partition("/")[2]
    return found


def _convention(fit: Fit) -> str:
    """``gates f,i,g,o split, [h, x], columns, x (T, B, D)``."""
    held = fit.layout.held
    parts = []
    stacked = max((gates for gates, _, _ in held.values() if len(gates) > 1), key=len, default=())
    if stacked:
        parts.append("gates " + ",".join(stacked) + " stacked")
    elif len(fit.arrangement.table) > 1:
        parts.append("gates split")
    joined = max((roles for _, roles, _ in held.values() if len(roles) > 1), key=len, default=())
    parts.append("[" + ", ".join(joined) + "]" if joined else "input and recurrent weights apart")
    matrices = [way for _, roles, way in held.values() if not all(map(is_bias, roles))]
    parts.append("rows" if matrices.count(ROWS) > len(matrices) / 2 else "columns")
    biases = sum(1 for _, roles, _ in held.values() if all(map(is_bias, roles)))
    if not any(is_bias(role) for _, roles, _ in held.values() for role in roles):
        parts.append("no bias")
    elif biases and len({(g, r) for gs, rs, _ in held.values() for g in gs for r in rs if is_bias(r)}) < sum(
        len(gs) for gs, rs, _ in held.values() if any(map(is_bias, rs))
    ):
        parts.append("two biases")
    letters = {"0": "D"}
    parts += [
        f"{key.partition('/')[2]} {placement.words(letters)}"
        for key, placement in fit.setting.placements.items()
        if key.startswith("input/")
    ]
    return ", ".join(parts)


def with_note(bound: Bound, note: str) -> Bound:
    """The same bound with one more note."""
    return replace(bound, notes=(*bound.notes, note))
