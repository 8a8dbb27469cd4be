"""Faults planted in hand-written code: what was done is what is said, in the place where it was done.

Nothing here knows how gradients are derived: a fault is an edit of somebody's text.
"""

import numpy as np
import pytest

from numeric.check.arrays import check_arrays
from numeric.check.diagnosis.clock import Clock

LSTM = """
def sig(v):
    return 1 / (1 + np.exp(-v))


def run(x, h0, c0, Wx, Wh, b, up):
    T, H = x.shape[1], Wh.shape[0]
    hs, cs, gates = [h0], [c0], []
    for t in range(T):
        z = x[:, t] @ Wx + hs[-1] @ Wh + b
        i, f, o, g = sig(z[:, :H]), sig(z[:, H : 2 * H]), sig(z[:, 2 * H : 3 * H]), np.tanh(z[:, 3 * H :])
        cs.append(f * cs[-1] + i * g)
        hs.append(o * np.tanh(cs[-1]))
        gates.append((i, f, o, g))
    dx, dWx, dWh, db = 0 * x, 0 * Wx, 0 * Wh, 0 * b
    dh = dc = 0 * h0
    for t in reversed(range(T)):
        i, f, o, g = gates[t]
        dht = up[:, t] + dh
        tc = np.tanh(cs[t + 1])
        do = dht * tc
        dct = dc + dht * o * (1 - tc**2)
        di = dct * g
        dg = dct * i
        df = dct * cs[t]
        dc = dct * f
        zf = df * f * (1 - f)
        dz = np.concatenate([di * i * (1 - i), zf, do * o * (1 - o), dg * (1 - g**2)], 1)
        dWx += x[:, t].T @ dz
        dWh += hs[t].T @ dz
        db += dz.sum(0)
        dx[:, t] = dz @ Wx.T
        dh = dz @ Wh.T
    return np.stack(hs[1:], 1), {"x": dx, "h0": dh, "c0": dc, "Wx": dWx, "Wh": dWh, "b": db}
"""
LSTM_FAULTS = [
    ("zf = df", "zf = 0.5 * df", "scale", "f"),
    ("dh = dz @", "dh = 2 * dz @", "scale", "h"),
    ("dh = dz @ Wh.T", "dh = np.clip(dz @ Wh.T, -0.1, 0.1)", "clip", "h"),
    ("dWx += x[:, t].T", "dWx += x[:, t - 1].T", "time-shift", "Wx"),
    ("dWh += hs[t].T", "dWh += hs[1:][t - 1].T", "time-shift", "Wh"),
    ("df = dct * cs[t]", "df = dct * cs[1:][t - 1]", "time-shift", "c"),
    ("db += dz.sum(0)", "db += dz[0]", "not-accumulated", "b"),
    ("db += dz.sum(0)", "db += dz.sum()", "wrong-axis", "b"),
    ("db += dz.sum(0)", "db += np.roll(dz, 4, 1).sum(0)", "swap-gates", "b"),
    ("return np", "dWx = dWx.T.reshape(dWx.shape); return np", "transpose", "Wx"),
    ("return np", "dx = dx.swapaxes(0, 1).reshape(dx.shape); return np", "wrong-axis", "x"),
    ("di = dct * g\n        dg = dct * i", "di = dct * i\n        dg = dct * g", "swap-gates", "i"),
    ("dct = dc +", "tc = hs[t + 1]; dct = dc +", "derivative-of-activated", "h"),
    ("reversed(range(T))", "reversed(range(T - 3, T))", "truncate", "h"),
    ("dh = dz @ Wh.T", "dh = 0 * dz[:, :4]", "cut-recurrence", "h"),
]
LAYERS = """
def run(x, h0, k0, W1, U1, b1, W2, U2, b2, up):
    T, hs, ks = len(x), [h0], [k0]
    for t in range(T):
        hs.append(np.tanh(x[t] @ W1 + hs[-1] @ U1 + b1))
        ks.append(np.tanh(hs[-1] @ W2 + ks[-1] @ U2 + b2))
    g = {n: 0 * v for n, v in dict(W1=W1, U1=U1, b1=b1, W2=W2, U2=U2, b2=b2, x=x).items()}
    dk, dh, below = 0, 0, [0] * T
    for t in reversed(range(T)):
        a = (up[t] + dk) * (1 - ks[t + 1] ** 2)
        g["W2"], g["U2"], g["b2"] = g["W2"] + hs[t + 1].T @ a, g["U2"] + ks[t].T @ a, g["b2"] + a.sum(0)
        below[t], dk = a @ W2.T, a @ U2.T
    for t in reversed(range(T)):
        a = (below[t] + dh) * (1 - hs[t + 1] ** 2)
        g["W1"], g["U1"], g["b1"] = g["W1"] + x[t].T @ a, g["U1"] + hs[t].T @ a, g["b1"] + a.sum(0)
        g["x"][t], dh = a @ W1.T, a @ U1.T
    return np.stack(ks[1:]), {**g, "h0": dh, "k0": dk}
"""
LAYER_FAULTS = [
    ("(below[t] + dh)", "((t == T - 1) * below[t] + dh)", "last-step-only", "h_2"),
    ("(below[t] + dh)", "(below[T - 1] + dh)", "cotangent-at-every-step", "h_2"),
    ("below[t], dk = a @ W2.T", "below[t], dk = a @ U2.T", "swap-gates", "W_h_2"),
    ("below[t], dk = a", "below[t], dk = (up[t] + dk)", "missing-derivative", "h_2"),
]


def shapes(names, sizes):
    return {name: [sizes[letter] for letter in letters] for name, letters in names.items()}


def dump(code, sizes, names, fault=("", ""), seed=0):
    """The arrays of a run, with one edit of its code."""
    assert code.count(fault[0]) >= 1
    space = {"np": np}
    exec(code.replace(*fault) if fault[0] else code, space)
    rng = np.random.default_rng(seed)
    drawn = {n: rng.standard_normal(s) * (1 if n in ("x", "up") else 0.5) for n, s in shapes(names, sizes).items()}
    out, grads = space["run"](**{n: v.copy() for n, v in drawn.items()})
    kinds = {"x": "input/x", "up": "cotangent/h", "h0": "initial/h0", "c0": "initial/c0", "k0": "initial/k0"}
    found = {kinds.get(n, f"param/{n}"): v for n, v in drawn.items()}
    return {**found, "output/h": out, **{f"grad/{n}": v for n, v in grads.items()}}


SIZES = {"B": 3, "T": 6, "D": 5, "H": 4, "4": 16}
LSTM_NAMES = {"x": "BTD", "h0": "BH", "c0": "BH", "Wx": "D4", "Wh": "H4", "b": "4", "up": "BTH"}
LAYER_NAMES = {"x": "TBD", "h0": "BH", "k0": "BH", "W1": "DH", "U1": "HH", "b1": "H", "W2": "HH", "U2": "HH", "b2": "H"}
LAYER_NAMES |= {"up": "TBH"}


def said(verdict):
    return {(f.kind, word) for f in verdict.diagnosis for word in f.where.replace(",", " ").replace("(", " ").split()}


@pytest.mark.parametrize(("old", "new", "kind", "place"), LSTM_FAULTS, ids=lambda text: text[:24])
def test_a_fault_of_an_lstm_is_named(old, new, kind, place):
    verdict = check_arrays(dump(LSTM, SIZES, LSTM_NAMES, (old, new)), cell="lstm", budget=10)
    assert verdict.explained
    assert len(verdict.diagnosis) == 1
    assert (kind, place) in said(verdict), verdict


@pytest.mark.parametrize(("old", "new", "kind", "place"), LAYER_FAULTS, ids=lambda text: text[:24])
def test_a_fault_between_two_layers_is_named(old, new, kind, place):
    verdict = check_arrays(dump(LAYERS, SIZES, LAYER_NAMES, (old, new)), budget=10)
    assert verdict.explained
    assert (kind, place) in said(verdict), verdict


def test_two_faults_are_found_together():
    code = LSTM.replace("db += dz.sum(0)", "db = dz.sum(0)").replace("zf = df", "zf = -df")
    verdict = check_arrays(dump(code, SIZES, LSTM_NAMES), cell="lstm", budget=20)
    assert {f.kind for f in verdict.diagnosis} == {"sign", "not-accumulated"}


def test_names_that_say_nothing_and_sizes_that_are_equal_leave_the_order():
    sizes = {"B": 4, "T": 5, "D": 4, "H": 4, "4": 16}
    arrays, split = dump(LSTM, sizes, LSTM_NAMES), {}
    for key, value in arrays.items():
        kind, _, name = key.partition("/")
        if name not in ("Wx", "Wh", "b"):
            split[key] = value
    for gate in range(4):
        for kind in ("param", "grad"):
            for number, name in enumerate(("Wx", "Wh", "b")):
                split[f"{kind}/t{3 * gate + number}"] = arrays[f"{kind}/{name}"][..., 4 * gate : 4 * gate + 4]
    verdict = check_arrays(split)
    assert verdict.verdict == "correct"
    assert verdict.architecture == "LSTM"


@pytest.mark.parametrize("equal", [False, True])
def test_a_loss_tells_the_axes_where_no_output_is_given(equal):
    rng = np.random.default_rng(0)
    B, T, D, H, V = (4, 5, 4, 4, 4) if equal else (3, 5, 4, 6, 5)
    x, y, s = rng.standard_normal((B, T, D)), rng.integers(0, V, (B, T)), [np.zeros((B, H))]
    Wx, Wh, bh, Wy, c = (rng.standard_normal(shape) / 2 for shape in ((D, H), (H, H), H, (H, V), V))
    loss, rows, g = 0.0, np.arange(B), dict.fromkeys(("Wx", "Wh", "bh", "V", "c"), 0.0)
    for t in range(T):
        s.append(np.tanh(x[:, t] @ Wx + s[-1] @ Wh + bh))
    carry = 0.0
    for t in reversed(range(T)):
        e = np.exp(s[t + 1] @ Wy + c)
        d = e / e.sum(1, keepdims=True)
        loss -= np.log(d[rows, y[:, t]]).mean()
        d[rows, y[:, t]] -= 1
        g["V"], g["c"] = g["V"] + s[t + 1].T @ d / B, g["c"] + d.sum(0) / B
        a = (d @ Wy.T / B + carry) * (1 - s[t + 1] ** 2)
        g["Wx"], g["Wh"], g["bh"], carry = g["Wx"] + x[:, t].T @ a, g["Wh"] + s[t].T @ a, g["bh"] + a.sum(0), a @ Wh.T
    params = {"param/Wx": Wx, "param/Wh": Wh, "param/bh": bh, "param/V": Wy, "param/c": c}
    arrays = {"input/X": x, "target/y": y, "loss": loss, **params, **{f"grad/{n}": v for n, v in g.items()}}
    assert check_arrays(arrays, cell="rnn").verdict == "correct"
    assert check_arrays({**arrays, "grad/V": 2 * g["V"]}, cell="rnn", budget=20).verdict == "wrong"
    assert check_arrays(arrays, cell="rnn", budget=0.01).verdict in ("correct", "undecided")  # whatever the time allows


def test_a_clock_never_runs_backward_and_runs_while_something_is_done():
    clock = Clock()
    times = [clock.now() for _ in range(2000)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] < 60
