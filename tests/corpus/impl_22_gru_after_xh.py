import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def gru_cell(x, h, p):
    """columns; p = Wz, Wr (H, D+H) on [x; h], Wn (H, D), Rn (H, H); reset applied to the product; z takes the new"""
    xh = np.vstack((x, h))
    z = s(p["Wz"] @ xh + p["bz"])
    r = s(p["Wr"] @ xh + p["br"])
    q = p["Rn"] @ h + p["bq"]
    n = np.tanh(p["Wn"] @ x + p["bn"] + r * q)
    h_new = (1 - z) * h + z * n
    return h_new, (xh, x, h, z, r, q, n)


def gru_cell_grad(dh_new, cache, p, G):
    xh, x, h, z, r, q, n = cache
    D = x.shape[0]
    dn = dh_new * z * (1 - n**2)
    dz = dh_new * (n - h) * z * (1 - z)
    dr = dn * q * r * (1 - r)
    dq = dn * r
    G["Wz"] += dz @ xh.T
    G["Wr"] += dr @ xh.T
    G["Wn"] += dn @ x.T
    G["Rn"] += dq @ h.T
    for k, v in (("bz", dz), ("br", dr), ("bn", dn), ("bq", dq)):
        G[k] += v.sum(axis=1, keepdims=True)
    dxh = p["Wz"].T @ dz + p["Wr"].T @ dr
    dx = dxh[:D] + p["Wn"].T @ dn
    dh = dxh[D:] + p["Rn"].T @ dq + dh_new * (1 - z)
    return dx, dh


def encode(X, p):
    """X: (D, T, B), time in the middle; returns the last state"""
    h = np.zeros((p["bz"].shape[0], X.shape[2]))
    caches = []
    for t in range(X.shape[1]):
        h, cache = gru_cell(X[:, t], h, p)
        caches.append(cache)
    return h, caches


def encode_grad(dh, caches, p):
    G = {k: np.zeros_like(v) for k, v in p.items()}
    dX = []
    for cache in reversed(caches):
        dx, dh = gru_cell_grad(dh, cache, p, G)
        dX.insert(0, dx)
    return np.stack(dX, axis=1), G


# ---- corpus
CELL = "gru-reset-after"
STYLE = "encoder: time in the middle (D, T, B), columns, [x, h] for the gates, only the last state, update polarity"
HELD_OUT = True
CALL = {"forward": "encode", "backward": "encode_grad", "how": "(X, p) -> h_last, caches; (dh, caches, p) -> dX, dict"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    shapes = {"Wz": (H, D + H), "Wr": (H, D + H), "Wn": (H, D), "Rn": (H, H), "bz": (H, 1), "br": (H, 1), "bn": (H, 1), "bq": (H, 1)}
    return {"input/X": r((D, T, B)), "cotangent/h_last": r((H, B))} | {"param/" + k: 0.5 * r(v) for k, v in shapes.items()}


def run(d):
    p = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    h, caches = encode(d["input/X"], p)
    dX, G = encode_grad(d["cotangent/h_last"], caches, p)
    return {"output/h_last": h, "grad/X": dX} | {"grad/" + k: v for k, v in G.items()}


MISTAKES = {
    "q without r": ([("dq = dn * r", "dq = dn")], [("misplaced-factor", "q dq r Rn bq"), ("missing-derivative", "q r Rn")]),
    "Rn not transposed": ([('p["Rn"].T @ dq', 'p["Rn"] @ dq')], [("transpose", "Rn")]),
    "keep path lost": ([(" + dh_new * (1 - z)", "")], [("drop-path", "h z h_last"), ("cut-recurrence", "h z h_last")]),
    "bq like bn": ([('("bq", dq)', '("bq", dn)')], [("misplaced-factor", "bq q r"), ("drop-path", "bq r"), ("swap-gates", "bq bn q n"), ("missing-derivative", "bq q r")]),
    "dx misses the candidate": ([(' + p["Wn"].T @ dn', "")], [("drop-path", "X x Wn n")]),
    "every step gets the cotangent": ([("    for cache in reversed(caches):\n        dx, dh = gru_cell_grad(dh,", "    dh_last, dh = dh, 0\n    for cache in reversed(caches):\n        dx, dh = gru_cell_grad(dh + dh_last,")], [("cotangent-at-every-step", "*")]),
    "sign of z": ([("(n - h) * z", "(h - n) * z")], [("sign", "z dz")]),
}
STACKS = {
    "q without r + keep path lost": [],
    "Rn not transposed + dx misses the candidate": [],
    "every step gets the cotangent + sign of z": [],
    "keep path lost + bq like bn + sign of z": [],
}
