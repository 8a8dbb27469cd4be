"""A fit as a `bound.Bound`: upstream gradients read, claims placed, names and conventions in words.

Read next: `numeric.check.conventions.bind`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from derive.networks.rename import assembled as joined
from derive.system import System
from numeric.check.bound import Bound, Floats
from numeric.check.conventions.arrangement import ROWS, is_bias
from numeric.check.conventions.axes import Placement
from numeric.check.conventions.candidates import operands_named
from numeric.check.conventions.claims import claims, same, space_of
from numeric.check.conventions.intermediates import PREFIX, Place
from numeric.check.conventions.names import hint
from numeric.check.conventions.readings import Reading, looks_last, preference, readings
from numeric.check.conventions.search import Fit
from numeric.check.conventions.trial import public
from numeric.check.dump import Dump
from numeric.check.variants.lanes import Derivation


def assembled(
    dump: Dump,
    fit: Fit,
    *,
    more_inputs: Mapping[str, Floats] | None = None,
    above: Sequence[str] = (),
    literal: Mapping[str, str] | None = None,
) -> Bound:
    """The bound of a fit.

    Args:
        more_inputs: targets of a loss.
        above: the loss: its upstream gradient is 1.
        literal: quantities that upstream gradients belong to by their names, whatever the outputs of those names are.
    """
    system, setting = fit.system, fit.setting
    space = space_of(system, setting.sizes)
    read = dict(fit.read)
    direct: dict[str, Floats] = {}
    cotangents, parts, notes = _cotangents(dump, fit, read, literal or {}, direct)
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
        orientation=_orientation([*fit.setting.placements.values(), *(reading.placement for reading in read.values())]),
        worst=fit.worst if dump.outputs else None,
        changed=fit.candidate.changed,
        intended=_intended(fit),
        parts=parts,
        direct=direct,
        owed=_begun(read) & direct.keys(),
        steps={axis: setting.sizes.steps(axis) for axis in system.axes},
    )
    found, more = claims(dump, Place(system, setting, fit.layout, space, read), cache(lambda: derived(bound)))
    return replace(bound, claims=found, notes=(*notes, *more))


def _intended(fit: Fit) -> System | None:
    """The cell that was meant, with what stands above it in the fit: a loss."""
    if fit.candidate.intended is None:
        return None
    meant, computed = (operands_named(make) for make in (fit.candidate.intended, fit.candidate.make))
    above = [e for e in fit.system.equations if e not in computed.equations]
    return joined((*meant.equations, *above), {**fit.system.variables, **meant.variables}, meant)


def derived(bound: Bound) -> Floats:
    """Gradients of everything in the space of a bound, (P,)."""
    result = Derivation(bound).run([()])
    found = {name: result.gradient(name)[0] for name in bound.space.shapes}
    return bound.space.flatten({n: np.broadcast_to(value, bound.space.shapes[n]) for n, value in found.items()})


def misnamed(dump: Dump, fit: Fit) -> dict[str, tuple[str, str]]:
    """Outputs with one state's name and another's values: by name, whose they are, and whose the name says."""
    found = {}
    for name in dump.outputs:
        reading = fit.read[f"output/{name}"]
        states = dict.fromkeys((*fit.system.states, *fit.system.outputs))
        shape = fit.system.variables[reading.quantity].shape
        named = [q for q in states if fit.system.variables[q].shape == shape and hint(name, q) >= 2.0]
        if named and reading.quantity not in named and hint(name, reading.quantity) < 1.0:
            found[name] = (reading.quantity, named[0])
    return found


def _cotangents(
    dump: Dump, fit: Fit, read: dict[str, Reading], literal: Mapping[str, str], direct: dict[str, Floats]
) -> tuple[dict[str, Floats], dict[str, tuple[str, Floats]], list[str]]:
    """Upstream gradients by quantity, and by name if several add up.  Adds how they are read to `read`.

    What comes in at initial values goes to `direct`.
    """
    system, sizes, notes = fit.system, fit.setting.sizes, []
    shares: dict[str, tuple[str, Floats]] = {}
    like = list(fit.setting.placements.values())
    for name, array in dump.cotangents.items():
        key = f"cotangent/{name}"
        own = same(name, dump.outputs)
        twin = read.get(f"output/{own}") if own is not None else None
        wish = dump.wishes.get(key) or (literal.get(own) if own is not None else None)
        options = list(readings(array.shape, [wish] if wish else system.defined, system, sizes))
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
        value = np.zeros((*steps, sizes.batch, *dims))
        shares[name] = (reading.quantity, value)
        given = reading.placement.read(array)
        if reading.span == "last":
            value[reading.end] += given
        elif reading.span in ("initial+steps", "steps+initial"):
            begins = reading.span == "initial+steps"
            value += given[1:] if begins else given[:-1]
            first = given[0 if begins else -1]
            if np.any(first):
                initial = f"{reading.quantity}[0]"
                direct[initial] = direct.get(initial, 0.0) + first
        else:
            value += given
    found: dict[str, Floats] = {}
    for quantity, value in shares.values():
        found[quantity] = found[quantity] + value if quantity in found else value
    quantities = [quantity for quantity, _ in shares.values()]
    return found, {name: share for name, share in shares.items() if quantities.count(share[0]) > 1}, notes


def _begun(read: Mapping[str, Reading]) -> frozenset[str]:
    """Initial values that are the first entry of an output."""
    outputs = (reading for key, reading in read.items() if key.startswith("output/"))
    return frozenset(f"{r.quantity}[0]" for r in outputs if r.span in ("initial+steps", "steps+initial"))


def _liking(
    name: str, option: Reading, twin: Reading | None, outputs: set[str], like: Sequence[Placement], system: System
) -> float:
    """How likely an upstream gradient is to be read so: as the output of its name, as an output, as a state."""
    score = preference(name, option, like) + 1.5 * (option.quantity in system.outputs)
    score += 1.0 * (option.quantity in outputs) + 0.5 * (option.quantity in system.states)
    score += 3.0 * (option.quantity == _named(name, system))
    if twin is not None and option.quantity == twin.quantity:
        score += 10 + 2 * (option.placement == twin.placement) + (option.span == twin.span)
    return score


def _named(name: str, system: System) -> str | None:
    """The one state or output that a name speaks of, though it is not given as an output: dc_n is of c, not of h."""
    bare = PREFIX.sub("", name)
    said = {own: max(hint(name, own), hint(bare, own)) for own in (*system.states, *system.outputs)}
    best = max(said, key=lambda own: said[own], default=None)
    return best if best is not None and said[best] >= 2.0 and list(said.values()).count(said[best]) == 1 else None


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


def _orientation(placements: Sequence[Placement]) -> str:
    """How vectors lie: `bound.Bound.orientation`."""
    for placement in placements:
        if "B" in placement.author and "0" in placement.author:
            return "rows" if placement.author.index("B") < placement.author.index("0") else "columns"
    return "rows" if any("B" in placement.author for placement in placements) else "vectors"


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
    table = fit.arrangement.table
    biases = Counter(table[g][r].parameter for gs, rs, _ in held.values() for g in gs for r in rs if is_bias(r))
    if not biases:
        parts.append("no bias")
    elif any(count > 1 for count in biases.values()):
        parts.append("two biases")
    letters = {"0": "D"}
    parts += [
        f"{key.partition('/')[2]} {placement.words(letters)}"
        for key, placement in fit.setting.placements.items()
        if key.startswith("input/")
    ]
    return ", ".join(parts)
