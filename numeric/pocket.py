"""A worked example: numbers that a pocket calculator can follow, forward, backward and through one update.

Every line is one equation at one step, with all sums over time written out; its value comes
from the slow evaluator.  What a reader gets who puts the *printed* operands into the same equation is computed as
well, so that the report can say by how much that may differ in the last digit.

Without a loss of its own a system gets ½ Σ ‖y_t − 1‖², over its outputs y: a gradient enters at every step.

Read next: `numeric.pocket_notes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from derive.chain import scalar_losses
from derive.expand import Clock, VectorExpander
from derive.expr import Op, Ref, fixed, ref
from derive.primitives import TABLE
from derive.system import Equation, System
from numeric.arithmetic import NUMPY, meaning
from numeric.arrays import Sizes
from numeric.pocket_numbers import Given
from numeric.reference import Values, evaluate
from numeric.structure import STRUCTURE

DIGITS = 4
SMALL, NOTHING = 1e-3, 1e-12
RATES = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class Line:
    """One equation at one step.

    Attributes:
        equation: of the gradient system or its primal.
        at: the step of its axis; empty without time.
        expr: its right side, sums over time written out, every read at a fixed position.
        value: what it computes, (rows, columns).
        followed: the same from operands as printed.
    """

    equation: Equation
    at: Mapping[str, int]
    expr: sympy.Expr
    value: np.ndarray
    followed: np.ndarray

    @property
    def slip(self) -> int:
        """By how many units of the fourth decimal the result of a reader who follows differs from the printed one."""
        apart = np.abs(np.round(self.value, DIGITS) - np.round(self.followed, DIGITS))
        return round(float(apart.max()) * 10**DIGITS)


@dataclass(frozen=True)
class Update:
    """One step of descent: θ − η ∂L/∂θ for every parameter, and the loss before and after; no rate if nothing moves."""

    rate: float
    gradients: Mapping[str, np.ndarray]
    parameters: Mapping[str, np.ndarray]
    before: float
    after: float


@dataclass(frozen=True)
class Worked:
    """An example with all its lines in the order in which they can be computed."""

    given: Given
    loss: tuple[str, ...]
    lines: tuple[Line, ...]
    update: Update
    sizes: Sizes
    clock: Clock
    read: Callable[[Ref], np.ndarray]

    def reads(self, name: str) -> tuple[Ref, ...]:
        """A quantity at every step, or once without time."""
        axis = self.clock.system.variables[name].axis
        return (
            (ref(name),)
            if axis is None
            else tuple(ref(name, fixed(axis, t + 1)) for t in range(self.given.steps[axis]))
        )


def places(value: float) -> int:
    """Decimals with which a number is printed: four, or for a small one so many that three digits are seen."""
    size = abs(value)
    return DIGITS if size >= SMALL or size == 0 or not math.isfinite(size) else 2 - math.floor(math.log10(size))


def printed(value: Any) -> np.ndarray:
    """The numbers that stand on paper; what is nothing but rounding is 0."""
    array = np.asarray(value, float)
    array = np.where(np.abs(array) < NOTHING, 0.0, array)
    return np.array([round(x, places(x)) for x in array.ravel().tolist()]).reshape(array.shape) + 0.0


# --- working it out -------------------------------------------------------------------------------------------------


def worked(system: System, reading: System, given: Given) -> Worked:
    """Forward, backward and one update.

    Args:
        system: the primal.
        reading: its gradient of the outputs, or of the loss, as printed.
        given: the numbers.

    Raises:
        ValueError: if the numbers do not fit, or some value is not finite.
    """
    with np.errstate(all="ignore"):  # what is not finite is said below
        return _worked(system, reading, given)


def _worked(system: System, reading: System, given: Given) -> Worked:
    loss = scalar_losses(system)
    seeds = _seeds(system, reading, _forward(system, given, given.parameters))
    own = {**given.parameters, **given.inputs, **seeds}
    parameters = {n: own[n] for n in (*reading.parameters, *reading.constants)}
    inputs = {n: own[n] for n in reading.inputs}
    initial = {n: v for n, v in given.initial.items() if n in reading.boundaries}
    values = evaluate(reading, parameters, inputs, initial, given.steps)
    read = _reader(reading, values)
    lines = tuple(_lines(reading, values.sizes, given, read))
    if not all(np.isfinite(line.value).all() for line in lines):
        raise ValueError(f"the worked example of {system.name} has values that are not finite")
    return Worked(
        given, loss, lines, _update(system, reading, given, values), values.sizes, Clock(reading, given.steps), read
    )


def _forward(system: System, given: Given, parameters: Mapping[str, np.ndarray]) -> Values:
    return evaluate(system, parameters, given.inputs, given.initial, given.steps)


def loss_value(system: System, given: Given, parameters: Mapping[str, np.ndarray]) -> float:
    """The loss at some parameters: the system's own, or ½ Σ ‖y − 1‖² over what it puts out."""
    values, own = _forward(system, given, parameters), scalar_losses(system)
    if own:
        return float(sum(np.sum(values[name]) for name in own))
    return float(sum(0.5 * np.sum((values[name] - 1) ** 2) for name in system.outputs))


def _seeds(system: System, reading: System, values: Values) -> dict[str, np.ndarray]:
    """What the loss contributes: 1 for a loss of the system, y − 1 for an output."""
    found = {}
    for name, var in reading.variables.items():
        if var.origin is not None and var.origin.kind == "upstream":
            value = np.asarray(values[var.origin.of])
            is_loss = var.origin.of in scalar_losses(system)
            found[name] = np.ones_like(value) if is_loss else value - 1
    return found


def _reader(reading: System, values: Values) -> Callable[[Ref], np.ndarray]:
    def read(place: Ref) -> np.ndarray:
        index = place.index
        name, shared = place.name, place.name not in reading.batched
        value = values[name] if index is None else values.at(name, index)
        array = np.asarray(value if shared else value[0])
        return array.reshape((*array.shape, 1, 1)[:2])

    return read


def _lines(reading: System, sizes: Sizes, given: Given, read: Callable[[Ref], np.ndarray]) -> list[Line]:
    clock = Clock(reading, given.steps)
    expander = VectorExpander(reading.shape_of, clock)
    found = []
    for component in reading.components:
        axis = component.axis
        steps = [] if axis is None else list(range(1, given.steps[axis] + 1))[:: component.direction or 1]
        runs: list[dict[str, int]] = [{}] if axis is None else [{axis: step} for step in steps]
        for running in runs:
            for equation in component.equations:
                at = clock.boundary(equation) if equation.is_boundary else running
                expr = expander.expand(equation.expr, at)
                left = clock.placed(equation.out, at)
                followed = value_of(expr, lambda read_at: printed(read(read_at)), sizes)
                found.append(Line(equation, at, expr, read(left), np.broadcast_to(followed, read(left).shape)))
    return found


def value_of(expr: sympy.Expr, read: Callable[[Ref], np.ndarray], sizes: Sizes) -> np.ndarray:
    """An expression without sums over time, (rows, columns)."""
    if isinstance(expr, Ref):
        return read(expr)
    if not isinstance(expr, Op):
        return np.array([[float(expr)]])
    operands = [value_of(operand, read, sizes) for operand in expr.operands]
    if TABLE[expr.primitive].is_elementwise:
        return np.asarray(meaning(expr.primitive)(NUMPY, operands))
    static = expr.static
    if expr.primitive != "power":
        static = tuple(
            tuple(map(sizes.number, part)) if isinstance(part, sympy.Tuple) else sizes.number(part) for part in static
        )
    return np.asarray(STRUCTURE[expr.primitive](NUMPY, static, operands))


def _update(system: System, reading: System, given: Given, values: Values) -> Update:
    """With the first rate that lowers the loss; a rate of 0 where there is no gradient."""
    gradients = {}
    for name in system.parameters:
        var = reading.find("cotangent", name)
        if var is not None:
            gradients[name] = np.asarray(values[var.name]).reshape(given.parameters[name].shape)
    before = loss_value(system, given, given.parameters)
    for rate in RATES if any(np.any(g) for g in gradients.values()) else ():
        moved = {n: v - rate * gradients[n] if n in gradients else v for n, v in given.parameters.items()}
        after = loss_value(system, given, moved)
        if after < before:
            return Update(rate, gradients, {n: moved[n] for n in gradients}, before, after)
    return Update(0.0, gradients, {}, before, before)
