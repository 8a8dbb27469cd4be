import numpy as np

GATES = "fiuo"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward_direction(X, W, b):
    """X: (D, T, B).  W, b: dicts over the gates f, i, u, o; W acts on [x; h]."""
    D, T, B = X.shape
    H = b["f"].shape[0]
    cache = []
    h, c = np.zeros((H, B)), np.zeros((H, B))
    hs = np.zeros((H, T, B))
    for t in range(T):
        xh = np.concatenate((X[:, t], h))
        f, i, o = (sigmoid(W[k] @ xh + b[k]) for k in "fio")
        u = np.tanh(W["u"] @ xh + b["u"])
        c_new = f * c + i * u
        h = o * np.tanh(c_new)
        cache.append((xh, c, c_new, f, i, u, o))
        c = c_new
        hs[:, t] = h
    return hs, cache


def backward_direction(dhs, W, cache):
    H, T, B = dhs.shape
    D = cache[0][0].shape[0] - H
    dX = np.zeros((D, T, B))
    dW = {k: 0 for k in GATES}
    db = {k: 0 for k in GATES}
    dh, dc = np.zeros((H, B)), np.zeros((H, B))
    for t in range(T - 1, -1, -1):
        xh, c_prev, c, f, i, u, o = cache[t]
        dh = dh + dhs[:, t]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        d = {"f": dc * c_prev * f * (1 - f), "i": dc * u * i * (1 - i), "u": dc * i * (1 - u ** 2), "o": dh * np.tanh(c) * o * (1 - o)}
        for k in GATES:
            dW[k] = dW[k] + d[k] @ xh.T
            db[k] = db[k] + d[k].sum(axis=1, keepdims=True)
        dxh = sum(W[k].T @ d[k] for k in GATES)
        dX[:, t] = dxh[:D]
        dh = dxh[D:]
        dc = dc * f
    return dX, dW, db


def bilstm(X, left, right):
    hl, cl = forward_direction(X, *left)
    hr, cr = forward_direction(X[:, ::-1], *right)
    return np.concatenate((hl, hr[:, ::-1])), (cl, cr)


def bilstm_grad(dout, left, right, caches):
    H = dout.shape[0] // 2
    dXl, dWl, dbl = backward_direction(dout[:H], left[0], caches[0])
    dXr, dWr, dbr = backward_direction(dout[H:][:, ::-1], right[0], caches[1])
    return dXl + dXr[:, ::-1], dWl, dbl, dWr, dbr


# ---- corpus
CELL = "\n".join(
    f"""f_{d}[t] = sigmoid(Wf_{d} @ [X[t], h_{d}[{s}]] + bf_{d})
i_{d}[t] = sigmoid(Wi_{d} @ [X[t], h_{d}[{s}]] + bi_{d})
u_{d}[t] = tanh(Wu_{d} @ [X[t], h_{d}[{s}]] + bu_{d})
o_{d}[t] = sigmoid(Wo_{d} @ [X[t], h_{d}[{s}]] + bo_{d})
c_{d}[t] = f_{d}[t] * c_{d}[{s}] + i_{d}[t] * u_{d}[t]
h_{d}[t] = o_{d}[t] * tanh(c_{d}[t])"""
    for d, s in (("l", "t-1"), ("r", "t+1"))
) + "\nout[t] = [h_l[t], h_r[t]]\n"
STYLE = "functions with dicts by gate, time in the middle (D, T, B), [x; h], the other direction by flipping, outputs concatenated"
HELD_OUT = True
CALL = None


def draw(rng):
    r = rng.standard_normal
    D, H, T, B = 3, 4, 5, 2
    d = {"input/X": r((D, T, B)), "cotangent/out": r((2 * H, T, B))}
    for k in GATES:
        for s in "lr":
            d |= {f"param/W{k}_{s}": 0.6 * r((H, D + H)), f"param/b{k}_{s}": 0.5 * r((H, 1))}
    return d


def run(d):
    left, right = (tuple({k: d[f"param/{p}{k}_{s}"] for k in GATES} for p in "Wb") for s in "lr")
    out, caches = bilstm(d["input/X"], left, right)
    dX, *g = bilstm_grad(d["cotangent/out"], left, right, caches)
    named = {f"grad/{p}{k}_{s}": v[k] for (p, s), v in zip((("W", "l"), ("b", "l"), ("W", "r"), ("b", "r")), g) for k in GATES}
    return {"output/out": out, "grad/X": dX} | named


MISTAKES = {
    "cells not carried": ([("        dc = dc * f\n", "        dc = 0\n")], [[("cut-recurrence", "c_l"), ("cut-recurrence", "c_r")]]),
    "states not carried": ([("dh = dh + dhs[:, t]", "dh = dhs[:, t]")], [[("cut-recurrence", "h_l"), ("cut-recurrence", "h_r")]]),
    "no tanh of the cell, there and back": ([("h = o * np.tanh(c_new)", "h = o * c_new"), ("dh * o * (1 - np.tanh(c) ** 2)", "dh * o"), ("dh * np.tanh(c) * o", "dh * c * o")], [("wrong-forward", "h_l h_r c_l c_r o_l o_r out tanh")], "correct"),
    "right direction's inputs missing": ([("dXl + dXr[:, ::-1]", "dXl")], [("drop-path", "X h_r dXr Wf_r Wi_r Wu_r Wo_r f_r i_r u_r o_r")]),
    "o' left out": ([("np.tanh(c) * o * (1 - o)", "np.tanh(c)")], [[("missing-derivative", "o_l Wo_l bo_l"), ("missing-derivative", "o_r Wo_r bo_r")]]),
    "u for u squared": ([("(1 - u ** 2)", "(1 - u)")], [[("missing-derivative", "u_l Wu_l bu_l"), ("missing-derivative", "u_r Wu_r bu_r")], [("derivative-of-activated", "u_l Wu_l bu_l"), ("derivative-of-activated", "u_r Wu_r bu_r")], [("misplaced-factor", "u_l"), ("misplaced-factor", "u_r")]]),
    "gates f and i exchanged": ([('"f": dc * c_prev * f * (1 - f), "i": dc * u * i * (1 - i)', '"i": dc * c_prev * f * (1 - f), "f": dc * u * i * (1 - i)')], [[("swap-gates", "f_l i_l Wf_l Wi_l bf_l bi_l"), ("swap-gates", "f_r i_r Wf_r Wi_r bf_r bi_r")]]),
    "o missing in the cell gradient": ([("dc + dh * o * (1 - np.tanh(c) ** 2)", "dc + dh * (1 - np.tanh(c) ** 2)")], [[("misplaced-factor", "o_l h_l c_l"), ("misplaced-factor", "o_r h_r c_r")], [("missing-derivative", "o_l h_l c_l"), ("missing-derivative", "o_r h_r c_r")]]),
}
STACKS = {
    "cells not carried + right direction's inputs missing": [],
    "o' left out + states not carried": [],
    "gates f and i exchanged + right direction's inputs missing": [],
    "cells not carried + o' left out + u for u squared": [],
}
