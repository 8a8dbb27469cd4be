"""Upstream gradients without outputs, factors of printed losses, differences turned round, names that say nothing."""

import numpy as np
import pytest

import derive
import numeric.check.conventions.layouts as layouts_module
from numeric.check.arrays import check_arrays
from numeric.check.conventions.arrangement import Arrangement
from numeric.check.conventions.setting import settings
from numeric.check.dump import Dump

T, B, D, H = 4, 2, 3, 5
MGU = """
f[t] = sigmoid(W @ x[t] + U @ h[t-1] + b)
n[t] = tanh(V @ x[t] + R @ (f[t] * h[t-1]) + a)
h[t] = (1 - f[t]) * h[t-1] + f[t] * n[t]
"""


def sigmoid(a):  # type: ignore[no-untyped-def]
    return 1 / (1 + np.exp(-a))


def lstm():  # type: ignore[no-untyped-def]
    """Gates i, f, g, o in rows; upstream gradients of all outputs and of both final states."""
    r = np.random.default_rng(0)
    W, b, x = r.standard_normal((D + H, 4 * H)) / 2, r.standard_normal(4 * H) / 2, r.standard_normal((T, B, D))
    h, c, tape, out = np.zeros((B, H)), np.zeros((B, H)), [], []
    for t in range(T):
        a = np.hstack([x[t], h])
        z = a @ W + b
        i, f, o, g = *(sigmoid(z[:, n * H : n * H + H]) for n in (0, 1, 3)), np.tanh(z[:, 2 * H : 3 * H])
        before, c = c, f * c + i * g
        h = o * np.tanh(c)
        tape.append((a, before, i, f, o, g, c))
        out.append(h)
    up, dh, dc = r.standard_normal((T, B, H)), r.standard_normal((B, H)), r.standard_normal((B, H))
    given = up, dh, dc
    dW, db = 0 * W, 0 * b
    for t in reversed(range(T)):
        a, before, i, f, o, g, c = tape[t]
        dh = dh + up[t]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        gates = (dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g**2))
        dz = np.hstack([*gates, dh * np.tanh(c) * o * (1 - o)])
        dW, db = dW + a.T @ dz, db + dz.sum(0)
        dh, dc = (dz @ W.T)[:, D:], dc * f
    return {"input/x": x, "param/W": W, "param/b": b, "output/out": np.stack(out), "grad/W": dW, "grad/b": db}, given


@pytest.mark.parametrize(("h", "c"), [("hn", "cn"), ("dhT", "dcT"), ("dh_next", "dc_next"), ("final_h", "final_c")])
def test_an_upstream_gradient_needs_no_output_of_its_name(h: str, c: str) -> None:
    dump, (up, dh, dc) = lstm()
    found = check_arrays(dump | {"cotangent/out": up, f"cotangent/{h}": dh, f"cotangent/{c}": dc}, budget=5)
    assert found.verdict == "correct", str(found)


def classifier(*, batch: int = B, classes: int = 4, mean: bool = True):  # type: ignore[no-untyped-def]
    """Softmax cross-entropy of the last step; names that say nothing."""
    r = np.random.default_rng(1)
    W1, W2, W3, b1, b2 = (r.standard_normal(s) / 2 for s in ((D, H), (H, H), (H, classes), H, classes))
    x, y = r.standard_normal((batch, T, D)), r.integers(0, classes, batch)
    hs = [np.zeros((batch, H))]
    for t in range(T):
        hs.append(np.tanh(x[:, t] @ W1 + hs[t] @ W2 + b1))
    e = np.exp(hs[-1] @ W3 + b2)
    p = e / e.sum(1, keepdims=True)
    d = (p - np.eye(classes)[y]) / (batch if mean else 1)
    g = {"W3": hs[-1].T @ d, "b2": d.sum(0), "W1": 0 * W1, "W2": 0 * W2, "b1": 0 * b1}
    d = d @ W3.T
    for t in reversed(range(T)):
        d = d * (1 - hs[t + 1] ** 2)
        g |= {"W1": g["W1"] + x[:, t].T @ d, "W2": g["W2"] + hs[t].T @ d, "b1": g["b1"] + d.sum(0)}
        d = d @ W2.T
    loss = -np.log(p[np.arange(batch), y]).mean()
    values = {"param/" + n: v for n, v in zip(("W1", "W2", "W3", "b1", "b2"), (W1, W2, W3, b1, b2), strict=True)}
    return values | {"input/X": x, "target/y": y, "output/p": p, "loss": loss} | {f"grad/{n}": v for n, v in g.items()}


def test_a_factor_is_said_against_the_printed_loss() -> None:
    assert check_arrays(classifier(batch=3), budget=5).verdict == "correct"
    dump = classifier(batch=3, mean=False)
    found = check_arrays(dump, budget=5)
    assert found.verdict == "correct"  # a printed loss that is not the one differentiated is a note
    assert "the loss that is differentiated is the printed one multiplied by B" in found.notes
    found = check_arrays(dump, loss="cross-entropy", budget=5)  # named outright, it is a mistake
    assert [(f.kind, f.where, f.detail) for f in found.diagnosis] == [("scale", "all gradients", "multiplied by B")]
    assert not found.correct
    assert min(found.gradients.values()) == pytest.approx(1 - 1 / 3)


def test_a_difference_the_wrong_way_round_is_one_mistake() -> None:
    r = np.random.default_rng(3)
    n = {"W": (H, D), "U": (H, H), "b": H, "V": (H, D), "R": (H, H), "a": H}
    p = {name: r.standard_normal(shape) / 2 for name, shape in n.items()}
    x, up = r.standard_normal((T, B, D)), r.standard_normal((T, B, H))
    h, tape, out = r.standard_normal((B, H)), [], []
    first = h
    for t in range(T):
        f = sigmoid(x[t] @ p["W"].T + h @ p["U"].T + p["b"])
        new = np.tanh(x[t] @ p["V"].T + (f * h) @ p["R"].T + p["a"])
        tape.append((h, f, new))
        h = (1 - f) * h + f * new
        out.append(h)
    g, dh = {name: 0 * v for name, v in p.items()}, 0 * h
    for t in reversed(range(T)):
        h, f, new = tape[t]
        d = dh + up[t]
        dn = d * f * (1 - new**2)
        df = (d * (h - new) + (dn @ p["R"]) * h) * f * (1 - f)  # new − h belongs there
        steps = {"W": df.T @ x[t], "U": df.T @ h, "b": df.sum(0), "V": dn.T @ x[t], "R": dn.T @ (f * h), "a": dn.sum(0)}
        g = {name: g[name] + steps[name] for name in g}
        dh = d * (1 - f) + (dn @ p["R"]) * f + df @ p["U"]
    dump = {f"param/{k}": v for k, v in p.items()} | {f"grad/{k}": v for k, v in g.items()}
    dump |= {"input/x": x, "initial/h": first, "output/h": np.stack(out), "cotangent/h": up}
    found = check_arrays(dump, cell=MGU, budget=10)
    assert found.explained
    assert [f.kind for f in found.diagnosis] == ["sign"], str(found)


def test_layouts_are_counted_no_further_than_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    dump, _ = lstm()
    cell = derive.load("lstm")
    place = Arrangement(
        cell, next(s.sizes for s in settings(cell, Dump.of(dump | {"cotangent/out": dump["output/out"]})))
    )
    arrays = {"W": dump["param/W"], "b": dump["param/b"]}
    seen = []
    ordered = layouts_module._ordered
    monkeypatch.setattr(layouts_module, "_ordered", lambda *a: (seen.append(h) or h for h in ordered(*a)))  # type: ignore[func-returns-value]
    assert len(layouts_module.layouts(place, arrays, limit=3)) == 3
    assert len(seen) == 3
