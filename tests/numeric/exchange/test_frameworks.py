"""Outputs of the frameworks themselves, from weights that were theirs or ours; float64 wherever a framework has it.

The bound is 64 roundings of values of size 1: five steps of up to three layers, each a sum of at most ten products.
"""

import os
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import numeric
from numeric import exchange
from numeric.exchange import layouts

BOUND = 64 * np.finfo(np.float64).eps
SINGLE = 64 * np.finfo(np.float32).eps
STEPS, BATCH = 5, 2


def outputs(system, parameters, x):
    """Of the last layer, (T, B, ·), by our kernel."""
    (name,) = system.outputs
    return numeric.compile(system).forward(parameters, {"x": x}).outputs[name]


def deviation(ours, theirs):
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() > 1e-3
    return float(np.abs(ours - theirs).max())


# --- PyTorch ------------------------------------------------------------------------------------------------------

MODULES = [
    *(("RNN", {}, None), ("RNN", {"nonlinearity": "relu"}, "rnn-relu"), ("LSTM", {}, None), ("GRU", {}, None)),
    *(("LSTM", {"proj_size": 2}, None), ("LSTM", {"bias": False}, None), ("GRU", {"bias": False}, None)),
    ("GRU", {}, "gru-reset-after-update"),
]


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, True)])
@pytest.mark.parametrize(("kind", "options", "cell"), MODULES)
def test_pytorch(kind, options, cell, layers, both, rng):
    import torch

    torch.manual_seed(1)
    module = getattr(torch.nn, kind)(4, 3, num_layers=layers, bidirectional=both, **options).double()
    x = rng.standard_normal((STEPS, BATCH, 4))
    system, parameters = exchange.read("pytorch", module.state_dict(), cell=cell)
    theirs = module(torch.from_numpy(x))[0].detach().numpy()
    assert deviation(outputs(system, parameters, x), theirs) <= BOUND
    ours = {name: rng.uniform(-1, 1, array.shape) for name, array in parameters.items()}
    weights = exchange.dump("pytorch", ours, system)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    theirs = module(torch.from_numpy(x))[0].detach().numpy()
    assert deviation(outputs(system, ours, x), theirs) <= BOUND


@pytest.mark.needs("torch")
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells_of_pytorch(kind, rng):
    import torch

    cell = getattr(torch.nn, kind)(4, 3).double()
    x, h = rng.standard_normal((1, BATCH, 4)), torch.zeros(BATCH, 3, dtype=torch.float64)
    theirs = cell(torch.from_numpy(x[0]), (h, h) if kind == "LSTMCell" else h)
    system, parameters = exchange.read("pytorch", dict(cell.named_parameters()))
    ours = outputs(system, parameters, x)[0]
    assert deviation(ours, (theirs[0] if kind == "LSTMCell" else theirs).detach().numpy()) <= BOUND


@pytest.mark.needs("torch")
@pytest.mark.parametrize("kind", ["lstm", "gru-after"])
def test_gates_in_another_order_are_noticed(kind, rng, monkeypatch):
    """A planted fault: the table with its first two gates exchanged."""
    import torch

    form = layouts.PYTORCH.forms[kind]
    wrong = replace(form, gates=form.gates[1] + form.gates[0] + form.gates[2:])
    faulty = replace(layouts.PYTORCH, forms={**layouts.PYTORCH.forms, kind: wrong})
    monkeypatch.setattr(layouts, "FRAMEWORKS", MappingProxyType({**layouts.FRAMEWORKS, "pytorch": faulty}))
    module = {"lstm": torch.nn.LSTM, "gru-after": torch.nn.GRU}[kind](4, 3).double()
    x = rng.standard_normal((STEPS, BATCH, 4))
    system, parameters = exchange.read("pytorch", module.state_dict())
    theirs = module(torch.from_numpy(x))[0].detach().numpy()
    assert deviation(outputs(system, parameters, x), theirs) > 1e-3


# --- Keras --------------------------------------------------------------------------------------------------------


@pytest.fixture
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    yield keras
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])


LAYERS = [
    *(("SimpleRNN", {}, None), ("SimpleRNN", {"activation": "relu"}, "rnn-relu"), ("LSTM", {}, None)),
    *(("GRU", {}, None), ("GRU", {"reset_after": False}, "gru-cho"), ("GRU", {"reset_after": False}, "gru")),
    *(("LSTM", {"use_bias": False, "unit_forget_bias": False}, None), ("GRU", {"use_bias": False}, None)),
]


@pytest.mark.needs("keras", "torch")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("units", [(3,), (-3, 2, -3)], ids=str)
@pytest.mark.parametrize(("kind", "options", "cell"), LAYERS)
def test_keras(kind, options, cell, units, keras, rng):
    """`units` below 0: a bidirectional layer.

    On torch, Keras' own products are in float32, whatever the dtype; LSTM and GRU(reset_after=True) are torch's.
    """
    bound = BOUND if cell is None and kind != "SimpleRNN" else SINGLE
    layers = [getattr(keras.layers, kind)(abs(n), return_sequences=True, **options) for n in units]
    layers = [keras.layers.Bidirectional(layer) if n < 0 else layer for layer, n in zip(layers, units, strict=True)]
    model = keras.Sequential([keras.Input((None, 4)), *layers])
    x = rng.standard_normal((STEPS, BATCH, 4))
    weights = [rng.uniform(-1, 1, array.shape) for array in model.get_weights()]
    model.set_weights(weights)
    system, parameters = exchange.read("keras", weights, cell=cell)
    theirs = model(x.transpose(1, 0, 2)).detach().numpy().transpose(1, 0, 2)
    assert deviation(outputs(system, parameters, x), theirs) <= bound
    by_path = exchange.load("keras", {weight.path: weight.numpy() for weight in model.weights}, system)
    assert all(np.array_equal(by_path[name], parameters[name]) for name in parameters)
    model.set_weights(list(exchange.dump("keras", parameters, system).values()))
    theirs = model(x.transpose(1, 0, 2)).detach().numpy().transpose(1, 0, 2)
    assert deviation(outputs(system, parameters, x), theirs) <= bound


# --- ONNX ---------------------------------------------------------------------------------------------------------

NODES = [
    *(("rnn", "RNN", {}), ("rnn-relu", "RNN", {"activations": ["Relu"]}), ("lstm", "LSTM", {})),
    *(("lstm-peephole", "LSTM", {}), ("gru", "GRU", {}), ("gru-cho", "GRU", {"linear_before_reset": 0})),
    *(("gru-reset-after", "GRU", {"linear_before_reset": 1}), ("rnn-nobias", "RNN", {})),
]
WAYS = {"forward": 1, "reverse": -1, "bidirectional": 2}


def onnx_model(operator, tensors, direction, dtype, attributes):
    import onnx
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    names = ["X", "W", "R", "B" if "B" in tensors else "", *(["", "", "", "P"] if "P" in tensors else [])]
    many = (
        {"activations": attributes["activations"] * (1 + (direction == "bidirectional"))}
        if "activations" in attributes
        else {}
    )
    node = helper.make_node(operator, names, ["Y"], hidden_size=3, direction=direction, **{**attributes, **many})
    values = [helper.make_tensor_value_info(name, kind, None) for name in "XY"]
    given = [onnx.numpy_helper.from_array(array.astype(dtype), name) for name, array in tensors.items()]
    graph = helper.make_graph([node], "layer", values[:1], values[1:], given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


@pytest.mark.parametrize(
    "evaluator",
    [
        pytest.param("reference", marks=pytest.mark.needs("onnx")),
        pytest.param("runtime", marks=pytest.mark.needs("onnx", "onnxruntime")),
    ],
)
@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize(("cell", "operator", "attributes"), NODES)
def test_onnx(cell, operator, attributes, direction, evaluator, network, drawn, rng):
    system = network(cell, (WAYS[direction],))
    parameters = drawn(system, rng)
    x = rng.standard_normal((STEPS, BATCH, 4))
    dtype, bound = (np.float64, BOUND) if evaluator == "reference" else (np.float32, SINGLE)
    model = onnx_model(operator, exchange.dump("onnx", parameters, system), direction, dtype, attributes)
    if evaluator == "runtime":
        import onnxruntime

        (y,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": x.astype(dtype)})
    elif "activations" in attributes:
        pytest.skip("the reference evaluator has no Relu in an RNN")
    else:
        from onnx.reference import ReferenceEvaluator

        (y,) = ReferenceEvaluator(model).run(None, {"X": x})
    assert deviation(outputs(system, parameters, x), np.concatenate(list(y.transpose(1, 0, 2, 3)), axis=-1)) <= bound


@pytest.mark.needs("onnx")
@pytest.mark.parametrize("reset", [0, 1])
def test_both_biases_of_onnx(reset, rng):
    """Both are drawn; before the product they add up in n as well, after it the second is reset."""
    from onnx.reference import ReferenceEvaluator

    tensors = {name: rng.uniform(-1, 1, shape) for name, shape in (("W", (1, 9, 4)), ("R", (1, 9, 3)), ("B", (1, 18)))}
    system, parameters = exchange.read("onnx", tensors, cell=("gru-cho", "gru-reset-after")[reset])
    x = rng.standard_normal((STEPS, BATCH, 4))
    model = onnx_model("GRU", tensors, "forward", np.float64, {"linear_before_reset": reset})
    (y,) = ReferenceEvaluator(model).run(None, {"X": x})
    assert deviation(outputs(system, parameters, x), y[:, 0]) <= BOUND


# --- Flax ---------------------------------------------------------------------------------------------------------


@pytest.mark.needs("jax", "flax")
@pytest.mark.parametrize(
    ("kind", "cell", "ways"),
    [
        *(("SimpleCell", "rnn", (1,)), ("LSTMCell", "lstm", (1,)), ("OptimizedLSTMCell", "lstm", (2,))),
        ("GRUCell", "gru-reset-after", (2, 1)),
    ],
)
def test_flax(kind, cell, ways, network, drawn, rng):
    import jax
    from flax import linen

    def one():
        return linen.RNN(getattr(linen, kind)(3, param_dtype="float64"))

    layers = [one() if way == 1 else linen.Bidirectional(one(), one()) for way in ways]
    net = linen.Sequential(layers) if len(layers) > 1 else layers[0]
    system = network(cell, ways)
    parameters = drawn(system, rng)
    variables = {"params": exchange.tree(exchange.dump("flax", parameters, system))}
    x = rng.standard_normal((STEPS, BATCH, 4))
    with jax.enable_x64(True), jax.disable_jit():
        theirs = np.asarray(net.apply(variables, x.transpose(1, 0, 2))).transpose(1, 0, 2)
    assert deviation(outputs(system, parameters, x), theirs) <= BOUND
    found, back = exchange.read("flax", variables)
    assert found == system
    assert all(np.array_equal(back[name], parameters[name]) for name in parameters)
