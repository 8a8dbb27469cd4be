"""There and back again: parameters through a framework's layout, and a framework's weights through a system."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
import numeric
from derive.networks import bidirectional, embedded, head, reverse, stack
from numeric import exchange

CELLS = {  # the cells that a framework has, under the names of the library
    "pytorch": ("rnn", "rnn-relu", "rnn-nobias", "lstm", "lstm-projected", "gru-reset-after", "gru-reset-after-update"),
    "keras": ("rnn", "rnn-sigmoid", "rnn-nobias", "lstm", "gru-cho", "gru", "gru-reset-after"),
    "onnx": ("rnn", "rnn-sigmoid", "rnn-nobias", "lstm", "lstm-peephole", "gru", "gru-cho", "gru-reset-after"),
    "flax": ("rnn", "rnn-nobias", "lstm", "gru-reset-after", "gru-reset-after-update"),
}
FOUND_OUT = {  # what weights alone say; of others they say the same
    "pytorch": ("rnn", "lstm", "lstm-projected", "gru-reset-after"),
    "keras": ("rnn", "lstm", "gru-cho", "gru-reset-after"),
    "onnx": ("rnn", "lstm", "lstm-peephole", "gru-cho"),
    "flax": ("rnn", "lstm", "gru-reset-after"),
}
PAIRS = [(framework, cell) for framework, cells in CELLS.items() for cell in cells]


@lru_cache(maxsize=64)
def built(cell, layers, both):
    part = derive.load(cell)
    part = bidirectional(part) if both else part
    return part if layers == 1 else stack(part, layers)


@settings(max_examples=60)
@given(
    pair=st.sampled_from(PAIRS),
    layers=st.integers(1, 3),
    both=st.booleans(),
    sizes=st.tuples(*[st.integers(1, 5)] * 3),
    dtype=st.sampled_from(["float64", "float32"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_parameters_return_bit_by_bit(pair, layers, both, sizes, dtype, seed):
    framework, cell = pair
    system = built(cell, layers, both)
    numbers = {dim: dict(zip("DHP", sizes, strict=True))[str(dim)[0]] for dim in system.dimensions if str(dim) != "T"}
    rng = np.random.default_rng(seed)
    parameters = {
        name: rng.standard_normal([int(dim.subs(numbers)) for dim in system.shapes[name]]).astype(dtype)
        for name in system.parameters
    }
    tensors = exchange.dump(framework, parameters, system)
    back = exchange.load(framework, tensors, system)
    assert back.keys() == parameters.keys()
    for name, array in parameters.items():
        assert back[name].dtype == array.dtype
        assert np.array_equal(back[name], array)
    assert all(tensor.dtype == dtype and tensor.flags.c_contiguous for tensor in tensors.values())
    assert exchange.dump(framework, back, system).keys() == tensors.keys()
    if cell in FOUND_OUT[framework]:
        assert exchange.system_of(framework, tensors) == system


@pytest.mark.parametrize(("framework", "cell"), PAIRS)
def test_the_cell_is_said_where_weights_do_not(framework, cell, network, drawn, rng):
    system = network(cell, (2, 2))
    tensors = exchange.dump(framework, drawn(system, rng), system)
    assert exchange.system_of(framework, tensors, cell=cell) == system


@pytest.mark.parametrize("ways", [(1, 2), (2, 1), (1, 2, 1), (2, 2, 1)])
@pytest.mark.parametrize(("framework", "cell"), [("keras", "lstm"), ("flax", "gru-reset-after"), ("onnx", "gru-cho")])
def test_layers_of_several_widths_and_directions(framework, cell, ways, network, drawn, rng):
    system = network(cell, ways)
    parameters = drawn(system, rng, {"D": 4, "H": 3})
    tensors = exchange.dump(framework, parameters, system)
    found, back = exchange.read(framework, tensors)
    assert found == system
    assert all(np.array_equal(back[name], parameters[name]) for name in parameters)


@pytest.mark.parametrize("framework", CELLS)
def test_from_framework_to_framework(framework, network, drawn, rng):
    """The same parameters through one layout and then all others, an LSTM of two layers in two directions."""
    system = network("lstm", (2, 2))
    parameters = held = drawn(system, rng)
    for name in (framework, *CELLS):
        held = exchange.load(name, exchange.dump(name, held, system), system)
    assert all(np.array_equal(held[name], parameters[name]) for name in parameters)


TWO_BIASES = "\n".join(
    f"{name}[t] = {function}(R_{name} @ hidden[t-1] + b_{name} + K_{name} @ signal[t] + c_{name})"
    for name, function in (("forget", "sigmoid"), ("write", "sigmoid"), ("what", "tanh"), ("read", "sigmoid"))
)
MINE = derive.parse(
    TWO_BIASES + "\ncell[t] = cell[t-1] * forget[t] + what[t] * write[t]\nhidden[t] = read[t] * tanh(cell[t])"
)


def test_two_biases_stay_two(rng):
    """A user's own LSTM with PyTorch's two biases: both return, and not their sum."""
    shapes = {"weight_ih_l0": (12, 4), "weight_hh_l0": (12, 3), "bias_ih_l0": (12,), "bias_hh_l0": (12,)}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    parameters = exchange.load("pytorch", weights, MINE)
    assert np.array_equal(parameters["R_what"], weights["weight_hh_l0"][6:9])
    assert np.array_equal(parameters["c_read"], weights["bias_hh_l0"][9:])
    back = exchange.dump("pytorch", parameters, MINE)
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


def test_biases_are_added_and_split(rng, network):
    """b_ih + b_hh comes in where a gate has one bias, and goes out as (b, 0); not in n, whose second is reset."""
    shapes = {"weight_ih_l0": (9, 4), "weight_hh_l0": (9, 3), "bias_ih_l0": (9,), "bias_hh_l0": (9,)}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    system, parameters = exchange.read("pytorch", weights)
    first, second = weights["bias_ih_l0"], weights["bias_hh_l0"]
    assert np.array_equal(parameters["b_r"], first[:3] + second[:3])
    assert np.array_equal(parameters["b_n"], first[6:])
    assert np.array_equal(parameters["b_hn"], second[6:])
    back = exchange.dump("pytorch", parameters, system)
    assert np.array_equal(back["bias_ih_l0"], [*(first + second)[:6], *first[6:]])
    assert np.array_equal(back["bias_hh_l0"], [*np.zeros(6), *second[6:]])


def test_update_polarity_changes_the_sign_of_z(network, drawn, rng):
    keep, update = network("gru-reset-after"), network("gru-reset-after-update")
    parameters = drawn(keep, rng)
    other = exchange.load("pytorch", exchange.dump("pytorch", parameters, keep), update)
    assert np.array_equal(other.pop("W_z"), -parameters.pop("W_z"))
    assert np.array_equal(other.pop("b_z"), -parameters.pop("b_z"))
    assert all(np.array_equal(other[name], parameters[name]) for name in parameters)


def test_what_is_no_recurrent_layer_has_no_part(network, drawn, rng):
    """An embedding below and a read-out above: the weights of the layers between them are exchanged."""
    system = head(embedded(network("gru-reset-after", (2, 2))))
    inner = network("gru-reset-after", (2, 2))
    weights = exchange.dump("pytorch", drawn(inner, rng), inner)
    parameters = exchange.load("pytorch", weights, system)
    assert set(system.parameters) - set(parameters) == {"E", "W_y", "b_y"}
    back = exchange.dump("pytorch", {**parameters, "b_y": np.zeros(7)}, system)
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


def test_a_layer_that_runs_backward(network, drawn, rng):
    system = reverse(derive.load("lstm"))
    parameters = drawn(system, rng)
    back = exchange.load("onnx", exchange.dump("onnx", parameters, system), system)
    assert all(np.array_equal(back[name], parameters[name]) for name in parameters)
    with pytest.raises(ValueError, match="pytorch has no name for a layer that runs backward only"):
        exchange.dump("pytorch", parameters, system)


# --- states -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", CELLS)
@pytest.mark.parametrize("ways", [(1,), (2, 2)])
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_states_return(framework, ways, cell, network, rng):
    system = network(cell, ways)
    states = {name: rng.standard_normal((2, 3)) for name in system.states}
    back = exchange.load_states(framework, exchange.dump_states(framework, states, system), system)
    assert back.keys() == states.keys()
    assert all(np.array_equal(back[name], states[name]) for name in states)


def test_states_that_do_not_fit(network, rng):
    system = network("lstm", (2, 2))
    with pytest.raises(ValueError, match=r"shapes \(2, 2, 3\), \(2, 2, 3\), expected 2 with 4 rows"):
        exchange.load_states("pytorch", (np.ones((2, 2, 3)), np.ones((2, 2, 3))), system)
    with pytest.raises(ValueError, match=r"there are 1 states, expected 8, for h_fwd_1, c_fwd_1, h_bwd_1"):
        exchange.load_states("keras", [np.ones((2, 3))], system)
    with pytest.raises(ValueError, match=r"the state c_fwd_1 of .* is missing"):
        exchange.dump_states("flax", {"h_fwd_1": np.ones((2, 3))}, system)


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("kind", "size"), [("LSTM", 3), ("LSTM", 2), ("GRU", 3)])
def test_initial_and_final_states_of_pytorch(kind, size, rng):
    import torch

    projected = {"proj_size": size} if size < 3 else {}
    module = getattr(torch.nn, kind)(4, 3, num_layers=2, bidirectional=True, **projected).double()
    x, h, c = rng.standard_normal((5, 2, 4)), rng.standard_normal((4, 2, size)), rng.standard_normal((4, 2, 3))
    given = (h, c) if kind == "LSTM" else h
    with torch.no_grad():
        tensors = tuple(map(torch.from_numpy, given)) if kind == "LSTM" else torch.from_numpy(h)
        theirs, last = module(torch.from_numpy(x), tensors)
    system, parameters = exchange.read("pytorch", module.state_dict())
    run = numeric.compile(system).forward(parameters, {"x": x}, exchange.load_states("pytorch", given, system))
    assert np.abs(run.outputs[system.outputs[0]] - theirs.numpy()).max() <= 1e-14
    ours = exchange.dump_states("pytorch", run.final, system)
    for mine, other in zip(ours, last if kind == "LSTM" else [last], strict=True):
        assert np.abs(mine - other.numpy()).max() <= 1e-14
