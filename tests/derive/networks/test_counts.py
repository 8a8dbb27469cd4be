"""Counts of whole networks against what the frameworks print for the same models (catalogue §7.1)."""

from __future__ import annotations

import pytest

import derive
from derive.conventions import conventions
from derive.counts import count_report
from derive.networks import bidirectional, build, embedded, head, stack

RNN, LSTM, GRU = (derive.load(name) for name in ("rnn", "lstm", "gru-reset-after"))
RNN_NOBIAS = derive.load("rnn-nobias")
LSTM_NOBIAS = derive.parse("""
f[t] = sigmoid(W_f @ [h[t-1], x[t]])
i[t] = sigmoid(W_i @ [h[t-1], x[t]])
g[t] = tanh(W_g @ [h[t-1], x[t]])
o[t] = sigmoid(W_o @ [h[t-1], x[t]])
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
""")


def dense(net, width):
    """A read-out of the last step."""
    return head(net, at="last", width=width)


MODELS = [  # row, network, framework, sizes, count
    (10, bidirectional(LSTM), "keras", {"D": 10, "H": 32}, 11_008),
    (10, bidirectional(GRU), "keras", {"D": 10, "H": 32}, 8_448),
    (10, bidirectional(RNN), "keras", {"D": 10, "H": 32}, 2_752),
    (11, stack(LSTM, 2), "keras", {"D": 10, "H": 32}, 13_824),
    (13, dense(embedded(LSTM), "1"), "keras", {"V": 10_000, "D": 300, "H": 128}, 3_219_777),
    (14, dense(embedded(bidirectional(LSTM)), "1"), "keras", {"V": 5_000, "D": 40, "H": 100}, 313_001),
    (16, stack(RNN, 2), "pytorch", {"D": 10, "H": 20}, 1_480),
    (16, bidirectional(RNN), "pytorch", {"D": 10, "H": 20}, 1_280),
    (16, RNN_NOBIAS, "pytorch", {"D": 10, "H": 20}, 600),
    (17, stack(LSTM, 2), "pytorch", {"D": 10, "H": 20}, 5_920),
    (17, stack(bidirectional(LSTM), 2), "pytorch", {"D": 10, "H": 20}, 15_040),
    (17, stack(bidirectional(LSTM_NOBIAS), 2), "pytorch", {"D": 10, "H": 20}, 14_400),
    (19, stack(bidirectional(GRU), 2), "pytorch", {"D": 10, "H": 20}, 11_280),
    (21, build("embedding"), "pytorch", {"V": 10_000, "D": 300}, 3_000_000),
    (21, build("embedding"), "keras", {"V": 10_000, "D": 10}, 100_000),
    (21, derive.parse("x[t] : D\ny[t] = W @ x[t] + b\nb : O"), "pytorch", {"D": 128, "O": 10_000}, 1_290_000),
    (22, dense(embedded(LSTM), "O"), "keras", {"V": 1_000, "D": 64, "H": 128, "O": 10}, 164_106),
    (23, dense(embedded(stack([GRU, RNN])), "O"), "keras",
     {"V": 1_000, "D": 64, "H_1": 256, "H_2": 128, "O": 10}, 361_866),
    (24, dense(stack([bidirectional(LSTM), bidirectional(LSTM)]), "O"), "keras",
     {"D": 10, "H_1": 64, "H_2": 32, "O": 10}, 80_266),
    (25, head(embedded(stack(bidirectional(LSTM), 2)), "sigmoid", at="last", width="1"), "keras",
     {"V": 20_000, "D": 128, "H": 64}, 2_757_761),
]  # fmt: skip


@pytest.mark.parametrize(("row", "net", "framework", "sizes", "expected"), MODELS)
def test_a_model_counts_as_the_framework_prints(row, net, framework, sizes, expected):
    counts = count_report(net, sizes)
    assert counts["conventions"][framework] == expected, row


def test_a_padding_index_costs_no_parameter():
    """The column exists, as in the frameworks; it is not learned."""
    plain, padded = (embedded(stack(LSTM, 2), padding=padding) for padding in (None, 0))
    assert conventions(plain) == conventions(padded)
    assert conventions(padded)["pytorch"] is not None


@pytest.mark.parametrize(
    "net",
    [
        "k[t] : index V\nh[t] = tanh(W @ h[t-1] + take(E, k[t]) + U @ take(E, k[t]))",  # the table is a bias as well
        "k[t] : index V\nj[t] : index V\nh[t] = tanh(W @ h[t-1] + U @ [take(E, k[t]), take(E, j[t])])",  # used twice
        "k[t] : index V\nw[t] : 1\nh[t] = tanh(W @ h[t-1] + U @ (w[t] * take(E, k[t])))",  # weighted by an input
        "k[t] : index V\nh[t] = tanh(W @ h[t-1] + U @ (take(a, k[t]) * take(E, k[t])))\na : 1, V",  # learned weights
        "k[t] : index V\nh[t] = tanh(W @ h[t-1] + U @ take(E, k[t-1]))",  # another step
    ],
)
def test_no_framework_has_such_an_embedding(net):
    found = conventions(derive.parse(net))
    assert (found["keras"], found["pytorch"], found["onnx"]) == (None, None, None)
