import numpy as np


# One step of an LSTM, to be ported to CUDA; N rows. pre = x Wx + h Wh + b has the blocks i | o | f | c.
def cell(x, h, c, Wx, Wh, b):
    n = h.shape[1]
    pre = x @ Wx + h @ Wh + b
    i, o, f = (1 / (1 + np.exp(-pre[:, k * n : (k + 1) * n])) for k in range(3))
    cand = np.tanh(pre[:, 3 * n :])
    c1 = f * c + i * cand
    h1 = o * np.tanh(c1)
    return h1, c1, (i, o, f, cand)


def cell_grad(x, h, c, Wx, Wh, h1, c1, gates, gh1, gc1):
    i, o, f, cand = gates
    tc = np.tanh(c1)
    go = gh1 * tc
    gc = gc1 + gh1 * o * (1 - tc * tc)
    gi, gf, gcand = gc * cand, gc * c, gc * i
    gpre = np.hstack([gi * i * (1 - i), go * o * (1 - o), gf * f * (1 - f), gcand * (1 - cand * cand)])
    gx = gpre @ Wx.T
    gh = gpre @ Wh.T
    gc0 = gc * f
    gWx = x.T @ gpre
    gWh = h.T @ gpre
    gb = gpre.sum(0, keepdims=True)
    return gx, gh, gc0, gWx, gWh, gb, gpre


# ---- corpus
CELL = "lstm"
STYLE = "one step without a time axis, rows, stacked iofc, gradient of the pre-activations dumped too"
HELD_OUT = False
CALL = {"forward": "cell", "backward": "cell_grad", "how": "one step; (x, h, c, Wx, Wh, b) -> h1, c1, gates; cotangents of h1 and c1 come last"}


def draw(rng):
    D, H, B = 5, 4, 3
    r = rng.standard_normal
    return {"input/x": r((B, D)), "initial/h": 0.5 * r((B, H)), "initial/c": 0.5 * r((B, H)), "param/Wx": 0.5 * r((D, 4 * H)),
            "param/Wh": 0.5 * r((H, 4 * H)), "param/b": 0.5 * r((1, 4 * H)), "cotangent/h1": r((B, H)), "cotangent/c1": r((B, H))}


def run(d):
    x, h, c, Wx, Wh = d["input/x"], d["initial/h"], d["initial/c"], d["param/Wx"], d["param/Wh"]
    h1, c1, gates = cell(x, h, c, Wx, Wh, d["param/b"])
    grads = cell_grad(x, h, c, Wx, Wh, h1, c1, gates, d["cotangent/h1"], d["cotangent/c1"])
    return {"output/h1": h1, "output/c1": c1} | {"grad/" + k: g for k, g in zip(("x", "h", "c", "Wx", "Wh", "b", "pre"), grads)}


def also(d):
    return [("pre", d["grad/pre"] @ d["param/Wx"].T, d["grad/x"])]


MISTAKES = {
    "cotangent of c left out": ([("gc = gc1 + gh1 * o", "gc = gh1 * o")], [("cotangent-missing", "c1 c")]),
    "f seen with c1": ([("gc * c, gc * i", "gc * c1, gc * i")], [("time-shift", "f c c1 gf")]),
    "o from the bare c": ([("* o * (1 - o)", "* (1 - o)")], [("missing-derivative", "o go"), ("misplaced-factor", "o go")]),
    "c0 undamped": ([("gc0 = gc * f", "gc0 = gc")], [("misplaced-factor", "c c0 f gc0"), ("missing-derivative", "c f")]),
    "Wh as it stands": ([("gh = gpre @ Wh.T", "gh = sum(gpre[:, k : k + h.shape[1]] @ Wh[:, k : k + h.shape[1]] for k in range(0, Wh.shape[1], h.shape[1]))")], [("transpose", "Wh h")]),
    "tanh' outside": ([("gc = gc1 + gh1 * o * (1 - tc * tc)", "gc = (gc1 + gh1 * o) * (1 - tc * tc)")], [("misplaced-factor", "c c1 gc tc")]),
}
STACKS = {
    "cotangent of c left out + f seen with c1": [],
    "o from the bare c + Wh as it stands": [],
    "f seen with c1 + c0 undamped + Wh as it stands": [],
}
