"""State Jacobians in numbers: against autograd from a restarted sequence, and below the bound of the equations."""

import autograd.numpy as np
import numpy
import pytest
from autograd import jacobian
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive.networks import build
from derive.stability import stability
from numeric.examples import example, with_norm
from numeric.reference import evaluate
from numeric.stability import spectra

TEXTS = {
    "lag 2": "h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t])",
    "lag 3 alone": "h[t] = tanh(V @ h[t-3] + U @ x[t])",
    "backward": "q[t] = sigmoid(W @ q[t+1] + U @ x[t])",
    "softmax": "y[t] = softmax(V @ h[t])\nh[t] = tanh(W @ y[t-1] + U @ x[t])\nW : H, D\nV : D, H",
    "scalar": "h[t] = a * h[t-1] + b * x[t]\na, b : scalar\nx[t] : scalar",
    "rows": "h[t] = tanh(W @ h[t-1] + U @ x[t])\ns[t] = [h[t], tanh(A @ s[t-1])]\nA : K, H + K\nh[t] : H",
}


def is_refused(system):
    """Whether every recurrence carries a matrix: those have no Jacobian by blocks."""
    carried = [component.carried for component in system.components if component.direction]
    return all(any(len(system.shapes[name]) == 2 for name in names) for names in carried)


MATRICES = [name for name in derive.names() if is_refused(derive.load(name))]
VECTORS = {name: derive.load(name) for name in derive.names() if name not in MATRICES}
SYSTEMS = {**VECTORS, **{k: derive.parse(v) for k, v in TEXTS.items()}}
STEPS = 4


def restarted(system, found, parameters, inputs, k):
    """∂s_last/∂s_(k steps before) by autograd: the last k steps as a sequence of their own, started anywhere."""
    (recurrence,) = [r.recurrence for r in found[-1:]]
    values = evaluate(system, parameters, inputs)
    forward = recurrence.direction > 0
    part = slice(STEPS - k, STEPS) if forward else slice(0, k)
    states, lag = recurrence.states, recurrence.lag
    begin = [STEPS - k - i if forward else k + 1 + i for i in range(lag)]  # newest first
    widths = [int(values.at(name, 1).reshape(-1).size) for name in states]

    def at(name, t):
        return values.at(name, t).reshape(-1) if values.has(name, t) else numpy.zeros(widths[states.index(name)])

    start = numpy.concatenate([at(name, t) for t in begin for name in states])

    def last(column):
        pieces, place = {}, 0
        for i in range(lag):
            for name, width in zip(states, widths, strict=True):
                pieces[name, i] = column[place : place + width].reshape(values.at(name, 1).shape)
                place += width
        initial = {}
        for name in system.boundaries:
            if name not in states:  # another recurrence, held fixed
                initial[name] = values.at(name, begin[0])
                continue
            order = range(lag - 1, -1, -1) if forward else range(lag)
            kept = [pieces[name, i] for i in order][-len(system.boundaries[name]) :]
            initial[name] = kept[0] if len(kept) == 1 else np.stack(kept)
        run = evaluate(system, parameters, {n: a[part] for n, a in inputs.items()}, initial)
        ends = [k - i if forward else 1 + i for i in range(lag)]  # k is at least the lag: none is a given value
        return np.concatenate([run.at(name, t).reshape(-1) for t in ends for name in states])

    return jacobian(last)(start)


@pytest.mark.parametrize("name", SYSTEMS)
def test_products_over_lags_equal_autograd_from_a_restart(name):
    system = SYSTEMS[name]
    case = example(system, STEPS, seed=3)
    parameters = {n: a + 0.1 for n, a in case.parameters.items()}
    found = spectra(system, parameters, case.inputs)
    lag = found[-1].recurrence.lag
    for k in range(lag, STEPS + 1):
        truth = restarted(system, found, parameters, case.inputs, k)
        numpy.testing.assert_allclose(found[-1].products[k, 0], truth, rtol=1e-11, atol=1e-13)
        numpy.testing.assert_allclose(found[-1].norms[k, 0], numpy.linalg.norm(truth, 2), rtol=1e-11)
    numpy.testing.assert_array_equal(found[-1].products[0, 0], numpy.eye(len(found[-1].products[0, 0])))


@pytest.mark.parametrize("name", [*SYSTEMS, "lstm-bidirectional-deep", "encoder-decoder-free", "tagger"])
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_no_product_is_larger_than_the_bound(name, scale):
    system = SYSTEMS[name] if name in SYSTEMS else build(name)
    case = example(system, 8, scale=scale, seed=1)
    for found in spectra(system, case.parameters, case.inputs, None, case.steps):
        assert (found.norms <= found.bounds[:, None] * (1 + 1e-12)).all()
        assert (found.gradients <= found.norms * (1 + 1e-12)).all()
        assert (found.radii <= found.singular_values[..., 0] * (1 + 1e-9)).all()


@settings(max_examples=25)
@given(
    st.sampled_from([("rnn", 1.0), ("rnn-sigmoid", 0.25), ("rnn-relu", 1.0)]),
    st.floats(0.1, 5.0),
    st.integers(1, 5),
    st.integers(0, 10**6),
)
def test_the_bound_of_a_plain_network_is_gamma_times_the_norm_to_the_k(cell, norm, width, seed):
    name, gamma = cell
    case = example(SYSTEMS[name], 6, {"D": 2, "H": width}, scale=norm, seed=seed)
    (found,) = spectra(SYSTEMS[name], case.parameters, case.inputs)
    numpy.testing.assert_allclose(found.bounds, (gamma * norm) ** numpy.arange(7), rtol=1e-11)
    assert (found.norms <= found.bounds[:, None] * (1 + 1e-12)).all()


def test_a_batch_is_its_examples():
    system = SYSTEMS["gru"]
    case = example(system, 5)
    other = example(system, 5, seed=9)
    both = {"x": numpy.concatenate([case.inputs["x"], other.inputs["x"]], axis=1)}
    (found,) = spectra(system, case.parameters, both)
    for place, inputs in enumerate((case.inputs, other.inputs)):
        (alone,) = spectra(system, case.parameters, inputs)
        numpy.testing.assert_allclose(found.products[:, place], alone.products[:, 0], rtol=1e-13, atol=1e-15)


def test_the_gradient_of_a_loss_is_that_of_the_adjoint():
    """dh[0] for a loss that reads h[T] alone, from the adjoint system, which multiplies no Jacobians."""
    system = SYSTEMS["rnn"]
    case = example(system, 6, {"D": 3, "H": 4}, seed=2)
    seed = numpy.array([1.0, -2.0, 0.5, 0.0])
    (found,) = spectra(system, case.parameters, case.inputs, cotangent=seed)
    up = numpy.zeros((6, 1, 4))
    up[-1, 0] = seed
    values = evaluate(system.adjoint(), case.parameters, {**case.inputs, "up_h": up})
    for k in range(7):
        expected = numpy.linalg.norm(values.at("dh", 6 - k))
        assert found.gradients[k, 0] == pytest.approx(expected, rel=1e-12)


def test_scaling_touches_the_recurrent_columns_alone():
    system = SYSTEMS["lstm"]
    plain, scaled = (example(system, 3, {"D": 2, "H": 3}, scale=s, seed=4) for s in (None, 0.7))
    for gate in "fiog":
        before, after = plain.parameters[f"W_{gate}"], scaled.parameters[f"W_{gate}"]
        assert numpy.linalg.norm(after[:, :3], 2) == pytest.approx(0.7, rel=1e-12)
        numpy.testing.assert_array_equal(after[:, 3:], before[:, 3:])
    assert with_norm(system, {}, 1.0, {"D": 2, "H": 3}) == {}


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda s, c: spectra(s, c.parameters, c.inputs, cotangent=numpy.ones(2)), r"the cotangent of h is \(4,\)"),
        (lambda s, c: spectra(s, {}, c.inputs), "W_h"),
        (lambda s, c: spectra(derive.parse("y[t] = W @ x[t]"), {}, {}), "has no recurrence"),
    ],
)
def test_bad_input_is_refused_in_one_line(act, reason):
    case = example(SYSTEMS["rnn"], 3, {"D": 2, "H": 4})
    with pytest.raises(ValueError, match=reason) as caught:
        act(SYSTEMS["rnn"], case)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", MATRICES)
def test_states_that_are_matrices_are_refused(name):
    with pytest.raises(ValueError, match="is a matrix; Jacobians are written for columns and scalars"):
        stability(derive.load(name))
