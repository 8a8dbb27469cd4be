"""The loss of a case, and its derivative in the ways that the oracles compare.

L = Σ ⟨cotangent, output⟩ + Σ ⟨end, last value⟩ is a scalar whose gradient is what an adjoint system computes from
the same cotangents.  A leaf is (kind, name): ("parameter", "W"), ("input", "x"), ("initial", "h").

Read next: `numeric.comparison`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from derive.expr import Fixed
from derive.reach import final_positions
from derive.system import System
from numeric.arithmetic import NUMPY, Arithmetic
from numeric.draws import Case
from numeric.reference import Values, evaluate

Leaf = tuple[str, str]
Point = dict[Leaf, Any]
Naming = Callable[[str], str | None]


def leaves(system: System) -> tuple[Leaf, ...]:
    """Everything that has a gradient: parameters, real inputs, given initial values."""
    real = [name for name in system.inputs if system.variables[name].classes is None]
    return (
        *(("parameter", name) for name in system.parameters),
        *(("input", name) for name in real),
        *(("initial", name) for name in system.boundaries if system.variables[name].classes is None),
    )


def point(system: System, case: Case) -> Point:
    """The values of all leaves; initial values that are not given are zero."""
    values = evaluate(system, case.parameters, case.inputs, case.initial, case.steps, xp=NUMPY)
    return {
        (kind, name): at_positions(values, name, system.boundaries[name]) if kind == "initial" else values[name]
        for kind, name in leaves(system)
    }


def at_positions(values: Values, name: str, positions: tuple[Fixed, ...], *, absent_is_zero: bool = False) -> Any:
    """Values at some positions in the public layout: (B, …), or (k, B, …) for k positions.

    A cotangent without an equation for ``dh[0]`` claims that nothing depends on h[0]: that is a zero, and checked.
    """
    given = [values.at(name, p) if not absent_is_zero or values.has(name, p) else None for p in positions]
    known = next((value for value in given if value is not None), None)
    if known is None:
        return values.at(name, 1) * 0.0
    found = [known * 0.0 if value is None else value for value in given]
    if isinstance(found[0], numpy.ndarray):  # indices are plain arrays in every arithmetic
        return found[0] if len(found) == 1 else numpy.stack(found)
    return found[0] if len(found) == 1 else values.xp.concat([value[None] for value in found], 0)


def loss(system: System, case: Case, at: Point, xp: Arithmetic) -> Any:
    """L with the leaves at a point, as a scalar."""
    return pairing(system, case, primal_values(system, case, at, xp), lambda name: name)


def primal_values(system: System, case: Case, at: Point, xp: Arithmetic) -> Values:
    """The system evaluated with the leaves at a point; constants and integer inputs as in the case."""
    parameters = {**case.parameters, **{name: at[kind, name] for kind, name in at if kind == "parameter"}}
    inputs = {**case.inputs, **{name: at[kind, name] for kind, name in at if kind == "input"}}
    initial = {**case.initial, **{name: at[kind, name] for kind, name in at if kind == "initial"}}
    return evaluate(system, parameters, inputs, initial, case.steps, xp=xp)


def pairing(primal: System, case: Case, values: Values, named: Naming) -> Any:
    """Σ ⟨cotangent, quantity⟩ over outputs and last values.

    Args:
        primal: whose outputs and states they are.
        case: the cotangents.
        values: where the quantities are found.
        named: the name there of a quantity of the primal; None where it is zero.
    """
    total: Any = 0.0
    for name, cotangent in case.cotangents.items():
        there = named(name)
        if there is not None:
            total = total + (values[there] * values.constant(cotangent)).sum()
    for name, cotangent in case.final.items():
        there = named(name)
        if there is not None:
            last = at_positions(values, there, tuple(final_positions(primal, name)))
            total = total + (last * values.constant(cotangent)).sum()
    return total


@dataclass(frozen=True)
class Given:
    """Arrays for a derived system besides those of the case: leaves, and boundary values."""

    leaves: dict[str, Any]
    initial: dict[str, Any]


def derived_values(system: System, case: Case, xp: Arithmetic, more: Given) -> Values:
    """A tangent or adjoint system evaluated on a case."""
    given = {**case.parameters, **case.inputs, **more.leaves}
    initial = {**case.initial, **more.initial}
    return evaluate(
        system,
        {name: given[name] for name in (*system.parameters, *system.constants)},
        {name: given[name] for name in system.inputs},
        {name: initial[name] for name in initial if name in system.boundaries},
        case.steps,
        xp=xp,
    )


def seeds(adjoint: System, case: Case) -> dict[str, Any]:
    """The cotangents of a case as inputs of an adjoint system."""
    given: dict[str, Any] = {}
    for name, cotangent in case.cotangents.items():
        var = adjoint.find("upstream", name)
        if var is not None:
            given[var.name] = cotangent
    for name, cotangent in case.final.items():
        ends = adjoint.ends(name)
        given.update(zip(ends, cotangent if len(ends) > 1 else [cotangent], strict=False))
    return given


def collect(primal: System, values: Values, named: Naming) -> Point:
    """Something with the shape of every leaf, found in `values` under the name that `named` gives; None is zero."""
    found: Point = {}
    for kind, name in leaves(primal):
        there = named(name)
        if there is None:
            continue
        if kind == "initial":
            found[kind, name] = at_positions(values, there, primal.boundaries[name], absent_is_zero=True)
        else:
            found[kind, name] = values[there]
    return found


def gradient(primal: System, adjoint: System, case: Case, xp: Arithmetic = NUMPY) -> Point:
    """What an adjoint system says about every leaf; one that no output depends on is left out."""
    values = derived_values(adjoint, case, xp, Given(seeds(adjoint, case), {}))
    return collect(primal, values, lambda name: _derived(adjoint, "cotangent", name))


def tangent_pairing(primal: System, tangent: System, case: Case, direction: Point, xp: Arithmetic = NUMPY) -> Any:
    """Σ ⟨cotangent, directional derivative⟩ from a tangent system."""
    values = derived_values(tangent, case, xp, _directions(tangent, direction))
    return pairing(primal, case, values, lambda name: _derived(tangent, "tangent", name))


def hessian_product(
    primal: System, adjoint: System, second: System, case: Case, direction: Point, xp: Arithmetic = NUMPY
) -> Point:
    """Hessian times direction from `second`, the tangent of the adjoint system."""

    def named(name: str) -> str | None:
        cotangent = _derived(adjoint, "cotangent", name)
        return None if cotangent is None else _derived(second, "tangent", cotangent)

    moved = _directions(second, direction)
    values = derived_values(second, case, xp, Given({**moved.leaves, **seeds(second, case)}, moved.initial))
    return collect(primal, values, named)


def _derived(system: System, kind: str, of: str) -> str | None:
    var = system.find(kind, of)
    return None if var is None else var.name


def _directions(tangent: System, direction: Point) -> Given:
    """The leaves and boundary values of a tangent system that hold a direction."""
    given = Given({}, {})
    for (kind, name), array in direction.items():
        moved = _derived(tangent, "tangent", name)
        if moved is not None:
            (given.initial if kind == "initial" else given.leaves)[moved] = array
    return given
