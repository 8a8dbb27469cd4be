import numpy as np


def rnn_relu(x, h0, w_ih, w_hh, b_ih, b_hh):
    # x: [B, T, I] float32, torch layouts
    B, T, I = x.shape
    ys = np.zeros((B, T, w_hh.shape[0]), dtype=np.float32)
    h = h0
    for t in range(T):
        h = np.maximum(x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh, np.float32(0))
        ys[:, t] = h
    return ys


def rnn_relu_bwd(x, h0, ys, gys, w_ih, w_hh):
    B, T, I = x.shape
    g_in = np.zeros_like(x)
    g_w_ih, g_w_hh = np.zeros_like(w_ih), np.zeros_like(w_hh)
    g_b = np.zeros(w_hh.shape[0], dtype=np.float32)
    g_h = np.zeros_like(h0)
    for t in range(T - 1, -1, -1):
        g_h = g_h + gys[:, t]
        g_pre = g_h * (ys[:, t] > 0)
        h_prev = h0 if t == 0 else ys[:, t - 1]
        g_in[:, t] = g_pre @ w_ih
        g_w_ih += g_pre.T @ x[:, t]
        g_w_hh += g_pre.T @ h_prev
        g_b += g_pre.sum(axis=0)
        g_h = g_pre @ w_hh
    return g_in, g_h, g_w_ih, g_w_hh, g_b, g_b.copy()


# ---- corpus
CELL = "rnn-relu"
STYLE = "torch layouts, (B, T, D), float32, ReLU, two biases"
HELD_OUT = True
CALL = {"forward": "rnn_relu", "backward": "rnn_relu_bwd", "how": "(x, h0, w_ih, w_hh, b_ih, b_hh) -> ys; (x, h0, ys, gys, w_ih, w_hh) -> tuple"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = lambda k, *s: (k * rng.standard_normal(s)).astype(np.float32)
    return {"input/x": r(1, B, T, D), "initial/h0": r(0.5, B, H), "param/w_ih": r(0.5, H, D), "param/w_hh": r(0.5, H, H),
            "param/b_ih": r(0.5, H), "param/b_hh": r(0.5, H), "cotangent/ys": r(1, B, T, H)}


def run(d):
    x, h0, w_ih, w_hh = d["input/x"], d["initial/h0"], d["param/w_ih"], d["param/w_hh"]
    ys = rnn_relu(x, h0, w_ih, w_hh, d["param/b_ih"], d["param/b_hh"])
    grads = rnn_relu_bwd(x, h0, ys, d["cotangent/ys"], w_ih, w_hh)
    return {"output/ys": ys} | {"grad/" + k: g for k, g in zip(("x", "h0", "w_ih", "w_hh", "b_ih", "b_hh"), grads)}


MISTAKES = {
    "mask left out": ([("g_pre = g_h * (ys[:, t] > 0)", "g_pre = g_h")], [("missing-derivative", "h ys g_pre")]),
    "mask of the step before": ([("g_pre = g_h * (ys[:, t] > 0)", "h_prev = h0 if t == 0 else ys[:, t - 1]\n        g_pre = g_h * (h_prev > 0)")], [("time-shift", "h ys g_pre")]),
    "mask on one summand": ([("g_h = g_h + gys[:, t]\n        g_pre = g_h * (ys[:, t] > 0)", "g_pre = g_h * (ys[:, t] > 0) + gys[:, t]")], [("misplaced-factor", "h ys g_pre")]),
    "w_hh transposed": ([("g_h = g_pre @ w_hh", "g_h = g_pre @ w_hh.T")], [("transpose", "w_hh")]),
    "b_hh forgotten": ([("g_b.copy()", "0 * g_b")], [("zero-gradient", "b_hh")]),
    "w_hh with the new state": ([("g_pre.T @ h_prev", "g_pre.T @ ys[:, t]")], [("time-shift", "w_hh h ys")]),
    "last cotangent only": ([("g_h = g_h + gys[:, t]", "g_h = g_h + gys[:, t] * (t == T - 1)")], [("cotangent-missing", "ys h")]),
    "bias twice": ([("g_b += g_pre.sum(axis=0)", "g_b += 2 * g_pre.sum(axis=0)")], [("scale", "b_ih b_hh")]),
}
STACKS = {
    "w_hh transposed + b_hh forgotten": [],
    "mask left out + w_hh with the new state": [],
    "w_hh transposed + bias twice + w_hh with the new state": [],
}
