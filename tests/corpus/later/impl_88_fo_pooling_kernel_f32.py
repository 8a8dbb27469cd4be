# Gated pooling, the recurrent half of a quasi-recurrent layer.  The matrix products have been done elsewhere: what comes
# in are the pre-activations z, f, o of every step in one array (B, T, 3H).  One program per (row, column); float32.
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def fo_pool_fwd(pre, c0):
    B, T, H3 = pre.shape
    H = H3 // 3
    z, f, o = np.tanh(pre[:, :, :H]), sigmoid(pre[:, :, H : 2 * H]), sigmoid(pre[:, :, 2 * H :])
    c = np.empty((B, T + 1, H), dtype=np.float32)
    c[:, 0] = c0
    for t in range(T):
        c[:, t + 1] = f[:, t] * c[:, t] + (1 - f[:, t]) * z[:, t]
    return o * c[:, 1:], c, z, f, o


def fo_pool_bwd(dh, c, z, f, o):
    B, T, H = dh.shape
    dpre = np.empty((B, T, 3 * H), dtype=np.float32)
    dc = np.zeros((B, H), dtype=np.float32)
    for t in range(T - 1, -1, -1):
        ft, zt, ot = f[:, t], z[:, t], o[:, t]
        dc = dc + dh[:, t] * ot
        dpre[:, t, :H] = dc * (1 - ft) * (1 - zt * zt)
        dpre[:, t, H : 2 * H] = dc * (c[:, t] - zt) * ft * (1 - ft)
        dpre[:, t, 2 * H :] = dh[:, t] * c[:, t + 1] * ot * (1 - ot)
        dc = dc * ft
    return dpre, dc


# ---- corpus
CELL = """
z[t] = tanh(z_pre[t])
f[t] = sigmoid(f_pre[t])
o[t] = sigmoid(o_pre[t])
c[t] = f[t] * c[t-1] + (1 - f[t]) * z[t]
h[t] = o[t] * c[t]
"""
STYLE = "Triton-like scan in float32: no parameters, pre-activations z|f|o as one input (B, T, 3H), states with T + 1 entries"
HELD_OUT = True


def draw(rng):
    B, T, H = 3, 8, 5
    r = lambda *s: rng.standard_normal(s).astype(np.float32)
    return {"input/pre": r(B, T, 3 * H), "initial/c0": r(B, H), "cotangent/h": r(B, T, H)}


def run(d):
    h, *kept = fo_pool_fwd(d["input/pre"], d["initial/c0"])
    dpre, dc = fo_pool_bwd(d["cotangent/h"], *kept)
    return {"output/h": h, "output/c": kept[0][:, 1:], "grad/pre": dpre, "grad/c0": dc}


MISTAKES = {
    "carry overwritten": ([("dc = dc + dh[:, t] * ot", "dc = dh[:, t] * ot")], [("cut-recurrence", "c f"), ("drop-path", "c f")]),
    "carry without the gate": ([("        dc = dc * ft\n", "")], [("misplaced-factor", "f c"), ("missing-derivative", "f c")]),
    "gate with the new cell": ([("(c[:, t] - zt)", "(c[:, t + 1] - zt)")], [("time-shift", "c f pre f_pre")]),
    "gate without z": ([("(c[:, t] - zt)", "c[:, t]")], [("drop-path", "f z f_pre pre"), ("misplaced-factor", "f z f_pre pre")]),
    "gate turned round": ([("(c[:, t] - zt)", "(zt - c[:, t])")], [("sign", "f f_pre pre")]),
    "output gate with the old cell": ([("dh[:, t] * c[:, t + 1] * ot", "dh[:, t] * c[:, t] * ot")], [("time-shift", "c o o_pre pre")]),
    "z without its slope": ([("(1 - ft) * (1 - zt * zt)", "(1 - ft)")], [("missing-derivative", "z z_pre pre")]),
    "z takes f": ([("dc * (1 - ft) * (1 - zt * zt)", "dc * ft * (1 - zt * zt)")], [("sign", "z f z_pre pre"), ("misplaced-factor", "z f z_pre pre"), ("swap-gates", "z f c")]),
    "c0 zero": ([("return dpre, dc", "return dpre, np.zeros_like(dc)")], [("zero-gradient", "c0 c")]),
}
STACKS = {
    "carry overwritten + gate without z": [],
    "carry without the gate + output gate with the old cell": [],
    "gate with the new cell + z without its slope": [],
    "gate turned round + z without its slope + c0 zero": [],
}
