"""Forms in which libraries and courses keep their arrays: several in one, folded, padded, looked up, with decay.

Every dump is written with NumPy and autograd from a forward pass in the author's own layout; that the gradients of it
are right is autograd's word.  The same with one planted mistake must not be called right.
"""

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad

from numeric.check.arrays import check_arrays

B, T, D, H, V = 3, 5, 6, 4, 7
Arrays = dict[str, Any]
Forward = Callable[[Arrays], Arrays]


def drawn(**shapes: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape) / 2 for name, shape in shapes.items()}


def sig(z: Any) -> Any:
    return 1 / (1 + anp.exp(-z))


def dumped(values: Arrays, kinds: dict[str, str], forward: Forward, fixed: Arrays | None = None) -> Arrays:
    """A dump whose upstream gradients are random, or whose loss is what the forward pass calls loss."""
    rng = np.random.default_rng(1)
    outputs = forward(values)
    up = {n: rng.standard_normal(np.shape(v)) for n, v in outputs.items() if n.startswith("Y")}

    def total(values: Arrays) -> Any:
        found = forward(values)
        return found["loss"] if "loss" in found else sum(anp.sum(found[n] * v) for n, v in up.items())

    gradients = grad(total)(values)
    dump = {f"{kinds.get(name, 'param')}/{name}": value for name, value in values.items()}
    dump |= {f"grad/{name}": gradients[name] for name in values}
    dump |= {f"output/{name}": value for name, value in outputs.items() if name != "loss"}
    dump |= {"loss": outputs["loss"]} if "loss" in outputs else {f"cotangent/{n}": v for n, v in up.items()}
    return dump | (fixed or {})


def onnx(values: Arrays) -> Arrays:
    """LSTM of ONNX: gates i, o, f, g, an axis of one direction, both biases in one row."""
    h, c, ys = values["initial_h"][0], 0, []
    for x in values["X"]:
        bias = values["B"][0, : 4 * H] + values["B"][0, 4 * H :]
        z = x @ values["W"][0].T + h @ values["R"][0].T + bias
        i, o, f, g = (z[:, k * H : (k + 1) * H] for k in range(4))
        c = sig(f) * c + sig(i) * anp.tanh(g)
        h = sig(o) * anp.tanh(c)
        ys.append(h)
    return {"Y": anp.stack(ys)[:, None], "Y_h": h[None]}


def layers(values: Arrays) -> Arrays:
    """Three tanh layers, named as PyTorch names them, with initial and last states in one array each."""
    below, last = values["input"], []
    for k in range(3):
        h, out = values["h_0"][k], []
        for t in range(T):
            h = anp.tanh(
                below[t] @ values[f"weight_ih_l{k}"].T + h @ values[f"weight_hh_l{k}"].T + values[f"bias_l{k}"]
            )
            out.append(h)
        below = anp.stack(out)
        last.append(h)
    return {"Y": below, "h_n": anp.stack(last)}


WORDS = np.random.default_rng(2).integers(1, V, (B, T))
COUNTS = (np.arange(T) < np.array([[5], [2], [3]])).astype(float)


def softmax_loss(scores: Any, counts: Any = 1.0) -> Any:
    picked = anp.sum(scores * np.eye(V)[WORDS], axis=-1)
    return anp.sum((anp.log(anp.sum(anp.exp(scores), axis=-1)) - picked) * counts) / B


def caption(values: Arrays) -> Arrays:
    """Vectors of words, a tanh layer, scores, and a loss that leaves padding out."""
    h, hs = np.zeros((B, H)), []
    for t in range(T):
        h = anp.tanh(values["W_embed"][WORDS[:, t]] @ values["Wx"] + h @ values["Wh"] + values["b"])
        hs.append(h)
    scores = anp.stack(hs, 1) @ values["W_vocab"] + values["b_vocab"]
    return {"scores": scores, "loss": softmax_loss(scores, COUNTS)}


def carried(values: Arrays) -> Arrays:
    """A tanh layer whose state stands still where the mask is 0."""
    h, hs = np.zeros((B, H)), []
    for t in range(T):
        m = COUNTS[:, t, None]
        h = m * anp.tanh(values["x"][:, t] @ values["Wx"] + h @ values["Wh"] + values["b"]) + (1 - m) * h
        hs.append(h)
    return {"Y": anp.stack(hs, 1)}


def negative_index(values: Arrays) -> Arrays:
    """States of which the last entry is the initial one: s[-1] is read at the first step."""
    s, ss = np.zeros((B, H)), []
    for t in range(T):
        s = anp.tanh(values["x"][t] @ values["U"].T + s @ values["W"].T)
        ss.append(s)
    return {"Y": anp.stack([*ss, np.zeros((B, H))])}


def shared(values: Arrays) -> Arrays:
    """One initial state, without an axis of examples, for all of them."""
    every = {name: values[name] for name in values} | {"h0": anp.tile(values["h0"], (B, 1))}
    return {"Y": anp.reshape(folded(every)["Y"], (T, B, H))}


def folded(values: Arrays) -> Arrays:
    """Predictions of all words in one axis."""
    h, ys = values["h0"], []
    for x in values["x"]:
        h = anp.tanh(x @ values["Wx"] + h @ values["Wh"] + values["b"])
        ys.append(h)
    return {"Y": anp.concatenate(ys)}


def kernel(values: Arrays) -> Arrays:
    """LSTM whose input products come from elsewhere, flat or with gates on an axis of their own."""
    h, c, ys = values["h0"], values["c0"], []
    for gx in values["gx"]:
        z = anp.reshape(gx, (B, 4 * H)) + h @ values["R"].T
        i, f, g, o = (z[:, k * H : (k + 1) * H] for k in range(4))
        c = sig(f) * c + sig(i) * anp.tanh(g)
        h = sig(o) * anp.tanh(c)
        ys.append(h)
    return {"Y": anp.stack(ys)}


def gated(values: Arrays) -> Arrays:
    """GRU whose reset is applied after the product, of pre-activations z, r, n."""
    h, ys = values["h0"], []
    for gx in values["gx"]:
        u = h @ values["R"].T + values["b"]
        z, r = (sig(gx[:, k * H : (k + 1) * H] + u[:, k * H : (k + 1) * H]) for k in range(2))
        h = (1 - z) * anp.tanh(gx[:, 2 * H :] + r * u[:, 2 * H :]) + z * h
        ys.append(h)
    return {"Y": anp.stack(ys)}


def pooled(values: Arrays) -> Arrays:
    """Gated pooling: no parameters, the gate's and the candidate's pre-activations in one array."""
    c, ys = values["c0"], []
    for pre in values["pre"]:
        f = sig(pre[:, :H])
        c = f * c + (1 - f) * anp.tanh(pre[:, H:])
        ys.append(c)
    return {"Y": anp.stack(ys)}


def beside(values: Arrays) -> Arrays:
    """Two inputs of different widths in one array, words and a context."""
    h, ys = np.zeros((B, H)), []
    for both in values["both"]:
        h = anp.tanh(both[:, :2] @ values["U"] + both[:, 2:] @ values["V"] + h @ values["W"])
        ys.append(h)
    return {"Y": anp.stack(ys)}


POOLED = "f[t] = sigmoid(a[t])\nc[t] = f[t] * c[t-1] + (1 - f[t]) * tanh(b[t])"
BESIDE = "U : H, D\nV : H, E\nh[t] = tanh(U @ x[t] + V @ e[t] + W @ h[t-1])"
STATES = {"h0": "initial", "c0": "initial"}
INPUTS: dict[str, tuple[Arrays, dict[str, str], Forward, str | None]] = {
    "flat": (drawn(gx=(T, B, 4 * H), R=(4 * H, H), h0=(B, H), c0=(B, H)), {"gx": "input", **STATES}, kernel, None),
    "gates": (drawn(gx=(T, B, 4, H), R=(4 * H, H), h0=(B, H), c0=(B, H)), {"gx": "input", **STATES}, kernel, "lstm"),
    "reset": (drawn(gx=(T, B, 3 * H), R=(3 * H, H), b=(3 * H,), h0=(B, H)), {"gx": "input", **STATES}, gated, "gru"),
    "pooled": (drawn(pre=(T, B, 2 * H), c0=(B, H)), {"pre": "input", **STATES}, pooled, POOLED),
    "beside": (drawn(both=(T, B, 5), U=(2, H), V=(3, H), W=(H, H)), {"both": "input"}, beside, BESIDE),
}


SHAPES = {"Wx": (D, H), "Wh": (H, H), "b": (H,)}
TABLE = {"W_embed": (V, D), **SHAPES, "W_vocab": (H, V), "b_vocab": (V,)}
WIDTHS = {"weight_ih_l0": (H, D), "weight_ih_l1": (H, H), "weight_ih_l2": (H, H)}
DEEP = WIDTHS | {f"{n}_l{k}": s for k in range(3) for n, s in (("weight_hh", (H, H)), ("bias", (H,)))}
ONNX = {"X": (T, B, D), "W": (1, 4 * H, D), "R": (1, 4 * H, H), "B": (1, 8 * H), "initial_h": (1, B, H)}
WORD_INPUT = {"input/words": WORDS, "target/next": WORDS, "target/mask": COUNTS}
FORMS: dict[str, tuple[Arrays, dict[str, str], Forward, Arrays]] = {
    "onnx": (drawn(**ONNX), {"X": "input", "initial_h": "initial"}, onnx, {}),
    "layers": (drawn(input=(T, B, D), **DEEP, h_0=(3, B, H)), {"input": "input", "h_0": "initial"}, layers, {}),
    "embedding": (drawn(**TABLE), {}, caption, WORD_INPUT),
    "mask": (drawn(x=(B, T, D), **SHAPES), {"x": "input"}, carried, {"input/mask": COUNTS}),
    "negative index": (drawn(x=(T, B, D), U=(H, D), W=(H, H)), {"x": "input"}, negative_index, {}),
    "shared": (drawn(x=(T, B, D), h0=(H,), **SHAPES), {"x": "input", "h0": "initial"}, shared, {}),
    "folded": (drawn(x=(T, B, D), h0=(B, H), **SHAPES), {"x": "input", "h0": "initial"}, folded, {}),
}


@pytest.mark.parametrize("name", FORMS)
def test_right_gradients_are_right_in_every_form(name: str) -> None:
    values, kinds, forward, fixed = FORMS[name]
    dump = dumped(values, kinds, forward, fixed)
    assert check_arrays(dump, budget=90).verdict == "correct"


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_may_be_several_or_multiplied_elsewhere(name: str) -> None:
    values, kinds, forward, cell = INPUTS[name]
    dump = dumped(values, kinds, forward)
    verdict = check_arrays(dump, cell=cell)
    assert verdict.verdict == "correct"
    assert not any("fit equally" in note for note in verdict.notes)
    (key,) = (f"grad/{own}" for own, kind in kinds.items() if kind == "input")
    verdict = check_arrays(dump | {key: np.concatenate([dump[key][1:], dump[key][:1] * 0])}, cell=cell)
    assert verdict.verdict == "wrong"
    assert [finding.kind for finding in verdict.diagnosis] == ["time-shift"]


@pytest.mark.parametrize("name", ["onnx", "mask"])
def test_a_mistake_is_found_in_every_form(name: str) -> None:
    values, kinds, forward, fixed = FORMS[name]
    dump = dumped(values, kinds, forward, fixed)
    wrong = next(key for key in dump if key in ("grad/R", "grad/Wh"))
    dump[wrong] = -dump[wrong]
    verdict = check_arrays(dump, budget=90)
    assert verdict.verdict == "wrong"
    assert [finding.kind for finding in verdict.diagnosis] == ["sign"]


def regression(values: Arrays) -> Arrays:
    h, ys = np.zeros((B, H)), []
    for x in values["x"]:
        h = anp.tanh(x @ values["Wx"] + h @ values["Wh"] + values["b"])
        ys.append(h)
    return {"h": anp.stack(ys), "loss": anp.sum(anp.stack(ys) ** 2) / 2}


def test_weight_decay_is_a_note_and_a_mistake_beside_it_is_found() -> None:
    dump = dumped(drawn(x=(T, B, D), **SHAPES), {"x": "input"}, regression, {"target/y": np.zeros((T, B, H))})
    for name in ("Wx", "Wh"):
        dump[f"grad/{name}"] = dump[f"grad/{name}"] + 0.1 * dump[f"param/{name}"]
    verdict = check_arrays(dump, cell="rnn")
    assert verdict.verdict == "correct"
    assert any("weight decay" in note for note in verdict.notes)
    assert check_arrays(dump | {"grad/b": -dump["grad/b"]}, cell="rnn").verdict == "wrong"


def test_a_loss_that_nothing_confirms_is_undecided_not_wrong() -> None:
    values = drawn(x=(T, B, D), **SHAPES)

    def absolute(values: Arrays) -> Arrays:
        h = regression(values)["h"]
        return {"h": h, "loss": anp.sum(anp.abs(h - 0.3))}

    dump = dumped(values, {"x": "input"}, absolute, {"target/y": np.full((T, B, H), 0.3)})
    assert check_arrays(dump, cell="rnn", budget=6).verdict == "undecided"
