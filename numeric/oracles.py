"""Independent oracles: six ways to doubt a gradient, each answering with `Evidence`.

=============  =======================================================  ============================================
oracle         compares the adjoint system with                         shares with it
=============  =======================================================  ============================================
autograd       reverse mode through the evaluator of the primal         the primal
complex step   Im L(x + i h v) / h, no subtraction, h = 10⁻³⁰ (Squire   the primal
               & Trapp 1998, doi 10.1137/S003614459631241X)
dot test       ⟨ȳ, ẏ⟩ of the tangent system = ⟨x̄, ẋ⟩                    `sympy.diff` of elementwise functions
Taylor         |L(x + εv) − L(x) − ε⟨g, v⟩| falls as ε²                 the primal
torch          reverse mode of torch                                    the primal
second         Hessian times vector: tangent of the adjoint system,     the primal
               with autograd twice
=============  =======================================================  ============================================

Read next: `numeric.taylor`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import autograd
import numpy

from derive.evidence import Evidence
from derive.system import System
from numeric.arithmetic import AUTOGRAD, COMPLEX, torch_arithmetic
from numeric.comparison import Tally
from numeric.draws import Case
from numeric.gradients import Leaf, Point, gradient, hessian_product, leaves, loss, point, tangent_pairing
from numeric.rounding import BOUNDED, Bounded

COMPLEX_STEP = 1e-30


class NotDone(Exception):
    """An oracle that cannot judge here; the message says why, in one line."""


@dataclass(frozen=True)
class Subject:
    """What is on trial: a primal and the systems derived from it."""

    primal: System
    adjoint: System
    tangent: System
    second: System  # the tangent of the adjoint

    @staticmethod
    def of(primal: System, outputs: tuple[str, ...] | None = None) -> Subject:
        """All systems of a primal, derived."""
        wrt = tuple(dict.fromkeys(name for _, name in leaves(primal)))
        states = tuple(name for name in primal.states)
        adjoint = primal.adjoint(outputs, wrt, final=states)
        return Subject(primal, adjoint, primal.tangent(wrt), adjoint.tangent(wrt))


def with_autograd(subject: Subject, cases: Iterable[Case]) -> Evidence:
    """The gradient of every leaf against reverse mode on the evaluator."""
    tally = Tally()
    for case in cases:
        at = point(subject.primal, case)
        _compare(tally, subject, case, autograd_gradient(subject.primal, case, at))
    return tally.evidence("the adjoint system computes the gradient", "autograd, reverse mode on the evaluator")


def autograd_gradient(primal: System, case: Case, at: Point) -> Point:
    """The gradient by autograd, all leaves at once."""
    with dependence_is_an_error():
        found: Point = autograd.grad(lambda there: loss(primal, case, there, AUTOGRAD))(at)
    return found


@contextmanager
def dependence_is_an_error() -> Iterator[None]:
    """Autograd answers with zeros and a mere warning when it has lost track of a value; here that is an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Output seems independent of input")
        yield


def with_torch(subject: Subject, cases: Iterable[Case]) -> Evidence:
    """The gradient of every leaf against torch.

    Raises:
        NotDone: where torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise NotDone("torch is not installed") from None
    xp, tally = torch_arithmetic(), Tally()
    for case in cases:
        at = {leaf: torch.tensor(array, requires_grad=True) for leaf, array in point(subject.primal, case).items()}
        value = loss(subject.primal, case, at, xp)
        found = torch.autograd.grad(value, list(at.values()), allow_unused=True)
        expected = {
            leaf: numpy.zeros(at[leaf].shape) if part is None else part.numpy()
            for leaf, part in zip(at, found, strict=True)
        }
        _compare(tally, subject, case, expected)
    return tally.evidence("the adjoint system computes the gradient", f"torch {torch.__version__}, reverse mode")


def _compare(tally: Tally, subject: Subject, case: Case, expected: Point) -> None:
    """Every leaf of the adjoint's gradient against what another method found."""
    got = gradient(subject.primal, subject.adjoint, case, BOUNDED)
    tally.cases += 1
    for leaf, array in expected.items():
        claimed = got.get(leaf, Bounded(numpy.zeros_like(array)))
        tally.arrays(array, claimed, _where(leaf, case))


def _where(leaf: Leaf, case: Case) -> str:
    kind, name = leaf
    steps = ", ".join(f"{axis.upper()}={n}" for axis, n in case.steps.items())
    return f"gradient of {'initial ' if kind == 'initial' else ''}{name}, {case.label} ({steps})"


def directions(at: Point, rng: numpy.random.Generator) -> Iterator[tuple[Leaf, Point]]:
    """For every leaf a random direction in which it alone moves."""
    zero = {leaf: numpy.zeros_like(array) for leaf, array in at.items()}
    for leaf, array in at.items():
        yield leaf, {**zero, leaf: rng.standard_normal(array.shape)}


def with_complex_step(subject: Subject, cases: Iterable[Case], seed: int = 0) -> Evidence:
    """The derivative along a direction of every leaf against the complex step."""

    def derivative(case: Case, at: Point, leaf: Leaf, direction: Point) -> float:
        moved = {**at, leaf: at[leaf] + 1j * COMPLEX_STEP * direction[leaf]}
        return float(loss(subject.primal, case, moved, COMPLEX).imag / COMPLEX_STEP)

    tally = _along_directions(subject, cases, seed, derivative)
    return tally.evidence("the adjoint system computes the gradient", "complex step, h = 1e-30")


def with_dot_test(subject: Subject, cases: Iterable[Case], seed: int = 0) -> Evidence:
    """⟨ȳ, ẏ⟩ = ⟨x̄, ẋ⟩ for a direction of every leaf."""

    def derivative(case: Case, at: Point, leaf: Leaf, direction: Point) -> float:
        return float(tangent_pairing(subject.primal, subject.tangent, case, direction))

    tally = _along_directions(subject, cases, seed, derivative)
    return tally.evidence("adjoint and tangent are transposes of each other", "dot test ⟨ȳ, ẏ⟩ = ⟨x̄, ẋ⟩")


Derivative = Callable[[Case, Point, Leaf, Point], float]


def _along_directions(subject: Subject, cases: Iterable[Case], seed: int, derivative: Derivative) -> Tally:
    """Compare ⟨g, v⟩ with a directional derivative, leaf by leaf; relative to Σ |g||v|."""
    tally, rng = Tally(), numpy.random.default_rng(seed)
    for case in cases:
        at = point(subject.primal, case)
        found = gradient(subject.primal, subject.adjoint, case, BOUNDED)
        tally.cases += 1
        for leaf, direction in directions(at, rng):
            claimed = found.get(leaf, Bounded(numpy.zeros_like(at[leaf]))) * direction[leaf]
            size = float(abs(claimed.value).sum())
            tally.arrays(derivative(case, at, leaf, direction), claimed.sum(), _where(leaf, case), size=size)
    return tally


def with_second_derivatives(subject: Subject, cases: Iterable[Case], seed: int = 0) -> Evidence:
    """Hessian times a random direction against autograd applied twice."""
    tally, rng = Tally(), numpy.random.default_rng(seed)
    for case in cases:
        at = point(subject.primal, case)
        direction = {leaf: rng.standard_normal(array.shape) for leaf, array in at.items()}
        expected = autograd_hessian_product(subject.primal, case, at, direction)
        got = hessian_product(subject.primal, subject.adjoint, subject.second, case, direction, BOUNDED)
        tally.cases += 1
        for leaf, array in expected.items():
            tally.arrays(array, got.get(leaf, Bounded(numpy.zeros_like(array))), _where(leaf, case))
    return tally.evidence("the adjoint system can be differentiated again", "Hessian × vector, autograd twice")


def autograd_hessian_product(primal: System, case: Case, at: Point, direction: Point) -> Point:
    """Hessian times direction by reverse mode over reverse mode."""

    def slope(there: Point) -> Any:
        first = autograd.grad(lambda here: loss(primal, case, here, AUTOGRAD))(there)
        # a loss that is linear has slope that depends on nothing, which autograd would warn about
        return sum((first[leaf] * direction[leaf] + 0.0 * there[leaf]).sum() for leaf in at)

    with dependence_is_an_error():
        found: Point = autograd.grad(slope)(at)
    return found
