"""Laws over random cases of the library and over random systems of the language.

Architectures agree with autograd to 1e-12 over two hundred generated cases: sizes, batch and length (1 included),
initial states given or not, cotangents of outputs and of last values.  Of the literature, one of every structure does
so over forty (`tests.laws.STRUCTURES`), within what rounding can do to a layer norm of one unit; `verify` sees every
entry (`tests.numeric.test_verify`).
"""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive import System
from numeric.agreement import with_kernel
from numeric.draws import Regime, draw
from numeric.oracles import Subject, with_autograd, with_complex_step, with_dot_test, with_second_derivatives
from numeric.taylor import with_taylor
from tests import laws
from tests.systems import systems

CASES = 200
FEWER = 40


@pytest.mark.parametrize("name", laws.FIRST)
def test_the_gradient_of_every_architecture_agrees_with_autograd(name: str) -> None:
    subject = laws.subject_of(name)
    seen = 0

    @settings(max_examples=CASES)
    @given(laws.cases(subject.primal))
    def agrees(case: laws.Case) -> None:
        nonlocal seen
        laws.agrees_with_autograd(with_autograd(subject, [case]))
        seen += 1

    agrees()
    assert seen >= CASES


@pytest.mark.parametrize("name", laws.STRUCTURES)
def test_the_gradient_of_every_structure_agrees_with_autograd(name: str) -> None:
    subject = laws.subject_of(name)
    seen = 0

    @settings(max_examples=FEWER)
    @given(laws.cases(subject.primal))
    def agrees(case: laws.Case) -> None:
        nonlocal seen
        laws.holds(with_autograd(subject, [case]))
        seen += 1

    agrees()
    assert seen >= FEWER


@pytest.mark.parametrize("name", derive.names())
def test_architectures_print_and_parse_back(name: str) -> None:
    subject = laws.subject_of(name)
    for system in (subject.primal, subject.adjoint, subject.tangent):
        laws.prints_and_parses_back(system)


def test_second_derivatives_print_and_parse_back() -> None:
    """The language is closed under differentiation, again and again."""
    system = derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])\ny = Q @ h[T]")
    adjoint = system.adjoint(final=("h",))
    for again in (adjoint.adjoint(outputs=("dW", "dx")), adjoint.tangent(), adjoint.adjoint(outputs=("dW",)).tangent()):
        laws.prints_and_parses_back(again)


@settings(max_examples=40)
@given(systems(), st.data())
def test_random_systems_print_and_parse_back_in_any_order(system: System, data: st.DataObject) -> None:
    laws.prints_and_parses_back(system)
    order = data.draw(st.permutations(range(len(str(system).splitlines()))))
    laws.order_does_not_matter(system, draw(system, numpy.random.default_rng(0), Regime(2)), order)


@settings(max_examples=15)
@given(systems(chunkable=True))
def test_adjoints_of_random_systems_print_and_parse_back(system: System) -> None:
    laws.prints_and_parses_back(Subject.of(system).adjoint)


@settings(max_examples=60)
@given(systems(), st.data())
def test_the_gradient_of_random_systems(system: System, data: st.DataObject) -> None:
    subject = Subject.of(system)
    case = data.draw(laws.cases(system))
    for oracle in (with_autograd, with_dot_test, with_kernel):
        laws.holds(oracle(subject, [case]))


@settings(max_examples=20)
@given(systems(kinks=False), st.integers(0, 99))
def test_other_oracles_on_random_smooth_systems(system: System, seed: int) -> None:
    subject = Subject.of(system)
    case = draw(system, numpy.random.default_rng(seed), Regime(1 + seed % 3))
    for oracle in (with_complex_step, with_taylor, with_second_derivatives):
        laws.holds(oracle(subject, [case]))


@settings(max_examples=25)
@given(systems(), st.integers(0, 99))
def test_one_step_one_example_and_sizes_of_one(system: System, seed: int) -> None:
    case = draw(system, numpy.random.default_rng(seed), Regime(1, single=True))
    laws.holds(with_autograd(Subject.of(system), [case]))
