import numpy as np


def two_layer_forward(x, h1_0, h2_0, W1, U1, b1, W2, U2, b2):
    """x: (D, B, T) -> states of both layers (H, B, T)"""
    D, B, T = x.shape
    h1 = np.zeros((U1.shape[0], B, T))
    h2 = np.zeros((U2.shape[0], B, T))
    p1, p2 = h1_0, h2_0
    for t in range(T):
        p1 = np.tanh(W1 @ x[..., t] + U1 @ p1 + b1)
        p2 = np.tanh(W2 @ p1 + U2 @ p2 + b2)
        h1[..., t], h2[..., t] = p1, p2
    return h1, h2


def two_layer_backward(x, h1_0, h2_0, h1, h2, W1, U1, W2, U2, dh2):
    D, B, T = x.shape
    dx = np.zeros_like(x)
    dW1, dU1, db1 = np.zeros_like(W1), np.zeros_like(U1), np.zeros((U1.shape[0], 1))
    dW2, dU2, db2 = np.zeros_like(W2), np.zeros_like(U2), np.zeros((U2.shape[0], 1))
    r1, r2 = np.zeros_like(h1_0), np.zeros_like(h2_0)
    for t in range(T - 1, -1, -1):
        prev1 = h1[..., t - 1] if t else h1_0
        prev2 = h2[..., t - 1] if t else h2_0
        dz2 = (dh2[..., t] + r2) * (1 - h2[..., t] ** 2)
        dW2 += dz2 @ h1[..., t].T
        dU2 += dz2 @ prev2.T
        db2 += dz2.sum(1, keepdims=True)
        r2 = U2.T @ dz2
        below = W2.T @ dz2 + r1
        dz1 = below * (1 - h1[..., t] ** 2)
        dW1 += dz1 @ x[..., t].T
        dU1 += dz1 @ prev1.T
        db1 += dz1.sum(1, keepdims=True)
        r1 = U1.T @ dz1
        dx[..., t] = W1.T @ dz1
    return dx, r1, r2, dW1, dU1, db1, dW2, dU2, db2


# ---- corpus
CELL = "rnn-deep"
STYLE = "two layers of different sizes in one loop, columns, (D, B, T), both initial states"
HELD_OUT = True
CALL = {"forward": "two_layer_forward", "backward": "two_layer_backward", "how": "arrays in, tuples out"}
NAMES = ("W1", "U1", "b1", "W2", "U2", "b2")


def draw(rng):
    D, H, K, B, T = 5, 4, 3, 2, 6
    r = rng.standard_normal
    shapes = ((H, D), (H, H), (H, 1), (K, H), (K, K), (K, 1))
    return {"input/x": r((D, B, T)), "initial/h1_0": 0.5 * r((H, B)), "initial/h2_0": 0.5 * r((K, B)), "cotangent/h2": r((K, B, T))} | {
        "param/" + k: 0.5 * r(s) for k, s in zip(NAMES, shapes)}


def run(d):
    x, a, b = d["input/x"], d["initial/h1_0"], d["initial/h2_0"]
    W1, U1, b1, W2, U2, b2 = (d["param/" + k] for k in NAMES)
    h1, h2 = two_layer_forward(x, a, b, W1, U1, b1, W2, U2, b2)
    grads = two_layer_backward(x, a, b, h1, h2, W1, U1, W2, U2, d["cotangent/h2"])
    return {"output/h1": h1, "output/h2": h2} | {"grad/" + k: g for k, g in zip(("x", "h1_0", "h2_0", *NAMES), grads)}


MISTAKES = {
    "lower recurrence lost": ([("W2.T @ dz2 + r1", "W2.T @ dz2")], [("cut-recurrence", "h1 U1 h1_0")]),
    "upper recurrence lost": ([("(dh2[..., t] + r2)", "dh2[..., t]")], [("cut-recurrence", "h2 U2 h2_0")]),
    "W2 with the old lower state": ([("dz2 @ h1[..., t].T", "dz2 @ prev1.T")], [("time-shift", "W2 h1")]),
    "U1 as it stands": ([("r1 = U1.T @ dz1", "r1 = U1 @ dz1")], [("transpose", "U1")]),
    "upper derivative left out": ([("* (1 - h2[..., t] ** 2)", "")], [("missing-derivative", "h2 dz2")]),
    "lower derivative only for one summand": ([("dz1 = below * (1 - h1[..., t] ** 2)", "dz1 = W2.T @ dz2 + r1 * (1 - h1[..., t] ** 2)")], [("misplaced-factor", "h1 dz1 below W2")]),
    "db1 assigned": ([("db1 += dz1.sum(1, keepdims=True)", "db1 = dz1.sum(1, keepdims=True)")], [("not-accumulated", "b1"), ("first-step-only", "b1")]),
}
STACKS = {
    "lower recurrence lost + upper recurrence lost": [],
    "U1 as it stands + W2 with the old lower state": [],
    "upper derivative left out + db1 assigned": [],
    "lower recurrence lost + W2 with the old lower state + db1 assigned": [],
}
