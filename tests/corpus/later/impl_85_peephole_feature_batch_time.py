# Translated from Julia: arrays are features x batch x time, weights multiply from the left, gates in the order i f c o.
import numpy as np

sigma = lambda v: 1 / (1 + np.exp(-v))


def rnnforw(w, x, h, c):
    """w: dict with Wi (4H, D), Wh (4H, H), b (4H,), p (3, H): peepholes of i, f (old c) and o (new c)."""
    H, B, T = h.shape[0], x.shape[1], x.shape[2]
    y = np.zeros((H, B, T))
    cs = np.zeros((H, B, T + 1))
    hs = np.zeros((H, B, T + 1))
    gates = np.zeros((4 * H, B, T))
    hs[..., 0], cs[..., 0] = h, c
    pi, pf, po = w["p"][:, :, None]
    for t in range(T):
        a = w["Wi"] @ x[..., t] + w["Wh"] @ hs[..., t] + w["b"][:, None]
        i = sigma(a[:H] + pi * cs[..., t])
        f = sigma(a[H : 2 * H] + pf * cs[..., t])
        g = np.tanh(a[2 * H : 3 * H])
        cs[..., t + 1] = f * cs[..., t] + i * g
        o = sigma(a[3 * H :] + po * cs[..., t + 1])
        hs[..., t + 1] = o * np.tanh(cs[..., t + 1])
        y[..., t] = hs[..., t + 1]
        gates[..., t] = np.vstack((i, f, g, o))
    return y, (x, hs, cs, gates)


def rnnback(w, saved, dy):
    x, hs, cs, gates = saved
    H, B, T = dy.shape
    dw = {k: np.zeros_like(v) for k, v in w.items()}
    dx = np.zeros_like(x)
    pi, pf, po = w["p"][:, :, None]
    dh, dc = np.zeros((H, B)), np.zeros((H, B))
    for t in reversed(range(T)):
        i, f, g, o = np.split(gates[..., t], 4)
        c_old, c_new = cs[..., t], cs[..., t + 1]
        dh = dh + dy[..., t]
        tc = np.tanh(c_new)
        do = dh * tc * o * (1 - o)
        dc = dc + dh * o * (1 - tc * tc) + po * do
        di = dc * g * i * (1 - i)
        df = dc * c_old * f * (1 - f)
        dg = dc * i * (1 - g * g)
        da = np.vstack((di, df, dg, do))
        dw["Wi"] += da @ x[..., t].T
        dw["Wh"] += da @ hs[..., t].T
        dw["b"] += da.sum(1)
        dw["p"] += np.stack(((di * c_old).sum(1), (df * c_old).sum(1), (do * c_new).sum(1)))
        dx[..., t] = w["Wi"].T @ da
        dh = w["Wh"].T @ da
        dc = dc * f + pi * di + pf * df
    return dw, dx, dh, dc


# ---- corpus
CELL = "lstm-peephole"
STYLE = "after Julia: features x batch x time, ifgo stacked, three peepholes in one array, both initial states"
HELD_OUT = True
SHAPES = {"Wi": (16, 3), "Wh": (16, 4), "b": (16,), "p": (3, 4)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((3, 2, 6)), "initial/h": 0.5 * r((4, 2)), "initial/c": 0.5 * r((4, 2)), "cotangent/y": r((4, 2, 6))} | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    w = {k: d["param/" + k] for k in SHAPES}
    y, saved = rnnforw(w, d["input/x"], d["initial/h"], d["initial/c"])
    dw, dx, dh, dc = rnnback(w, saved, d["cotangent/y"])
    return {"output/y": y, "grad/x": dx, "grad/h": dh, "grad/c": dc} | {"grad/" + k: v for k, v in dw.items()}


MISTAKES = {
    "po not into the cell": ([(" + po * do\n", "\n")], [("drop-path", "po p o c do")]),
    "peepholes of i and f not into the cell": ([("dc = dc * f + pi * di + pf * df", "dc = dc * f")], [[("drop-path", "pi p i c"), ("drop-path", "pf p f c")], ("drop-path", "p pi pf i f c")]),
    "po with the old cell": ([("(do * c_new).sum(1)", "(do * c_old).sum(1)")], [("time-shift", "p po o c c_old c_new")]),
    "pf with the new cell": ([("(df * c_old).sum(1)", "(df * c_new).sum(1)")], [("time-shift", "p pf f c c_old c_new")]),
    "cell through the forget gate lost": ([("dc = dc * f + pi * di + pf * df", "dc = pi * di + pf * df")], [("drop-path", "f c"), ("cut-recurrence", "f c")]),
    "peephole of f taken for i's": ([("+ pi * di + pf * df", "+ pf * di + pi * df")], [("swap-gates", "i f p pi pf")]),
    "Wh in blocks, not turned": ([('dh = w["Wh"].T @ da', 'dh = sum(W @ d for W, d in zip(np.split(w["Wh"], 4), np.split(da, 4)))')], [("transpose", "Wh")]),
    "i without its slope": ([("di = dc * g * i * (1 - i)", "di = dc * g")], [("missing-derivative", "i di")]),
    "one sample's bias": ([('dw["b"] += da.sum(1)', 'dw["b"] += da.mean(1)')], [("scale", "b"), ("misplaced-factor", "b")]),
}
STACKS = {
    "po not into the cell + pf with the new cell": [],
    "peepholes of i and f not into the cell + one sample's bias": [],
    "i without its slope + Wh in blocks, not turned": [],
    "po not into the cell + po with the old cell + one sample's bias": [],
}
