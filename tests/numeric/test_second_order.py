"""The adjoint differentiates again: Hessians as the tangent, and as the adjoint, of the adjoint."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings

from derive import System
from numeric.arithmetic import NUMPY
from numeric.comparison import Tally
from numeric.draws import Case, Regime, cases, draw
from numeric.gradients import Given, Point, collect, derived_values, leaves, point, seeds
from numeric.oracles import Subject, autograd_hessian_product, with_second_derivatives
from numeric.rounding import BOUNDED, Bounded
from tests import laws
from tests.systems import systems


def hessian_by_adjoint_of_adjoint(subject: Subject, case: Case, direction: Point) -> Point:
    """⟨v, ∇L⟩ differentiated in reverse: the outputs of the second adjoint are the gradients, their cotangents v."""
    primal, adjoint = subject.primal, subject.adjoint
    bars = {leaf: adjoint.find("cotangent", leaf[1]) for leaf in leaves(primal)}
    outputs = tuple(dict.fromkeys(bar.name for bar in bars.values() if bar is not None))
    second = adjoint.adjoint(outputs, tuple(dict.fromkeys(name for _, name in leaves(primal))))
    given = Given(seeds(adjoint, case), {})
    shapes = derived_values(adjoint, case, NUMPY, given)
    for name in second.inputs:  # cotangents of sequences of which only the boundary counts, as of dh for dh[0]
        origin = second.variables[name].origin
        if origin is not None and origin.kind == "upstream" and name not in given.leaves:
            given.leaves[name] = numpy.zeros_like(shapes[origin.of])
    for leaf, bar in bars.items():
        if bar is None:
            continue
        upstream, cotangent = second.find("upstream", bar.name), second.find("cotangent", bar.name)
        if leaf[0] != "initial" and upstream is not None:
            given.leaves[upstream.name] = direction[leaf]
        elif leaf[0] == "initial" and cotangent is not None:
            given.initial[cotangent.name] = direction[leaf]  # the boundary value ddh[0] is the cotangent of dh[0]

    def named(name: str) -> str | None:
        var = second.find("cotangent", name)  # the youngest: dW_2, where dW is that of the first adjoint
        return None if var is None or var.name in adjoint.variables else var.name

    return collect(primal, derived_values(second, case, BOUNDED, given), named)


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


@pytest.mark.parametrize("name", [*laws.FIRST, *laws.STRUCTURES])
def test_the_adjoint_of_the_adjoint_of_architectures(name: str) -> None:
    subject = laws.subject_of(name)
    for regime in (Regime(3), Regime(1), Regime(2, single=True)):
        agree(subject, draw(subject.primal, numpy.random.default_rng(1), regime))


@pytest.mark.parametrize("name", [*laws.FIRST, *laws.STRUCTURES])
def test_the_tangent_of_the_adjoint_of_architectures(name: str) -> None:
    subject = laws.subject_of(name)
    laws.agrees_with_autograd(with_second_derivatives(subject, list(cases(subject.primal, 8))))


@settings(max_examples=25)
@given(systems(chunkable=True))
def test_the_adjoint_of_the_adjoint_of_random_systems(system: System) -> None:
    agree(Subject.of(system), draw(system, numpy.random.default_rng(1), Regime(2)))
