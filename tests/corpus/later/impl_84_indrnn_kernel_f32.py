# What the CUDA kernel of an independently recurrent layer does, thread by thread vectorised.  float32, h has T + 1 slabs.
import numpy as np

F32 = np.float32


def indrnn_fwd(x, w, u, b, h0):
    """x: (T, N, C), w: (C, H), u: (H,), b: (H,) -> h: (T + 1, N, H)"""
    T, N, C = x.shape
    wx = (x.reshape(T * N, C) @ w).reshape(T, N, -1)
    h = np.zeros((T + 1, N, len(u)), F32)
    h[0] = h0
    for t in range(T):
        h[t + 1] = np.tanh(wx[t] + u * h[t] + b)
    return h


def indrnn_bwd(x, w, u, h, dh_new):
    """dh_new: (T + 1, N, H), the first slab is the gradient that arrives at h0 directly."""
    T, N, C = x.shape
    dwx = np.zeros((T, N, len(u)), F32)
    du, db = np.zeros_like(u), np.zeros_like(u)
    dh = np.zeros_like(h[0])
    for t in range(T - 1, -1, -1):
        dh_total = dh_new[t + 1] + dh
        g = (1 - h[t + 1] * h[t + 1]) * dh_total
        dh = u * g
        du += (h[t] * g).sum(0)
        db += g.sum(0)
        dwx[t] = g
    dh = dh + dh_new[0]
    flat = dwx.reshape(T * N, -1)
    return (flat @ w.T).reshape(x.shape), x.reshape(T * N, C).T @ flat, du, db, dh


# ---- corpus
CELL = "indrnn-tanh"
STYLE = "kernel in float32: (T, N, C), T + 1 states and cotangents, recurrence by a vector, as many rows as units, x·w for all steps at once"
HELD_OUT = True


def draw(rng):
    T, N, C, H = 7, 5, 4, 5
    r = lambda *s: rng.standard_normal(s).astype(np.float32)
    return {"input/x": r(T, N, C), "param/w": F32(0.5) * r(C, H), "param/u": r(H), "param/b": F32(0.5) * r(H), "initial/h0": r(N, H), "cotangent/h": r(T + 1, N, H)}


F32 = np.float32


def run(d):
    h = indrnn_fwd(d["input/x"], d["param/w"], d["param/u"], d["param/b"], d["initial/h0"])
    grads = indrnn_bwd(d["input/x"], d["param/w"], d["param/u"], h, d["cotangent/h"])
    return {"output/h": h} | {"grad/" + k: g for k, g in zip(("x", "w", "u", "b", "h0"), grads)}


MISTAKES = {
    "carry never set": ([("        dh = u * g\n", "")], [("cut-recurrence", "h u h0"), ("drop-path", "h u h0")]),
    "carry overwrites": ([("dh_total = dh_new[t + 1] + dh", "dh_total = dh_new[t + 1] if t == T - 1 else dh")], [("cotangent-missing", "h dh_new"), ("last-step-only", "h dh_new")]),
    "u with the new state": ([("du += (h[t] * g)", "du += (h[t + 1] * g)")], [("time-shift", "u h")]),
    "u forgotten on the way": ([("dh = u * g", "dh = g")], [("misplaced-factor", "u h"), ("missing-derivative", "u h"), ("drop-path", "u h")]),
    "db of one slab": ([("db += g.sum(0)", "db = g.sum(0)")], [("not-accumulated", "b"), ("first-step-only", "b")]),
    "slope for what comes from outside": ([("g = (1 - h[t + 1] * h[t + 1]) * dh_total", "g = (1 - h[t + 1] * h[t + 1]) * dh_new[t + 1] + dh")], [("misplaced-factor", "h u"), ("missing-derivative", "h u")]),
    "bias along the units": ([("db += g.sum(0)", "db += g.sum(1)")], [("wrong-axis", "b")]),
    "h0 without its own cotangent": ([("    dh = dh + dh_new[0]\n", "")], [("cotangent-missing", "h h0 dh_new")]),
    "du added over the batch twice": ([("du += (h[t] * g).sum(0)", "du += (h[t] * g).sum(0) * N")], [("scale", "u"), ("misplaced-factor", "u")]),
}
STACKS = {
    "carry never set + u with the new state": [],
    "db of one slab + h0 without its own cotangent": [],
    "u forgotten on the way + du added over the batch twice": [],
    "slope for what comes from outside + u with the new state + db of one slab": [],
}
