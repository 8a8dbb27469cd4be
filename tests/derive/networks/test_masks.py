"""Padded sequences give the numbers of the sequences one by one."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive.networks import (
    Window,
    bidirectional,
    embedded,
    encoder_decoder,
    head,
    loss,
    masked,
    stack,
    transformer_block,
)
from numeric.draws import Regime, draw
from numeric.reference import evaluate

GRU, RNN = derive.load("gru"), derive.load("rnn")
LAG_2 = derive.parse("h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t])")
LAG_3 = derive.parse("h[t] = tanh(V @ h[t-3] + U @ x[t-1])")
NETS = {
    "per step": lambda: loss(head(stack(bidirectional(derive.load("lstm")), 2), "softmax")),
    "once": lambda: loss(head(bidirectional(GRU), "softmax", at="last")),
    "encoder-decoder": lambda: loss(encoder_decoder(stack(RNN, 2), stack(RNN, 2)), "cross-entropy-onehot"),
    "context at every step": lambda: loss(encoder_decoder(GRU, RNN, "every", feeding="own"), "cross-entropy-onehot"),
    "additive attention": lambda: loss(encoder_decoder(bidirectional(GRU), RNN, "additive"), "cross-entropy-onehot"),
    "lag 2, both directions": lambda: loss(head(bidirectional(LAG_2), "softmax")),
    "lag 3, an input of earlier steps, the last state": lambda: loss(head(LAG_3, "softmax", at="last")),
    "a map of the last states": lambda: loss(head(derive.parse("s[t] = s[t-1] + x[t]\nr[t] = tanh(s[t])\nz = r[T]"))),
    "local attention": lambda: loss(
        encoder_decoder(RNN, GRU, "dot", window=Window("predictive", 1), input_feeding=True), "cross-entropy-onehot"
    ),
    "monotonic window": lambda: loss(
        encoder_decoder(bidirectional(RNN), GRU, "concat", window=Window("monotonic", 1)), "cross-entropy-onehot"
    ),
    "words": lambda: loss(
        encoder_decoder(embedded(GRU), RNN, "additive", feeding="words", output="maxout"), target="word"
    ),
    "general attention": lambda: loss(encoder_decoder(RNN, GRU, "general"), "cross-entropy-onehot"),
    "transformer": lambda: loss(head(transformer_block(2), "softmax")),
}


def cut(array, var, lengths, example):
    """One example of a batch, at its own length."""
    return array[: lengths[var.axis], example : example + 1] if var.axis else array[example : example + 1]


@pytest.mark.parametrize("name", NETS)
def test_a_padded_batch_is_its_sequences_one_by_one(name):
    """The loss and all gradients; what the padding holds does not matter, and its gradient is zero."""
    net = NETS[name]()
    padded, masks = net, {}
    for axis in net.axes:
        masks[axis] = f"m_{axis}"
        padded = masked(padded, axis, mask=masks[axis])
    adjoint = net.adjoint(outputs=("L",))
    whole = padded.adjoint(outputs=("L",))
    case = draw(net, np.random.default_rng(5), Regime(4), ("L",))
    batch = case.cotangents["L"].shape[0]
    lengths = [{axis: 1 + (e * 2 + i) % n for i, (axis, n) in enumerate(case.steps.items())} for e in range(batch)]
    valid = {
        masks[axis]: np.array([[float(t < lengths[e][axis]) for e in range(batch)] for t in range(n)])
        for axis, n in case.steps.items()
    }
    up = whole.find("upstream", "L").name
    together = evaluate(whole, case.parameters, {**case.inputs, **valid, up: np.ones(batch)}, case.initial)
    shared = dict.fromkeys(net.parameters, 0.0)
    for e in range(batch):
        inputs = {n: cut(a, net.variables[n], lengths[e], e) for n, a in case.inputs.items()}
        initial = {n: a[:, e : e + 1] if len(net.boundaries[n]) > 1 else a[e : e + 1] for n, a in case.initial.items()}
        alone = evaluate(adjoint, case.parameters, {**inputs, up: np.ones(1)}, initial)
        assert alone["L"][0] == pytest.approx(together["L"][e], rel=1e-13)
        for parameter in net.parameters:
            shared[parameter] = shared[parameter] + alone[f"d{parameter}"]
        for n in inputs:
            if net.variables[n].classes is None:
                found = together[f"d{n}"]
                wanted = alone[f"d{n}"]
                assert np.abs(cut(found, net.variables[n], lengths[e], e) - wanted).max() <= 1e-13
                axis = net.variables[n].axis
                assert axis is None or not found[lengths[e][axis] :, e].any()
    for parameter, gradient in shared.items():
        assert np.abs(gradient - together[f"d{parameter}"]).max() <= 1e-12


def test_masking_before_or_after_composition_is_the_same():
    assert masked(bidirectional(GRU)) == bidirectional(masked(GRU))
    assert masked(stack(RNN, 2)) == stack(masked(RNN), 2)


def test_a_state_of_lag_2_is_two_states_of_lag_1():
    assert [str(e) for e in masked(bidirectional(derive.parse("h[t] = a * h[t-2] + x[t]"))).equations][:6] == [
        "h_fwd[t] = stop(m[t]) * (a_fwd * h_fwd_past[t-1] + x[t]) + (1 - stop(m[t])) * h_fwd[t-1]",
        "h_bwd[t] = stop(m[t]) * (a_bwd * h_bwd_past[t+1] + x[t]) + (1 - stop(m[t])) * h_bwd[t+1]",
        "h[t] = [h_fwd[t], h_bwd[t]]",
        "h_fwd_past[t] = stop(m[t]) * h_fwd[t-1] + (1 - stop(m[t])) * h_fwd_past[t-1]",
        "h_fwd_past[0] = h_fwd[-1]",
        "h_bwd_past[t] = stop(m[t]) * h_bwd[t+1] + (1 - stop(m[t])) * h_bwd_past[t+1]",
    ]


def test_the_mask_has_no_gradient():
    net = masked(loss(head(RNN, "softmax")))
    assert str(net.adjoint(outputs=("L",)).equation("dm")) == "dm[t] = broadcast_to(0, 1, 1)"


def test_a_state_is_carried_in_its_own_direction():
    assert [str(e) for e in masked(bidirectional(derive.parse("h[t] = a * h[t-1] + x[t]"))).equations] == [
        "h_fwd[t] = stop(m[t]) * (a_fwd * h_fwd[t-1] + x[t]) + (1 - stop(m[t])) * h_fwd[t-1]",
        "h_bwd[t] = stop(m[t]) * (a_bwd * h_bwd[t+1] + x[t]) + (1 - stop(m[t])) * h_bwd[t+1]",
        "h[t] = [h_fwd[t], h_bwd[t]]",
    ]


BAD = [
    ("h[t] = tanh(W @ h[t-1] + x[t])\ny[t] = h[t+1]", "h[t+1] cannot be masked: a state is carried over padding"),
    ("h[t] = tanh(W @ h[t+1] + x[t])\ny = h[T]", "h[T] cannot be masked: the true last step is another"),
    ("h[t] = tanh(W @ h[t-1] + x[t])\ny = h[T-1]", "h[T-1] cannot be masked: the true last step is another"),
    ("h[t] = tanh(W @ h[t-1] + x[t])\ng[t] = h[t] * x[t]\ny = g[T]", "g[T] cannot be masked: the true last step"),
    ("h[t] = tanh(W @ h[t-1] + x[t])\ny = A @ x[T]", "x[T] cannot be masked: the true last step"),
    ("h[t] = tanh(W @ h[t+1] + x[t+1])", "x[t+1] cannot be masked"),
    ("y[t] = A @ x[t]", "no state, sum or attention along t"),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_what_cannot_be_masked_gets_one_line(text, reason):
    with pytest.raises(derive.EquationError) as caught:
        masked(derive.parse(text))
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason
