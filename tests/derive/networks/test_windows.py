"""Windows of attention: against loops over slices, at their edges, and with their gradients."""

from __future__ import annotations

import numpy as np
import pytest

import derive
import numeric
from derive.networks import Window, attention, encoder_decoder, masked
from numeric.draws import Regime, draw
from numeric.reference import evaluate

WINDOWS = [
    Window("fixed", 1), Window("fixed", 3), Window("monotonic", 0), Window("monotonic", 1), Window("monotonic", 9),
    Window("predictive", 1), Window("predictive", 2),
]  # fmt: skip


def places(window, query, parameters, steps, u):
    """The steps 1…T that query u (from 1) sees, and its centre, by the words of the definitions."""
    if window.kind == "fixed":
        first = min(u, steps - window.size + 1)
        return np.arange(first, first + window.size), first
    centre = min(u, steps)
    if window.kind == "predictive":
        hidden = parameters["v_p"] @ np.tanh(parameters["W_p"] @ query)
        centre = steps / (1 + np.exp(-hidden))
    return np.array([t for t in range(1, steps + 1) if centre - window.size <= t <= centre + window.size]), centre


def by_slices(window, parameters, memory, queries):
    """Contexts (U, H) of one example, each from the slice of the memory (T, H) that its query sees."""
    found = []
    for u, query in enumerate(queries, start=1):
        seen, centre = places(window, query, parameters, len(memory), u)
        scores = memory[seen - 1] @ query
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        if window.kind == "predictive":
            weights = weights * np.exp(-((seen - centre) ** 2) / (2 * (window.size / 2) ** 2))
        found.append(weights @ memory[seen - 1])
    return np.array(found)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_window_is_a_slice_of_the_memory(window):
    """Also where the queries are more than the steps, and where the window is wider than the memory."""
    net = attention("dot", window)
    for number, (steps, queries) in enumerate([(5, 7), (3, 2), (3, 5)]):
        rng = np.random.default_rng(number)
        memory, query = rng.standard_normal((steps, 2, 3)), rng.standard_normal((queries, 2, 3))
        shapes = {"v_p": (4,), "W_p": (4, 3)}
        parameters = {name: rng.standard_normal(shapes[name]) for name in net.parameters}
        values = evaluate(net, parameters, {"h": memory, "s": query})
        run = numeric.compile(net).forward(parameters, {"h": memory, "s": query})
        for example in range(2):
            wanted = by_slices(window, parameters, memory[:, example], query[:, example])
            assert np.abs(values["context"][:, example] - wanted).max() <= 1e-14
            assert np.abs(run.outputs["context"][:, example] - wanted).max() <= 1e-14
        assert np.abs(values["alpha"].sum(-1) - 1).max() <= 1e-15
        assert (values["alpha"][values["outside"] == 1] == 0).all()


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_gradients_are_autograds(window, gradient_error):
    assert gradient_error(attention("general", window)) <= 1e-12


def test_padding_ends_a_window(gradient_error):
    net = masked(attention("additive", Window("predictive", 1)), "t")
    assert gradient_error(net, masks=("m",)) <= 1e-12
    case = draw(net, np.random.default_rng(0), Regime(5), net.outputs)
    mask = (np.arange(5)[:, None] < 2) * np.ones((1, case.inputs["h"].shape[1]))
    values = evaluate(net, case.parameters, {**case.inputs, "m": mask})
    assert (values["alpha"][..., 2:] == 0).all()
    assert (values["centre"] < 2).all()


def test_what_is_outside_has_no_gradient_and_the_centre_has_one():
    net = attention("general", Window("predictive", 1))
    case = draw(net, np.random.default_rng(2), Regime(6), net.outputs)
    back = evaluate(net.adjoint(), case.parameters, {**case.inputs, "up_context": case.cotangents["context"]})
    never = back["outside"].all(0)  # (B, T): steps that no query sees
    assert never.any()
    assert (back["dh"].swapaxes(0, 1)[never] == 0).all()
    assert abs(back["dW_p"]).max() > 1e-6


@pytest.mark.parametrize("memory", ["h[t] = tanh(W @ h[t-1] + U @ x[t])", "h[t] = tanh(W @ h[t+1] + U @ x[t])"])
def test_a_fixed_window_longer_than_the_sequence_is_refused_in_one_line(memory):
    net = encoder_decoder(derive.parse(memory), derive.load("rnn"), "additive", window=Window("fixed", 3))
    case = draw(net, np.random.default_rng(0), Regime(3), net.outputs)
    assert evaluate(net, case.parameters, case.inputs)["p"].shape[0] == case.steps["u"]
    short = {**case.inputs, "x": case.inputs["x"][:2]}
    with pytest.raises(ValueError, match=r"^[^\n]*pos\[3\][^\n]*the sequence is too short \(T = 2\)$"):
        evaluate(net, case.parameters, short)
    with pytest.raises(ValueError, match=r"^the sequence is too short: pos\[3\] is read, and T is 2$"):
        numeric.compile(net).forward(case.parameters, short)


BAD = [
    (lambda: Window("global", 3), "window 'global' is unknown; there are fixed, monotonic, predictive"),
    (lambda: Window("fixed", 0), "a fixed window of size 0: from 1 to 1000"),
    (lambda: Window("predictive", 0), "a predictive window of size 0: from 1 to 1000"),
    (lambda: Window("monotonic", -1), "a monotonic window of size -1: from 0 to 1000"),
    (lambda: encoder_decoder(derive.load("rnn"), derive.load("rnn"), window=Window("fixed", 2)),
     "context 'last' has no attention, so no window of it"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "reason"), BAD)
def test_what_cannot_be_gets_one_line(build, reason):
    with pytest.raises(derive.EquationError) as caught:
        build()
    assert caught.value.reason == reason
