"""`bind`: from a dump to what it means, by trying conventions until the forward values agree.

Structures of the families are tried in turn (or the user's own system); shapes prune, names order, values decide.

Read next: `numeric.check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np

from derive.system import System
from numeric.check.arrangement import ROWS, is_bias
from numeric.check.axes import Placement
from numeric.check.bound import Bound, Floats
from numeric.check.candidates import groups
from numeric.check.claims import claims, same, space_of
from numeric.check.dump import Dump
from numeric.check.intermediates import Place
from numeric.check.losses import Lossy, losses
from numeric.check.readings import Reading, looks_last, preference, readings
from numeric.check.search import Fit, Progress, search
from numeric.check.trial import public
from numeric.reference import evaluate


class Undecided(ValueError):
    """No convention makes a known forward agree.

    Attributes:
        nearest: the candidate whose outputs came nearest, in words; "" if no shapes fit.
        difference: how far its worst output was off, relative to its largest entry.
    """

    def __init__(self, reason: str, nearest: str = "", difference: float | None = None) -> None:
        super().__init__(reason)
        self.nearest, self.difference = nearest, difference


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
    fits, nearest = search(dump, groups(cell, family, len(dump.params)), progress)
    if fits and not dump.targets:
        return _told([_bound(dump, fit) for fit in _distinct(fits)])
    if fits:
        found = losses(dump, fits, loss)
        if not found:
            raise Undecided(
                "the forward agrees, but no known loss has targets of such a shape", fits[0].candidate.words
            )
        return _told([_with_loss(dump, lossy) for lossy in _unlike(found)])
    if nearest is None:
        raise Undecided("the shapes of the arrays fit no cell that is known; give its equations as the cell")
    raise Undecided(
        f"no forward agrees: the nearest is {nearest.candidate.words}, whose outputs differ by {nearest.worst:.1e}",
        nearest.candidate.words,
        nearest.worst,
    )


def _distinct(fits: list[Fit]) -> list[Fit]:
    """Fits that mean different gradients, the likeliest first."""
    found: dict[object, Fit] = {}
    for fit in sorted(fits, key=lambda fit: -fit.score):
        index = tuple((name, i.tobytes()) for name, i in sorted(fit.layout.index.items()))
        found.setdefault((fit.system, index, tuple(fit.setting.belongs.items())), fit)
    return list(islice(found.values(), 4))


# --- the bound of a fit ------------------------------------------------------------------------------------------


def _bound(dump: Dump, fit: Fit, more_inputs: Mapping[str, Floats] | None = None, above: Sequence[str] = ()) -> Bound:
    system, setting = fit.system, fit.setting
    space = space_of(system, setting.sizes)
    read = dict(fit.read)
    cotangents, notes = _cotangents(dump, fit, read)
    cotangents |= {name: np.ones(setting.sizes.batch) for name in above}
    bound = Bound(
        system,
        public(fit.arrangement.space, fit.vector),
        {**setting.inputs, **(more_inputs or {})},
        setting.initial,
        cotangents,
        space,
        (),
        names=_names(fit, read),
        architecture=fit.candidate.words,
        convention=_convention(fit),
        worst=fit.worst if dump.outputs else None,
        changed=fit.candidate.changed,
        steps={axis: setting.sizes.steps(axis) for axis in system.axes},
    )
    found, more = claims(dump, Place(system, setting, fit.layout, space, read), cache(lambda: derived(bound)))
    return replace(bound, claims=found, notes=(*notes, *more))


def derived(bound: Bound) -> Floats:
    """Gradients of everything in the space of a bound, by the slow evaluator, (P,)."""
    outputs = tuple(bound.cotangents)
    adjoint = bound.system.adjoint(outputs=outputs)
    upstream = {}
    for name, value in bound.cotangents.items():
        var = adjoint.find("upstream", name)
        assert var is not None
        upstream[var.name] = value
    values = evaluate(adjoint, bound.parameters, {**bound.inputs, **upstream}, bound.initial, bound.steps)
    found = {}
    for name in bound.space.shapes:
        bare = name.removesuffix("[0]")
        var = adjoint.find("cotangent", bare)
        if var is None:
            continue
        initial = name.endswith("[0]")
        value = values.at(var.name, bound.system.boundaries[bare][0]) if initial else values[var.name]
        found[name] = np.broadcast_to(value, bound.space.shapes[name])
    return bound.space.flatten(found)


def _unlike(found: Sequence[Lossy]) -> list[Lossy]:
    """Losses that mean different gradients, the likeliest first."""
    kept: dict[object, Lossy] = {}
    for lossy in found:
        index = tuple((name, i.tobytes()) for name, i in sorted(lossy.fit.layout.index.items()))
        goals = tuple((a.shape, a.tobytes()) for a in lossy.inputs.values())
        kept.setdefault((lossy.words, index, goals, tuple(lossy.scales)), lossy)
    return list(islice(kept.values(), 6))


def _with_loss(dump: Dump, lossy: Lossy) -> Bound:
    fit = replace(lossy.fit, system=lossy.system)
    bound = _bound(dump, fit, lossy.inputs, lossy.system.outputs[-1:])
    notes = [] if len(dump.targets) == 1 else [f"only target/{next(iter(dump.targets))} is used"]
    if lossy.printed is False:
        notes.append(f"the printed loss {dump.loss:.6g} is not the {lossy.words} summed or averaged in any way")
    return replace(
        bound,
        scales=dict(lossy.scales),
        architecture=f"{bound.architecture}, {lossy.words}",
        notes=(*bound.notes, *notes),
    )


def _told(bounds: list[Bound]) -> list[Bound]:
    """Bounds of which each says that there are others."""
    if len(bounds) == 1:
        return bounds
    return [with_note(bound, f"{len(bounds)} readings of the arrays fit equally") for bound in bounds]


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
            value[reading.end] += given
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
