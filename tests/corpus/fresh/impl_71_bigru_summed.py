import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def gru_dir(X, order, w):
    """X: (T, N, D); w: dict with Wg (D, 2H) for r|z, Ug, bg and Wc, Uc, bc."""
    H = w["Uc"].shape[0]
    out, keep = np.zeros((*X.shape[:2], H)), {}
    h = np.zeros((X.shape[1], H))
    for t in order:
        rz = sig(X[t] @ w["Wg"] + h @ w["Ug"] + w["bg"])
        r, z = np.hsplit(rz, 2)
        cand = np.tanh(X[t] @ w["Wc"] + (r * h) @ w["Uc"] + w["bc"])
        keep[t] = (h, r, z, cand)
        h = z * h + (1 - z) * cand
        out[t] = h
    return out, keep


def gru_dir_grad(X, order, w, keep, dOut):
    g = {k: np.zeros_like(v) for k, v in w.items()}
    dX = np.zeros_like(X)
    dh = np.zeros_like(dOut[0])
    for t in reversed(order):
        h, r, z, cand = keep[t]
        dh = dh + dOut[t]
        dcand = dh * (1 - z) * (1 - cand**2)
        drh = dcand @ w["Uc"].T
        drz = np.concatenate((drh * h * r * (1 - r), dh * (h - cand) * z * (1 - z)), axis=1)
        g["Wc"] += X[t].T @ dcand
        g["Uc"] += (r * h).T @ dcand
        g["bc"] += dcand.sum(0)
        g["Wg"] += X[t].T @ drz
        g["Ug"] += h.T @ drz
        g["bg"] += drz.sum(0)
        dX[t] = dcand @ w["Wc"].T + drz @ w["Wg"].T
        dh = dh * z + drh * r + drz @ w["Ug"].T
    return dX, g


def bigru(X, fw, bw):
    T = len(X)
    a, ka = gru_dir(X, list(range(T)), fw)
    b, kb = gru_dir(X, list(range(T - 1, -1, -1)), bw)
    return a + b, (ka, kb)


def bigru_grad(X, fw, bw, kept, dY):
    T = len(X)
    dXa, ga = gru_dir_grad(X, list(range(T)), fw, kept[0], dY)
    dXb, gb = gru_dir_grad(X, list(range(T - 1, -1, -1)), bw, kept[1], dY)
    return dXa + dXb, ga, gb


# ---- corpus
CELL = """
rf[t] = sigmoid(Wrf @ x[t] + Urf @ hf[t-1] + brf)
zf[t] = sigmoid(Wzf @ x[t] + Uzf @ hf[t-1] + bzf)
nf[t] = tanh(Wcf @ x[t] + Ucf @ (rf[t] * hf[t-1]) + bcf)
hf[t] = zf[t] * hf[t-1] + (1 - zf[t]) * nf[t]
rb[t] = sigmoid(Wrb @ x[t] + Urb @ hb[t+1] + brb)
zb[t] = sigmoid(Wzb @ x[t] + Uzb @ hb[t+1] + bzb)
nb[t] = tanh(Wcb @ x[t] + Ucb @ (rb[t] * hb[t+1]) + bcb)
hb[t] = zb[t] * hb[t+1] + (1 - zb[t]) * nb[t]
y[t] = hf[t] + hb[t]
"""
STYLE = "bidirectional GRU with the outputs added, rows (T, N, D), r|z stacked apart from the candidate, dicts of parameters"
HELD_OUT = True
SHAPES = {"Wg": (5, 8), "Ug": (4, 8), "bg": (8,), "Wc": (5, 4), "Uc": (4, 4), "bc": (4,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((6, 3, 5)), "cotangent/y": r((6, 3, 4))} | {f"param/{k}_{s}": 0.5 * r(v) for s in ("f", "b") for k, v in SHAPES.items()}


def run(d):
    fw, bw = ({k: d[f"param/{k}_{s}"] for k in SHAPES} for s in ("f", "b"))
    y, kept = bigru(d["input/x"], fw, bw)
    dx, ga, gb = bigru_grad(d["input/x"], fw, bw, kept, d["cotangent/y"])
    return {"output/y": y, "grad/x": dx} | {f"grad/{k}_{s}": v for s, g in (("f", ga), ("b", gb)) for k, v in g.items()}


MISTAKES = {
    "backward direction unread": ([("return dXa + dXb, ga, gb", "return dXa, ga, gb")], [("drop-path", "x hb Wcb Wrb Wzb Wg_b Wc_b rb zb nb"), [("drop-path", "Wg_b rb zb"), ("drop-path", "Wc_b nb")]]),
    "r without the outer slope": ([("drh * h * r * (1 - r)", "drh * h")], [("missing-derivative", "rf rb r"), [("missing-derivative", "rf"), ("missing-derivative", "rb")]]),
    "z kept of the candidate": ([("dh * (h - cand) * z", "dh * h * z")], [("drop-path", "zf zb nf nb hf hb"), ("misplaced-factor", "zf zb"), [("drop-path", "zf nf"), ("drop-path", "zb nb")]]),
    "h for r * h": ([("(r * h).T @ dcand", "h.T @ dcand")], [("misplaced-factor", "Uc Uc_f Uc_b Ucf Ucb rf rb"), ("drop-path", "Uc Uc_f Uc_b Ucf Ucb rf rb"), [("misplaced-factor", "Ucf Uc_f rf"), ("misplaced-factor", "Ucb Uc_b rb")]]),
    "forward direction hears the last step only": ([("ga = gru_dir_grad(X, list(range(T)), fw, kept[0], dY)", "ga = gru_dir_grad(X, list(range(T)), fw, kept[0], dY * (np.arange(T) == T - 1)[:, None, None])")], [("cotangent-missing", "y hf h"), ("last-step-only", "y hf h *")]),
    "Ug unrolled once": ([('g["Ug"] += h.T', 'g["Ug"] = h.T')], [("not-accumulated", "Ug_f Ug_b Urf Uzf Urb Uzb"), ("first-step-only", "Ug_f Urf Uzf"), [("not-accumulated", "Ug_f Urf Uzf"), ("not-accumulated", "Ug_b Urb Uzb")], [("first-step-only", "Ug_f Urf Uzf"), ("last-step-only", "Ug_b Urb Uzb")], [("first-step-only", "Ug_f Urf Uzf"), ("not-accumulated", "Ug_b Urb Uzb")], [("not-accumulated", "Ug_f Urf Uzf"), ("last-step-only", "Ug_b Urb Uzb")]]),
    "Uc transposed": ([('drh = dcand @ w["Uc"].T', 'drh = dcand @ w["Uc"]')], [("transpose", "Uc_f Uc_b Ucf Ucb"), [("transpose", "Ucf Uc_f"), ("transpose", "Ucb Uc_b")]]),
}
STACKS = {
    "backward direction unread + h for r * h": [],
    "r without the outer slope + Ug unrolled once": [],
    "z kept of the candidate + h for r * h": [],
}
