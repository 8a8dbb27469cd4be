"""Modern recurrences, written again from the project's catalogue (part C) in plain NumPy.

Complex states are complex numbers, outer products loops over k and v or `np.outer`, rotations of retention angles; a
step takes the parameters and constants p (with whatever else is given at the step), the input x and the states by
name, and returns what the entry calls by these names, as in `tests.derive.literature`.
"""

import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def silu(a):
    return a * s(a)


def softplus(a):
    return np.log1p(np.exp(a))


def unit(a):
    return a / np.linalg.norm(a)


# --- C1, C9, C10: elementwise ---------------------------------------------------------------------------------------


def g(a):
    return np.array([b + 0.5 if b >= 0 else s(b) for b in a])


def mingru(candidate):
    def step(p, x, h):
        z = s(p["W_z"] @ x)
        return {"h": h + z * (candidate(p["W_n"] @ x) - h)}

    return step


def minlstm(p, x, h):
    f, i = s(p["W_f"] @ x), s(p["W_i"] @ x)
    return {"h": f / (f + i) * h + i / (f + i) * (p["W_n"] @ x)}


def rg_lru(p, x, h):
    r, i = s(p["W_a"] @ x + p["b_a"]), s(p["W_x"] @ x + p["b_x"])
    a = s(-p["l"]) ** (8 * r)  # σ(-Λ)^(c r) = exp(-c softplus(Λ) r)
    return {"h": a * h + np.sqrt((1 - a) * (1 + a)) * i * x}


def hgrn(p, x, h):
    f = p["lb"] + (1 - p["lb"]) * s(p["W_f"] @ x)
    return {"h": f * h + (1 - f) * silu(p["W_c"] @ x)}


def hgrn_complex(p, x, p_, q_):
    f = p["lb"] + (1 - p["lb"]) * s(p["W_f"] @ x)
    c = silu(p["W_p"] @ x) + 1j * silu(p["W_q"] @ x)
    h = f * np.exp(1j * p["theta"]) * (p_ + 1j * q_) + (1 - f) * c
    return {"p": h.real, "q": h.imag, "h": np.concatenate([h.real, h.imag])}


# --- C4-C7: state spaces --------------------------------------------------------------------------------------------


def lru(p, x, p_, q_):
    rate = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))
    h = rate * (p_ + 1j * q_) + np.exp(p["gamma"]) * ((p["B_re"] + 1j * p["B_im"]) @ x)
    return {"p": h.real, "q": h.imag, "y": ((p["C_re"] + 1j * p["C_im"]) @ h).real + p["d"] * x}


def s4d(p, x, p_, q_):
    h, y = p_ + 1j * q_, np.zeros(len(x))
    for channel in range(len(x)):
        a = -np.exp(p["a"][channel]) + 1j * p["w"][channel]
        held = np.exp(np.exp(p["s"][channel]) * a)
        h[channel] = held * h[channel] + (held - 1) / a * x[channel]
        c = p["C_re"][channel] + 1j * p["C_im"][channel]
        y[channel] = 2 * np.sum(c * h[channel]).real + p["d"][channel] * x[channel]
    return {"p": h.real, "q": h.imag, "y": y}


def mamba(p, x, S):
    delta, B, C = softplus(p["W_s"] @ x + p["b_s"]), p["W_B"] @ x, p["W_C"] @ x
    after, y = np.zeros_like(S), np.zeros(len(x))
    for i in range(len(x)):
        for j in range(len(B)):
            after[i, j] = np.exp(-delta[i] * np.exp(p["a"][i, j])) * S[i, j] + delta[i] * x[i] * B[j]
        y[i] = after[i] @ C + p["d"][i] * x[i]
    return {"S": after, "h": y * silu(p["W_g"] @ x)}


def mamba2(p, x, S):
    delta, u = softplus(p["w_s"] @ x + p["b_s"]), p["W_x"] @ x
    S = np.exp(-delta * np.exp(p["a"])) * S + np.outer(p["W_B"] @ x, delta * u)
    y = ((p["W_C"] @ x) @ S + p["d"] * u) * silu(p["W_g"] @ x)
    return {"S": S, "h": p["w"] * y / np.sqrt(np.mean(y**2) + p["eps"])}


# --- C8, C10, C11: outer products -----------------------------------------------------------------------------------


def phi(a):
    return np.array([b + 1 if b > 0 else np.exp(b) for b in a])


def qkv(p, x):
    return p["W_q"] @ x, p["W_k"] @ x, p["W_v"] @ x


def linear_attention(p, x, S, z):
    q, k, v = qkv(p, x)
    S, z = S + np.outer(phi(k), v), z + phi(k)
    return {"S": S, "z": z, "o": phi(q) @ S / (phi(q) @ z)}


def retnet(p, x, S):
    q, k, v = qkv(p, x)
    S = p["gamma"] * p["R"] @ S + np.outer(k, v)
    return {"S": S, "y": p["W_o"] @ (silu(p["W_g"] @ x) * (q @ S))}


def gla(p, x, S):
    q, k, v = qkv(p, x)
    alpha = s(p["W_2"] @ (p["W_1"] @ x) + p["b"]) ** (1 / 16)
    S = np.diag(alpha) @ S + np.outer(k, v)
    return {"S": S, "o": q @ S}


def hgrn2(p, x, S):
    f = p["lb"] + (1 - p["lb"]) * s(p["W_f"] @ x)
    S = np.diag(f) @ S + np.outer(1 - f, p["W_i"] @ x)
    return {"S": S, "o": silu(p["W_q"] @ x) @ S}


def rwkv6(p, x, S):
    r, k, v = p["W_r"] @ x, p["W_k"] @ x, p["W_v"] @ x
    w = np.exp(-np.exp(p["l"] + p["B"] @ np.tanh(p["A"] @ x)))
    o = r @ (S + np.diag(p["u"]) @ np.outer(k, v))
    return {"S": np.diag(w) @ S + np.outer(k, v), "o": o}


# --- C2, C3, C11: stabilised ------------------------------------------------------------------------------------------


def slstm(p, x, h, m, c, n):
    a, f, z, o = (p[f"W_{gate}"] @ np.concatenate([h, x]) + p[f"b_{gate}"] for gate in "ifzo")
    new = np.maximum(np.log(s(f)) + m, a)
    f, i = s(f) * np.exp(m - new), np.exp(a - new)
    c, n = f * c + i * np.tanh(z), f * n + i
    return {"m": new, "c": c, "n": n, "h": s(o) * c / n}


def mlstm(p, x, m, C, n):
    q, k, v = qkv(p, x)
    a, f = p["w_i"] @ x + p["b_i"], p["w_f"] @ x + p["b_f"]
    new = max(np.log(s(f)) + m, a)
    f, i = s(f) * np.exp(m - new), np.exp(a - new)
    C, n = f * C + i * np.outer(k, v), f * n + i * k
    return {"m": new, "C": C, "n": n, "h": s(p["W_o"] @ x) * (q @ C) / max(abs(q @ n), np.exp(-new))}


def rwkv4(p, x, o, p_, q_):
    k, v, r = (p["W_" + i] @ (p["mu_" + i] * x + (1 - p["mu_" + i]) * p["x before"]) for i in "kvr")
    num, den = np.exp(o) * p_, np.exp(o) * q_  # without stabiliser
    wkv = (num + np.exp(p["u"] + k) * v) / (den + np.exp(p["u"] + k))
    decay = np.exp(-np.exp(p["w"]))
    new = np.maximum(o - np.exp(p["w"]), k)
    return {
        "o": new,
        "p": (decay * num + np.exp(k) * v) / np.exp(new),
        "q": (decay * den + np.exp(k)) / np.exp(new),
        "y": p["W_o"] @ (s(r) * wkv),
    }


# --- C11-C13: delta rule ---------------------------------------------------------------------------------------------


def deltanet(p, x, S):
    q, k, v = qkv(p, x)
    q, k, beta = unit(silu(q)), unit(silu(k)), s(p["w_b"] @ x)
    S = (np.eye(len(k)) - beta * np.outer(k, k)) @ S + beta * np.outer(k, v)
    return {"S": S, "o": q @ S}


def gated_deltanet(p, x, S):
    q, k, v = qkv(p, x)
    q, k, beta = unit(silu(q)), unit(silu(k)), s(p["w_b"] @ x)
    alpha = np.exp(-np.exp(p["A"]) * softplus(p["w_a"] @ x + p["dt"]))
    S = alpha * (np.eye(len(k)) - beta * np.outer(k, k)) @ S + beta * np.outer(k, silu(v))
    return {"S": S, "o": q @ S}


def rwkv7(p, x, S):
    r, k, v = p["W_r"] @ x, p["W_k"] @ x, p["W_v"] @ x
    w = np.exp(-np.exp(-0.5) * s(p["W_w"] @ x + p["b_w"]))
    gate, kk = s(p["W_a"] @ x + p["b_a"]), unit(k * p["m_k"])
    a, b = -kk, kk * gate
    S = S @ np.diag(w) + np.outer(S @ a, b) + np.outer(v, k * (1 + (gate - 1) * p["m_a"]))
    return {"S": S, "y": S @ r}


def layer_norm(z, eps):
    return (z - z.mean()) / np.sqrt(z.var() + eps)


def ttt_linear(p, x, S, b):
    q, k, v = qkv(p, x)
    W, z, eta = S.T, S.T @ k + b, s(p["w_e"] @ x) / len(x)
    d, sd, hat = len(z), np.sqrt(z.var() + p["eps"]), layer_norm(z, p["eps"])
    gy = p["w"] * (p["w"] * hat + p["a"] - (v - k))
    inner = (d * gy - gy.sum() - hat * (gy * hat).sum()) / (d * sd)
    W, b = W - eta * np.outer(inner, k), b - eta * inner
    return {"S": W.T, "b": b, "y": q + p["w"] * layer_norm(W @ q + b, p["eps"]) + p["a"]}


def with_letters(step):
    """States p and q as arguments p_ and q_, since p is the parameters."""
    return lambda p, x, /, **states: step(p, x, **{n + "_" if n in ("p", "q") else n: a for n, a in states.items()})


STEPS = {
    "mingru": mingru(np.array),
    "mingru-log": mingru(g),
    "minlstm": minlstm,
    "rg-lru": rg_lru,
    "hgrn": hgrn,
    "hgrn-complex": with_letters(hgrn_complex),
    "lru": with_letters(lru),
    "s4d": with_letters(s4d),
    "mamba": mamba,
    "mamba-2": mamba2,
    "linear-attention": linear_attention,
    "retnet": retnet,
    "gla": gla,
    "hgrn2": hgrn2,
    "rwkv-6": rwkv6,
    "slstm": slstm,
    "mlstm": mlstm,
    "rwkv-4": with_letters(rwkv4),
    "deltanet": deltanet,
    "gated-deltanet": gated_deltanet,
    "rwkv-7": rwkv7,
    "ttt-linear": ttt_linear,
}
