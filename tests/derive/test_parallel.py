"""Parallel forms: the step form and the closed form of one system have the same values and gradients.

Where the state is a column the closed form is derived (`derive.parallel`), and runs in chunks that carry h[0].  Where
it is complex or a matrix, the closed forms of the papers are written here in plain NumPy.
"""

import numpy as np
import pytest

import derive
from derive.parallel import parallel_form
from numeric.draws import Regime, draw
from numeric.reference import evaluate

COLUMNS = [
    ("mingru", "h"), ("mingru-log", "h"), ("minlstm", "h"), ("rg-lru", "h"), ("hgrn", "h"), ("qrnn-fo", "c"),
    ("linear-attention", "z"), ("mlstm", "n"), ("rwkv-4", "q"),
]  # fmt: skip
T = 6


def a_case(name):
    """An entry, its parameters, inputs and initial values; constants between 0 and 1."""
    system, rng = derive.load(name), np.random.default_rng(1)
    case = draw(system, rng, Regime(T))
    constants = {n: rng.uniform(0.2, 0.9, case.parameters[n].shape) for n in system.constants}
    return system, {**case.parameters, **constants}, case.inputs, case.initial


def triangle(steps):
    return np.triu(np.ones((steps, steps)))


@pytest.mark.parametrize(("name", "state"), COLUMNS)
def test_step_form_and_parallel_form_agree_forward_and_backward(name, state):
    system, parameters, inputs, initial = a_case(name)
    closed = parallel_form(system, state)
    assert all(state not in c.carried for c in closed.components)
    assert derive.parse(str(closed)) == closed
    given = {**parameters, f"U_{state}": triangle(T)}
    steps, all_at_once = evaluate(system, parameters, inputs, initial), evaluate(closed, given, inputs, initial)
    for quantity in system.defined:
        np.testing.assert_allclose(all_at_once[quantity], steps[quantity], rtol=1e-11, atol=1e-12)

    rng = np.random.default_rng(3)
    outputs = tuple({*system.outputs, state} & {*closed.outputs, state})
    one, other = system.adjoint(outputs), closed.adjoint(outputs)
    up = {y: rng.standard_normal(steps[y].shape) for y in outputs}
    found = [
        evaluate(adjoint, p, {**inputs, **{adjoint.find("upstream", y).name: a for y, a in up.items()}}, initial)
        for adjoint, p in ((one, parameters), (other, given))
    ]
    compared = 0
    for leaf in (*system.parameters, *system.inputs):
        if (bar := one.find("cotangent", leaf)) is not None:
            np.testing.assert_allclose(found[1][bar.name], found[0][bar.name], rtol=1e-10, atol=1e-11)
            compared += 1
    assert compared >= 2
    at = [adjoint.find("cotangent", state).name for adjoint in (one, other)]
    np.testing.assert_allclose(found[1].at(at[1], 0), found[0].at(at[0], 0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 4, T])
def test_chunks_of_the_parallel_form_carry_the_state(size):
    system, parameters, inputs, initial = a_case("minlstm")
    closed, whole = parallel_form(system, "h"), evaluate(system, parameters, inputs, initial)["h"]
    carried, parts = initial["h"], []
    for low in range(0, T, size):
        chunk = {"x": inputs["x"][low : low + size]}
        parts.append(evaluate(closed, {**parameters, "U_h": triangle(len(chunk["x"]))}, chunk, {"h": carried})["h"])
        carried = parts[-1][-1]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("text", "state", "reason"),
    [
        ("h[t] = tanh(h[t-1]) + x[t]", "h", "not linear in h\\[t-1\\], entry by entry: tanh"),
        ("h[t] = h[t-1] * h[t-1] + x[t]", "h", "not linear"),
        ("h[t] = W @ h[t-1] + x[t]", "h", "entry by entry: matmul"),
        ("h[t] = 0.5 * h[t-1] + 0.1 * h[t-2] + x[t]", "h", "does not read h\\[t-1\\] alone"),
        ("h[t] = 0.5 * h[t+1] + x[t]", "h", "does not read h\\[t-1\\] alone"),
        ("h[t] = z[t] * h[t-1] + x[t]\nz[t] = sigmoid(h[t-1])", "h", "h and z are carried together"),
        ("S[t] : K, V\nx[t] : K, V\nS[t] = 0.5 * S[t-1] + x[t]", "S", "S is a matrix"),
        ("h[t] = 0.5 * h[t-1] + x[t]", "x", "x is no sequence that system computes"),
    ],
)
def test_what_has_no_parallel_form_is_refused(text, state, reason):
    with pytest.raises(derive.EquationError, match=reason) as caught:
        parallel_form(derive.parse(text), state)
    assert "\n" not in caught.value.reason


def test_an_initial_value_that_is_read_is_no_use_of_the_state():
    assert derive.parse("x[t] : H\nh[t] = tanh(W @ h[t-1] + x[t])\ny[t] = h[0] + x[t]").outputs == ("h", "y")


# --- closed forms in plain NumPy --------------------------------------------------------------------------------------


def s(a):
    return 1 / (1 + np.exp(-a))


def silu(a):
    return a * s(a)


def softplus(a):
    return np.log1p(np.exp(a))


def scan_log(p, x):
    """minGRU by logarithms: exp(A) Σ exp(log b - A), the sum by logaddexp; h[0] = 0."""
    z = x @ p["W_z"].T
    total = np.cumsum(-softplus(z), axis=0)
    a = x @ p["W_n"].T
    value = -softplus(-z) + np.where(a >= 0, np.log(np.maximum(a, 0) + 0.5), -softplus(-a))
    return np.exp(total + np.logaddexp.accumulate(value - total, axis=0))


def convolution(rate, drive):
    """Σ_j rate^(i-j) drive_j, for complex rates."""
    powers = rate ** np.arange(len(drive)).reshape(-1, *[1] * np.ndim(rate))
    return np.array([sum(powers[i - j] * drive[j] for j in range(i + 1)) for i in range(len(drive))])


def lru(p, x):
    h = convolution(np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"])), x @ (p["B_re"] + 1j * p["B_im"]).T)
    return ((np.exp(p["gamma"]) * h) @ (p["C_re"] + 1j * p["C_im"]).T).real + p["d"] * x


def s4d(p, x):
    a = -np.exp(p["a"]) + 1j * p["w"]
    held = np.exp(np.exp(p["s"])[:, None] * a)
    kernel = [2 * np.sum((p["C_re"] + 1j * p["C_im"]) * (held - 1) / a * held**lag, axis=1).real for lag in range(T)]
    return np.array([sum(kernel[i - j] * x[j] for j in range(i + 1)) for i in range(T)]) + p["d"] * x


def hgrn_complex(p, x):
    f = p["lb"] + (1 - p["lb"]) * s(x @ p["W_f"].T)
    total = np.cumsum(np.log(f) + 1j * p["theta"], axis=0)
    c = (1 - f) * (silu(x @ p["W_p"].T) + 1j * silu(x @ p["W_q"].T))
    h = np.exp(total) * np.cumsum(np.exp(-total) * c, axis=0)
    return np.concatenate([h.real, h.imag], axis=1)


def attend(q, k, v, total, *, diagonal=True):
    """Σ_j≤i (Σ_n q_in exp(A_in - A_jn) k_jn) v_j: decays as cumulative sums of logarithms, one for each row of S."""
    scores = np.einsum("in,ijn,jn->ij", q, np.exp(total[:, None] - total[None]), k)
    return np.tril(scores, 0 if diagonal else -1) @ v


def linear_attention(p, x):
    q, k = (np.where(a > 0, a + 1, np.exp(a)) for a in (x @ p["W_q"].T, x @ p["W_k"].T))
    scores = np.tril(q @ k.T)
    return scores @ (x @ p["W_v"].T) / scores.sum(axis=1, keepdims=True)


def retnet(p, x):
    turn = [np.linalg.matrix_power(p["gamma"] * p["R"], lag) for lag in range(T)]
    q, k, v = (x @ p[f"W_{n}"].T for n in "qkv")
    scores = np.array([[q[i] @ turn[i - j] @ k[j] if j <= i else 0 for j in range(T)] for i in range(T)])
    return (silu(x @ p["W_g"].T) * (scores @ v)) @ p["W_o"].T


def gla(p, x):
    alpha = -softplus(-(x @ p["W_1"].T @ p["W_2"].T + p["b"])) / 16
    return attend(*(x @ p[f"W_{n}"].T for n in "qkv"), np.cumsum(alpha, axis=0))


def hgrn2(p, x):
    f = p["lb"] + (1 - p["lb"]) * s(x @ p["W_f"].T)
    return attend(silu(x @ p["W_q"].T), 1 - f, x @ p["W_i"].T, np.cumsum(np.log(f), axis=0))


def rwkv6(p, x):
    r, k, v = (x @ p[f"W_{n}"].T for n in "rkv")
    log_w = -np.exp(p["l"] + np.tanh(x @ p["A"].T) @ p["B"].T)
    total = np.cumsum(log_w, axis=0)
    before = np.exp(-log_w) * r  # S of the step before has not decayed yet
    return attend(before, k, v, total, diagonal=False) + np.sum(r * p["u"] * k, axis=1, keepdims=True) * v


def mamba(p, x):
    delta, b, c = softplus(x @ p["W_s"].T + p["b_s"]), x @ p["W_B"].T, x @ p["W_C"].T
    y = p["d"] * x
    for i in range(x.shape[1]):
        total = np.cumsum(-delta[:, i : i + 1] * np.exp(p["a"][i]), axis=0)
        y[:, i] += attend(c, b, delta[:, i] * x[:, i], total)
    return y * silu(x @ p["W_g"].T)


def mamba2(p, x):
    delta, u = softplus(x @ p["w_s"] + p["b_s"]), x @ p["W_x"].T
    total = np.cumsum(-delta * np.exp(p["a"]))
    seen = np.tril(np.exp(total[:, None] - total)) * (x @ p["W_C"].T @ p["W_B"] @ x.T)
    y = (seen @ (delta[:, None] * u) + p["d"] * u) * silu(x @ p["W_g"].T)
    return p["w"] * y / np.sqrt(np.mean(y**2, axis=1, keepdims=True) + p["eps"])


def mlstm(p, x):
    q, k, v = (x @ p[f"W_{n}"].T for n in "qkv")
    total = np.cumsum(-softplus(-(x @ p["w_f"] + p["b_f"])))
    exponent = np.where(np.tri(T) > 0, total[:, None] - total + (x @ p["w_i"] + p["b_i"]), -np.inf)
    top = np.maximum(exponent.max(axis=1, keepdims=True), total[:, None])  # m[0] = 0 counts, as in the step form
    scores = (q @ k.T) * np.exp(exponent - top)
    return s(x @ p["W_o"].T) * (scores @ v) / np.maximum(abs(scores.sum(axis=1, keepdims=True)), np.exp(-top))


def unit(a):
    return a / np.linalg.norm(a, axis=1, keepdims=True)


def delta_rule(q, k, v, beta, total):
    """The corrections u of all steps solve one triangular system: u_i = β_i (v_i - Σ_{j<i} decay_ij (k_i·k_j) u_j)."""
    decay = np.exp(total[:, None] - total)
    u = np.linalg.solve(np.eye(T) + beta[:, None] * np.tril(decay * (k @ k.T), -1), beta[:, None] * v)
    return np.tril(decay * (q @ k.T)) @ u


def deltanet(p, x):
    q, k = (unit(silu(x @ p[f"W_{n}"].T)) for n in "qk")
    return delta_rule(q, k, x @ p["W_v"].T, s(x @ p["w_b"]), np.zeros(T))


def gated_deltanet(p, x):
    q, k = (unit(silu(x @ p[f"W_{n}"].T)) for n in "qk")
    total = np.cumsum(-np.exp(p["A"]) * softplus(x @ p["w_a"] + p["dt"]))
    return delta_rule(q, k, silu(x @ p["W_v"].T), s(x @ p["w_b"]), total)


CLOSED = {
    "mingru-log": scan_log, "lru": lru, "s4d": s4d, "hgrn-complex": hgrn_complex, "mamba": mamba, "mamba-2": mamba2,
    "linear-attention": linear_attention, "retnet": retnet, "gla": gla, "hgrn2": hgrn2, "rwkv-6": rwkv6,
    "mlstm": mlstm, "deltanet": deltanet, "gated-deltanet": gated_deltanet,
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
def test_the_closed_form_of_the_papers(name):
    """All steps at once from a state of zero, at distinct sizes."""
    system, parameters, inputs, _ = a_case(name)
    values = evaluate(system, parameters, inputs)
    for b in range(inputs["x"].shape[1]):
        found = CLOSED[name](parameters, inputs["x"][:, b])
        np.testing.assert_allclose(found, values[system.outputs[-1]][:, b], rtol=1e-11, atol=1e-13)
