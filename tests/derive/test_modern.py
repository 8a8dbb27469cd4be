"""What the literature says about modern recurrences, held against what is derived.

Stabilisers: the output does not depend on them, exactly, under stated conditions.  Published backward passes: written
here as loops in plain NumPy, and equal to the derived gradients in numbers.  An inner gradient: the adjoint of a system
inside the step of another.
"""

import re

import numpy as np
import pytest
import sympy

import derive
from derive.invariance import freed, independent
from numeric.draws import Regime, draw
from numeric.reference import evaluate
from tests.derive.modern import s, softplus

T = 5


# --- stabilisers ------------------------------------------------------------------------------------------------------

WITH_EPS = derive.parse(
    "const eps : scalar\n"
    + str(derive.load("mlstm")).replace(
        "max(abs(q[t].T @ n[t]), exp(-m[t]))", "(max(abs(q[t].T @ n[t]), exp(-m[t])) + eps)"
    ),
    name="mlstm-eps",
)


@pytest.mark.parametrize(
    ("system", "name", "output", "zero", "claim"),
    [
        ("slstm", "m", "h", (), "h of slstm does not depend on m, for any initial values"),
        ("slstm", "m", "h", ("c", "n"), "h of slstm does not depend on m, if c[0] = 0, n[0] = 0"),
        ("mlstm", "m", "h", ("C", "n"), "h of mlstm does not depend on m, if C[0] = 0, n[0] = 0"),
        ("rwkv-4", "m", "y", (), "y of rwkv-4 does not depend on m, for any initial values"),
        ("rwkv-4", "o", "y", ("p", "q"), "y of rwkv-4 does not depend on o, if p[0] = 0, q[0] = 0"),
        (WITH_EPS, "m", "h", ("eps",), "h of mlstm-eps does not depend on m, if eps = 0"),
    ],
)
def test_the_output_does_not_depend_on_the_stabiliser(system, name, output, zero, claim):
    evidence = independent(derive.load(system) if isinstance(system, str) else system, name, (output,), zero=zero)
    assert evidence.holds, str(evidence)
    assert evidence.claim == claim
    assert int(evidence.detail.rpartition("1e")[2].rstrip(".")) < -10


@pytest.mark.parametrize(
    ("system", "name", "output", "zero", "where"),
    [
        (WITH_EPS, "m", "h", (), "m[1], m[2], m[3]"),
        ("slstm", "m", "h", ("c",), "m[0]"),
        ("slstm", "n", "h", (), "n[1], n[2], n[3]"),
        ("lstm", "f", "h", (), "f[1], f[2], f[3]"),
    ],
)
def test_a_dependence_is_found(system, name, output, zero, where):
    """Without the side condition, and for what is no stabiliser."""
    evidence = independent(derive.load(system) if isinstance(system, str) else system, name, (output,), zero=zero)
    assert not evidence.holds
    assert evidence.where == where


def test_any_stabiliser_gives_the_same_numbers_until_it_overflows():
    system, case = a_case("slstm", initial=False)
    values, free = evaluate(system, case.parameters, case.inputs), freed(system, "m")
    for shift in (-3.0, 0.0, 5.0):
        m = values["m"] + shift * np.sin(1 + np.arange(T))[:, None, None]
        found = evaluate(free, case.parameters, {**case.inputs, "m": m})
        np.testing.assert_allclose(found["h"], values["h"], rtol=1e-12)
    assert (abs(values["h"]) < 1).all()
    assert (abs(values["c"]) <= values["n"]).all()


@pytest.mark.parametrize(("name", "reason"), [("x", "x is no sequence that"), ("b_i", "b_i is no sequence that")])
def test_what_has_no_equation_cannot_be_freed(name, reason):
    with pytest.raises(derive.EquationError, match=reason):
        independent(derive.load("slstm"), name, ("h",))
    with pytest.raises(derive.EquationError, match="k is no quantity of slstm beside m"):
        independent(derive.load("slstm"), "m", ("k",))


# --- published backward passes ----------------------------------------------------------------------------------------


def a_case(name, *, initial=True, seed=1):
    """An entry at distinct sizes; constants between 0 and 1."""
    system, rng = derive.load(name), np.random.default_rng(seed)
    case = draw(system, rng, Regime(T, initial=initial))
    case.parameters.update({n: rng.uniform(0.2, 0.9, case.parameters[n].shape) for n in system.constants})
    return system, case


class Derived:
    """A derived backward pass: values of the primal, the cotangent of the output, and all gradients."""

    def __init__(self, name, *, initial=False, cotangent=None, final=()):
        self.system, case = a_case(name, initial=initial)
        output = self.system.outputs[-1]
        self.p, self.x, self.start = case.parameters, case.inputs["x"], case.initial
        forward = evaluate(self.system, case.parameters, case.inputs, case.initial)
        self.up = case.cotangents[output] if cotangent is None else cotangent(forward, case.cotangents[output])
        self.adjoint = self.system.adjoint((output,), final=final)
        given = {self.adjoint.find("upstream", output).name: self.up, **case.inputs}
        given |= {end: case.final[state] for state in final for end in self.adjoint.ends(state)}
        self.values = evaluate(self.adjoint, case.parameters, given, case.initial)
        self.batch = self.x.shape[1]

    def __getitem__(self, name):
        return self.values[name]

    def bar(self, name):
        return self.values[self.adjoint.find("cotangent", name).name]

    def before(self, name):
        """A state at the step before."""
        return np.concatenate([self.values.at(name, 0)[None], self.values[name][:-1]])

    def equals(self, **found):
        for name, value in found.items():
            np.testing.assert_allclose(value, self.bar(name), rtol=1e-10, atol=1e-12, err_msg=name)


def outer(left, right):
    """Σ over steps and examples of left rightᵀ."""
    return np.einsum("tbi,tbj->ij", left, right)


def test_rg_lru_is_a_scan_in_both_directions():
    """recurrentgemma, the custom gradient of its scan; without the clipped slope of the root."""
    d = Derived("rg-lru", initial=True)
    dh, da, carried = np.zeros_like(d.up), np.zeros_like(d.up), 0.0
    a, drive = d["a"], d["i"] * d.x
    for t in reversed(range(T)):
        dh[t] = d.up[t] + carried
        da[t] = dh[t] * (d.before("h")[t] - a[t] / np.sqrt(1 - a[t] ** 2) * drive[t])
        carried = a[t] * dh[t]
    d.equals(h=dh, a=da, i=dh * np.sqrt(1 - a**2) * d.x)


def test_slstm_backward_of_flashrnn():
    """FlashRNN, vanilla_fwbw/bw.py; m is held constant there, and that is exact."""
    d = Derived("slstm")
    p, hidden = d.p, d.up.shape[-1]
    stacked = np.concatenate([d.before("h"), d.x], axis=-1)
    z, o = np.tanh(stacked @ p["W_z"].T + p["b_z"]), s(stacked @ p["W_o"].T + p["b_o"])
    f_bar = stacked @ p["W_f"].T + p["b_f"]
    pre = {gate: np.zeros_like(d.up) for gate in "ifzo"}
    dh = dc = dn = 0.0
    for t in reversed(range(T)):
        c, n, f, i = (d[name][t] for name in "cnfi")
        dh = dh + d.up[t]
        dc, dn = dc + dh * o[t] / n, dn - dh * o[t] * c / n**2
        pre["o"][t] = dh * c / n * o[t] * (1 - o[t])
        pre["f"][t] = (dc * d.before("c")[t] + dn * d.before("n")[t]) * f * (1 - s(f_bar[t]))
        pre["i"][t] = (dc * z[t] + dn) * i
        pre["z"][t] = dc * i * (1 - z[t] ** 2)
        dh = sum(pre[gate][t] @ p["W_" + gate][:, :hidden] for gate in "ifzo")
        dc, dn = dc * f, dn * f
    d.equals(a=pre["i"], **{f"W_{gate}": outer(pre[gate], stacked) for gate in "ifzo"})
    np.testing.assert_allclose(d.bar("m"), 0, atol=1e-13)


def mlstm_kernel(d):
    """mlstm_kernels, the native parallel backward pass, from the gradient of what the output gate multiplies."""
    q, k = d["q"], d["k"]
    v, gate = d.x @ d.p["W_v"].T, s(d.x @ d.p["W_o"].T)
    total = np.cumsum(d["l"], axis=0)
    dq, dk, dv, da, df = (np.zeros_like(a) for a in (q, k, v, d["a"], d["a"]))
    for b in range(d.batch):
        exponent = total[:, None, b] - total[None, :, b] + d["a"][None, :, b] - d["m"][:, None, b]
        decay = np.tril(np.exp(exponent))
        scores = q[:, b] @ k[:, b].T
        norm = np.maximum(abs((scores * decay).sum(axis=1)), np.exp(-d["m"][:, b]))[:, None]
        dh = (d.up * gate)[:, b] / norm
        dc = dh @ v[:, b].T
        dq[:, b], dk[:, b] = (dc * decay) @ k[:, b], (dc * decay).T @ q[:, b]
        dv[:, b] = (scores * decay).T @ dh
        da[:, b] = (dc * decay * scores).sum(axis=0)
        df[:, b] = np.cumsum((q[:, b] * dq[:, b] - k[:, b] * dk[:, b]).sum(axis=1)[::-1])[::-1]
    return {"q": dq, "k": dk, "W_v": outer(dv, d.x), "a": da, "l": df}


def test_mlstm_backward_of_mlstm_kernels_if_the_normaliser_has_no_gradient():
    """The kernel leaves out the gradient of the normaliser: it vanishes if dh·h = 0, as behind a normalisation of h."""

    def orthogonal(values, up):
        h = values["h"]
        return up - np.sum(up * h, axis=-1, keepdims=True) / np.sum(h * h, axis=-1, keepdims=True) * h

    d = Derived("mlstm", cotangent=orthogonal)
    d.equals(**mlstm_kernel(d))
    general = Derived("mlstm")
    with pytest.raises(AssertionError):
        general.equals(**mlstm_kernel(general))


def test_mamba_selective_scan_kernel():
    d = Derived("mamba", initial=True)
    p, x, delta = d.p, d.x, d["s"]
    A, B, C, gate = -np.exp(p["a"]), x @ p["W_B"].T, x @ p["W_C"].T, x @ p["W_g"].T
    dy, d_a = d.up * gate * s(gate), np.zeros_like(p["a"])
    ddelta, dB, dC, dX = np.zeros_like(delta), np.zeros_like(B), np.zeros_like(C), 0.0
    for t in reversed(range(T)):
        u, write = x[t], delta[t] * x[t]
        dX = dX + dy[t][:, :, None] * C[t][:, None]
        faded = d["S"][t] - write[:, :, None] * B[t][:, None]  # Ā X of the step before, as the kernel obtains it
        dXB = np.einsum("bdn,bn->bd", dX, B[t])
        ddelta[t] = u * dXB + (dX * A * faded).sum(axis=2)
        d_a += (dX * delta[t][:, :, None] * faded).sum(axis=0) * A
        dB[t], dC[t] = np.einsum("bdn,bd->bn", dX, write), np.einsum("bd,bdn->bn", dy[t], d["S"][t])
        dX = dX * np.exp(delta[t][:, :, None] * A)
    raw = x @ p["W_s"].T + p["b_s"]
    np.testing.assert_allclose(delta, softplus(raw), rtol=1e-13)
    d.equals(s=ddelta, a=d_a, W_B=outer(dB, x), W_C=outer(dC, x), d=(dy * x).sum(axis=(0, 1)))
    d.equals(b_s=(ddelta * s(raw)).sum(axis=(0, 1)))


def test_the_log_gate_identity_of_gla():
    """d log α_t = Σ_{s≥t} (q_s·dq_s − k_s·dk_s), from any initial state, if the last one has no gradient of its own."""

    def sides(d):
        products = d["q"] * d.bar("q") - d["k"] * d.bar("k")
        return d.bar("a") * d["a"], np.cumsum(products[::-1], axis=0)[::-1]

    np.testing.assert_allclose(*sides(Derived("gla", initial=True)), rtol=1e-10, atol=1e-12)
    left, right = sides(Derived("gla", initial=True, final=("S",)))
    assert not np.allclose(left, right, atol=1e-3)


def test_the_log_gate_identity_of_rwkv6():
    """flash-linear-attention, naive backward: dw_t = dw_{t+1} + dr'_{t+1} r_{t+1} − dk'_t k_t, without the bonus."""
    d = Derived("rwkv-6", initial=True)
    r, k, v, u = d["r"], d["k"], d["v"], d.p["u"]
    bonus = np.sum(d.up * v, axis=-1, keepdims=True) * u  # what u passes to r and k
    dr, dk = d.bar("r") - bonus * k, d.bar("k") - bonus * r
    log_w, carried = np.zeros_like(r), np.zeros_like(r[0])
    for t in reversed(range(T)):
        carried = carried + (dr[t + 1] * r[t + 1] if t + 1 < T else 0) - dk[t] * k[t]
        log_w[t] = carried
    np.testing.assert_allclose(d.bar("w") * d["w"], log_w, rtol=1e-10, atol=1e-12)


def test_rwkv4_cuda_kernel():
    """RWKV-v4/cuda/wkv_cuda.cu: a forward sweep for w and u, a backward sweep for k and v."""
    d = Derived("rwkv-4")
    p, k, v = d.p, d["k"], d["v"]
    rate, u = -np.exp(p["w"]), p["u"]
    mixed = p["mu_r"] * d.x + (1 - p["mu_r"]) * np.concatenate([0 * d.x[:1], d.x[:-1]])
    gy = (d.up @ p["W_o"]) * s(mixed @ p["W_r"].T)
    y, share, top = d["s"], np.zeros_like(k), np.zeros_like(k)
    num, den, num_w, den_w = (np.zeros_like(k[0]) for _ in range(4))
    o = np.full_like(k[0], -1e38)
    gw, gu = np.zeros_like(u), np.zeros_like(u)
    for t in range(T):
        no = np.maximum(o, u + k[t])
        a, b = np.exp(o - no), np.exp(u + k[t] - no)
        share[t], top[t] = gy[t] / (a * den + b), k[t] + u - no
        gw += ((num_w - den_w * y[t]) * share[t] * a).sum(axis=0)
        gu += ((v[t] - y[t]) * b * share[t]).sum(axis=0)
        no = np.maximum(rate + o, k[t])
        a, b = np.exp(rate + o - no), np.exp(k[t] - no)
        num_w, den_w = a * (num + num_w), a * (den + den_w)
        num, den, o = a * num + b * v[t], a * den + b, no
    gk, gv = np.zeros_like(k), np.zeros_like(v)
    gp, gq, o = np.zeros_like(k[0]), np.zeros_like(k[0]), np.full_like(k[0], -1e38)
    for t in reversed(range(T)):
        a, b = share[t] * np.exp(top[t]), np.exp(k[t] + o)
        gk[t], gv[t] = a * (v[t] - y[t]) + b * (gp * v[t] + gq), a + b * gp
        no = np.maximum(rate + o, top[t] - k[t] - u)
        a, b = np.exp(rate + o - no), share[t] * np.exp(top[t] - k[t] - u - no)
        gp, gq, o = a * gp + b, a * gq - b * y[t], no
    d.equals(k=gk, v=gv, u=gu, w=gw * rate)


def test_rwkv7_cuda_kernel():
    """RWKV-v7/train_temp/cuda: S of the step before is found again by dividing by w, which is above exp(-exp(-1/2))."""
    d = Derived("rwkv-7", initial=True)
    p, w, kk, gate, e = d.p, d["w"], d["c"], d["a"], d["e"]
    r, v = d.x @ p["W_r"].T, d.x @ p["W_v"].T
    assert (w > 0.545).all()
    found = {name: np.zeros_like(w) for name in ("w", "c", "e", "b")}
    dr, dv, dS, S = np.zeros_like(r), np.zeros_like(v), 0.0, d["S"][-1]
    for t in reversed(range(T)):
        a, b = -kk[t], kk[t] * gate[t]
        sa = np.einsum("bvk,bk->bv", d.before("S")[t], a)  # stored by the forward pass
        dr[t] = np.einsum("bvk,bv->bk", S, d.up[t])
        dS = dS + d.up[t][:, :, None] * r[t][:, None]
        S = (S - v[t][:, :, None] * e[t][:, None] - sa[:, :, None] * b[:, None]) / w[t][:, None]
        np.testing.assert_allclose(S, d.before("S")[t], rtol=1e-9, atol=1e-10)
        dsa = np.einsum("bvk,bk->bv", dS, b)
        found["w"][t] = (dS * S).sum(axis=1)
        found["e"][t], dv[t] = np.einsum("bvk,bv->bk", dS, v[t]), np.einsum("bvk,bk->bv", dS, e[t])
        found["b"][t] = np.einsum("bvk,bv->bk", dS, sa)
        found["c"][t] = found["b"][t] * gate[t] - np.einsum("bvk,bv->bk", S, dsa)
        dS = dS * w[t][:, None] + dsa[:, :, None] * a[:, None]
    dgate = found.pop("b") * kk + found["e"] * d["k"] * p["m_a"]
    d.equals(**found, a=dgate, W_r=outer(dr, d.x), W_v=outer(dv, d.x))


# --- a gradient inside the forward pass -------------------------------------------------------------------------------

INNER = """
const eps : scalar
S : D, D
w, a, b, k, v : D
n = reduce_to(broadcast_to(1, D, 1), 1, 1)
zi = S.T @ k + b
ci = zi - reduce_to(zi, 1, 1) / n
si = sqrt((ci.T @ ci) / n + eps)
ei = w * ci / si + a - (v - k)
l = (ei.T @ ei) / 2
"""


def learning(inner, outer_text):
    """A step that descends the loss l of an inner system: its adjoint, at step t, with the state of the step before."""
    gradient = inner.adjoint(("l",), ("S", "b"))
    shared = {"w", "a", "eps", "n"}
    timed = sorted(set(gradient.variables) - shared, key=len, reverse=True)
    declared = [f"{n}[t] : {', '.join(map(str, v.shape)) or 'scalar'}" for n, v in gradient.variables.items()
                if n not in {*shared, *inner.parameters, "up_l"}]  # fmt: skip
    lines = [str(e) for e in gradient.equations if e.name != "n"]
    at = {"S": "S[t-1]", "b": "b[t-1]", "up_l": "1"}
    pattern = re.compile(rf"\b({'|'.join(timed)})\b")
    body = [pattern.sub(lambda match: at.get(match[1], f"{match[1]}[t]"), line) for line in lines]
    return derive.parse("\n".join([outer_text, *declared, *body]), name="learning")


def test_ttt_linear_is_the_adjoint_of_its_inner_loss_inside_the_step():
    """The entry writes the inner gradient in closed form; the composition derives it.  Both have the same gradients."""
    entry = derive.load("ttt-linear")
    kept = [line for line in str(entry).splitlines() if not re.match(r"(c|s|r|g|S|b)\[t\] =", line)]
    step = ["v[t] = W_v @ x[t]", "S[t] = S[t-1] - sigmoid(w_e.T @ x[t]) / n * dS[t]",
            "b[t] = b[t-1] - sigmoid(w_e.T @ x[t]) / n * db[t]"]  # fmt: skip
    composed = learning(derive.parse(INNER), "\n".join([*kept, *step]))
    assert "g" not in composed.variables
    case = draw(entry, np.random.default_rng(3), Regime(3))
    case.parameters["eps"] = np.array(0.3)
    one, other = (system.adjoint(("y",)) for system in (entry, composed))
    found = []
    for adjoint in (one, other):
        given = {**case.inputs, adjoint.find("upstream", "y").name: case.cotangents["y"]}
        found.append(evaluate(adjoint, case.parameters, given, case.initial))
    np.testing.assert_allclose(found[1]["y"], found[0]["y"], rtol=1e-12)
    for name in (*entry.parameters, "x"):
        bars = [adjoint.find("cotangent", name).name for adjoint in (one, other)]
        np.testing.assert_allclose(found[1][bars[1]], found[0][bars[0]], rtol=1e-10, atol=1e-12, err_msg=name)


# --- counts -----------------------------------------------------------------------------------------------------------

COUNTS = [  # catalogue, part C, at distinct sizes
    ("mingru", "2*H*D"),
    ("minlstm", "3*H*D"),
    ("slstm", "4*H*D + 4*H**2 + 4*H"),
    ("lru", "3*N + 4*N*D + D"),
    ("s4d", "4*D*N + 2*D"),  # N conjugate pairs
    ("rg-lru", "2*(D**2 + D) + D"),
]


@pytest.mark.parametrize(("name", "formula"), COUNTS)
def test_counts_of_the_papers(name, formula):
    symbols = {str(d): d for d in derive.load(name).dimensions}
    assert sympy.expand(derive.load(name).parameter_count() - sympy.sympify(formula, locals=symbols)) == 0


@pytest.mark.parametrize(
    ("cell", "other", "published"),
    [("mingru", "gru", (33, 22, 17, 13)), ("minlstm", "lstm", (38, 25, 19, 15))],
)
def test_ratios_to_the_full_cells(cell, other, published):
    """Feng et al. 2024: per cent of the weights of GRU and LSTM, for H = D, 2D, 3D, 4D, biases left out."""
    small, full = (derive.load(name) for name in (cell, other))
    sizes = {d: {"D": 1, "H": sympy.Symbol("r")}[str(d)] for d in full.dimensions}
    weights = sum(sympy.prod(full.shapes[n]) for n in full.parameters if n.startswith("W_"))
    ratio = (small.parameter_count() / weights).subs(sizes)
    assert all(abs(100 * ratio.subs("r", i + 1) - percent) < 1 for i, percent in enumerate(published))
