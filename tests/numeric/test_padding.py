"""Padded batches of unequal length are their sequences one by one: outputs, last states and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive.networks import NAMED, bidirectional, build, encoder_decoder, head, loss, stack
from numeric import LSTM, RNN
from numeric.draws import Regime, draw
from numeric.kernel import compile
from numeric.padding import carried_over
from tests.numeric.agreement import SYSTEMS

TOLERANCE = 1e-13  # products of another number of rows are summed in another order
MADE = {
    "bidirectional": lambda: bidirectional(derive.load("lstm")),
    "two layers": lambda: stack(bidirectional(derive.load("gru")), 2),
    "last state": lambda: loss(head(bidirectional(derive.load("gru")), "softmax", at="last")),
    "dot attention": lambda: loss(encoder_decoder(derive.load("rnn"), derive.load("rnn"), "dot")),
    "attention": lambda: derive.parse(SYSTEMS["attention"]),
    "fast-weights": lambda: derive.parse(SYSTEMS["fast-weights"]),
    "inputs of earlier steps": lambda: derive.parse(
        "x[t] : D\nh[t] = tanh(W @ h[t-1] + U @ x[t-2] + A @ x[t] + b)\ny[t] = Q @ h[t-1]"
    ),
    "transformer": lambda: loss(head(build("transformer-block"), "softmax")),
    "attention-bahdanau": lambda: build("attention-bahdanau"),
}
SYSTEM_OF = {name: lambda name=name: derive.load(name) for name in derive.names()} | MADE


def examples(system, pattern=0):
    """A case of at least two sequences, and their lengths: among them 1 and T."""
    case = draw(system, np.random.default_rng(3), Regime(5))
    batch = _batch(system, case)
    assert batch >= 2
    lengths = {
        axis: np.array([(n, 1, 2, n - 1, n)[(e + i + pattern) % 5] for e in range(batch)])
        for i, (axis, n) in enumerate(case.steps.items())
    }
    return case, lengths, batch


def cut(system, arrays, lengths, e, *, initial=False):
    """Example e of a batch at its own lengths."""
    found = {}
    for name, array in arrays.items():
        var = system.variables[name]
        if initial:
            found[name] = array[:, e : e + 1] if len(system.boundaries.get(name, ())) > 1 else array[e : e + 1]
        elif var.axis:
            found[name] = array[: lengths[var.axis][e], e : e + 1]
        else:
            found[name] = array[e : e + 1]
    return found


def near(one, other):
    assert one.shape == other.shape
    assert np.abs(one - other).max(initial=0) <= TOLERANCE * max(1, np.abs(other).max(initial=0))


@pytest.mark.parametrize("pattern", [0, 2])
@pytest.mark.parametrize("name", SYSTEM_OF)
def test_a_padded_batch_is_its_sequences_one_by_one(name, pattern):
    system = SYSTEM_OF[name]()
    kernel = compile(system)
    case, lengths, batch = examples(system, pattern)
    kept = carried_over(system, tuple(lengths))
    final = {n: a for n, a in case.final.items() if n in kept}
    whole = kernel.forward(case.parameters, case.inputs, case.initial, case.steps, lengths)
    found = kernel.backward(whole, case.cotangents, final)
    total = dict.fromkeys(system.parameters, 0.0)
    for e in range(batch):
        steps = {axis: int(n[e]) for axis, n in lengths.items()}
        initial = cut(system, case.initial, lengths, e, initial=True)
        alone = kernel.forward(case.parameters, cut(system, case.inputs, lengths, e), initial, steps)
        part = kernel.backward(
            alone, cut(system, case.cotangents, lengths, e), cut(system, final, lengths, e, initial=True)
        )
        for n, array in alone.outputs.items():
            near(cut(system, whole.outputs, lengths, e)[n], array)
        for n in final:
            near(cut(system, whole.final, lengths, e, initial=True)[n], alone.final[n])
        for n, array in part.inputs.items():
            near(cut(system, found.inputs, lengths, e)[n], array)
        for n, array in part.initial.items():
            near(cut(system, found.initial, lengths, e, initial=True)[n], array)
        total = {n: total[n] + part.parameters[n] for n in total}
    for n, array in total.items():
        near(found.parameters[n], array)
    for arrays in (whole.outputs, found.inputs):
        for n, array in arrays.items():
            axis = system.variables[n].axis
            assert axis is None or all(not array[lengths[axis][e] :, e].any() for e in range(batch))


@pytest.mark.parametrize("name", ["lstm", "bidirectional", "attention"])
def test_nothing_in_the_padding_matters(name):
    """NaN in the inputs and in the cotangents there changes no bit."""
    system = SYSTEM_OF[name]()
    kernel = compile(system)
    case, lengths, batch = examples(system)

    def spoilt(arrays):
        found = {n: array.copy() for n, array in arrays.items()}
        for n, array in found.items():
            for e in range(batch if system.variables[n].axis else 0):
                array[lengths[system.variables[n].axis][e] :, e] = np.nan
        return found

    one = kernel.forward(case.parameters, case.inputs, case.initial, case.steps, lengths)
    other = kernel.forward(case.parameters, spoilt(case.inputs), case.initial, case.steps, lengths)
    first, second = kernel.backward(one, case.cotangents), kernel.backward(other, spoilt(case.cotangents))
    assert all(np.array_equal(one.outputs[n], other.outputs[n]) for n in one.outputs)
    for group in ("parameters", "inputs", "initial"):
        assert all(np.array_equal(a, getattr(second, group)[n]) for n, a in getattr(first, group).items())


def test_full_lengths_change_nothing():
    cell = LSTM(3, 4, seed=0)
    x = np.random.default_rng(0).standard_normal((5, 2, 3))
    plain, full = cell.forward(x), cell.forward(x, lengths=[5, 5])
    assert np.array_equal(plain.outputs["h"], full.outputs["h"])
    one = cell.backward(plain, {"h": x[..., :1] + plain.outputs["h"]})
    other = cell.backward(full, {"h": x[..., :1] + full.outputs["h"]})
    assert all(np.allclose(one.parameters[n], other.parameters[n], rtol=1e-13, atol=1e-15) for n in one.parameters)


def test_every_named_network_takes_lengths():
    for name in NAMED:
        system = build(name)
        if system.axes and name != "embedding":  # a map over all steps, with nothing to mask
            case, lengths, _ = examples(system)
            run = compile(system).forward(case.parameters, case.inputs, case.initial, case.steps, lengths)
            assert all(np.isfinite(array).all() for array in run.outputs.values())


def _batch(system, case):
    name = next(iter(case.inputs))
    return case.inputs[name].shape[1 if system.variables[name].axis else 0]


@pytest.mark.needs("torch")
@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_packed_sequences_of_pytorch(kind):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    cell = {"RNN": RNN, "LSTM": LSTM}[kind](3, 4, seed=0)
    layer = getattr(torch.nn, kind)(3, 4).double()
    gates = ["h"] if kind == "RNN" else ["i", "f", "g", "o"]
    with torch.no_grad():
        for part, columns in (("hh", slice(0, 4)), ("ih", slice(4, 7))):
            weights = np.concatenate([cell.parameters[f"W_{g}"][:, columns] for g in gates])
            getattr(layer, f"weight_{part}_l0").copy_(torch.from_numpy(weights))
        layer.bias_hh_l0.zero_()
        layer.bias_ih_l0.copy_(torch.from_numpy(np.concatenate([cell.parameters[f"b_{g}"] for g in gates])))
    rng, lengths = np.random.default_rng(1), [6, 1, 4]
    x, up = rng.standard_normal((6, 3, 3)), rng.standard_normal((6, 3, 4))
    theirs = torch.from_numpy(x).requires_grad_()
    packed, state = layer(pack_padded_sequence(theirs, lengths, enforce_sorted=False))
    output, _ = pad_packed_sequence(packed)
    last = state[0] if kind == "LSTM" else state
    ((output * torch.from_numpy(up)).sum() + last.sum()).backward()
    run = cell.forward(x, lengths=lengths)
    found = cell.backward(run, {"h": up}, {"h": np.ones((3, 4))})
    near(run.outputs["h"], output.detach().numpy())
    near(run.final["h"], last[0].detach().numpy())
    near(found.inputs["x"], theirs.grad.numpy())
    near(np.concatenate([found.parameters[f"W_{g}"][:, 4:] for g in gates]), layer.weight_ih_l0.grad.numpy())


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lengths", "reason"),
    [
        ({"t": [5, 0]}, "lengths along t lie in 1…T = 5, got 0…5"),
        ({"t": [6, 5]}, "lengths along t lie in 1…T = 5, got 5…6"),
        ({"t": [5]}, r"lengths along t: expected \(B,\) = \(2,\), got \(1,\)"),
        ({"t": [5.0, 2.0]}, "lengths along t are integers, not float64"),
        ({"u": [5, 5]}, "lengths: u is no time axis of rnn; there are t"),
    ],
)
def test_bad_lengths(lengths, reason):
    cell = RNN(3, 4)
    with pytest.raises(ValueError, match=f"^{reason}$"):
        cell.kernel.forward(cell.parameters, {"x": np.ones((5, 2, 3))}, lengths=lengths)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SYSTEMS["lag"], r"h\[t-2\] cannot be masked"),
        ("x[t] : D\ny[t] = W @ x[t]", "nothing to mask"),
        ("h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ x[T]", r"x\[T\] cannot be masked"),
        ("h[t] = tanh(W @ h[t+1] + x[t])\ny = V @ h[T]", r"h\[T\] cannot be masked"),
        ("h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ h[3]", "lengths along t lie in 3…T = 4, got 2…4"),
    ],
)
def test_what_cannot_be_masked_gets_one_line(text, reason):
    system = derive.parse(text)
    case = draw(system, np.random.default_rng(0), Regime(4))
    batch = next(iter(case.inputs.values())).shape[1]
    with pytest.raises(ValueError, match=reason) as caught:
        compile(system).forward(case.parameters, case.inputs, case.initial, lengths={"t": [4, 2] + [4] * (batch - 2)})
    assert "\n" not in caught.value.args[0]


def test_sequences_of_unequal_length_need_padding_and_lengths():
    cell = RNN(3, 4)
    with pytest.raises(ValueError, match=r"^input x has parts of unequal length: pad them .* lengths=\{'t': \(B,\)\}"):
        cell.kernel.forward(cell.parameters, {"x": [np.ones((5, 3)), np.ones((2, 3))]})
