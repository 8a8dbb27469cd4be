"""Systems with values, and gradients of their derivations as claims: what the tests of the search share."""

from dataclasses import replace

import numpy as np
import sympy

import numeric
from derive.operands import name_operands
from derive.system import System
from numeric.check.bound import Bound, Claim, Floats, Space
from numeric.check.mistakes import Mutant
from numeric.check.variants.lanes import Derivation, Result

WIDTHS = {"D": 5, "H": 4, "O": 3, "A": 6, "V": 7, "K": 3}


def bound_of(system: System, steps: int = 6, batch: int = 3, seed: int = 0, outputs: tuple[str, ...] = ()) -> Bound:
    """A system with random values, and upstream gradients of its outputs (of a loss: 1)."""
    rng, system = np.random.default_rng(seed), name_operands(system)
    spare = iter(range(3, 99))
    lengths = {axis.upper(): steps + n for n, axis in enumerate(system.axes)}
    sizes = {dim: lengths.get(str(dim)) or WIDTHS.get(str(dim)) or next(spare) for dim in system.dimensions}

    def shape(name: str, *, lead: bool) -> tuple[int, ...]:
        var = system.variables[name]
        steps = (lengths[var.axis.upper()],) if var.axis is not None else ()
        return (
            *(steps if lead else ()),
            *((batch,) if lead else ()),
            *(int(sympy.sympify(d).subs(sizes)) for d in var.shape),
        )

    def drawn(name: str, *, lead: bool) -> Floats:
        var = system.variables[name]
        if var.classes is not None:
            return rng.integers(0, int(sympy.sympify(var.classes).subs(sizes)), shape(name, lead=lead))
        return rng.normal(0, 1 if lead else 0.5, shape(name, lead=lead))

    parameters = {name: drawn(name, lead=False) for name in (*system.parameters, *system.constants)}
    inputs = {name: drawn(name, lead=True) for name in system.inputs}
    initial = {
        name: rng.normal(0, 0.5, (batch, *shape(name, lead=False)))
        for name in system.boundaries
        if system.variables[name].classes is None and name not in system.inputs
    }
    free = {axis: lengths[axis.upper()] for axis in system.axes}
    values = numeric.evaluate(system, parameters, inputs, initial, free)
    upstream = {}
    for name in outputs or system.outputs:
        value = np.asarray(values[name])
        upstream[name] = np.ones(batch) if system.variables[name].shape == () else rng.normal(0, 1, value.shape)
    real = [name for name in system.inputs if system.variables[name].classes is None]
    shapes = {name: parameters[name].shape for name in system.parameters}
    shapes |= {name: inputs[name].shape for name in real}
    shapes |= {f"{name}[0]": value.shape for name, value in initial.items() if len(system.boundaries[name]) == 1}
    return Bound(system, parameters, inputs, initial, upstream, Space(shapes), (), steps=free)


def planted(bound: Bound, mistakes: tuple[Mutant, ...] = (), names: tuple[str, ...] = ()) -> Bound:
    """The bound with the gradients of a derivation that has these mistakes as the author's; of some names or all."""
    derivation = Derivation(bound)
    assert all(len(m.windows) == 1 for m in mistakes)
    weights = {place: np.zeros(1) for m in mistakes for window in m.windows for place in window}
    result = derivation.run([tuple(edit for m in mistakes for edit in m.edits)], weights)
    assert not result.broken.any()
    return claimed(bound, {name: gradient(result, name) for name in names or bound.space.shapes})


def claimed(bound: Bound, arrays: dict[str, Floats], precision: float = 2.2e-16) -> Bound:
    """The bound with these arrays as the author's gradients, in the layout of the system."""
    space = bound.space
    claims = tuple(Claim(name, np.array(array), space.addresses(name), precision) for name, array in arrays.items())
    return replace(bound, claims=claims)


def gradient(result: Result, name: str, lane: int = 0) -> Floats:
    """A gradient in one lane."""
    found = result.gradient(name)
    return np.asarray(found[lane if found.shape[0] > 1 else 0])
