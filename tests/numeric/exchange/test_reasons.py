"""What does not fit is said in one line, with the tensor and both shapes."""

import numpy as np
import pytest

import derive
from derive.networks import stack
from numeric import exchange


def weights(gates=4, units=3, inputs=4, layers=1, biases=True, dtype="float64"):
    """PyTorch's."""
    found = {}
    for layer in range(layers):
        found[f"weight_ih_l{layer}"] = np.ones((gates * units, units if layer else inputs), dtype)
        found[f"weight_hh_l{layer}"] = np.ones((gates * units, units), dtype)
        for part in ("ih", "hh") if biases else ():
            found[f"bias_{part}_l{layer}"] = np.ones(gates * units, dtype)
    return found


def changed(**replaced):
    """An LSTM's weights with tensors replaced, or left out where they are None."""
    return {name: array for name, array in {**weights(), **replaced}.items() if array is not None}


def ones(*shape):
    return np.ones(shape)


KERAS_LSTM = [ones(4, 12), ones(3, 12), ones(12)]
NODE = {"W": ones(1, 12, 4), "R": ones(1, 12, 3), "B": ones(1, 24)}

LOADED = [  # framework, tensors, system, what is to be said
    (
        *("pytorch", weights(gates=3), "lstm"),
        r"weight_hh_l0 has the shape \(9, 3\), expected \(4\*H, H\) = \(12, 3\); these are the weights of nn\.GRU",
    ),
    ("pytorch", weights(gates=4), "gru-reset-after", r"expected .* = \(9, 3\); these are the weights of nn\.LSTM"),
    ("pytorch", weights(gates=1), "lstm", r"\(3, 3\), expected .*; these are the weights of nn\.RNN"),
    (
        *("pytorch", changed(weight_ih_l0=ones(11, 4)), "lstm"),
        r"weight_ih_l0 has the shape \(11, 4\), expected \(4\*H, D\) = \(12, 4\)$",
    ),
    ("pytorch", changed(bias_hh_l0=ones(9)), "lstm", r"bias_hh_l0 has the shape \(9,\), expected \(4\*H,\) = \(12,\)$"),
    ("pytorch", changed(weight_ih_l0=ones(12)), "lstm", r"weight_ih_l0 has the shape \(12,\), expected \(4\*H, D\)"),
    ("pytorch", changed(bias_hh_l0=None), "lstm", r"bias_hh is missing beside weight_ih_l0 \(12, 4\), "),
    ("pytorch", changed(weight_hh_l0=None), "lstm", r"no recurrent layer of pytorch in weight_ih_l0, bias_ih"),
    ("pytorch", changed(**{"fc.weight": ones(2, 3)}), "lstm", r"^fc\.weight: no tensor of a recurrent layer of pyt"),
    ("pytorch", changed(bias_ih_l0=ones(12).astype("float32")), "lstm", r"bias_ih_l0 is float32.*convert all of them"),
    ("pytorch", changed(bias_ih_l0=np.ones(12, int)), "lstm", r"bias_ih_l0 has the dtype int64; weights are floating"),
    ("pytorch", changed(bias_ih_l0=["a"]), "lstm", r"bias_ih_l0/0 has the dtype <U1, which is not of real numbers"),
    ("pytorch", weights(layers=2), "lstm", "are of 2 layers in one direction, and lstm has one layer in one"),
    ("pytorch", weights(), "lstm-projected", r"h is projected, and there is no projection beside weight_ih"),
    (
        *("pytorch", changed(weight_hh_l0=ones(12, 2), weight_hr_l0=ones(2, 3)), "lstm"),
        "weight_hr_l0 projects the output, and h is not projected",
    ),
    ("pytorch", weights(gates=1), "rnn-nobias", r"the bias of h is not zero, and the system has none$"),
    ("pytorch", weights(gates=3), "gru", r"no layer like h of gru, sigmoid/tanh gru-before; keras \(GRU"),
    ("pytorch", weights(gates=1), "rnn-sigmoid", r"no layer like h of rnn-sigmoid, .*; keras \(SimpleRNN\)"),
    ("keras", KERAS_LSTM, "lstm-peephole", r"no layer like h of lstm-peephole, .* with peepholes; onnx \(LSTM"),
    ("keras", KERAS_LSTM, "lstm-projected", r"keras has no layer .* with a projection; pytorch \(nn\.LSTM\) has"),
    ("keras", KERAS_LSTM, "jordan", "jordan: y is no layer of a framework: a gate does not read the state once"),
    ("keras", [*KERAS_LSTM, ones(3)], "lstm", r"the shapes .* are not those of kernel, recurrent kernel and bias"),
    (
        *("keras", [ones(4, 9), ones(3, 9), ones(9)], "gru-reset-after"),
        r"0/bias has the shape \(9,\), expected \(2, 3\*H\) = \(2, 9\); .* of GRU\(reset_after=False\)",
    ),
    ("onnx", {**NODE, "P": ones(1, 9)}, "lstm", "the peephole of i is not zero, and the system has none"),
    ("onnx", {**NODE, "W": ones(12, 4)}, "lstm", r"W has the shape \(12, 4\); its first axis is that of the dir"),
    ("flax", {"cell": {"ii": {"kernel": ones(4, 3)}}}, "lstm", "there is no recurrent layer of flax in cell/ii/kernel"),
    (
        *("onnx", {"W": ones(2, 12, 4), "R": ones(2, 12, 3), "B": ones(1, 24)}, "lstm"),
        "^B is there for one direction, and missing for the other",
    ),
    ("pytorch", {f"{k}_reverse": v for k, v in weights().items()}, "lstm", "_l0_reverse runs backward, and h forward"),
    ("torch", weights(), "lstm", "no layout is called 'torch'; there are pytorch, keras, onnx, flax"),
    ("pytorch", {}, "lstm", "there are no tensors"),
]  # fmt: skip


@pytest.mark.parametrize(("framework", "tensors", "name", "reason"), LOADED)
def test_tensors_that_do_not_fit(framework, tensors, name, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        exchange.load(framework, tensors, derive.load(name))
    assert "\n" not in str(caught.value)


def test_sizes_of_layers_that_do_not_fit_the_system():
    system = stack(derive.load("lstm"), 2)
    given = weights(layers=2) | {"weight_ih_l1": ones(12, 5)}
    with pytest.raises(ValueError, match=r"weight_ih_l1 has the shape \(12, 5\), expected \(4\*H, H\) = \(12, 3\)"):
        exchange.load("pytorch", given, system)


FOUND = [
    (
        "pytorch",
        weights(layers=2) | {"weight_ih_l1": ones(12, 5)},
        r"weight_ih_l1 .* and the layer below puts out 3 values",
    ),
    (
        "pytorch",
        weights(gates=5),
        r"weight_hh_l0 has the shape \(15, 3\): this is no layer of pytorch, nn\.RNN, nn\.LSTM",
    ),
    (
        "pytorch",
        {k.replace("l0", "l2"): v for k, v in weights().items()},
        "there is bias_hh_l2, and nothing of layer 0",
    ),
    (
        "pytorch",
        {p + k: v for p in ("a.", "b.") for k, v in weights().items()},
        "2 networks: choose one by prefix='a.' and",
    ),
    ("pytorch", {"a." + k: v for k, v in weights().items()} | {"b": ones(2)}, r"^b: .*; prefix='a\.' leaves out"),
    (
        "keras",
        [ones(3, 12), ones(3, 12), ones(12)] * 2,
        "belong to 2 networks, bidirectional or deep; give the arrays names",
    ),
    ("keras", [ones(4, 12), ones(3, 12), ones(12), ones(5, 12), ones(3, 12), ones(12)], "belong to no network"),
]


@pytest.mark.parametrize(("framework", "tensors", "reason"), FOUND)
def test_tensors_that_belong_to_no_system(framework, tensors, reason):
    with pytest.raises(ValueError, match=reason):
        exchange.system_of(framework, tensors)


def test_a_cell_that_the_weights_are_not_of():
    with pytest.raises(ValueError, match=r"these are the weights of pytorch's nn\.LSTM, not of gru-reset-after"):
        exchange.system_of("pytorch", weights(), cell="gru-reset-after")


def test_one_network_of_several():
    given = {p + k: v for p in ("encoder.", "decoder.") for k, v in weights().items()} | {"fc.weight": ones(2, 3)}
    system, parameters = exchange.read("pytorch", given, prefix="encoder.")
    assert system == derive.load("lstm")
    assert parameters["W_f"].shape == (3, 7)
    with pytest.raises(ValueError, match=r"no name begins with 'x\.'; there is encoder\.weight_ih_l0"):
        exchange.read("pytorch", given, prefix="x.")


DUMPED = [
    ({"W": np.ones(1)}, "W is no parameter of rnn; there are W_h, b_h"),
    ({"W_h": ones(3, 7)}, "the parameter b_h of rnn is missing"),
    ({"W_h": ones(3, 7), "b_h": ones(4)}, r"(W_h|b_h) has the shape .*, expected"),
    ({"W_h": ones(3, 3), "b_h": ones(3)}, r"W_h has the shape \(3, 3\), expected \(H, D \+ H\)"),
]


@pytest.mark.parametrize(("parameters", "reason"), DUMPED)
def test_parameters_that_do_not_fit(parameters, reason):
    with pytest.raises(ValueError, match=reason):
        exchange.dump("pytorch", parameters, derive.load("rnn"))


UNLIKE = [
    ("h[t] = tanh(W @ h[t-1] + U @ x[t] + V @ y[t])", "reads x and y; frameworks have one input"),
    ("h[t] = tanh(W @ h[t-1] + U @ x[t])\ng[t] = tanh(R @ g[t-1] + S @ x[t])", "two read the same input in the same"),
    ("y[t] = W @ x[t]", "has no recurrent layer"),
    (
        "f[t] = tanh(W @ f[t-1] + U @ x[t])\nb[t] = tanh(R @ b[t+1] + S @ x[t])\nm[t] = [b[t], f[t]]\n"
        "g[t] = tanh(P @ g[t-1] + Q @ m[t])",
        r"m is \[b, f\]; frameworks stack the forward half first",
    ),
    ("h[t] = tanh(W @ h[t-1] + U @ x[t])\ng[t] = tanh(W @ g[t-1] + S @ h[t])", "W is shared"),
]


@pytest.mark.parametrize(("text", "reason"), UNLIKE)
def test_systems_that_no_framework_has(text, reason):
    with pytest.raises(ValueError, match=reason):
        exchange.load("keras", KERAS_LSTM, derive.parse(text))
