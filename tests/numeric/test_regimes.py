"""Regimes: Jacobians between any two steps against finite differences, and what a gradient does at weights found so."""

import numpy as np
import pytest

import derive
from derive.networks import build
from numeric.ablation import without
from numeric.examples import example
from numeric.reference import evaluate
from numeric.regimes import GROWS, SCALES, SHRINKS, regimes
from numeric.stability import spectra

BACKWARD = "q[t] = tanh(W @ q[t+1] + U @ x[t])"
STEPS = 4


def differences(system, case, states, forward, of, wrt):
    """∂s_of/∂s_wrt, steps in the order they are computed: central differences of a run that starts at `wrt`."""
    values = evaluate(system, case.parameters, case.inputs)
    at = wrt if forward else STEPS + 1 - wrt
    start = np.concatenate([values.at(n, at).ravel() for n in states]) if wrt else 0.0
    widths = [values.at(n, 1).size for n in states]
    start = start * np.ones(sum(widths))
    inputs = {n: array[wrt:] if forward else array[: STEPS - wrt] for n, array in case.inputs.items()}

    def last(column):
        pieces = np.split(column, np.cumsum(widths)[:-1])
        initial = {n: piece.reshape(values.at(n, 1).shape) for n, piece in zip(states, pieces, strict=True)}
        run = evaluate(system, case.parameters, inputs, initial)
        return np.concatenate([run.at(n, of - wrt if forward else STEPS + 1 - of).ravel() for n in states])

    step = 6e-6  # cube root of eps: truncation and rounding are both about 4e-11 of values near 1
    return np.stack(
        [(last(start + step * e) - last(start - step * e)) / (2 * step) for e in np.eye(len(start))], axis=1
    )


@pytest.mark.parametrize("text", ["rnn", "lstm", "gru", BACKWARD])
def test_the_heat_map_holds_norms_of_jacobians_between_any_two_steps(text):
    system = derive.load(text) if text in derive.names() else derive.parse(text)
    case = example(system, STEPS, seed=5, scale=1.5)
    (found,) = spectra(system, case.parameters, case.inputs)
    states, forward = found.recurrence.states, found.recurrence.direction > 0
    for of in range(STEPS + 1):
        assert found.pairs[of, of, 0] == pytest.approx(1)
        assert not found.pairs[of, of + 1 :].any()
        for wrt in range(of):
            truth = np.linalg.norm(differences(system, case, states, forward, of, wrt), 2)
            assert found.pairs[of, wrt, 0] == pytest.approx(truth, rel=1e-8, abs=1e-9)
    np.testing.assert_allclose(found.pairs[-1, ::-1], found.norms, rtol=1e-12)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "rnn-relu", "slstm"])
def test_a_gradient_vanishes_stays_and_explodes_at_weights_found_so(name):
    ((found,), refused) = regimes(derive.load(name))
    assert [regime.name for regime in found.shown] == ["vanishing", "stable", "exploding"]
    assert not found.missing
    assert not refused
    vanishing, stable, exploding = found.shown
    steps = len(stable.spectra.jacobians)
    assert vanishing.spectra.norms[-1, 0] < SHRINKS**steps
    assert SHRINKS**steps <= stable.spectra.norms[-1, 0] <= GROWS**steps
    assert exploding.spectra.norms[-1, 0] > GROWS**steps
    assert vanishing.norm < stable.norm < exploding.norm


def test_the_norm_is_that_of_the_recurrent_weights():
    ((found,), _) = regimes(derive.load("rnn-nobias"))
    for regime in found.shown:
        bound = regime.spectra.bounds[1]  # of one step: γ‖W‖ with γ = 1 for tanh
        assert bound == pytest.approx(regime.norm)


@pytest.mark.parametrize(
    ("name", "tried", "missing"),
    [
        ("rnn-sigmoid", SCALES, ("stable", "exploding")),  # ¼‖W‖ is above 1 for a norm of 16, and still it vanishes
        ("mingru", (), ("stable", "exploding")),  # gates below 1, and no matrix in between
        ("linear-attention", (), ("vanishing", "exploding")),  # z[t] = z[t-1] + k[t]
    ],
)
def test_what_no_weights_bring_about_is_said(name, tried, missing):
    (found, _) = regimes(derive.load(name))
    assert (found[0].tried, found[0].missing) == (tried, missing)


def test_a_matrix_state_has_a_reason():
    with pytest.raises(ValueError, match="S is a matrix"):
        regimes(derive.load("mamba"))


def test_every_recurrence_of_a_network_and_the_same_twice():
    first, second = (regimes(build("rnn-bidirectional"), {"H": 4}, steps=8)[0] for _ in range(2))
    assert [r.recurrence.states for r in first] == [("h_fwd",), ("h_bwd",)]
    for one, other in zip(first, second, strict=True):
        assert one.sizes["H"] == 4
        assert [r.norm for r in one.shown] == [r.norm for r in other.shown]
        for a, b in zip(one.shown, other.shown, strict=True):
            np.testing.assert_array_equal(a.spectra.products, b.spectra.products)


# --- a gate taken away ---------------------------------------------------------------------------------------------


def test_without_a_gate_its_value_is_one():
    """An LSTM whose forget gate is 1 is the cell of 1997."""
    cell = without(derive.load("lstm"), "f")
    assert set(derive.load("lstm").parameters) - set(cell.parameters) == {"W_f", "b_f"}
    case = example(cell, 5, seed=2)
    weights, x = case.parameters, case.inputs["x"][:, 0]
    h = c = np.zeros(weights["b_i"].shape)
    for t in range(5):
        joined = np.concatenate([h, x[t]])
        i, o = (1 / (1 + np.exp(-(weights[f"W_{g}"] @ joined + weights[f"b_{g}"]))) for g in "io")
        c = c + i * np.tanh(weights["W_g"] @ joined + weights["b_g"])
        h = o * np.tanh(c)
    np.testing.assert_allclose(evaluate(cell, weights, case.inputs)["h"][-1, 0], h, rtol=1e-13)


def test_only_a_quantity_that_is_computed_can_be_taken_away():
    with pytest.raises(ValueError, match="lstm defines no x"):
        without(derive.load("lstm"), "x")
