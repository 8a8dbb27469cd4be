"""Claims: what every number of the author's gradients is the gradient of.

A gradient goes by the name of what it belongs to: a parameter, input or initial value of the dump, whose layout it then
has; or a quantity of the system, a gate or its pre-activation, alone or stacked.

Read next: `numeric.check.conventions.bind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.system import System
from numeric.arrays import Sizes
from numeric.check.bound import Claim, Floats, Space
from numeric.check.conventions.axes import Placement, placements
from numeric.check.conventions.intermediates import PREFIX, Place, address, intermediate
from numeric.check.conventions.names import plain
from numeric.check.conventions.readings import Reading, preference, readings
from numeric.check.conventions.setting import Setting
from numeric.check.dump import Dump


def space_of(system: System, sizes: Sizes) -> Space:
    """Addresses of all that can have a gradient; the parameters come first."""
    variables = system.variables
    dims = {name: tuple(map(sizes.number, var.shape)) for name, var in variables.items()}
    shapes = {name: dims[name] for name in sorted(system.parameters)}  # whose order named operands may change
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


def claims(dump: Dump, place: Place, derived: Callable[[], Floats]) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """All gradients that have a place, and a note for each that has none, or not for sure.

    Args:
        derived: gradients of everything in the space; called only where names and shapes do not decide.
    """
    found, notes = [], []
    for name, array in dump.grads.items():
        index, note = _placed(name, array.shape, dump, place, derived)
        notes += [note] if note else []
        if index is not None:
            step = dump.precision.get(f"grad/{name}", 0.0) or float(np.finfo(np.float64).eps)
            found.append(
                Claim(name, array.astype(float), index, max(step, dump.spacing("param"), dump.spacing("input")))
            )
    return tuple(found), tuple(notes)


def _placed(
    name: str, shape: tuple[int, ...], dump: Dump, place: Place, derived: Callable[[], Floats]
) -> tuple[NDArray[Any] | None, str]:
    system, setting, layout, space = place.system, place.setting, place.layout, place.space
    wish = dump.wishes.get(f"grad/{name}")
    if wish is not None:
        return intermediate(name, dump.grads[name], place, derived, wish)
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
                return address(likely, space, shape), ""
            return None, f"grad/{name} {shape} has not the shape of {key} {arrays[own].shape}"
    for kind, arrays in (("output", dump.outputs), ("cotangent", dump.cotangents)):
        own = same(name, arrays)
        if own is not None and f"{kind}/{own}" in place.read:
            reading = place.read[f"{kind}/{own}"]
            near = list(readings(shape, [reading.quantity], system, setting.sizes))
            if near:
                best = max(near, key=lambda r: (r == reading, preference(name, r, [reading.placement])))
                return address(best, space, shape), ""
    return intermediate(name, dump.grads[name], place, derived, wish)


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
        found = [r for r in readings(shape, [quantity], system, setting.sizes) if "initial" not in r.span]
    best = max(found, key=lambda r: (r.placement.author == like.author, preference(name, r, [like])), default=None)
    return best
