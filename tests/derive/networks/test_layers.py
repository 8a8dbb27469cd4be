"""Deep and bidirectional networks: counts that frameworks print, and PyTorch's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive.conventions import conventions
from derive.dimensions import dimension
from derive.networks import bidirectional, embedded, head, masked, reverse, stack
from derive.system import Origin
from numeric.reference import evaluate

LSTM = derive.load("lstm")
TORCH_LSTM = derive.parse("""
    i[t] = sigmoid(W_i @ x[t] + b_i + U_i @ h[t-1] + c_i)
    f[t] = sigmoid(W_f @ x[t] + b_f + U_f @ h[t-1] + c_f)
    g[t] = tanh(W_g @ x[t] + b_g + U_g @ h[t-1] + c_g)
    o[t] = sigmoid(W_o @ x[t] + b_o + U_o @ h[t-1] + c_o)
    c[t] = f[t] * c[t-1] + i[t] * g[t]
    h[t] = o[t] * tanh(c[t])
""")
TORCH_GRU = derive.parse("""
    r[t] = sigmoid(W_r @ x[t] + b_r + U_r @ h[t-1] + c_r)
    z[t] = sigmoid(W_z @ x[t] + b_z + U_z @ h[t-1] + c_z)
    n[t] = tanh(W_n @ x[t] + b_n + r[t] * (U_n @ h[t-1] + c_n))
    h[t] = (1 - z[t]) * n[t] + z[t] * h[t-1]
""")
TORCH_RNN = derive.parse("h[t] = tanh(W_h @ x[t] + b_h + U_h @ h[t-1] + c_h)")
CELLS = {"RNN": (TORCH_RNN, "h"), "LSTM": (TORCH_LSTM, "ifgo"), "GRU": (TORCH_GRU, "rzn")}

# --- counts: catalogue 7.1 and 7.2 ----------------------------------------------------------------------------------

COUNTS = [
    ("Keras Bidirectional LSTM(32)", lambda: bidirectional(LSTM), {"D": 10, "H": 32}, 11_008),
    ("Keras Bidirectional GRU(32)", lambda: bidirectional(TORCH_GRU), {"D": 10, "H": 32}, 8_448),
    ("Keras Bidirectional SimpleRNN(32)", lambda: bidirectional(derive.load("rnn")), {"D": 10, "H": 32}, 2_752),
    ("Keras LSTM(32)-LSTM(32)", lambda: stack(LSTM, 2), {"D": 10, "H": 32}, 13_824),
    ("torch RNN 2 layers", lambda: stack(TORCH_RNN, 2), {"D": 10, "H": 20}, 1_480),
    ("torch RNN bidirectional", lambda: bidirectional(TORCH_RNN), {"D": 10, "H": 20}, 1_280),
    ("torch LSTM 2 layers", lambda: stack(TORCH_LSTM, 2), {"D": 10, "H": 20}, 5_920),
    ("torch LSTM 2 layers bidirectional", lambda: stack(bidirectional(TORCH_LSTM), 2), {"D": 10, "H": 20}, 15_040),
    ("torch GRU 2 layers bidirectional", lambda: stack(bidirectional(TORCH_GRU), 2), {"D": 10, "H": 20}, 11_280),
    ("Embedding + LSTM(128) + Dense(1)", lambda: head(embedded(LSTM), "sigmoid", at="last", width="1"),
     {"V": 10_000, "D": 300, "H": 128}, 3_219_777),
    ("Embedding + BiLSTM(100) + Dense(1)", lambda: head(embedded(bidirectional(LSTM)), "sigmoid", at="last", width="1"),
     {"V": 5_000, "D": 40, "H": 100}, 313_001),
    ("Keras guide: LSTM", lambda: head(embedded(LSTM), at="last"), {"V": 1000, "D": 64, "H": 128, "O": 10}, 164_106),
    ("Keras guide: GRU and SimpleRNN", lambda: head(embedded(stack([TORCH_GRU, derive.load("rnn")])), at="last"),
     {"V": 1000, "D": 64, "H_1": 256, "H_2": 128, "O": 10}, 361_866),
    ("Keras guide: two BiLSTM", lambda: head(stack([bidirectional(LSTM), bidirectional(LSTM)]), at="last"),
     {"D": 10, "H_1": 64, "H_2": 32, "O": 10}, 80_266),
    ("Keras IMDB", lambda: head(embedded(stack(bidirectional(LSTM), 2)), "sigmoid", at="last", width="1"),
     {"V": 20_000, "D": 128, "H": 64}, 2_757_761),
    ("Zaremba et al. 2014, medium", lambda: head(embedded(stack(LSTM, 2)), "softmax", width="V"),
     {"V": 10_000, "D": 650, "H": 650}, 19_775_200),
]  # fmt: skip


@pytest.mark.parametrize(("build", "sizes", "number"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS])
def test_parameters_are_as_many_as_frameworks_and_papers_say(build, sizes, number, count):
    assert count(build(), **sizes) == number


def test_frameworks_count_two_biases_for_every_gate_of_every_copy():
    """Keras Bidirectional(LSTM(32)) on 10 features: 11,008; PyTorch, two bidirectional layers LSTM(10, 20): 15,040."""

    def counted(net, convention, sizes):
        return conventions(net)[convention].subs({dimension(name): size for name, size in sizes.items()})

    assert counted(bidirectional(LSTM), "keras", {"D": 10, "H": 32}) == 11_008
    assert counted(stack(bidirectional(LSTM), 2), "pytorch", {"D": 10, "H": 20}) == 15_040
    gru = stack(bidirectional(derive.load("gru-reset-after")), 2)
    assert counted(gru, "pytorch", {"D": 10, "H": 20}) == 11_280


# --- structure ------------------------------------------------------------------------------------------------------


def test_layers_read_as_papers_write_them():
    assert str(stack(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])"), 3)).splitlines()[-3:] == [
        "h_1[t] = tanh(W_1 @ h_1[t-1] + U_1 @ x[t])",
        "h_2[t] = tanh(W_2 @ h_2[t-1] + U_2 @ h_1[t])",
        "h_3[t] = tanh(W_3 @ h_3[t-1] + U_3 @ h_2[t])",
    ]
    assert str(bidirectional(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])"))).splitlines()[-3:] == [
        "h_fwd[t] = tanh(W_fwd @ h_fwd[t-1] + U_fwd @ x[t])",
        "h_bwd[t] = tanh(W_bwd @ h_bwd[t+1] + U_bwd @ x[t])",
        "h[t] = [h_fwd[t], h_bwd[t]]",
    ]


def test_copies_remember_what_they_are():
    net = stack(bidirectional(LSTM), 2)
    assert net.variables["W_f_fwd_2"].origin == Origin("layer", "W_f_fwd", 2)
    assert net.variables["x"].origin is None
    both = bidirectional(LSTM)
    assert both.variables["h_bwd"].origin == Origin("backward", "h")
    assert both.variables["h_fwd"].origin == Origin("forward", "h")


def test_nothing_feeds_back_from_a_layer_to_the_one_below():
    net = stack(LSTM, 3)
    for component in net.components:
        assert len({name.rpartition("_")[2] for name in component.carried}) <= 1
    assert [c.direction for c in stack(bidirectional(derive.load("rnn")), 2).components] == [1, -1, 0, 1, -1, 0]


@pytest.mark.parametrize("name", derive.names())
@pytest.mark.parametrize(
    "build",
    [
        lambda c, y: stack(c, 2, input="x", output=y),
        lambda c, y: bidirectional(c, output=y),
        lambda c, y: stack(bidirectional(c, "sum", output=y), 2, input="x", output=y),
    ],
)
def test_any_cell_can_be_a_layer(name, build):
    """Its last output is what the layer above reads; a state that is only read a step later is an output too."""
    cell = derive.load(name)
    net = build(cell, cell.outputs[-1])
    assert derive.parse(str(net)) == net
    assert len(net.outputs) == 1 or len(cell.outputs) > 1


def test_layers_have_their_sizes_or_share_them():
    cell = derive.load("rnn")
    assert {str(d) for d in stack(cell, 3).dimensions} == {"D", "H"}
    assert {str(d) for d in stack([cell, LSTM, cell]).dimensions} == {"D", "H_1", "H_2", "H_3"}
    assert stack(cell, 1).shapes == {"h_1": cell.shapes["h"], "W_h_1": cell.shapes["W_h"], "x": cell.shapes["x"],
                                     "b_h_1": cell.shapes["b_h"]}  # fmt: skip


def test_masks_and_constants_are_shared_by_all_copies():
    net = stack(bidirectional(masked(derive.load("rnn"))), 2)
    assert net.inputs.count("m") == 1
    assert set(net.inputs) == {"m", "x"}
    fixed = stack(derive.parse("const A : H, H\nx[t] : H\nh[t] = A @ h[t-1] + x[t]"), 2)
    assert fixed.constants == ("A",)


BAD = [
    (lambda: stack(LSTM, 0), "a stack of 0 layers"),
    (lambda: stack([]), "a stack of 0 layers"),
    (lambda: stack([LSTM, LSTM], 3), "a stack of 2 layers: give one cell and a number, or a list"),
    (lambda: stack(LSTM, 2, input="q"), "q is no input of lstm"),
    (lambda: stack(LSTM, 2, output="x"), "x is nothing that lstm computes"),
    (lambda: stack(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + V @ z[t])"), 2), "say which one is meant"),
    (lambda: stack(derive.parse("x[t] : 3\nU : 4, 3\nh[t] = tanh(W @ h[t-1] + U @ x[t])"), 2), "x_2 of system is 3"),
    (lambda: bidirectional(LSTM, "max"), "merge 'max' is unknown; there are concat, sum, mul, ave"),
    (lambda: bidirectional(LSTM, output="q"), "q is nothing that lstm computes"),
]


@pytest.mark.parametrize(("build", "reason"), BAD)
def test_what_cannot_be_gets_one_line(build, reason):
    with pytest.raises(derive.EquationError) as caught:
        build()
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


# --- gradients ------------------------------------------------------------------------------------------------------

NETS = {
    "three layers": lambda: stack(derive.load("rnn"), 3),
    "three cells": lambda: stack([derive.load("rnn"), derive.load("gru-reset-after"), LSTM]),
    "bidirectional": lambda: bidirectional(LSTM),
    "bidirectional, mul": lambda: bidirectional(derive.load("gru"), "mul"),
    "two bidirectional": lambda: stack(bidirectional(derive.load("lstm-peephole"), "ave"), 2),
    "lag of two": lambda: stack(bidirectional(derive.parse("h[t] = tanh(W @ h[t-2] + V @ h[t-1] + U @ x[t])")), 2),
    "window": lambda: stack(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + V @ x[t-1])"), 2),
}


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_autograds(name, gradient_error):
    assert gradient_error(NETS[name]()) <= 1e-12


def test_the_backward_half_is_the_forward_one_on_the_reversed_sequence():
    rng = np.random.default_rng(0)
    cell, h, d = derive.load("gru"), 3, 2
    sizes = {"H": h, "D": d}
    parameters = {
        name: rng.standard_normal([int(dim.subs({s: sizes[str(s)] for s in dim.free_symbols})) for dim in shape])
        for name, shape in cell.shapes.items()
        if name in cell.parameters
    }
    x, h0 = rng.standard_normal((5, 4, d)), rng.standard_normal((4, h))
    there = evaluate(cell, parameters, {"x": x}, {"h": h0})["h"]
    back = evaluate(reverse(cell), parameters, {"x": x[::-1]}, {"h": h0})["h"]
    assert np.array_equal(there, back[::-1])


# --- PyTorch --------------------------------------------------------------------------------------------------------


def torch_weights(module, gates, hidden):
    """PyTorch's parameters under our names: (torch tensor, first row, stop)."""
    found = {}
    for layer in range(module.num_layers):
        for side, mark in (("", "fwd"), ("_reverse", "bwd")):
            for letter, kind in (("W", "weight_ih"), ("U", "weight_hh"), ("b", "bias_ih"), ("c", "bias_hh")):
                tensor = getattr(module, f"{kind}_l{layer}{side}")
                for number, gate in enumerate(gates):
                    rows = slice(number * hidden, (number + 1) * hidden)
                    found[f"{letter}_{gate}_{mark}_{layer + 1}"] = (tensor, rows)
    return found


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("lengths", [None, (5, 1, 3)], ids=["equal", "padded"])
def test_two_bidirectional_layers_are_pytorchs(name, lengths):
    """Outputs, last states, and all gradients, of whole and of packed sequences."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    steps, batch, inputs, hidden = 5, 3, 4, 3
    torch.manual_seed(3)
    cell, gates = CELLS[name]
    module = getattr(torch.nn, name)(inputs, hidden, num_layers=2, bidirectional=True).double()
    rng = np.random.default_rng(4)
    valid = np.ones((steps, batch)) if lengths is None else (np.arange(steps)[:, None] < np.array(lengths)) * 1.0
    x, weight = rng.standard_normal((steps, batch, inputs)), rng.standard_normal((steps, batch, 2 * hidden))
    weight *= valid[:, :, None]
    given = torch.tensor(x, requires_grad=True)
    if lengths is None:
        out = module(given)[0]
    else:
        packed = pack_padded_sequence(given, torch.tensor(lengths), enforce_sorted=False)
        out = pad_packed_sequence(module(packed)[0], total_length=steps)[0]
    (out * torch.tensor(weight)).sum().backward()

    net = stack(bidirectional(cell), 2)
    net = net if lengths is None else masked(net)
    ours = torch_weights(module, gates, hidden)
    parameters = {n: tensor.detach().numpy()[rows] for n, (tensor, rows) in ours.items()}
    data = {"x": x} if lengths is None else {"x": x, "m": valid}
    values = evaluate(net, parameters, data)
    assert np.abs((values["h_2"] - out.detach().numpy()) * valid[:, :, None]).max() <= 1e-13
    adjoint = net.adjoint(outputs=("h_2",))
    upstream = adjoint.find("upstream", "h_2").name
    back = evaluate(adjoint, parameters, {**data, upstream: weight})
    for n, (tensor, rows) in ours.items():
        assert np.abs(back[adjoint.find("cotangent", n).name] - tensor.grad.numpy()[rows]).max() <= 1e-12
    assert np.abs(back["dx"] - given.grad.numpy()).max() <= 1e-12
