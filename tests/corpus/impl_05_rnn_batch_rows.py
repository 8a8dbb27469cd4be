import numpy as np


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dscore = dnext_h * (1 - next_h**2)
    dx = dscore.dot(Wx.T)
    dprev_h = dscore.dot(Wh.T)
    dWx = x.T.dot(dscore)
    dWh = prev_h.T.dot(dscore)
    db = np.sum(dscore, axis=0)
    return dx, dprev_h, dWx, dWh, db


def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    cache = []
    prev = h0
    for t in range(T):
        prev, c = rnn_step_forward(x[:, t], prev, Wx, Wh, b)
        h[:, t] = prev
        cache.append(c)
    return h, cache


def rnn_backward(dh, cache):
    N, T, H = dh.shape
    D = cache[0][0].shape[1]
    dx, dprev = np.zeros((N, T, D)), np.zeros((N, H))
    dWx, dWh, db = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    for t in reversed(range(T)):
        dx[:, t], dprev, dWx_, dWh_, db_ = rnn_step_backward(dh[:, t] + dprev, cache[t])
        dWx += dWx_
        dWh += dWh_
        db += db_
    return dx, dprev, dWx, dWh, db


# ---- corpus
CELL = "rnn"
STYLE = "step functions with caches, rows, (N, T, D)"
HELD_OUT = False
CALL = {"forward": "rnn_forward", "backward": "rnn_backward", "how": "(x, h0, Wx, Wh, b) -> h, cache; (dh, cache) -> tuple"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/x": r((B, T, D)), "initial/h0": 0.5 * r((B, H)), "param/Wx": 0.5 * r((D, H)),
            "param/Wh": 0.5 * r((H, H)), "param/b": 0.5 * r(H), "cotangent/h": r((B, T, H))}


def run(d):
    h, cache = rnn_forward(d["input/x"], d["initial/h0"], d["param/Wx"], d["param/Wh"], d["param/b"])
    grads = rnn_backward(d["cotangent/h"], cache)
    return {"output/h": h} | {"grad/" + k: g for k, g in zip(("x", "h0", "Wx", "Wh", "b"), grads)}


MISTAKES = {
    "state not carried": ([("dh[:, t] + dprev", "dh[:, t]")], [("cut-recurrence", "h"), ("truncate", "*")], "wrong"),
    "only the last cotangent": ([("dh[:, t] + dprev", "dh[:, t] * (t == T - 1) + dprev")], [("cotangent-missing", "h")]),
    "Wh not transposed": ([("dscore.dot(Wh.T)", "dscore.dot(Wh)")], [("transpose", "Wh")]),
    "no derivative": ([("dnext_h * (1 - next_h**2)", "dnext_h")], [("missing-derivative", "h next_h dscore")]),
    "derivative at the activated value": ([("(1 - next_h**2)", "(1 - np.tanh(next_h) ** 2)")], [("derivative-of-activated", "h next_h dscore")]),
    "db of the first step": ([("db += db_", "db = db_")], [("first-step-only", "b"), ("not-accumulated", "b")]),
    "dWh with the new state": ([("prev_h.T.dot(dscore)", "next_h.T.dot(dscore)")], [("time-shift", "Wh h")]),
    "truncated after 3": ([("dh[:, t] + dprev, cache", "dh[:, t] + dprev * (t % 3 != 2), cache")], [("truncate", "*")]),
    "b averaged": ([("np.sum(dscore, axis=0)", "np.mean(dscore, axis=0)")], [("scale", "b")]),
}
STACKS = {
    "state not carried + db of the first step": [[("truncate", "*"), ("first-step-only", "b")]],
    "Wh not transposed + b averaged": [],
    "derivative at the activated value + dWh with the new state + db of the first step": [],
}
