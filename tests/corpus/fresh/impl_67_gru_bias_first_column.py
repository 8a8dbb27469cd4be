# GRU on [1, x, h]: the bias is the first column of each matrix.  Layout (B, T, D).  z is the share of the new value.
import numpy as np


def with_one(*parts):
    return np.concatenate([np.ones((len(parts[0]), 1)), *parts], axis=1)


def squash(v):
    return 1.0 / (1.0 + np.exp(-v))


def gru_states(X, Mz, Mr, Mn):
    B, T, D = X.shape
    H = Mz.shape[0]
    S = np.zeros((B, T + 1, H))
    Z, R, C = (np.zeros((B, T, H)) for _ in range(3))
    for t in range(T):
        v = with_one(X[:, t], S[:, t])
        Z[:, t], R[:, t] = squash(v @ Mz.T), squash(v @ Mr.T)
        C[:, t] = np.tanh(with_one(X[:, t], R[:, t] * S[:, t]) @ Mn.T)
        S[:, t + 1] = S[:, t] + Z[:, t] * (C[:, t] - S[:, t])
    return S, Z, R, C


def gru_gradients(X, Mz, Mr, Mn, S, Z, R, C, target_grad):
    """target_grad: gradient of the last state, (B, H)."""
    D = X.shape[2]
    gz, gr, gn, gX = np.zeros_like(Mz), np.zeros_like(Mr), np.zeros_like(Mn), np.zeros_like(X)
    back = target_grad
    for t in reversed(range(X.shape[1])):
        s, z, r, c = S[:, t], Z[:, t], R[:, t], C[:, t]
        en = back * z * (1 - c**2)
        ez = back * (c - s) * z * (1 - z)
        inner = en @ Mn[:, D + 1 :]
        er = inner * s * r * (1 - r)
        v = with_one(X[:, t], s)
        gz += ez.T @ v
        gr += er.T @ v
        gn += en.T @ with_one(X[:, t], r * s)
        gX[:, t] = ez @ Mz[:, 1 : D + 1] + er @ Mr[:, 1 : D + 1] + en @ Mn[:, 1 : D + 1]
        back = back * (1 - z) + inner * r + ez @ Mz[:, D + 1 :] + er @ Mr[:, D + 1 :]
    return gX, gz, gr, gn


# ---- corpus
CELL = "gru"
STYLE = "[1, x, h] with the bias as first column, (B, T, D), update polarity, reset before, cotangent of the last state only"
HELD_OUT = True


def draw(rng):
    B, T, D, H = 3, 6, 5, 4
    r = rng.standard_normal
    return {"input/X": r((B, T, D)), "cotangent/h_last": r((B, H))} | {"param/" + k: 0.5 * r((H, 1 + D + H)) for k in ("Mz", "Mr", "Mn")}


def run(d):
    M = [d["param/" + k] for k in ("Mz", "Mr", "Mn")]
    states = gru_states(d["input/X"], *M)
    grads = gru_gradients(d["input/X"], *M, *states, d["cotangent/h_last"])
    return {"output/h": states[0][:, 1:], "output/h_last": states[0][:, -1]} | {"grad/" + k: g for k, g in zip(("X", "Mz", "Mr", "Mn"), grads)}


MISTAKES = {
    "last gradient at every step": ([("back = back * (1 - z)", "back = target_grad + back * (1 - z)")], [("cotangent-at-every-step", "*")]),
    "s for r * s": ([("with_one(X[:, t], r * s)", "with_one(X[:, t], s)")], [("misplaced-factor", "Mn r h"), ("drop-path", "Mn r h")]),
    "keep with z": ([("back = back * (1 - z)", "back = back * z")], [("sign", "z h"), ("swap-gates", "z h"), ("misplaced-factor", "z h")]),
    "c activated twice": ([("(1 - c**2)", "(1 - np.tanh(c) ** 2)")], [("derivative-of-activated", "c n")]),
    "r not differentiated": ([("er = inner * s * r * (1 - r)", "er = inner * s")], [("missing-derivative", "r")]),
    "Mz transposed": ([("ez @ Mz[:, D + 1 :]", "ez @ Mz[:, D + 1 :].T")], [("transpose", "Mz z")]),
    "gr set": ([("gr += ", "gr = ")], [("not-accumulated", "Mr r"), ("first-step-only", "Mr r")]),
    "r of the next state": ([("er = inner * s * r", "er = inner * S[:, t + 1] * r")], [("time-shift", "r h s")]),
}
STACKS = {
    "s for r * s + gr set": [],
    "last gradient at every step + Mz transposed": [],
    "r not differentiated + s for r * s": [],
    "c activated twice + gr set + Mz transposed": [],
}
