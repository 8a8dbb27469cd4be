"""The slow obvious evaluator: what a system *means*, one step and one equation at a time.

Every value is an array (…, rows, columns); a leading axis, where there is one, is the batch.  Nothing is packed,
hoisted or transformed, so that this is what the generated kernels are compared with, and what autograd
differentiates.  It evaluates any `System`: a network, its adjoint, its tangent, several axes, either direction.

A quantity that all examples share, yet is computed from what differs between them, is the cotangent of a parameter:
its terms are summed over the examples, each once (a term that is shared already is not).

>>> import derive, numpy
>>> decay = derive.parse("h[t] = 0.5 * h[t-1] + x[t]")
>>> evaluate(decay, {}, {"x": numpy.ones((3, 1, 2))})["h"][:, 0]
array([[1.  , 1.  ],
       [1.5 , 1.5 ],
       [1.75, 1.75]])

Read next: `numeric.rounding`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy

from derive.expr import Fixed
from derive.system import System
from numeric.arithmetic import AUTOGRAD, Arithmetic, Array
from numeric.arrays import Arrays, sizes_of
from numeric.program import Run, program


def evaluate(
    system: System,
    parameters: Arrays,
    inputs: Arrays,
    initial: Arrays | None = None,
    steps: Mapping[str, int] | None = None,
    *,
    xp: Arithmetic = AUTOGRAD,
) -> Values:
    """Evaluate a system.

    Args:
        system: any system.
        parameters: parameters and constants: (), (n,) or (n, m).
        inputs: sequences (T, B, …), time-free inputs (B, …); indices are integers (T, B).
        initial: given boundary values (B, …), or (k, B, …) for k positions, oldest first; missing ones are zero.
        steps: lengths of axes along which no input runs.
        xp: the arithmetic; the default works on NumPy arrays and under autograd.

    Returns:
        Every quantity by name, see `Values`.

    Raises:
        ValueError: if arrays are missing or do not fit, or a sequence is too short for a position that is read.
    """
    sizes = sizes_of(system, parameters, inputs, initial, steps)
    given = {**parameters, **inputs}
    every = [*given.items(), *(initial or {}).items()]
    floats = [array for name, array in every if system.variables[name].classes is None]
    run = Run(system, xp, sizes, xp.dtype([array for array in floats if hasattr(array, "dtype")]))
    for name, array in given.items():
        run.enter(name, array)
    for name, positions in system.boundaries.items():
        run.enter_initial(name, positions, (initial or {}).get(name))
    for component in program(system):
        component(run)
    return Values(run)


class Values(Mapping[str, Any]):
    """What `evaluate` returns: quantities by name, as public arrays.

    ``values["h"]`` is the sequence (T, B, H); a time-free quantity is (B, …), a shared one has no batch axis.
    Boundary values: ``values.at("dh", 0)`` (B, H), ``values.boundary("dh")``.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.sizes, self.xp = run.sizes, run.xp

    def __getitem__(self, name: str) -> Any:
        if name in self._run.once:
            return self._public(name, self._run.once[name])
        axis = self._run.system.variables[name].axis
        assert axis is not None
        steps = [self.at(name, t + 1)[None] for t in range(self.sizes.steps(axis))]
        return self._run.xp.concat(steps, 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.system.variables)

    def __len__(self) -> int:
        return len(self._run.system.variables)

    def at(self, name: str, position: int | Fixed) -> Any:
        """A sequence at one position, (B, …); boundary positions included.

        Raises:
            ValueError: if there is no such value.
        """
        if isinstance(position, Fixed):
            position = self._run.position(position)
        return self._public(name, self._run.read(name, position))

    def has(self, name: str, position: int | Fixed) -> bool:
        """Whether a sequence has a value at that position."""
        if isinstance(position, Fixed):
            position = self._run.position(position)
        return position in self._run.sequences.get(name, {})

    def constant(self, array: numpy.ndarray) -> Any:
        """A NumPy array in the arithmetic of these values."""
        return self._run.own(array)

    def boundary(self, name: str) -> dict[int, Any]:
        """All boundary values of a sequence by position."""
        axis = self._run.system.variables[name].axis
        assert axis is not None
        found = sorted(self._run.sequences.get(name, {}))
        return {p: self.at(name, p) for p in found if not 1 <= p <= self.sizes.steps(axis)}

    def _public(self, name: str, value: Array) -> Any:
        shape = self._run.system.variables[name].shape
        return value[(..., *([0] * (2 - len(shape))))]
