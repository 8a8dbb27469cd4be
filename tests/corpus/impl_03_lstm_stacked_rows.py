import numpy as np


def sigmoid(x):
    pos = x >= 0
    z = np.exp(np.where(pos, -x, x))
    return np.where(pos, 1.0, z) / (1 + z)


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    """x (N, D), prev_h (N, H), prev_c (N, H), Wx (D, 4H), Wh (H, 4H), b (4H,); gates in the order i, f, o, g"""
    H = prev_h.shape[1]
    a = x @ Wx + prev_h @ Wh + b
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H:2 * H]), sigmoid(a[:, 2 * H:3 * H])
    g = np.tanh(a[:, 3 * H:])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    tc = np.tanh(next_c)
    dc = dnext_c + dnext_h * o * (1 - tc**2)
    do = dnext_h * tc
    di = dc * g
    dg = dc * i
    df = dc * prev_c
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = da @ Wx.T
    dprev_h = da @ Wh.T
    dprev_c = dc * f
    dWx = x.T @ da
    dWh = prev_h.T @ da
    db = da.sum(axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db


def lstm_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev_h, prev_c = h0, np.zeros_like(h0)
    cache = []
    for t in range(T):
        prev_h, prev_c, step = lstm_step_forward(x[:, t, :], prev_h, prev_c, Wx, Wh, b)
        h[:, t, :] = prev_h
        cache.append(step)
    return h, cache


def lstm_backward(dh, cache):
    N, T, H = dh.shape
    x, _, _, Wx, Wh = cache[0][:5]
    dx = np.zeros((N, T, x.shape[1]))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(4 * H)
    dprev_h, dprev_c = np.zeros((N, H)), np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        dx[:, t, :], dprev_h, dprev_c, dWx_t, dWh_t, db_t = lstm_step_backward(dh[:, t, :] + dprev_h, dprev_c, cache[t])
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    dh0 = dprev_h
    return dx, dh0, dWx, dWh, db


# ---- corpus
CELL = "lstm"
STYLE = "step functions with caches, rows, (N, T, D), gates ifog stacked in columns"
HELD_OUT = True
CALL = {"forward": "lstm_forward", "backward": "lstm_backward", "how": "(x, h0, Wx, Wh, b) -> h, cache; (dh, cache) -> tuple"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/x": r((B, T, D)), "initial/h0": 0.5 * r((B, H)), "param/Wx": 0.5 * r((D, 4 * H)),
            "param/Wh": 0.5 * r((H, 4 * H)), "param/b": 0.5 * r(4 * H), "cotangent/h": r((B, T, H))}


def run(d):
    h, cache = lstm_forward(d["input/x"], d["initial/h0"], d["param/Wx"], d["param/Wh"], d["param/b"])
    grads = lstm_backward(d["cotangent/h"], cache)
    return {"output/h": h} | {"grad/" + k: g for k, g in zip(("x", "h0", "Wx", "Wh", "b"), grads)}


MISTAKES = {
    "i and f exchanged": ([("[di * i * (1 - i), df * f * (1 - f),", "[df * f * (1 - f), di * i * (1 - i),")],
                          [("swap-gates", "i f")]),
    "h not carried": ([("dh[:, t, :] + dprev_h", "dh[:, t, :]")], [("cut-recurrence", "h prev_h")]),
    "c not carried": ([("dprev_c, cache[t])", "0 * dprev_c, cache[t])")],
                      [("cut-recurrence", "c prev_c next_c")]),
    "o without its derivative": ([("do * o * (1 - o)", "do")], [("missing-derivative", "o do")]),
    "b of the last step": ([("db += db_t", "db += db_t * (t == T - 1)")], [("last-step-only", "b")]),
    "dh0 zero": ([("dh0 = dprev_h", "dh0 = np.zeros((N, H))")], [("zero-gradient", "h0 h")]),
    "c path through tanh multiplied": ([("dc = dnext_c + dnext_h * o * (1 - tc**2)", "dc = (dnext_c + dnext_h * o) * (1 - tc**2)")],
                                       [("misplaced-factor", "c next_c dc tc")]),
}
STACKS = {
    "o without its derivative + b of the last step": [],
    "h not carried + c not carried": [],
    "i and f exchanged + c path through tanh multiplied": [],
    "h not carried + o without its derivative + dh0 zero": [],
}
