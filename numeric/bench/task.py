"""What is computed: a system, sizes, and the arrays that all contenders are given.

The loss is Σ h ∘ (a fixed random array), so that every contender is given the same cotangent, and what is asked for
is the gradient of all parameters and inputs.

Read next: `numeric.bench.contender`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.dimensions import length
from derive.library import load, names
from derive.system import System
from numeric.arrays import BATCH, number_of, public_shape

Floats = NDArray[np.floating[Any]]
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Configuration:
    """Sizes: examples B, steps T, numbers an input has D, and a state H."""

    name: str
    batch: int
    steps: int
    inputs: int
    states: int

    def __str__(self) -> str:
        return f"{self.name} (B {self.batch}, T {self.steps}, D {self.inputs}, H {self.states})"


CONFIGURATIONS = {
    each.name: each
    for each in (
        Configuration("S1", 1, 100, 16, 16),
        Configuration("S2", 8, 50, 32, 32),
        Configuration("LONG", 16, 1000, 64, 64),
        Configuration("M1", 32, 50, 128, 128),
        Configuration("M2", 32, 100, 256, 256),
        Configuration("L", 64, 100, 512, 512),
    )
}


@dataclass(frozen=True)
class Task:
    """A system at some sizes.

    Attributes:
        system: with one real input, or several, along one axis.
        kind: its name where it is that cell of the library, else nothing.
        sizes: of it.
        dtype: float32 or float64.
        threads: that a contender may use.
        parameters, inputs, cotangents: arrays by name, in the public layout.
        steps: the length of every axis.
    """

    system: System
    kind: str
    sizes: Configuration
    dtype: str
    threads: int
    parameters: Mapping[str, Any] = field(repr=False)
    inputs: Mapping[str, Any] = field(repr=False)
    cotangents: Mapping[str, Floats] = field(repr=False)
    steps: Mapping[str, int] = field(repr=False)

    @property
    def only(self) -> tuple[Floats, Floats]:
        """x and the cotangent of h of a cell."""
        return self.inputs["x"], self.cotangents["h"]


def task(system: System, sizes: Configuration, dtype: str, threads: int = 1, seed: int = 0) -> Task:
    """Arrays for a system: parameters uniform on ±1/√H as PyTorch's, inputs and cotangents normal.

    A dimension is D where its name begins so, the length of its axis, and else H.

    Raises:
        ValueError: for a dtype that kernels do not have.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype}: contenders compute in {' or '.join(DTYPES)}")
    rng = np.random.default_rng(seed)
    lengths = {length(sympy.Symbol(axis)): sizes.steps for axis in system.axes}
    known = {d: sizes.inputs if str(d).startswith("D") else sizes.states for d in system.dimensions}
    known |= {**lengths, BATCH: sizes.batch}

    def shape(name: str, batched: bool) -> tuple[int, ...]:
        return tuple(number_of(sympy.sympify(dim), known) for dim in public_shape(system.variables[name], batched))

    def given(name: str) -> NDArray[Any]:
        classes = system.variables[name].classes
        if classes is not None:
            return rng.integers(0, number_of(sympy.sympify(classes), known), shape(name, True))
        return rng.standard_normal(shape(name, True)).astype(dtype)

    bound = sizes.states**-0.5
    known_cell = system.name in names() and load(system.name) == system
    return Task(
        system,
        system.name if known_cell else "",
        sizes,
        dtype,
        threads,
        {
            name: rng.uniform(-bound, bound, shape(name, False)).astype(dtype)
            for name in (*system.parameters, *system.constants)
        },
        {name: given(name) for name in system.inputs},
        {name: rng.standard_normal(shape(name, name in system.batched)).astype(dtype) for name in system.outputs},
        dict.fromkeys(system.axes, sizes.steps),
    )
