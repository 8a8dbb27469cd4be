"""Claims: what every number of the author's gradients is the gradient of.

A gradient goes by the name of what it belongs to: a parameter, input or initial value of the dump, whose layout it then
has; or a quantity of the system, a gate or its pre-activation, alone or stacked.

Read next: `numeric.check.candidates`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.equation import Origin
from derive.system import System
from numeric.arrays import Sizes
from numeric.check.axes import Placement, placements, rarity, time_label
from numeric.check.bound import Claim, Space
from numeric.check.dump import Dump
from numeric.check.layouts import Layout
from numeric.check.names import plain, words
from numeric.check.readings import Reading, addressed, preference, readings
from numeric.check.setting import Setting

PREFIX = re.compile(r"^(?:dL_?d|dL_?|grad_?|g_|d_?|D_?|delta_?|∂|δ)(?=.)")
BEFORE = ("z", "a", "pre", "raw", "net", "bar", "score", "act", "lin", "preact", "pa", "gates", "zeta")


def space_of(system: System, sizes: Sizes) -> Space:
    """Addresses of all that can have a gradient; the parameters come first."""
    variables = system.variables
    dims = {name: tuple(map(sizes.number, var.shape)) for name, var in variables.items()}
    shapes = {name: dims[name] for name in system.parameters}
    for name in (*system.inputs, *system.defined):
        var = variables[name]
        if var.classes is None:
            time = (sizes.steps(var.axis),) if var.axis is not None else ()
            shapes[name] = (*time, *((sizes.batch,) if name in system.batched else ()), *dims[name])
    for name, positions in system.boundaries.items():
        if len(positions) == 1:
            shapes[f"{name}[0]"] = (sizes.batch, *dims[name])
    return Space(shapes)


def same(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that a gradient's name speaks of: itself, or itself behind a d."""
    wishes = [name, PREFIX.sub("", name)]
    everything = list(names)
    for wish in wishes:
        if wish in everything:
            return wish
    for wish in wishes:
        alike = [other for other in everything if plain(other) == plain(wish)]
        if len(alike) == 1:
            return alike[0]
    return None


def claims(
    dump: Dump, system: System, setting: Setting, layout: Layout, space: Space, read: Mapping[str, Reading]
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """All gradients that have a place, and a note for each that has none.

    Args:
        system: with names for all operands.
        read: how outputs and upstream gradients of the author are read, by key.
    """
    found, notes = [], []
    for name, array in dump.grads.items():
        index, note = _placed(name, array.shape, dump, system, setting, layout, space, read)
        notes += [note] if note else []
        if index is not None:
            step = dump.precision.get(f"grad/{name}", 0.0) or float(np.finfo(np.float64).eps)
            found.append(
                Claim(name, array.astype(float), index, max(step, dump.spacing("param"), dump.spacing("input")))
            )
    return tuple(found), tuple(notes)


def _placed(
    name: str,
    shape: tuple[int, ...],
    dump: Dump,
    system: System,
    setting: Setting,
    layout: Layout,
    space: Space,
    read: Mapping[str, Reading],
) -> tuple[NDArray[Any] | None, str]:
    if (own := same(name, dump.params)) is not None:
        index = layout.index[own]
        if index.size == np.prod(shape, dtype=int) and _squeezed(index.shape) == _squeezed(shape):
            return index.reshape(shape), ""
        if _squeezed(index.shape) == _squeezed(shape)[::-1]:
            return index.squeeze().T.reshape(shape), f"grad/{name} is transposed against param/{own}"
        return None, f"grad/{name} {shape} has not the shape of param/{own} {index.shape}"
    for kind, arrays in (("input", dump.inputs), ("initial", dump.initial)):
        if (own := same(name, _with_last(arrays))) is not None:
            own = own.removesuffix("_last")
            key = f"{kind}/{own}"
            quantity = setting.belongs[key]
            if system.variables[quantity].classes is not None:
                return None, f"grad/{name}: integers have no gradient"
            likely = _like(shape, quantity, kind == "initial", system, setting, setting.placements[key], name)
            if likely is not None:
                return _address(likely, space, shape), ""
            return None, f"grad/{name} {shape} has not the shape of {key} {arrays[own].shape}"
    return _intermediate(name, shape, dump, system, setting, layout, space, read)


def _with_last(arrays: Mapping[str, Any]) -> list[str]:
    return [*arrays, *(f"{name}_last" for name in arrays)]


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _like(
    shape: tuple[int, ...],
    quantity: str,
    initial: bool,
    system: System,
    setting: Setting,
    like: Placement,
    name: str,
) -> Reading | None:
    """The reading of a gradient of an input or initial value, in the axes that the value has if it can."""
    if initial:
        dims = {str(n): setting.sizes.number(d) for n, d in enumerate(system.variables[quantity].shape)}
        labels = {"B": setting.sizes.batch, **dims}
        found = [Reading(f"{quantity}[0]", "once", p) for p in placements(shape, tuple(labels), labels)]
    else:
        found = [r for r in readings(shape, [quantity], system, setting.sizes) if r.span != "initial+steps"]
    best = max(found, key=lambda r: (r.placement.author == like.author, preference(name, r, [like])), default=None)
    return best


def _address(reading: Reading, space: Space, shape: tuple[int, ...]) -> NDArray[Any]:
    first = space.addresses(f"{reading.quantity}[0]") if f"{reading.quantity}[0]" in space.shapes else None
    return addressed(reading, space.addresses(reading.quantity), first, shape)


def _intermediate(
    name: str,
    shape: tuple[int, ...],
    dump: Dump,
    system: System,
    setting: Setting,
    layout: Layout,
    space: Space,
    read: Mapping[str, Reading],
) -> tuple[NDArray[Any] | None, str]:
    """A gradient of a quantity that is neither parameter nor input nor initial value."""
    for kind, arrays in (("output", dump.outputs), ("cotangent", dump.cotangents)):
        own = same(name, arrays)
        if own is not None and f"{kind}/{own}" in read:
            reading = read[f"{kind}/{own}"]
            near = list(readings(shape, [reading.quantity], system, setting.sizes))
            if near:
                best = max(near, key=lambda r: (r == reading, preference(name, r, [reading.placement])))
                return _address(best, space, shape), ""
    like = list(setting.placements.values())
    states = {f"{n}[0]" for n in system.boundaries}
    options: list[tuple[float, NDArray[Any], str]] = []
    for reading in readings(shape, [n for n in system.defined if n in space.shapes], system, setting.sizes):
        if reading.span == "initial+steps" and f"{reading.quantity}[0]" not in states:
            continue
        options.append((_score(name, reading, system, like), _address(reading, space, shape), reading.quantity))
    for reading, gates in _stacked(shape, system, setting, layout):
        parts = [space.addresses(gate) for gate in gates]
        index = reading.placement.write(
            np.concatenate(parts, axis=-1)[-1 if reading.span == "last" else slice(None)], shape
        )
        score = 3.0 * any(word in words(name) for word in BEFORE) - 0.05 * rarity(reading.placement)
        options.append((score, index, ", ".join(gates)))
    options.sort(key=lambda option: -option[0])
    if not options or (len(options) > 1 and options[0][0] < 1.0):
        return None, f"grad/{name} {shape} could not be placed"
    rivals = [what for score, _, what in options[1:] if score > options[0][0] - 0.05 and what != options[0][2]]
    note = f"grad/{name} is taken as the gradient of {options[0][2]}" + (f"; or {rivals[0]}" if rivals else "")
    return options[0][1], note


def _score(name: str, reading: Reading, system: System, like: Sequence[Placement]) -> float:
    """How well a gradient's name fits a quantity: z_f for a pre-activation, f for a gate."""
    origin: Origin | None = system.variables[reading.quantity].origin
    pieces = words(PREFIX.sub("", name))
    before = len(pieces) > 1 and any(word in BEFORE for word in pieces[:-1])
    if origin is not None and origin.kind in ("pre-activation", "operand"):
        bare = Reading(origin.of, reading.span, reading.placement)
        return preference(PREFIX.sub("", name), bare, like) + (1.0 if before else -1.0)
    return preference(PREFIX.sub("", name), reading, like) - (1.0 if before else 0.0)


def _stacked(
    shape: tuple[int, ...], system: System, setting: Setting, layout: Layout
) -> list[tuple[Reading, tuple[str, ...]]]:
    """Pre-activations side by side, in the order in which the author stacks the weights of their gates."""
    found = []
    orders = {gates for gates, _, _ in layout.held.values() if len(gates) > 1}
    for gates in orders:
        pre = [system.find("pre-activation", gate) for gate in gates]
        if any(var is None for var in pre):
            continue
        names = tuple(var.name for var in pre if var is not None)
        var = system.variables[names[0]]
        width = sum(setting.sizes.number(system.variables[name].shape[0]) for name in names)
        steps = setting.sizes.steps(var.axis) if var.axis is not None else 1
        for span, labels in (
            ("steps", {time_label(str(var.axis)): steps, "B": setting.sizes.batch, "0": width}),
            ("last", {"B": setting.sizes.batch, "0": width}),
        ):
            if span == "steps" or steps > 1:
                found += [(Reading(names[0], span, p), names) for p in placements(shape, tuple(labels), labels)]  # type: ignore[arg-type]
    return found
