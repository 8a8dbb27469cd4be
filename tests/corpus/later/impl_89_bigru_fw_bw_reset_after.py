"""Bidirectional GRU layer (reset after the product), outputs [forward, backward] side by side, batch first."""
import numpy as np


def logistic(a):
    return 1 / (1 + np.exp(-a))


def cell(x, h, p):
    xz, xr, xn = np.hsplit(x @ p["W"] + p["b"], 3)
    hz, hr, hn = np.hsplit(h @ p["R"], 3)
    hn = hn + p["bn"]
    z, r = logistic(xz + hz), logistic(xr + hr)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, (x, h, z, r, hn, n)


def cell_grad(dh, mem, p, g):
    x, h, z, r, hn, n = mem
    dn = dh * (1 - z) * (1 - n * n)
    dz = dh * (h - n) * z * (1 - z)
    dr = dn * hn * r * (1 - r)
    dhn = dn * r
    dx_side, dh_side = np.hstack((dz, dr, dn)), np.hstack((dz, dr, dhn))
    g["W"] += x.T @ dx_side
    g["b"] += dx_side.sum(0)
    g["R"] += h.T @ dh_side
    g["bn"] += dhn.sum(0)
    return dx_side @ p["W"].T, dh * z + dh_side @ p["R"].T


def layer(X, fw, bw):
    B, T, _ = X.shape
    H = len(fw["bn"])
    Y, mem_fw, mem_bw = np.zeros((B, T, 2 * H)), [None] * T, [None] * T
    h = np.zeros((B, H))
    for t in range(T):
        h, mem_fw[t] = cell(X[:, t], h, fw)
        Y[:, t, :H] = h
    h = np.zeros((B, H))
    for t in range(T - 1, -1, -1):
        h, mem_bw[t] = cell(X[:, t], h, bw)
        Y[:, t, H:] = h
    return Y, mem_fw, mem_bw


def layer_grad(dY, X, fw, bw, mem_fw, mem_bw):
    B, T, H2 = dY.shape
    H = H2 // 2
    dX = np.zeros_like(X)
    g_fw, g_bw = ({k: np.zeros_like(v) for k, v in p.items()} for p in (fw, bw))
    dh = np.zeros((B, H))
    for t in range(T - 1, -1, -1):
        dx, dh = cell_grad(dY[:, t, :H] + dh, mem_fw[t], fw, g_fw)
        dX[:, t] += dx
    dh = np.zeros((B, H))
    for t in range(T):
        dx, dh = cell_grad(dY[:, t, H:] + dh, mem_bw[t], bw, g_bw)
        dX[:, t] += dx
    return dX, g_fw, g_bw


# ---- corpus
CELL = """
zf[t] = sigmoid(Wzf @ x[t] + Rzf @ hf[t-1] + bzf)
rf[t] = sigmoid(Wrf @ x[t] + Rrf @ hf[t-1] + brf)
nf[t] = tanh(Wnf @ x[t] + bf + rf[t] * (Rnf @ hf[t-1] + bnf))
hf[t] = (1 - zf[t]) * nf[t] + zf[t] * hf[t-1]
zb[t] = sigmoid(Wzb @ x[t] + Rzb @ hb[t+1] + bzb)
rb[t] = sigmoid(Wrb @ x[t] + Rrb @ hb[t+1] + brb)
nb[t] = tanh(Wnb @ x[t] + bb + rb[t] * (Rnb @ hb[t+1] + bnb))
hb[t] = (1 - zb[t]) * nb[t] + zb[t] * hb[t+1]
y[t] = [hf[t], hb[t]]
"""
STYLE = "bidirectional GRU, reset after, batch first, zrn stacked in columns, a bias for all and one for the recurrent candidate"
HELD_OUT = True
SHAPES = {"W": (4, 9), "R": (3, 9), "b": (9,), "bn": (3,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/X": r((2, 6, 4)), "cotangent/Y": r((2, 6, 6))} | {f"param/{k}_{s}": 0.6 * r(v) for s in ("fw", "bw") for k, v in SHAPES.items()}


def run(d):
    fw, bw = ({k: d[f"param/{k}_{s}"] for k in SHAPES} for s in ("fw", "bw"))
    Y, mem_fw, mem_bw = layer(d["input/X"], fw, bw)
    dX, g_fw, g_bw = layer_grad(d["cotangent/Y"], d["input/X"], fw, bw, mem_fw, mem_bw)
    return {"output/Y": Y, "grad/X": dX} | {f"grad/{k}_{s}": v for s, g in (("fw", g_fw), ("bw", g_bw)) for k, v in g.items()}


MISTAKES = {
    "X by the backward direction": ([("mem_bw[t], bw, g_bw)\n        dX[:, t] += dx", "mem_bw[t], bw, g_bw)\n        dX[:, t] = dx")], [("drop-path", "x X hf W_fw Wzf Wrf Wnf zf rf nf"), [("drop-path", "zf Wzf"), ("drop-path", "rf Wrf"), ("drop-path", "nf Wnf")]]),
    "backward direction not carried": ([("cell_grad(dY[:, t, H:] + dh, mem_bw", "cell_grad(dY[:, t, H:], mem_bw")], [("cut-recurrence", "hb R_bw"), ("drop-path", "hb R_bw")]),
    "halves exchanged": ([("dY[:, t, :H] + dh", "dY[:, t, -H:] + dh"), ("dY[:, t, H:] + dh", "dY[:, t, :H] + dh")], [("swap-gates", "hf hb y Y")]),
    "bn without r": ([('g["bn"] += dhn.sum(0)', 'g["bn"] += dn.sum(0)')], [("misplaced-factor", "bn bn_fw bn_bw bnf bnb rf rb r"), ("missing-derivative", "bn bn_fw bn_bw bnf bnb rf rb r"), ("drop-path", "bn bn_fw bn_bw bnf bnb rf rb"), [("misplaced-factor", "bn_fw bnf rf"), ("misplaced-factor", "bn_bw bnb rb")], [("missing-derivative", "bn_fw bnf rf"), ("missing-derivative", "bn_bw bnb rb")], [("drop-path", "bn_fw bnf rf"), ("drop-path", "bn_bw bnb rb")]]),
    "keep path lost": ([(", dh * z + dh_side @", ", dh_side @")], [("drop-path", "zf zb z hf hb h y Y"), ("cut-recurrence", "zf zb z hf hb h"), [("drop-path", "zf hf"), ("drop-path", "zb hb")], [("cut-recurrence", "zf hf"), ("cut-recurrence", "zb hb")]]),
    "R as it stands, by gates": ([('dh_side @ p["R"].T', 'sum(a @ R for a, R in zip(np.hsplit(dh_side, 3), np.hsplit(p["R"], 3)))')], [("transpose", "R R_fw R_bw"), [("transpose", "R_fw"), ("transpose", "R_bw")]]),
    "n - h": ([("dh * (h - n) * z", "dh * (n - h) * z")], [("sign", "z zf zb"), [("sign", "zf"), ("sign", "zb")]]),
    "r without slope": ([("dn * hn * r * (1 - r)", "dn * hn")], [("missing-derivative", "r rf rb"), [("missing-derivative", "rf"), ("missing-derivative", "rb")]]),
}
STACKS = {
    "X by the backward direction + n - h": [],
    "bn without r + backward direction not carried": [],
    "r without slope + bn without r": [],
    "X by the backward direction + bn without r + n - h": [],
}
