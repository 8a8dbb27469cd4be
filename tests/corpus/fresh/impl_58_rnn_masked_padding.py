import numpy as np


def masked_rnn(x, mask, Wx, Wh, b):
    """x: (B, T, D) padded, mask: (B, T); a padded step keeps the state."""
    B, T, _ = x.shape
    hs = np.zeros((B, T + 1, len(b)))
    new = np.zeros((B, T, len(b)))
    for t in range(T):
        m = mask[:, t, None]
        new[:, t] = np.tanh(x[:, t].dot(Wx) + hs[:, t].dot(Wh) + b)
        hs[:, t + 1] = m * new[:, t] + (1 - m) * hs[:, t]
    return hs, new


def masked_rnn_backward(dhs, x, mask, Wx, Wh, hs, new):
    dx, dWx, dWh, db = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(Wh.shape[0])
    dh = np.zeros_like(hs[:, 0])
    for t in range(x.shape[1] - 1, -1, -1):
        m = mask[:, t, None]
        dh = dh + dhs[:, t]
        da = m * dh * (1 - new[:, t] ** 2)
        dx[:, t] = da.dot(Wx.T)
        dWx += x[:, t].T.dot(da)
        dWh += hs[:, t].T.dot(da)
        db += da.sum(axis=0)
        dh = (1 - m) * dh + da.dot(Wh.T)
    return dx, dWx, dWh, db


# ---- corpus
CELL = """
n[t] = tanh(Wx @ x[t] + Wh @ h[t-1] + b)
h[t] = m[t] * n[t] + (1 - m[t]) * h[t-1]
m[t] : scalar
"""
STYLE = "padded batch with a mask, rows (B, T, D), states (B, T + 1, H)"
HELD_OUT = True


def draw(rng):
    B, T, D, H = 3, 6, 5, 4
    r = rng.standard_normal
    mask = (np.arange(T) < np.array([6, 3, 5])[:, None]).astype(float)
    return {"input/x": r((B, T, D)), "input/mask": mask, "param/Wx": 0.5 * r((D, H)), "param/Wh": 0.5 * r((H, H)), "param/b": 0.5 * r(H), "cotangent/hs": r((B, T, H))}


def run(d):
    x, m = d["input/x"], d["input/mask"]
    hs, new = masked_rnn(x, m, d["param/Wx"], d["param/Wh"], d["param/b"])
    grads = masked_rnn_backward(d["cotangent/hs"], x, m, d["param/Wx"], d["param/Wh"], hs, new)
    return {"output/hs": hs[:, 1:]} | {"grad/" + k: g for k, g in zip(("x", "Wx", "Wh", "b"), grads)}


MISTAKES = {
    "mask forgotten": ([("da = m * dh *", "da = dh *")], [("misplaced-factor", "m mask n new h"), ("missing-derivative", "m mask n new h"), ("drop-path", "m mask n")]),
    "state not carried over padding": ([("dh = (1 - m) * dh + da", "dh = da")], [("drop-path", "m mask h"), ("cut-recurrence", "h m mask")]),
    "carried over every step": ([("dh = (1 - m) * dh + da", "dh = dh + da")], [("misplaced-factor", "m mask h"), ("missing-derivative", "m mask h"), ("drop-path", "m mask")]),
    "Wh as it stands": ([("da.dot(Wh.T)", "da.dot(Wh)")], [("transpose", "Wh")]),
    "Wh with new states": ([("hs[:, t].T.dot(da)", "hs[:, t + 1].T.dot(da)")], [("time-shift", "Wh h hs")]),
    "cotangent assigned": ([("dh = dh + dhs[:, t]", "dh = dhs[:, t]")], [("cut-recurrence", "h hs"), ("truncate", "h hs")], "wrong"),
    "bias over once": ([("db += da.sum", "db = da.sum")], [("not-accumulated", "b"), ("first-step-only", "b")]),
}
STACKS = {
    "state not carried over padding + Wh with new states": [],
    "mask forgotten + bias over once": [],
    "Wh as it stands + bias over once": [],
    "Wh as it stands + Wh with new states + bias over once": [],
}
