import numpy as np


def sigma(a):
    return 1 / (1 + np.exp(-a))


def step(x, h, c, Wf, bf, Wi, bi, Wo, bo, Wg, bg):
    q = np.concatenate((h, x, c))
    f, i, o = sigma(Wf @ q + bf), sigma(Wi @ q + bi), sigma(Wo @ q + bo)
    g = np.tanh(Wg @ q[: len(h) + len(x)] + bg)
    cn = f * c + i * g
    return o * np.tanh(cn), cn, (q, f, i, o, g, c, cn)


def run_forward(xs, h, c, *P):
    hs, tape = [], []
    for x in xs:
        h, c, rec = step(x, h, c, *P)
        hs.append(h)
        tape.append(rec)
    return hs, c, tape


def run_backward(tape, dhs, dc_last, n, m, Wf, bf, Wi, bi, Wo, bo, Wg, bg):
    """n: size of h and c; m: size of x"""
    g_ = {k: 0.0 for k in ("Wf", "bf", "Wi", "bi", "Wo", "bo", "Wg", "bg")}
    dxs = []
    dh, dc = np.zeros(n), dc_last
    for (q, f, i, o, g, c, cn), up in zip(tape[::-1], dhs[::-1]):
        dh = dh + up
        tn = np.tanh(cn)
        dcn = dc + dh * o * (1 - tn**2)
        zf = dcn * c * f * (1 - f)
        zi = dcn * g * i * (1 - i)
        zo = dh * tn * o * (1 - o)
        zg = dcn * i * (1 - g**2)
        for k, z, s in (("f", zf, q), ("i", zi, q), ("o", zo, q), ("g", zg, q[: n + m])):
            g_["W" + k] = g_["W" + k] + np.outer(z, s)
            g_["b" + k] = g_["b" + k] + z
        dq = Wf.T @ zf + Wi.T @ zi + Wo.T @ zo
        dq[: n + m] += Wg.T @ zg
        dh, dx = dq[:n], dq[n : n + m]
        dc = dcn * f + dq[n + m :]
        dxs.append(dx)
    return dxs[::-1], dh, dc, g_


# ---- corpus
CELL = "lstm-peephole-full"
STYLE = "1-D vectors in lists, [h, x, c] with full peepholes, cotangents of h and of the last c"
HELD_OUT = False
CALL = {"forward": "run_forward", "backward": "run_backward", "how": "(xs, h, c, *weights) -> hs, c, tape; (tape, dhs, dc, n, m, *weights) -> dxs, dh0, dc0, dict"}
NAMES = ("Wf", "bf", "Wi", "bi", "Wo", "bo", "Wg", "bg")


def draw(rng):
    D, H, T = 5, 4, 6
    r = rng.standard_normal
    d = {"input/x": r((T, D)), "initial/h0": 0.5 * r(H), "initial/c0": 0.5 * r(H), "cotangent/h": r((T, H)), "cotangent/c_last": r(H)}
    return d | {"param/" + k: 0.5 * r(H if k[0] == "b" else (H, D + (H if k == "Wg" else 2 * H))) for k in NAMES}


def run(d):
    P = [d["param/" + k] for k in NAMES]
    hs, c, tape = run_forward(d["input/x"], d["initial/h0"], d["initial/c0"], *P)
    dxs, dh0, dc0, g = run_backward(tape, list(d["cotangent/h"]), d["cotangent/c_last"], 4, 5, *P)
    return {"output/h": np.array(hs), "output/c_last": c, "grad/x": np.array(dxs), "grad/h0": dh0, "grad/c0": dc0} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "peepholes not sent back": ([("dcn * f + dq[n + m :]", "dcn * f")], [("drop-path", "c f i o Wf Wi Wo q"), ("cut-recurrence", "c Wf Wi Wo")]),
    "forget path not sent back": ([("dcn * f + dq[n + m :]", "dq[n + m :]")], [("drop-path", "c f"), ("cut-recurrence", "c f")]),
    "last c's cotangent ignored": ([("np.zeros(n), dc_last", "np.zeros(n), np.zeros(n)")], [("cotangent-missing", "c_last c")]),
    "Wo left out of dq": ([(" + Wo.T @ zo", "")], [("drop-path", "Wo o q")]),
    "i: derivative missing": ([("zi = dcn * g * i * (1 - i)", "zi = dcn * g")], [("missing-derivative", "i zi")]),
    "cn for c in f": ([("zf = dcn * c * f", "zf = dcn * cn * f")], [("time-shift", "c f cn zf")]),
    "clipped on the way out": ([("return dxs[::-1], dh, dc, g_", "g_ = {k: v.clip(-1, 1) for k, v in g_.items()}\n    return dxs[::-1], dh, dc, g_")], [("clip", "*")]),
    "tanh' around both": ([("dcn = dc + dh * o * (1 - tn**2)", "dcn = (dc + dh * o) * (1 - tn**2)")], [("misplaced-factor", "c cn dcn tn")]),
}
STACKS = {
    "peepholes not sent back + cn for c in f": [],
    "last c's cotangent ignored + i: derivative missing": [],
    "Wo left out of dq + clipped on the way out": [],
    "forget path not sent back + i: derivative missing + cn for c in f": [],
}
