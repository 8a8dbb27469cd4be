import numpy as np


def forward(x, W, b):
    """Original LSTM without a forget gate: c_t = c_{t-1} + i g. x: (T, B, D), W: dict of (H, D+H), b: dict of (H,)"""
    T, B, D = x.shape
    H = b["i"].size
    y = np.zeros((T + 1, B, H))
    c = np.zeros((T + 1, B, H))
    act = []
    for t in range(T):
        v = np.concatenate((x[t], y[t]), axis=-1)
        i = 1 / (1 + np.exp(-(v @ W["i"].T + b["i"])))
        g = np.tanh(v @ W["g"].T + b["g"])
        o = 1 / (1 + np.exp(-(v @ W["o"].T + b["o"])))
        c[t + 1] = c[t] + i * g
        y[t + 1] = o * np.tanh(c[t + 1])
        act.append((v, i, g, o))
    return y, c, act


def backward(dy, W, y, c, act):
    T, B, H = dy.shape[0] - 1, dy.shape[1], dy.shape[2]
    dW = {k: np.zeros_like(v) for k, v in W.items()}
    db = {k: np.zeros(H) for k in W}
    D = W["i"].shape[1] - H
    dx = np.zeros((T, B, D))
    rec, err = np.zeros((B, H)), np.zeros((B, H))
    for t in range(T - 1, -1, -1):
        v, i, g, o = act[t]
        e = dy[t + 1] + rec
        s = np.tanh(c[t + 1])
        err += e * o * (1 - s * s)  # the constant error carousel
        delta = {"i": err * g * i * (1 - i), "g": err * i * (1 - g * g), "o": e * s * o * (1 - o)}
        dv = 0
        for k in W:
            dW[k] += delta[k].T @ v
            db[k] += delta[k].sum(0)
            dv = dv + delta[k] @ W[k]
        dx[t], rec = dv[:, :D], dv[:, D:]
    return dx, dW, db


# ---- corpus
CELL = """
i[t] = sigmoid(W_i @ [x[t], y[t-1]] + b_i)
g[t] = tanh(W_g @ [x[t], y[t-1]] + b_g)
o[t] = sigmoid(W_o @ [x[t], y[t-1]] + b_o)
c[t] = c[t-1] + i[t] * g[t]
y[t] = o[t] * tanh(c[t])
"""
STYLE = "equations of one's own (no forget gate), rows, states and cotangents with T+1 entries, [x, y]"
HELD_OUT = True
CALL = {"forward": "forward", "backward": "backward", "how": "(x, W: dict, b: dict) -> y, c, act; (dy, W, y, c, act) -> dx, dict, dict"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    d = {"input/x": r((T, B, D)), "cotangent/y": np.concatenate((np.zeros((1, B, H)), r((T, B, H))))}
    for k in "igo":
        d["param/W" + k], d["param/b" + k] = 0.5 * r((H, D + H)), 0.5 * r(H)
    return d


def run(d):
    W, b = ({k: d[f"param/{n}{k}"] for k in "igo"} for n in "Wb")
    y, c, act = forward(d["input/x"], W, b)
    dx, dW, db = backward(d["cotangent/y"], W, y, c, act)
    return {"output/y": y, "output/c": c, "grad/x": dx} | {f"grad/{n}{k}": g[k] for n, g in (("W", dW), ("b", db)) for k in g}


MISTAKES = {
    "carousel cut": ([("err += e * o", "err = e * o")], [("cut-recurrence", "c err")]),
    "gates cut from the past": ([("e = dy[t + 1] + rec", "e = dy[t + 1]")], [("cut-recurrence", "y rec")]),
    "cotangents one step early": ([("e = dy[t + 1] + rec", "e = dy[t] + rec")], [("time-shift", "y dy")]),
    "o through the raw cell": ([('"o": e * s * o * (1 - o)', '"o": e * s * (1 - o)')], [("missing-derivative", "o"), ("misplaced-factor", "o")]),
    "squash left out": ([(" * (1 - s * s)", "")], [("missing-derivative", "c s y err")]),
    "squash of the cell before": ([("s = np.tanh(c[t + 1])", "s = np.tanh(c[t])")], [("time-shift", "c s")]),
    "output not squashed": ([("y[t + 1] = o * np.tanh(c[t + 1])", "y[t + 1] = o * c[t + 1]")], [("wrong-forward", "y c o tanh")]),
    "x of the first step": ([("dx[t], rec = dv[:, :D], dv[:, D:]", "rec = dv[:, D:]\n    dx[t] = dv[:, :D]")], [("first-step-only", "x dx"), ("not-accumulated", "x dx")]),
}
STACKS = {
    "carousel cut + gates cut from the past": [],
    "squash left out + o through the raw cell": [],
    "gates cut from the past + x of the first step": [],
    "carousel cut + o through the raw cell + x of the first step": [],
}
