"""Random cases: sizes, arrays, initial values, and cotangents for outputs and final values.

Sizes are small and distinct, so that a transposed or mixed-up matrix cannot fit by accident.  Weights are about 0.5,
inputs about 1: gates are neither shut nor saturated.  Everything follows from a seed.

Read next: `numeric.gradients`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy
import sympy

from derive.dimensions import length
from derive.expr import Fixed, refs
from derive.reach import final_positions
from derive.system import System, Var
from numeric.arithmetic import NUMPY
from numeric.arrays import BATCH
from numeric.reference import evaluate

Arrays = dict[str, numpy.ndarray]
ATTEMPTS = 40


@dataclass(frozen=True)
class Case:
    """One point at which a system and its gradient are evaluated, in public arrays.

    Attributes:
        parameters, inputs: leaves; constants are among the parameters.
        initial: given boundary values; what is missing is zero.
        steps: length of every axis.
        cotangents: ∂L/∂output by name.
        final: ∂L/∂(last values) by name: (B, …), or (k, B, …) for a state of lag k.
        label: for messages.
    """

    parameters: Arrays
    inputs: Arrays
    initial: Arrays
    steps: dict[str, int]
    cotangents: Arrays
    final: Arrays
    label: str


@dataclass(frozen=True)
class Regime:
    """What kind of case to draw.

    Attributes:
        steps: length of the first axis; further ones are longer by one each.
        initial: whether initial values are given (else zero).
        outputs: whether the loss reads the outputs.
        final: whether the loss reads the final states.
        single: all sizes and the batch are 1.
        distinct: all sizes differ; else they are independent of each other, 1 to 4.
    """

    steps: int
    initial: bool = True
    outputs: bool = True
    final: bool = True
    single: bool = False
    distinct: bool = True


REGIMES = (
    Regime(5),
    Regime(1),
    Regime(2, initial=False, final=False),
    Regime(4, outputs=False),
    Regime(3, initial=False),
    Regime(1, initial=False, final=False),
    Regime(2, single=True),
    Regime(7),
)


def shortest(system: System) -> dict[str, int]:
    """The least number of steps of every axis for which all fixed positions exist."""
    result = {}
    for axis in system.axes:
        reads = [
            (read.name, read.index)
            for equation in system.equations
            for read in refs(equation.expr)
            if isinstance(read.index, Fixed) and read.index.axis == axis
        ]
        outside = {(e.name, e.out.index) for e in system.equations if isinstance(e.out.index, Fixed)}
        outside |= {(name, p) for name, positions in system.boundaries.items() for p in positions}
        steps = 1
        while not all(_exists(name, index, steps, outside) for name, index in reads):
            steps += 1
        result[axis] = steps
    return result


def _exists(name: str, index: Fixed, steps: int, outside: set[tuple[str, Fixed]]) -> bool:
    position = index.position(steps)
    return 1 <= position <= steps or any(n == name and p.position(steps) == position for n, p in outside)


def cases(system: System, count: int, seed: int = 0, outputs: Sequence[str] | None = None) -> Iterator[Case]:
    """`count` cases through all regimes, reproducible from `seed`."""
    for number in range(count):
        rng = numpy.random.default_rng([seed, number])
        yield replace(draw(system, rng, REGIMES[number % len(REGIMES)], outputs), label=f"case {number}")


def draw(system: System, rng: numpy.random.Generator, regime: Regime, outputs: Sequence[str] | None = None) -> Case:
    """One random case; drawn again until all values of the system are finite.

    Raises:
        ValueError: if no finite case was found.
    """
    sizes = draw_sizes(system, rng, regime)
    for attempt in range(ATTEMPTS):
        case = _draw(
            system, rng, regime, sizes, tuple(system.outputs if outputs is None else outputs), attempt % 2 == 1
        )
        with numpy.errstate(all="ignore"):
            values = evaluate(system, case.parameters, case.inputs, case.initial, case.steps, xp=NUMPY)
            if all(numpy.isfinite(values[name]).all() for name in system.defined):
                return case
    raise ValueError(f"{system.name} has no finite value at any of {ATTEMPTS} random points")


def draw_sizes(system: System, rng: numpy.random.Generator, regime: Regime) -> dict[sympy.Symbol, int]:
    """A number for every dimension, for the axes and for the batch (``B``)."""
    least = shortest(system)
    sizes = {length(sympy.Symbol(axis)): max(least[axis], regime.steps + i) for i, axis in enumerate(system.axes)}
    free = [symbol for symbol in system.dimensions if symbol not in sizes]
    free.append(BATCH)
    if regime.single:
        numbers = [1] * len(free)
    elif regime.distinct:
        pool = [n for n in range(2, len(free) + len(sizes) + 3) if n not in sizes.values()]
        numbers = [int(n) for n in rng.permutation(pool[: len(free)])]
    else:
        numbers = [int(n) for n in rng.integers(1, 5, len(free))]
    return {**sizes, **dict(zip(free, numbers, strict=True))}


def _draw(
    system: System,
    rng: numpy.random.Generator,
    regime: Regime,
    sizes: Mapping[sympy.Symbol, int],
    outputs: Sequence[str],
    positive: bool,
) -> Case:
    given = system.inputs or (system.boundaries and regime.initial)
    batch = sizes[BATCH] if given else 1  # where nothing says how many examples there are, it is one
    steps = {axis: sizes[length(sympy.Symbol(axis))] for axis in system.axes}

    def example(var: Var) -> tuple[int, ...]:
        return tuple(int(dim.subs(sizes)) for dim in var.shape)

    def whole(name: str) -> tuple[int, ...]:
        var = system.variables[name]
        time = (steps[var.axis],) if var.axis is not None else ()
        batched = var.axis is not None or name in system.batched
        return (*time, *((batch,) if batched else ()), *example(var))

    def positions(name: str, many: int) -> tuple[int, ...]:
        return (*((many,) if many > 1 else ()), batch, *example(system.variables[name]))

    def numbers(shape: tuple[int, ...], size: float) -> numpy.ndarray:
        values = size * rng.standard_normal(shape)
        return abs(values) + 0.1 if positive else values

    def values(name: str, shape: tuple[int, ...], size: float) -> numpy.ndarray:
        classes = system.variables[name].classes
        if classes is not None:
            return rng.integers(0, int(sympy.sympify(classes).subs(sizes)), shape)
        return numbers(shape, size)

    def leaf(name: str) -> numpy.ndarray:
        return values(name, whole(name), 0.5 if name not in system.inputs else 1.0)

    def cotangent(shape: tuple[int, ...], wanted: bool) -> numpy.ndarray:
        return rng.standard_normal(shape) if wanted else numpy.zeros(shape)

    states = [name for name in system.states if system.variables[name].axis is not None]
    return Case(
        parameters={name: leaf(name) for name in (*system.parameters, *system.constants)},
        inputs={name: leaf(name) for name in system.inputs},
        initial={n: values(n, positions(n, len(p)), 0.5) for n, p in system.boundaries.items() if regime.initial},
        steps=steps,
        cotangents={name: cotangent(whole(name), regime.outputs or not states) for name in outputs},
        final={n: cotangent(positions(n, len(final_positions(system, n))), regime.final) for n in states},
        label="",
    )
