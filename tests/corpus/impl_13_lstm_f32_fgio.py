import numpy as np

F = np.float32


def sigmoid(x):
    return F(0.5) * (F(1) + np.tanh(F(0.5) * x))


def lstm(x, W, b):
    # x [T, D, N]; W [4H, D+H] with the rows f, g, i, o; b [4H, 1]
    T, D, N = x.shape
    H = W.shape[0] // 4
    h = np.zeros((T, H, N), F)
    c = np.zeros((T, H, N), F)
    act = np.zeros((T, 4 * H, N), F)
    xh = np.zeros((T, D + H, N), F)
    for t in range(T):
        xh[t, :D] = x[t]
        if t:
            xh[t, D:] = h[t - 1]
        a = W @ xh[t] + b
        act[t] = sigmoid(a)
        act[t, H : 2 * H] = np.tanh(a[H : 2 * H])
        f, g, i, o = np.split(act[t], 4)
        c[t] = i * g + (f * c[t - 1] if t else F(0))
        h[t] = o * np.tanh(c[t])
    return h, c, act, xh


def lstm_back(dh_out, W, h, c, act, xh):
    T, H, N = dh_out.shape
    D = xh.shape[1] - H
    dW = np.zeros_like(W)
    db = np.zeros((4 * H, 1), F)
    dx = np.zeros((T, D, N), F)
    dh_rec = np.zeros((H, N), F)
    dc_rec = np.zeros((H, N), F)
    for t in range(T)[::-1]:
        f, g, i, o = np.split(act[t], 4)
        dh = dh_out[t] + dh_rec
        tanh_c = np.tanh(c[t])
        dc = dh * o * (F(1) - tanh_c * tanh_c) + dc_rec
        c_old = c[t - 1] if t else np.zeros((H, N), F)
        dz = np.concatenate([
            dc * c_old * f * (F(1) - f),
            dc * i * (F(1) - g * g),
            dc * g * i * (F(1) - i),
            dh * tanh_c * o * (F(1) - o),
        ])
        dW += dz @ xh[t].T
        db += dz.sum(axis=1, keepdims=True)
        dxh = W.T @ dz
        dx[t] = dxh[:D]
        dh_rec = dxh[D:]
        dc_rec = dc * f
    return dx, dW, db


# ---- corpus
CELL = "lstm"
STYLE = "float32, columns with time first and batch last, stacked fgio, [x, h], no initial states"
HELD_OUT = True
CALL = {"forward": "lstm", "backward": "lstm_back", "how": "(x, W, b) -> h, c, act, xh; (dh, W, h, c, act, xh) -> dx, dW, db"}


def draw(rng):
    D, H, N, T = 5, 4, 3, 6
    r = lambda *s: rng.standard_normal(s).astype(F)
    return {"input/x": r(T, D, N), "param/W": F(0.5) * r(4 * H, D + H), "param/b": F(0.5) * r(4 * H, 1), "cotangent/h": r(T, H, N)}


def run(d):
    h, c, act, xh = lstm(d["input/x"], d["param/W"], d["param/b"])
    dx, dW, db = lstm_back(d["cotangent/h"], d["param/W"], h, c, act, xh)
    return {"output/h": h, "output/c": c, "grad/x": dx, "grad/W": dW, "grad/b": db}


MISTAKES = {
    "f without 1-f": ([("c_old * f * (F(1) - f)", "c_old * f")], [("missing-derivative", "f dz"), ("misplaced-factor", "f dz")]),
    "g twice activated": ([("(F(1) - g * g)", "(F(1) - np.tanh(g) ** 2)")], [("derivative-of-activated", "g dz")]),
    "c carried with i": ([("dc_rec = dc * f", "dc_rec = dc * i")], [("swap-gates", "f i c"), ("misplaced-factor", "f i c")]),
    "c of this step": ([("c_old = c[t - 1] if t else np.zeros((H, N), F)", "c_old = c[t]")], [("time-shift", "c f c_old")]),
    "g and i exchanged": ([("dc * i * (F(1) - g * g)", "dc * g * i * (F(1) - i) "), ("dc * g * i * (F(1) - i),\n            dh", "dc * i * (F(1) - g * g),\n            dh")], [("swap-gates", "g i")]),
    "bias averaged over the batch": ([("dz.sum(axis=1, keepdims=True)", "dz.mean(axis=1, keepdims=True)")], [("scale", "b db")]),
    "dx of the last step only": ([("dx[t] = dxh[:D]", "dx[t] = dxh[:D] if t == T - 1 else 0")], [("last-step-only", "x dx")]),
    "dh scaled by o twice": ([("dc = dh * o * (F(1) - tanh_c * tanh_c) + dc_rec", "dc = dh * o + dc_rec")], [("missing-derivative", "c tanh_c h dc")]),
}
STACKS = {
    "f without 1-f + g twice activated": [],
    "c carried with i + bias averaged over the batch": [],
    "c of this step + dx of the last step only": [],
    "g and i exchanged + c of this step + bias averaged over the batch": [],
}
