"""Equations of one's own: probabilities that are fed back, targets of one example, read-outs that equations leave out.

The forward passes are NumPy code, and their gradients autograd's: nothing is shared with the derivation.
"""

from collections.abc import Callable, Mapping
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from numpy.typing import NDArray

from numeric.check.arrays import check_arrays

Arrays = dict[str, NDArray[Any]]
B, D, H, C, T = 2, 3, 5, 4, 6
JORDAN = "h[t] = tanh(A @ x[t] + F @ y[t-1] + b)\ny[t] = softmax(V @ h[t] + c)"
POOLED = "h[t] = tanh(A @ x[t] + F @ h[t-1] + b)\ns = v.T @ h[T] + c\ny = sigmoid(s)\nv : H\nc : scalar"
SCORED = "h[t] = tanh(A @ x[t] + F @ h[t-1] + b)\ns[t] = V @ h[t]"
LOOKING = "q[u] = tanh(Wy @ y[u] + Wq @ q[u-1] + Wc @ (M @ softmax(M.T @ q[u-1])) + b)\ninput M : H, N"


def softmax(a: Any) -> Any:
    e = anp.exp(a - anp.max(a, -1, keepdims=True))
    return e / anp.sum(e, -1, keepdims=True)


def drawn(**shapes: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(0)
    return {name: 0.7 * np.array(rng.standard_normal(shape)) for name, shape in shapes.items()}


def gradients(loss: Callable[[Arrays], Any], parameters: Arrays) -> Arrays:
    """The keys of parameters and their gradients."""
    found = grad(loss)(parameters)
    return {f"param/{n}": p for n, p in parameters.items()} | {f"grad/{n}": np.array(g) for n, g in found.items()}


def jordan(p: Mapping[str, Any], x: Any, y: Any) -> list[Any]:
    ys = []
    for xt in x:
        y = softmax(anp.tanh(xt @ p["A"] + y @ p["F"] + p["b"]) @ p["V"] + p["c"])
        ys.append(y)
    return ys


@pytest.mark.parametrize("steps", [T, 1], ids=["every step", "the last step"])
def test_a_state_that_is_a_probability_is_not_taken_for_logits(steps: int) -> None:
    rng = np.random.default_rng(1)
    p = drawn(A=(D, H), F=(C, H), b=(H,), V=(H, C), c=(C,))
    x, y0, target = rng.standard_normal((T, B, D)), np.full((B, C), 0.25), np.eye(C)[rng.integers(0, C, (steps, B))]

    def loss(p: Mapping[str, Any]) -> Any:
        return -anp.sum(target * anp.log(anp.array(jordan(p, x, y0)[T - steps :]))) / B

    verdict = check_arrays(
        gradients(loss, p)
        | {"input/x": x, "initial/y": y0, "output/y": np.array(jordan(p, x, y0)), "loss": np.array(loss(p))}
        | {"target/y": target if steps > 1 else target[0]},
        cell=JORDAN,
    )
    assert verdict.verdict == "correct", str(verdict)
    assert not [note for note in verdict.notes if "loss" in note]


def test_a_softmax_whose_jacobian_is_left_out_is_named() -> None:
    rng = np.random.default_rng(1)
    p = drawn(A=(D, H), F=(C, H), b=(H,), V=(H, C), c=(C,))
    x, y0, up = rng.standard_normal((T, B, D)), np.full((B, C), 0.25), rng.standard_normal((T, B, C))
    ys = [y0, *jordan(p, x, y0)]
    found = {name: np.zeros_like(value) for name, value in p.items()}
    fed = np.zeros((B, C))
    for t in reversed(range(T)):
        du = up[t] + fed
        h = np.tanh(x[t] @ p["A"] + ys[t] @ p["F"] + p["b"])
        da = du @ p["V"].T * (1 - h * h)
        for name, left, delta in (("A", x[t], da), ("F", ys[t], da), ("V", h, du)):
            found[name] += left.T @ delta
        found["b"] += da.sum(0)
        found["c"] += du.sum(0)
        fed = da @ p["F"].T
    dump = {f"param/{n}": v for n, v in p.items()} | {f"grad/{n}": v for n, v in found.items()}
    dump |= {"input/x": x, "initial/y": y0, "output/y": np.array(ys[1:]), "cotangent/y": up}
    verdict = check_arrays(dump, cell=JORDAN)
    assert [(f.kind, f.where.split()[0]) for f in verdict.diagnosis] == [("missing-derivative", "y")]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=str)
def test_the_target_of_one_example_may_be_a_number(shape: tuple[int, ...]) -> None:
    p, x = drawn(A=(D, H), F=(H, H), b=(H,), v=(H,), c=()), np.random.default_rng(1).standard_normal((T, D))

    def predicted(p: Mapping[str, Any]) -> Any:
        h = anp.zeros(H)
        for xt in x:
            h = anp.tanh(xt @ p["A"] + h @ p["F"] + p["b"])
        return 1 / (1 + anp.exp(-(h @ p["v"] + p["c"])))

    dump = gradients(lambda p: -anp.log(predicted(p)), p)
    dump |= {"input/x": x, "output/yhat": np.array(predicted(p)), "target/y": np.ones(shape)}
    verdict = check_arrays(dump, cell=POOLED)
    assert verdict.verdict == "correct", str(verdict)


@pytest.mark.parametrize("function", ["softmax", "sigmoid"])
def test_probabilities_above_equations_that_end_at_the_scores(function: str) -> None:
    rng = np.random.default_rng(1)
    p, x = drawn(A=(D, H), F=(H, H), b=(H,), V=(H, C)), rng.standard_normal((T, B, D))
    hot = np.eye(C)[rng.integers(0, C, (T, B))]

    def predicted(p: Mapping[str, Any]) -> Any:
        h, found = anp.zeros((B, H)), []
        for xt in x:
            h = anp.tanh(xt @ p["A"] + h @ p["F"] + p["b"])
            found.append(softmax(h @ p["V"]) if function == "softmax" else 1 / (1 + anp.exp(-h @ p["V"])))
        return anp.array(found)

    def loss(p: Mapping[str, Any]) -> Any:
        q = predicted(p)
        missed = anp.sum((1 - hot) * anp.log(1 - q)) if function == "sigmoid" else 0.0
        return -(anp.sum(hot * anp.log(q)) + missed) / B

    dump = gradients(loss, p) | {"input/x": x, "output/p": predicted(p), "target/t": hot, "loss": np.array(loss(p))}
    verdict = check_arrays(dump, cell=SCORED)
    assert verdict.verdict == "correct", str(verdict)
    assert f"{function} read-out" in verdict.architecture


def test_all_sizes_may_follow_from_the_inputs() -> None:
    rng = np.random.default_rng(1)
    p = drawn(Wy=(H, D), Wq=(H, H), Wc=(H, H), b=(H,))
    M, y, up = rng.standard_normal((B, H, 7)), rng.standard_normal((T, B, D)), rng.standard_normal((T, B, H))

    def run(p: Mapping[str, Any]) -> Any:
        q, found = anp.zeros((B, H)), []
        for yt in y:
            seen = anp.einsum("bhn,bn->bh", M, softmax(anp.einsum("bhn,bh->bn", M, q)))
            q = anp.tanh(yt @ p["Wy"].T + q @ p["Wq"].T + seen @ p["Wc"].T + p["b"])
            found.append(q)
        return anp.array(found)

    dump = gradients(lambda p: anp.sum(up * run(p)), p)
    dump |= {"input/M": M, "input/y": y, "output/q": run(p), "cotangent/q": up}
    verdict = check_arrays(dump, cell=LOOKING)
    assert verdict.verdict == "correct", str(verdict)


def coupled(seed: int = 1, *, forgotten: bool = False, flipped: bool = False) -> Arrays:
    """A unit that keeps 1 - i of its state, written without an f; a gradient with a term left out, or i for 1 - i."""
    rng = np.random.default_rng(seed)
    p, x, up = drawn(Wi=(H, D), Wz=(H, D), Ri=(H, H)), rng.standard_normal((T, B, D)), rng.standard_normal((T, B, H))
    c, tape = np.zeros((B, H)), []
    for xt in x:
        i, z = 1 / (1 + np.exp(-(xt @ p["Wi"].T + c @ p["Ri"].T))), np.tanh(xt @ p["Wz"].T)
        tape.append((xt, c, i, z))
        c = (1 - i) * c + i * z
    found, dc = {name: np.zeros_like(value) for name, value in p.items()}, np.zeros((B, H))
    for (xt, old, i, z), given in zip(reversed(tape), up[::-1], strict=True):
        dc = dc + given
        di = dc * (z if forgotten else z - old) * i * (1 - i)
        dz = dc * i * (1 - z * z)
        found["Wi"] += di.T @ xt
        found["Ri"] += di.T @ old
        found["Wz"] += dz.T @ xt
        dc = dc * (i if flipped else 1 - i) + di @ p["Ri"]
    cs = [*(old for _, old, _, _ in tape[1:]), c]
    dump = {f"param/{n}": v for n, v in p.items()} | {f"grad/{n}": v for n, v in found.items()}
    return dump | {"input/x": x, "output/c": np.array(cs), "cotangent/c": up}


COUPLED = """
i[t] = sigmoid(Wi @ x[t] + Ri @ c[t-1])
f[t] = 1 - i[t]
z[t] = tanh(Wz @ x[t])
c[t] = f[t] * c[t-1] + i[t] * z[t]
"""
MINIMAL = """
f[t] = sigmoid(Wf @ x[t])
n[t] = tanh(Wn @ x[t] + U @ (f[t] * h[t-1]))
h[t] = f[t] * n[t] + (1 - f[t]) * h[t-1]
"""


@pytest.mark.parametrize("mistake", ["forgotten", "flipped"])
def test_a_gate_that_is_the_rest_of_another_is_said_by_that_one(mistake: str) -> None:
    assert check_arrays(coupled(), cell=COUPLED).verdict == "correct"
    verdict = check_arrays(coupled(**{mistake: True}), cell=COUPLED)
    assert verdict.explained
    assert "f (1 - i)" in verdict.diagnosis[0].where


def test_all_terms_of_one_gradient_left_out_are_a_path() -> None:
    rng = np.random.default_rng(1)
    p, x, up = drawn(Wf=(H, D), Wn=(H, D), U=(H, H)), rng.standard_normal((T, B, D)), rng.standard_normal((T, B, H))
    h, tape = np.zeros((B, H)), []
    for xt in x:
        f = 1 / (1 + np.exp(-xt @ p["Wf"].T))
        n = np.tanh(xt @ p["Wn"].T + (f * h) @ p["U"].T)
        tape.append((xt, h, f, n))
        h = f * n + (1 - f) * h
    found, dh = {name: np.zeros_like(value) for name, value in p.items()}, np.zeros((B, H))
    for (xt, old, f, n), given in zip(reversed(tape), up[::-1], strict=True):
        dh = dh + given
        dn = dh * f * (1 - n * n)
        df = (dn @ p["U"]) * old * f * (1 - f)  # and dh * (n - old)
        found["Wf"] += df.T @ xt
        found["Wn"] += dn.T @ xt
        found["U"] += dn.T @ (f * old)
        dh = dh * (1 - f) + dn @ p["U"] * f
    dump = {f"param/{n}": v for n, v in p.items()} | {f"grad/{n}": v for n, v in found.items()}
    dump |= {"input/x": x, "output/h": np.array([*(old for _, old, _, _ in tape[1:]), h]), "cotangent/h": up}
    verdict = check_arrays(dump, cell=MINIMAL)
    assert [(f.kind, f.where) for f in verdict.diagnosis] == [("drop-path", "h")]
