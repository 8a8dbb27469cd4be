"""Encoder-decoder with LSTM steps; the decoder starts from the encoder's h and c, its outputs are real numbers."""
import numpy as np


def S(v):
    return 1 / (1 + np.exp(-v))


def lstm_step(x, h, c, W, b):
    i, f, g, o = np.hsplit(np.c_[h, x] @ W + b, 4)
    i, f, g, o = S(i), S(f), np.tanh(g), S(o)
    c2 = f * c + i * g
    return o * np.tanh(c2), c2, (x, h, c, i, f, g, o, c2)


def lstm_step_back(dh, dc, cache, W):
    x, h, c, i, f, g, o, c2 = cache
    t = np.tanh(c2)
    dc = dc + dh * o * (1 - t**2)
    dz = np.hstack((dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * t * o * (1 - o)))
    dhx = dz @ W.T
    H = h.shape[1]
    return dhx[:, :H], dc * f, dhx[:, H:], np.c_[h, x].T @ dz, dz.sum(0)


def translate(src, tgt_in, P):
    B, H = src.shape[1], P["be"].size // 4
    h = c = np.zeros((B, H))
    enc, dec, ys, hs = [], [], [], []
    for x in src:
        h, c, cache = lstm_step(x, h, c, P["We"], P["be"])
        enc.append(cache)
    for x in tgt_in:
        h, c, cache = lstm_step(x, h, c, P["Wd"], P["bd"])
        dec.append(cache)
        hs.append(h)
        ys.append(h @ P["Wy"] + P["by"])
    return np.array(ys), np.array(hs), enc, dec


def translate_back(dys, hs, enc, dec, P):
    G = {k: np.zeros_like(p) for k, p in P.items()}
    dh = dc = np.zeros_like(hs[0])
    dsrc, dtgt = [], []
    for dy, h, cache in zip(dys[::-1], hs[::-1], dec[::-1]):
        G["Wy"] += h.T @ dy
        G["by"] += dy.sum(0)
        dh, dc, dx, dW, db = lstm_step_back(dh + dy @ P["Wy"].T, dc, cache, P["Wd"])
        G["Wd"] += dW
        G["bd"] += db
        dtgt.append(dx)
    for cache in enc[::-1]:
        dh, dc, dx, dW, db = lstm_step_back(dh, dc, cache, P["We"])
        G["We"] += dW
        G["be"] += db
        dsrc.append(dx)
    return G, np.array(dsrc[::-1]), np.array(dtgt[::-1])


# ---- corpus
CELL = """
ie[t] = sigmoid(Wie @ [he[t-1], src[t]] + bie)
fe[t] = sigmoid(Wfe @ [he[t-1], src[t]] + bfe)
ge[t] = tanh(Wge @ [he[t-1], src[t]] + bge)
oe[t] = sigmoid(Woe @ [he[t-1], src[t]] + boe)
ce[t] = fe[t] * ce[t-1] + ie[t] * ge[t]
he[t] = oe[t] * tanh(ce[t])
hd[0] = he[T]
cd[0] = ce[T]
id[u] = sigmoid(Wid @ [hd[u-1], tgt[u]] + bid)
fd[u] = sigmoid(Wfd @ [hd[u-1], tgt[u]] + bfd)
gd[u] = tanh(Wgd @ [hd[u-1], tgt[u]] + bgd)
od[u] = sigmoid(Wod @ [hd[u-1], tgt[u]] + bod)
cd[u] = fd[u] * cd[u-1] + id[u] * gd[u]
hd[u] = od[u] * tanh(cd[u])
y[u] = Wy @ hd[u] + by
"""
STYLE = "encoder-decoder of step functions, rows (T, B, D), [h, x] stacked ifgo, gradients in a dict"
HELD_OUT = True


def draw(rng):
    B, H, D, E, O = 2, 3, 4, 5, 6
    r = rng.standard_normal
    shapes = {"We": (H + D, 4 * H), "be": (4 * H,), "Wd": (H + E, 4 * H), "bd": (4 * H,), "Wy": (H, O), "by": (O,)}
    return {"input/src": r((6, B, D)), "input/tgt": r((5, B, E)), "cotangent/y": r((5, B, O))} | {"param/" + k: 0.6 * r(s) for k, s in shapes.items()}


def run(d):
    P = {k: d["param/" + k] for k in ("We", "be", "Wd", "bd", "Wy", "by")}
    ys, hs, enc, dec = translate(d["input/src"], d["input/tgt"], P)
    G, dsrc, dtgt = translate_back(d["cotangent/y"], hs, enc, dec, P)
    return {"output/y": ys, "output/hd": hs, "grad/src": dsrc, "grad/tgt": dtgt} | {"grad/" + k: g for k, g in G.items()}


MISTAKES = {
    "encoder gets no c": ([("    for cache in enc[::-1]:", "    dc = np.zeros_like(dc)\n    for cache in enc[::-1]:")], [("drop-path", "c ce cd"), ("cut-recurrence", "c ce cd"), ("zero-gradient", "c ce cd")]),
    "encoder gets no h": ([("    for cache in enc[::-1]:", "    dh = np.zeros_like(dh)\n    for cache in enc[::-1]:")], [("drop-path", "h he hd"), ("cut-recurrence", "h he hd"), ("zero-gradient", "h he hd")]),
    "decoder's state not carried": ([("lstm_step_back(dh + dy @ P", "lstm_step_back(dy @ P")], [("cut-recurrence", "h hd Wd"), ("drop-path", "h hd Wd")]),
    "We of the first step": ([('G["We"] += dW', 'G["We"] = dW')], [("not-accumulated", "We"), ("first-step-only", "We")]),
    "Wy with the state before": ([("zip(dys[::-1], hs[::-1], dec", "zip(dys[::-1], np.concatenate((dec[0][1][None], hs[:-1]))[::-1], dec")], [("time-shift", "Wy h hd")]),
    "dc without f in the step": ([("dhx[:, :H], dc * f,", "dhx[:, :H], dc,")], [("misplaced-factor", "f fe fd c ce cd"), ("missing-derivative", "f fe fd c ce cd"), [("misplaced-factor", "fe ce"), ("misplaced-factor", "fd cd")]]),
    "o without its slope": ([("dh * t * o * (1 - o)", "dh * t")], [("missing-derivative", "o oe od"), [("missing-derivative", "oe"), ("missing-derivative", "od")]]),
    "by negative": ([('G["by"] += dy', 'G["by"] -= dy')], [("sign", "by")]),
}
STACKS = {
    "encoder gets no c + by negative": [],
    "We of the first step + o without its slope": [],
    "encoder gets no h + We of the first step": [],
    "decoder's state not carried + We of the first step + by negative": [],
}
