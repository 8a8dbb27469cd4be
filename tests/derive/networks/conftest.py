"""What the tests of networks share: gradients against autograd, and arrays for a system."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import derive
import numeric
from numeric.draws import Case, Regime, draw
from numeric.gradients import gradient, leaves, point
from numeric.oracles import autograd_gradient

REGIMES = (Regime(4), Regime(1), Regime(3, initial=False), Regime(2, single=True))


def padding(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """1 for true steps, 0 for padding at the end; every length from 1 up, one example of full length."""
    steps, batch = shape
    lengths = rng.integers(1, steps + 1, batch)
    lengths[0] = steps
    return (np.arange(steps)[:, None] < lengths).astype(float)


def a_case(
    system: derive.System, regime: Regime, number: int, outputs: tuple[str, ...], masks: tuple[str, ...]
) -> Case:
    rng = np.random.default_rng([11, number])
    case = draw(system, rng, regime, outputs)
    return replace(case, final={}, inputs={**case.inputs, **{m: padding(case.inputs[m].shape, rng) for m in masks}})


@pytest.fixture
def gradient_error():
    """The worst relative error of the adjoint, and of its kernel, against autograd.

    Over lengths (1 included), sizes (all 1 included), paddings, and initial values given or zero.
    """

    def worst(system, outputs=None, masks=()):
        outputs = tuple(outputs or system.outputs)
        adjoint = system.adjoint(outputs, tuple(dict.fromkeys(name for _, name in leaves(system))))
        assert derive.parse(str(system)) == system
        assert derive.parse(str(adjoint)) == adjoint
        kernel = numeric.compile(system, outputs=outputs)
        error, compared = 0.0, 0
        for number, regime in enumerate(REGIMES):
            case = a_case(system, regime, number, outputs, masks)
            wanted = autograd_gradient(system, case, point(system, case))
            found = gradient(system, adjoint, case)
            run = kernel.forward(case.parameters, case.inputs, initial=case.initial, steps=case.steps)
            emitted = kernel.backward(run, case.cotangents)
            parts = {"parameter": emitted.parameters, "input": emitted.inputs, "initial": emitted.initial}
            for (kind, name), array in wanted.items():
                for claimed in (found.get((kind, name), np.zeros_like(array)), parts[kind][name]):
                    assert np.isfinite(claimed).all()
                    assert claimed.shape == array.shape
                    error = max(error, float(np.max(abs(claimed - array) / (1 + abs(array)))))
                compared += bool(abs(array).max() > 0)
        assert compared >= len(system.parameters)
        return error

    return worst


@pytest.fixture
def count():
    """The number of parameters for given sizes."""

    def counted(system, **sizes):
        shapes = [system.variables[name].shape for name in system.parameters]
        total = 0
        for shape in shapes:
            numbers = [dim.subs({symbol: sizes[str(symbol)] for symbol in dim.free_symbols}) for dim in shape]
            total += int(np.prod([int(number) for number in numbers]))
        return total

    return counted
