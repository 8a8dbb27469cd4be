"""The adjoint is a system and differentiates again: Hessians as tangent of the adjoint, and as adjoint of the adjoint."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given, settings

import derive
from derive import System
from numeric.arithmetic import NUMPY
from numeric.comparison import Tally
from numeric.draws import Case, Regime, cases, draw
from numeric.gradients import Point, leaves, point, seeds
from numeric.oracles import Subject, autograd_hessian_product, with_second_derivatives
from numeric.reference import evaluate
from numeric.rounding import BOUNDED, Bounded
from tests import laws
from tests.systems import systems


def hessian_by_adjoint_of_adjoint(subject: Subject, case: Case, direction: Point) -> dict[tuple[str, str], Bounded]:
    """⟨v, ∇L⟩ differentiated in reverse: the outputs of the second adjoint are the gradients, their cotangents v."""
    primal, adjoint = subject.primal, subject.adjoint
    bars: dict[tuple[str, str], str] = {}
    for kind, name in leaves(primal):
        var = adjoint.find("cotangent", name)
        if var is not None:
            bars[kind, name] = var.name
    wrt = tuple(dict.fromkeys(name for _, name in leaves(primal)))
    second = adjoint.adjoint(outputs=tuple(dict.fromkeys(bars.values())), wrt=wrt)
    given: dict[str, Any] = {**case.parameters, **case.inputs, **seeds(adjoint, case)}
    initial: dict[str, Any] = dict(case.initial)
    for (kind, name), bar in bars.items():
        upstream, cotangent = second.find("upstream", bar), second.find("cotangent", bar)
        if kind != "initial" and upstream is not None:
            given[upstream.name] = direction[kind, name]
        elif kind == "initial" and cotangent is not None and cotangent.name in second.boundaries:
            initial[cotangent.name] = direction[kind, name]  # of dh[0]: the boundary value of its cotangent
    for name in second.inputs:
        given.setdefault(name, zeros_for(second, name, case, primal))
    values = evaluate(
        second,
        {name: given[name] for name in (*second.parameters, *second.constants)},
        {name: given[name] for name in second.inputs},
        {name: array for name, array in initial.items() if name in second.boundaries},
        case.steps,
        xp=BOUNDED,
    )
    found = {}
    for kind, name in bars:
        var = next(
            (v for v in reversed(list(second.variables.values())) if v.origin is not None
             and (v.origin.kind, v.origin.of) == ("cotangent", name) and v.name not in adjoint.variables),
            None,
        )  # fmt: skip
        if var is None:
            continue
        if kind != "initial":
            found[kind, name] = values[var.name]
        elif all(values.has(var.name, p) for p in primal.boundaries[name]):
            parts = [values.at(var.name, p) for p in primal.boundaries[name]]
            found[kind, name] = parts[0] if len(parts) == 1 else values.xp.concat([p[None] for p in parts], 0)
    return found


def zeros_for(second: System, name: str, case: Case, primal: System) -> numpy.ndarray:
    """The cotangent of a gradient sequence that only matters at its boundary, as dh does for the initial state."""
    of = second.variables[name].origin
    assert of is not None
    bar = second.variables[of.of]
    assert bar.origin is not None
    values = evaluate(primal, case.parameters, case.inputs, case.initial, case.steps, xp=NUMPY)
    return numpy.zeros_like(values[bar.origin.of])


def agree(subject: Subject, case: Case) -> None:
    at = point(subject.primal, case)
    rng = numpy.random.default_rng(5)
    direction = {leaf: rng.standard_normal(array.shape) for leaf, array in at.items()}
    expected = autograd_hessian_product(subject.primal, case, at, direction)
    got = hessian_by_adjoint_of_adjoint(subject, case, direction)
    tally = Tally(cases=1)
    for leaf, array in expected.items():
        tally.arrays(array, got.get(leaf, Bounded(numpy.zeros_like(array))), str(leaf))
    laws.holds(tally.evidence("Hessian × vector", "adjoint of the adjoint"))


@pytest.mark.parametrize("name", derive.names())
def test_the_adjoint_of_the_adjoint_of_every_architecture(name: str) -> None:
    subject = laws.subject_of(name)
    for regime in (Regime(3), Regime(1), Regime(2, single=True)):
        agree(subject, draw(subject.primal, numpy.random.default_rng(1), regime))


@pytest.mark.parametrize("name", derive.names())
def test_the_tangent_of_the_adjoint_of_every_architecture(name: str) -> None:
    subject = laws.subject_of(name)
    laws.agrees_with_autograd(with_second_derivatives(subject, list(cases(subject.primal, 8))))


@settings(max_examples=25)
@given(systems(chunkable=True))
def test_the_adjoint_of_the_adjoint_of_random_systems(system: System) -> None:
    agree(Subject.of(system), draw(system, numpy.random.default_rng(1), Regime(2)))
