# Batch and state have the same size here, so a sum over the wrong axis does not show in the shapes.
import numpy as np


def roll_out(x, h0, params):
    """x: (D, B, T) -> states (H, B, T)"""
    W, U, bias = params
    h = [h0]
    for t in range(x.shape[2]):
        h.append(np.tanh(W @ x[:, :, t] + U @ h[t] + bias[:, np.newaxis]))
    return np.dstack(h[1:])


def roll_back(x, h0, params, h, g):
    W, U, bias = params
    T = x.shape[2]
    dW, dU, dbias = np.zeros(W.shape), np.zeros(U.shape), np.zeros(bias.shape)
    dx = np.empty(x.shape)
    G = np.zeros(h0.shape)
    for t in range(T - 1, -1, -1):
        before = h[:, :, t - 1] if t else h0
        G = (G + g[:, :, t]) * (1 - h[:, :, t] ** 2)
        dW += G @ x[:, :, t].T
        dU += G @ before.T
        dbias += G.sum(axis=1)
        dx[:, :, t] = W.T @ G
        G = U.T @ G
    return dx, G, dW, dU, dbias


# ---- corpus
CELL = "rnn"
STYLE = "columns, time last (D, B, T), batch and state of one size, explicit initial state"
HELD_OUT = True


def draw(rng):
    D, H, T = 3, 4, 6
    r = rng.standard_normal
    return {"input/x": r((D, H, T)), "initial/h0": 0.5 * r((H, H)), "param/W": 0.5 * r((H, D)), "param/U": 0.5 * r((H, H)), "param/bias": 0.5 * r(H), "cotangent/h": r((H, H, T))}


def run(d):
    params = [d["param/" + k] for k in ("W", "U", "bias")]
    h = roll_out(d["input/x"], d["initial/h0"], params)
    grads = roll_back(d["input/x"], d["initial/h0"], params, h, d["cotangent/h"])
    return {"output/h": h} | {"grad/" + k: g for k, g in zip(("x", "h0", "W", "U", "bias"), grads)}


MISTAKES = {
    "bias summed over the state": ([("G.sum(axis=1)", "G.sum(axis=0)")], [("wrong-axis", "bias b")]),
    "bias averaged": ([("G.sum(axis=1)", "G.mean(axis=1)")], [("scale", "bias b"), ("misplaced-factor", "bias b")]),
    "state not transposed": ([("dU += G @ before.T", "dU += G @ before")], [("wrong-axis", "U h"), ("transpose", "U h")]),
    "dU transposed": ([("dU += G @ before.T", "dU += before @ G.T")], [("transpose", "U")]),
    "U not transposed": ([("G = U.T @ G", "G = U @ G")], [("transpose", "U")]),
    "gradient of h0 one step late": ([("return dx, G, dW", "return dx, U.T @ G, dW")], [("time-shift", "h0 h"), ("misplaced-factor", "h0 h U"), ("transpose", "h0")]),
    "h0 has no gradient": ([("return dx, G, dW", "return dx, 0 * G, dW")], [("zero-gradient", "h0 h")]),
    "last state of the list": ([("before = h[:, :, t - 1] if t else h0", "before = h[:, :, t - 1]")], [("time-shift", "U h h0"), ("drop-path", "h0 U h")]),
}
STACKS = {
    "bias summed over the state + U not transposed": [],
    "h0 has no gradient + dU transposed": [],
    "bias averaged + h0 has no gradient": [],
    "bias summed over the state + h0 has no gradient + U not transposed": [],
}
