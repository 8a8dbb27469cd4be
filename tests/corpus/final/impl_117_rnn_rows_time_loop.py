import numpy as np


def rnn_step(x, h_prev, U, W, b):
    """x (B, D), h_prev (B, H)"""
    pre = x.dot(U) + h_prev.dot(W) + b
    h = np.tanh(pre)
    return h, (x, h_prev, h)


def rnn_step_backward(dh, mem, U, W):
    x, h_prev, h = mem
    dpre = dh * (1.0 - np.square(h))
    dx = dpre.dot(U.T)
    dh_prev = dpre.dot(W.T)
    dU = x.T.dot(dpre)
    dW = h_prev.T.dot(dpre)
    db = dpre.sum(0)
    return dx, dh_prev, dU, dW, db


def rnn(x, h0, U, W, b):
    T = x.shape[0]
    h, H, mems = h0, [], []
    for t in range(T):
        h, mem = rnn_step(x[t], h, U, W, b)
        H.append(h)
        mems.append(mem)
    return np.stack(H), mems


def rnn_backward(dH, mems, U, W, b):
    T, B, _ = dH.shape
    dx = np.zeros((T, B, U.shape[0]), dtype=dH.dtype)
    dU = np.zeros_like(U)
    dW = np.zeros_like(W)
    db = np.zeros_like(b)
    carry = np.zeros_like(dH[0])
    for t in range(T - 1, -1, -1):
        dxt, carry, dUt, dWt, dbt = rnn_step_backward(dH[t] + carry, mems[t], U, W)
        dx[t] = dxt
        dU += dUt
        dW += dWt
        db += dbt
    return dx, carry, dU, dW, db


# ---- corpus
CELL = None
STYLE = "step functions with a memory tuple, time-major rows (T, B, D), U for the input and W for the state, initial state"
HELD_OUT = True
CALL = {"forward": "rnn", "backward": "rnn_backward", "how": "(x, h0, U, W, b) -> H, mems; (dH, mems, U, W, b) -> dx, dh0, dU, dW, db"}
NAMES = ("U", "W", "b")


def draw(rng):
    r = rng.standard_normal
    T, B, D, H = 7, 3, 4, 5
    return {"input/x": r((T, B, D)), "initial/h0": r((B, H)), "param/U": 0.6 * r((D, H)), "param/W": 0.6 * r((H, H)), "param/b": 0.4 * r(H), "cotangent/H": r((T, B, H))}


def run(d):
    p = [d["param/" + k] for k in NAMES]
    H, mems = rnn(d["input/x"], d["initial/h0"], *p)
    grads = rnn_backward(d["cotangent/H"], mems, *p)
    return {"output/H": H} | {"grad/" + k: g for k, g in zip(("x", "h0", *NAMES), grads)}


MISTAKES = {
    "carry not added": ([("dH[t] + carry, mems", "dH[t], mems")], [("cut-recurrence", "H h h0 carry dh_prev pre dpre")]),
    "W not transposed": ([("dpre.dot(W.T)", "dpre.dot(W)")], [("transpose", "W h h0 pre")]),
    "no derivative": ([("dh * (1.0 - np.square(h))", "dh")], [("missing-derivative", "h H pre dpre tanh")]),
    "cut every three steps": ([("dH[t] + carry, mems", "dH[t] + carry * (t % 3 != 2), mems")], [("truncate", "*")]),
    "dW with h": ([("dW = h_prev.T.dot", "dW = h.T.dot")], [("time-shift", "W h H h_prev")]),
    "U of the last step visited": ([("dU += dUt", "dU = dUt")], [("not-accumulated", "U"), ("first-step-only", "U")]),
    "b of the last step": ([("        db += dbt", "        if t == T - 1:\n            db += dbt")], [("last-step-only", "b")]),
    "dx negated": ([("dx[t] = dxt", "dx[t] = -dxt")], [("sign", "x")]),
}
STACKS = {
    "cut every three steps + b of the last step": [],
    "W not transposed + U of the last step visited": [],
    "no derivative + dW with h": [],
    "dW with h + W not transposed + dx negated": [],
}
