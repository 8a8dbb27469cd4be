"""Cells: their parameters and first values, one step and a sequence."""

import numpy as np
import pytest

from numeric import GRU, LSTM, RNN
from numeric.kernel import compile

CELLS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


@pytest.mark.parametrize("kind", CELLS)
def test_steps_make_the_sequence(kind):
    cell = CELLS[kind](input_size=4, hidden_size=3, seed=0)
    x = np.random.default_rng(0).standard_normal((5, 2, 4))
    run = cell.forward(x)
    state = None
    for t in range(5):
        state = cell.step(x[t], state)
        assert np.allclose(state["h"], run.outputs["h"][t], rtol=1e-14)
    assert {name: array.shape for name, array in state.items()} == dict.fromkeys(run.final, (2, 3))


@pytest.mark.parametrize("kind", CELLS)
def test_gradients_by_differences(kind):
    cell = CELLS[kind](input_size=2, hidden_size=3, seed=1)
    rng = np.random.default_rng(1)
    x, up = rng.standard_normal((4, 2, 2)), rng.standard_normal((4, 2, 3))
    found = cell.backward(cell.forward(x), {"h": up})
    for name, array in cell.parameters.items():
        direction = rng.standard_normal(array.shape)
        values = []
        for sign in (1, -1):
            cell.parameters[name] = array + sign * 1e-5 * direction
            values.append((up * cell.forward(x).outputs["h"]).sum())
        cell.parameters[name] = array
        assert np.isclose((values[0] - values[1]) / 2e-5, (found.parameters[name] * direction).sum(), rtol=1e-7)


@pytest.mark.parametrize(("kind", "count"), [("RNN", 27), ("LSTM", 96), ("GRU", 75)])
def test_counts(kind, count):
    """H = 3: the RNN with D = 5 and the LSTM with D = 4 as Keras counts them; the GRU with two biases in n alone."""
    cell = CELLS[kind](input_size=5 if kind == "RNN" else 4, hidden_size=3)
    assert sum(array.size for array in cell.parameters.values()) == count


def test_uniform_is_pytorch():
    cell = LSTM(input_size=50, hidden_size=100, seed=0)
    values = np.concatenate([array.ravel() for array in cell.parameters.values()])
    assert abs(values).max() <= 0.1
    assert abs(values.mean()) < 1e-3
    assert np.isclose(values.std(), 0.1 / np.sqrt(3), rtol=0.01)


def test_glorot_is_keras():
    cell = LSTM(input_size=50, hidden_size=100, initialiser="glorot", forget_bias=1.0, seed=0)
    weights = cell.parameters["W_f"]
    assert np.allclose(weights[:, :100] @ weights[:, :100].T, np.eye(100))
    assert abs(weights[:, 100:]).max() <= np.sqrt(6 / 150)
    assert (cell.parameters["b_f"] == 1).all()
    assert not cell.parameters["b_i"].any()


@pytest.mark.parametrize(("inputs", "hidden"), [(3, 3), (2, 5), (5, 2), (1, 1)])
def test_orthogonal(inputs, hidden):
    cell = GRU(input_size=inputs, hidden_size=hidden, initialiser="orthogonal", seed=0)
    for array in (cell.parameters["U_n"], cell.parameters["W_n"], cell.parameters["W_z"][:, hidden:]):
        small = array @ array.T if array.shape[0] <= array.shape[1] else array.T @ array
        assert np.allclose(small, np.eye(len(small)))


def test_seed_and_dtype():
    one, same, other = (LSTM(2, 3, seed=seed, dtype="float32") for seed in (1, 1, 2))
    assert all(np.array_equal(one.parameters[name], same.parameters[name]) for name in one.parameters)
    assert not np.array_equal(one.parameters["W_f"], other.parameters["W_f"])
    run = one.forward(np.ones((2, 1, 2)))
    assert {array.dtype for array in [*one.parameters.values(), run.outputs["h"]]} == {np.dtype("float32")}


def test_one_kernel_for_all_cells():
    assert LSTM(2, 3).kernel is LSTM(4, 5).kernel
    assert LSTM(2, 3).kernel is compile(LSTM(2, 3).system)
    assert repr(LSTM(2, 3)) == "LSTM(input_size=2, hidden_size=3)"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: RNN(2, 3, "cosine"), "no nonlinearity is called 'cosine'; there are tanh, sigmoid, relu"),
        (lambda: LSTM(2, 3, initialiser="ones"), "no initialiser is called 'ones'"),
        (lambda: GRU(0, 3), "sizes are at least 1"),
        (
            lambda: LSTM(2, 3).forward(np.ones((4, 1, 3))),
            r"expected \(T, B, D\) = \(4, 1, 2\), got \(4, 1, 3\)",
        ),
    ],
)
def test_errors(make, reason):
    with pytest.raises(ValueError, match=reason):
        make()
