# Host reference for the fused tanh recurrence (forward and backward), row-major float32 buffers, time-major.
import numpy as np

F = np.float32


def rnn_fused_fwd(inp, hx, w_ih, w_hh, b_ih, b_hh):
    seq, bs, _ = inp.shape
    hid = w_hh.shape[0]
    # one GEMM for all steps
    pre = (inp.reshape(seq * bs, -1) @ w_ih.T + b_ih).reshape(seq, bs, hid)
    out = np.empty((seq, bs, hid), F)
    h = hx
    for s in range(seq):
        h = np.tanh(pre[s] + h @ w_hh.T + b_hh)
        out[s] = h
    return out, h


def rnn_fused_bwd(inp, hx, w_ih, w_hh, out, g_out, g_hy):
    seq, bs, hid = out.shape
    g_pre = np.empty((seq, bs, hid), F)
    g_h = g_hy.copy()
    for s in range(seq - 1, -1, -1):
        g_h += g_out[s]
        g_pre[s] = g_h * (F(1) - out[s] * out[s])
        g_h = g_pre[s] @ w_hh
    # weights: one GEMM each over all steps
    flat = g_pre.reshape(seq * bs, hid)
    prev = np.concatenate((hx[None], out[:-1])).reshape(seq * bs, hid)
    g_w_ih = flat.T @ inp.reshape(seq * bs, -1)
    g_w_hh = flat.T @ prev
    g_b = flat.sum(axis=0)
    g_inp = (flat @ w_ih).reshape(inp.shape)
    return g_inp, g_h, g_w_ih, g_w_hh, g_b, g_b.copy()


# ---- corpus
CELL = None
STYLE = "fused kernel's reference in float32: (T, B, D), weights as in torch, two biases, flattened products over all steps"
HELD_OUT = True
NAMES = ("inp", "hx", "w_ih", "w_hh", "b_ih", "b_hh")


def draw(rng):
    seq, bs, i, h = 8, 3, 5, 4
    r = lambda k, *s: (k * rng.standard_normal(s)).astype(np.float32)
    return {
        "input/inp": r(1, seq, bs, i), "initial/hx": r(1, bs, h), "param/w_ih": r(0.5, h, i), "param/w_hh": r(0.5, h, h), "param/b_ih": r(0.5, h), "param/b_hh": r(0.5, h),
        "cotangent/out": r(1, seq, bs, h), "cotangent/hy": r(1, bs, h),
    }


def run(d):
    inp, hx, w_ih, w_hh = (d[k] for k in ("input/inp", "initial/hx", "param/w_ih", "param/w_hh"))
    out, hy = rnn_fused_fwd(inp, hx, w_ih, w_hh, d["param/b_ih"], d["param/b_hh"])
    grads = rnn_fused_bwd(inp, hx, w_ih, w_hh, out, d["cotangent/out"], d["cotangent/hy"])
    return {"output/out": out, "output/hy": hy} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


MISTAKES = {
    "out for prev": ([("prev = np.concatenate((hx[None], out[:-1])).reshape", "prev = out.reshape")], [("time-shift", "w_hh out h hx hy")]),
    "pre-activation forgotten": ([("g_pre[s] = g_h * (F(1) - out[s] * out[s])", "g_pre[s] = g_h")], [("missing-derivative", "out h hy g_pre")]),
    "w_hh transposed": ([("g_h = g_pre[s] @ w_hh", "g_h = g_pre[s] @ w_hh.T")], [("transpose", "w_hh")]),
    "g_hy not used": ([("g_h = g_hy.copy()", "g_h = np.zeros_like(g_hy)")], [("cotangent-missing", "hy h")]),
    "g_out only at the end": ([("        g_h += g_out[s]\n", "        if s == seq - 1:\n            g_h += g_out[s]\n")], [("cotangent-missing", "out h")]),
    "slope from the bare derivative of tanh": ([("(F(1) - out[s] * out[s])", "(F(1) - np.tanh(out[s]) ** 2)")], [("derivative-of-activated", "out h hy")]),
    "biases averaged": ([("g_b = flat.sum(axis=0)", "g_b = flat.mean(axis=0)")], [("scale", "b_ih b_hh b"), [("scale", "b_ih"), ("scale", "b_hh")]]),
    "recurrent bias left out": ([("g_b, g_b.copy()", "g_b, np.zeros_like(g_b)")], [("zero-gradient", "b_hh"), ("drop-path", "b_hh")]),
    "kept from the step after": ([("        g_h += g_out[s]\n", "        g_h = g_out[s].copy()\n")], [[("cut-recurrence", "out h w_hh"), ("cotangent-missing", "hy h")], [("truncate", "*"), ("cotangent-missing", "hy h")]]),
}
STACKS = {
    "out for prev + recurrent bias left out": [],
    "w_hh transposed + biases averaged": [],
    "g_hy not used + out for prev": [],
    "slope from the bare derivative of tanh + g_hy not used + recurrent bias left out": [],
}
