"""The oracles on textbook systems, on constructions that each of them has to treat with care, and their evidence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import autograd
import autograd.numpy as anp
import numpy
import pytest

import derive
from derive import System
from numeric.arithmetic import AUTOGRAD, NUMPY
from numeric.comparison import Tally
from numeric.draws import REGIMES, Case, Regime, cases, draw, shortest
from numeric.gradients import gradient, loss, point
from numeric.oracles import NotDone, Subject, dependence_is_an_error, with_autograd, with_torch
from numeric.rounding import Bounded
from numeric.taylor import Watch, with_taylor
from numeric.verify import ORACLES
from tests import laws

SYSTEMS = {
    "stacked": "h[t] = tanh(W @ h[t-1] + U @ x[t])\nk[t] = tanh(A @ k[t-1] + B @ h[t])",
    "bidirectional": (
        "p[t] = tanh(W_p @ p[t-1] + U_p @ x[t])\nq[t] = tanh(W_q @ q[t+1] + U_q @ x[t])\ny[t] = V @ [p[t], q[t]]"
    ),
    "encoder–decoder": (
        "h[t] = tanh(W @ h[t-1] + U @ x[t])\ns[u] = tanh(A @ s[u-1] + B @ y[u])\ns[0] = C @ h[T]\no[u] = Q @ s[u]"
    ),
    "attention": (
        "p[t] = tanh(W_p @ p[t-1] + U_p @ x[t] + b_p)\nq[t] = tanh(W_q @ q[t+1] + U_q @ x[t] + b_q)\n"
        "m[t] = [p[t], q[t]]\na[u] = softmax(tanh(U_a @ m[:] + W_a @ s[u-1]).T @ v_a)\nk[u] = m[:] @ a[u]\n"
        "s[u] = tanh(W_s @ s[u-1] + C @ k[u])\ns[0] = tanh(W_0 @ q[1])"
    ),
    "matrix state": "k[t] : K\nv[t] : V\nS[t] = S[t-1] + (v[t] - S[t-1] @ k[t]) @ k[t].T\ny[t] = S[t] @ k[t]",
    "a loss": "j[t] : index V\nE : V, H\nh[t] = tanh(W @ h[t-1] + take(E.T, j[t]))\nloss = sum[t](logsumexp(E @ h[t]))",
    "two lags": "h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t])\nh[0] = tanh(c)\ny = Q @ h[T-1]",
    "masked": "m[t] : scalar\nh[t] = m[t] * tanh(W @ h[t-1] + U @ x[t]) + (1 - m[t]) * h[t-1]",
    "kinks": "h[t] = relu(W @ h[t-1] + U @ x[t]) + 0.5 * abs(h[t-1]) + max(A @ x[t], min(B @ x[t], x[t]))",
    "stopped": "h[t] = tanh(W @ h[t-1] + U @ x[t]) * stop(sigmoid(V @ h[t-1]))",
    "time-free": "n = tanh(A @ e)\ninput z : D\nh[t] = tanh(W @ h[t-1] + n + U @ z)\ny = Q @ sum[t](h[t])",
    "positive arguments": "h[t] = log(x[t]) + sqrt(x[t]) * exp(-h[t-1]) / x[t]",
    "linear": "h[t] = 0.5 * h[t-1] + x[t]\nx[t] : D",
}


@pytest.fixture(scope="module", params=SYSTEMS, ids=str)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    return Subject.of(derive.parse(SYSTEMS[request.param]))


@pytest.mark.parametrize("name", ORACLES)
def test_every_oracle_agrees(subject: Subject, name: str) -> None:
    try:
        evidence = ORACLES[name](subject, list(cases(subject.primal, len(REGIMES))))
    except NotDone as reason:
        pytest.skip(str(reason))
    laws.holds(evidence)
    assert evidence.cases > 0
    assert evidence.worst is not None
    assert evidence.worst <= (0.1 if name == "Taylor slope" else laws.PROMISED)


def test_regimes_cover_what_they_claim() -> None:
    system = derive.load("lstm")
    found = list(cases(system, len(REGIMES)))
    assert {case.steps["t"] for case in found} >= {1, 2, 5}
    assert any(not case.initial for case in found)
    assert any(case.initial for case in found)
    assert any(not case.cotangents["h"].any() for case in found)
    assert any(not case.final["c"].any() for case in found)
    assert any(case.inputs["x"].shape[1:] == (1, 1) for case in found)
    (first, *_) = found
    hidden, wide = first.parameters["W_f"].shape
    steps, batch, size = first.inputs["x"].shape
    assert len({hidden, size, steps, batch}) == 4
    assert wide == hidden + size
    again = next(cases(system, 1))
    numpy.testing.assert_array_equal(again.parameters["W_f"], first.parameters["W_f"])


def test_lengths_are_drawn_so_that_all_positions_exist() -> None:
    system = derive.parse("x[t] : D\ny = x[3] + x[T-1]")
    assert shortest(system) == {"t": 3}
    assert draw(system, numpy.random.default_rng(0), Regime(1)).steps == {"t": 3}


def test_points_are_drawn_until_values_are_finite() -> None:
    system = derive.parse(SYSTEMS["positive arguments"])
    case = draw(system, numpy.random.default_rng(0), Regime(3))
    assert (case.inputs["x"] > 0).all()
    hopeless = derive.parse("x[t] : D\ny[t] = log(-x[t]**2 - 1)")
    with pytest.raises(ValueError, match="no finite value at any of 40 random points"):
        draw(hopeless, numpy.random.default_rng(0), Regime(3))


def test_a_lost_trace_is_an_error() -> None:
    """The trap: a value computed from what autograd no longer sees has an all-zero gradient, and only a warning."""

    def lost(x: numpy.ndarray) -> float:
        return anp.sum(numpy.array(x._value)) * 2.0  # type: ignore[attr-defined]

    with dependence_is_an_error(), pytest.raises(UserWarning, match="Output seems independent of input"):
        autograd.grad(lost)(numpy.ones(3))


def test_torch_is_reported_as_not_done_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NotDone, match="torch is not installed"):
        with_torch(Subject.of(derive.parse(SYSTEMS["linear"])), [])


def test_taylor_is_not_done_at_a_kink() -> None:
    system = derive.parse("h[t] = abs(h[t-1]) + x[t]\nx[t] : D")
    case = draw(system, numpy.random.default_rng(0), Regime(2, initial=False))
    with pytest.raises(NotDone, match="every case lies at a kink"):
        with_taylor(Subject.of(system), [case])


def test_what_is_stopped_is_held_for_taylor() -> None:
    """x · stop(x) has gradient x, not 2x: the remainder is of second order only if stop(x) does not move."""
    system = derive.parse("x[t] : D\ny[t] = x[t] * stop(x[t])")
    case = next(cases(system, 1))
    laws.holds(with_taylor(Subject.of(system), [case]))
    watch, at = Watch(), point(system, case)
    held = loss(system, case, at, watch.recording())
    moved = {leaf: array + 1.0 for leaf, array in at.items()}
    frozen = loss(system, case, moved, watch.replaying())
    assert frozen != pytest.approx(loss(system, case, moved, NUMPY))
    assert frozen - held == pytest.approx((case.cotangents["y"] * case.inputs["x"]).sum())


def test_the_loss_is_the_pairing_with_outputs_and_last_values() -> None:
    system = derive.parse("h[t] : scalar\nx[t] : scalar\nh[t] = h[t-2] + x[t]")
    case = Case(
        parameters={},
        inputs={"x": numpy.array([[1.0], [2.0], [3.0]])},
        initial={"h": numpy.array([[10.0], [20.0]])},
        steps={"t": 3},
        cotangents={"h": numpy.array([[1.0], [1.0], [100.0]])},
        final={"h": numpy.array([[0.5], [0.25]])},
        label="",
    )
    # h = 11, 22, 14; the last two are 22 and 14
    assert loss(system, case, point(system, case), AUTOGRAD) == 11 + 22 + 1400 + 0.5 * 22 + 0.25 * 14


def test_a_leaf_on_which_nothing_depends_must_have_gradient_zero() -> None:
    system = derive.parse("y[t] = A @ x[t]\nunused[t] = B @ x[t]")
    subject = Subject.of(system, outputs=("y",))
    case = next(cases(system, 1, outputs=("y",)))
    assert ("parameter", "B") not in gradient(system, subject.adjoint, case)
    laws.agrees_with_autograd(with_autograd(subject, [case]))
    blind = replace(subject, adjoint=system.adjoint(outputs=("y",), wrt=("x",)))
    evidence = with_autograd(blind, [case])
    assert not evidence.holds
    assert evidence.where.startswith("gradient of A")


# --- comparison -------------------------------------------------------------------------------------------------


def compared(expected: float, got: float, error: float) -> Tally:
    tally = Tally(cases=1)
    tally.arrays(numpy.array([expected]), Bounded(numpy.array([got]), numpy.array([error])), "here")
    return tally


@pytest.mark.parametrize(
    ("expected", "got", "error", "holds"),
    [
        (1.0, 1.0 + 1e-15, 1e-15, True),
        (1.0, 1.0 + 1e-12, 1e-15, False),
        (numpy.nan, 1.0, 1.0, False),
        (1.0, numpy.nan, numpy.nan, False),
        (numpy.nan, numpy.nan, 1.0, False),
        (numpy.inf, numpy.inf, 1.0, False),
        (0.0, 0.0, 0.0, True),
        (0.0, 1e-300, 0.0, False),
    ],
)
def test_numbers_are_equal_within_their_bound_and_nan_equals_nothing(
    expected: float, got: float, error: float, holds: bool
) -> None:
    with numpy.errstate(invalid="ignore"):
        evidence = compared(expected, got, error).evidence("claim", "method")
    assert evidence.holds is holds
    assert evidence.where == "here"


def test_the_failing_comparison_is_the_one_reported() -> None:
    tally = compared(1.0, 1.0 + 1e-6, 1.0)
    tally.found += compared(1.0, 1.0 + 1e-9, 1e-16).found
    evidence = tally.evidence("claim", "method")
    assert not evidence.holds
    assert evidence.worst == pytest.approx(1e-9, rel=1e-3)


def test_comparing_nothing_or_other_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was compared for: claim"):
        Tally(cases=1).evidence("claim", "method")
    with pytest.raises(ValueError, match="here: shapes"):
        Tally().arrays(numpy.zeros(2), Bounded(numpy.zeros(3)), "here")


def test_every_leaf_has_a_cotangent(subject: Subject) -> None:
    primal: System = subject.primal
    leaves = {name: var for name, var in primal.variables.items() if var.is_leaf and var.role != "constant"}
    real = {name for name, var in leaves.items() if var.classes is None}
    without = {name for name in real if subject.adjoint.find("cotangent", name) is None}
    assert without == set()
    assert {name for name in leaves if name not in real} <= {"j"}
