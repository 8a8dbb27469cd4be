"""Numbers for a worked example: small sizes, weights of one decimal, whole numbers and one-hot vectors as inputs.

Sizes are 1 wherever that leaves something to see (a softmax over one entry would not), and T = 2 along every axis.
Numbers are taken from short lists in turn, so that no two gates are alike and the same system has the same example.

Read next: `numeric.pocket`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import numpy as np
import sympy

from derive.dimensions import dimension
from derive.expr import Op
from derive.reach import dependent, moved_by
from derive.setting import default_sizes
from derive.system import System

STEPS = 2
WEIGHTS = (0.5, 0.3, -0.2, 0.4, 0.1, -0.4, 0.2, 0.6, -0.3)
BIASES = (0.1, 0.2, -0.1)
SCALARS = (0.5, 0.2)
DATA = (1.0, 2.0, -1.0)
ANSWERS = (1.0, 0.0)
SPREAD = frozenset({"softmax", "logsumexp", "reduce_to"})  # of one entry alone they say nothing


@dataclass(frozen=True)
class Given:
    """Everything that an example is computed from; arrays as for `evaluate`, batch 1."""

    sizes: Mapping[str, int]
    steps: Mapping[str, int]
    parameters: Mapping[str, np.ndarray]
    inputs: Mapping[str, np.ndarray]
    initial: Mapping[str, np.ndarray] = field(default_factory=dict)


def given_for(system: System, sizes: Mapping[str, int] | None = None) -> Given:
    """Small sizes, one-digit weights, whole numbers and one-hot vectors as inputs, classes in turn; starts are zero.

    Args:
        system: any.
        sizes: of dimensions; others are as small as possible.
    """
    steps = dict.fromkeys(system.axes, STEPS)
    known = {**_sizes(system), **(sizes or {}), **{axis.upper(): STEPS for axis in steps}}
    numbers = {dimension(name): size for name, size in known.items()}

    def shape(name: str) -> tuple[int, ...]:
        return tuple(int(sympy.sympify(dim).subs(numbers)) for dim in system.variables[name].shape)

    pools = (cycle(SCALARS), cycle(BIASES), cycle(WEIGHTS))  # by number of axes
    parameters = {}
    for name in (*system.parameters, *system.constants):
        pool = pools[len(shape(name))]
        count = int(np.prod(shape(name)))
        parameters[name] = np.array(list(islice(pool, count))).reshape(shape(name))
    inputs: dict[str, np.ndarray] = {}
    for place, name in enumerate(system.inputs):
        var = system.variables[name]
        times = range(1, STEPS + 1) if var.axis else (1,)
        values: list[Any]
        if var.classes is not None:
            count = int(sympy.sympify(var.classes).subs(numbers))
            values = [np.full(shape(name), (t + place) % count, dtype=int) for t in times]
        else:
            values = [_input(system, name, shape(name), t) for t in times]
        inputs[name] = np.stack(values)[:, None] if var.axis else values[0][None]
    return Given(known, steps, parameters, inputs)


def _sizes(system: System) -> dict[str, int]:
    found = dict.fromkeys(default_sizes(system), 1)
    wide = [dim for var in system.variables.values() if var.classes is not None for dim in [var.classes]]
    wide += [dim for name in system.states for dim in system.variables[name].shape[1:]]
    for equation in system.equations:
        for op in equation.expr.atoms(Op):
            if op.primitive in SPREAD:
                wide.append(system.shape_of(op.operands[0])[0])
    found.update({str(symbol): 2 for dim in wide for symbol in sympy.sympify(dim).free_symbols})
    return {name: size for name, size in found.items() if name not in {axis.upper() for axis in system.axes}}


def _input(system: System, name: str, shape: tuple[int, ...], t: int) -> np.ndarray:
    if moved_by(system, [name]) == {name}:
        return np.ones(shape)  # a mask: nothing is differentiated by it
    if len(shape) == 1 and shape[0] > 1:
        return np.eye(shape[0])[(t - 1) % shape[0]]
    pool = DATA if set(system.states) & dependent(system, [name]) or not system.states else ANSWERS
    count = int(np.prod(shape))
    return np.array(list(islice(cycle(pool), t - 1, t - 1 + count))).reshape(shape)
