"""Trying layouts out: many arrangements of the same parameters in one evaluation, compared with the author's outputs.

A layout is a set of parameter values.  Examples of a batch share their parameters, but the evaluator's functions do not
care: here every layout is an example of its own (times the author's batch), so that hundreds cost as little as one.

Read next: `numeric.check.conventions.readings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.system import System
from numeric.arithmetic import NUMPY
from numeric.arrays import Sizes
from numeric.check.bound import Floats, Space
from numeric.check.conventions.layouts import Layout
from numeric.program import Run, program

CHUNK = 2_000_000  # numbers of parameters that are held at once


def filled(space: Space, layout: Layout, arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """The parameters as one vector: what an author holds twice, the two biases of a gate, is added."""
    vector = np.zeros(space.size)
    for name, index in layout.index.items():
        np.add.at(vector, index.ravel(), arrays[name].ravel())
    return vector


def public(space: Space, vector: Floats) -> dict[str, Floats]:
    """Parameters by name from one vector."""
    return {name: vector[space.addresses(name)] for name in space.shapes}


def forwards(
    system: System,
    sizes: Sizes,
    space: Space,
    vectors: Floats,
    inputs: Mapping[str, NDArray[Any]],
    initial: Mapping[str, Floats],
    wanted: Sequence[str],
) -> dict[str, Floats]:
    """Values of some quantities under many sets of parameters.

    Args:
        system: without equations between parameters alone.
        sizes: of one evaluation.
        space, vectors: parameters (K, P).
        inputs, initial: public arrays.
        wanted: quantities with an equation.

    Returns:
        (K, T, B, …) by quantity, (K, B, …) of what has no time.
    """
    count, batch = len(vectors), sizes.batch
    run = Run(system, NUMPY, Sizes(sizes.dimensions, count * batch), np.dtype(float))
    for name in space.shapes:
        run.enter(name, np.repeat(vectors[:, space.addresses(name)], batch, axis=0))
    for name, array in inputs.items():
        at = 1 if system.variables[name].axis is not None else 0
        run.enter(name, np.concatenate([array] * count, axis=at))
    for name, positions in system.boundaries.items():
        given = initial.get(name)
        at = 1 if len(positions) > 1 else 0
        run.enter_initial(name, positions, None if given is None else np.concatenate([given] * count, axis=at))
    with np.errstate(all="ignore"):
        for component in program(system):
            component(run)
    found = {}
    for name in wanted:
        var = system.variables[name]
        if var.axis is None:
            values = run.once[name]
            found[name] = values.reshape(count, batch, *values.shape[1:][: len(var.shape)])
        else:
            steps = [run.sequences[name][t + 1] for t in range(sizes.steps(var.axis))]
            shape = steps[0].shape[1:][: len(var.shape)]
            found[name] = np.stack([s.reshape(count, batch, *shape) for s in steps], axis=1)
    return found


def difference(found: Floats, target: Floats) -> Floats:
    """Largest difference relative to the largest entry of the target, by layout: (K, …) and (…) → (K,)."""
    scale = float(np.abs(target).max()) or 1.0
    with np.errstate(all="ignore"):
        apart = np.abs(found - target).reshape(len(found), -1).max(axis=1) / scale
    return np.where(np.isnan(apart), np.inf, apart)
