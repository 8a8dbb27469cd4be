import numpy as np


def sg(a):
    return 1 / (1 + np.exp(-a))


def gru_scan(x, p, reverse):
    T, B, _ = x.shape
    H = p["U"].shape[0]
    h = np.zeros((B, H))
    hs, kept = np.zeros((T, B, H)), {}
    for t in range(T)[::-1] if reverse else range(T):
        a = x[t] @ p["W"] + p["b"]
        r = sg(a[:, :H] + h @ p["U"][:, :H])
        u = sg(a[:, H : 2 * H] + h @ p["U"][:, H : 2 * H])
        n = np.tanh(a[:, 2 * H :] + (r * h) @ p["U"][:, 2 * H :])
        kept[t] = (h, r, u, n)
        h = u * h + (1 - u) * n
        hs[t] = h
    return hs, kept


def gru_scan_grad(x, p, kept, dhs, reverse):
    T, B, _ = x.shape
    H = p["U"].shape[0]
    Ur, Uu, Un = p["U"][:, :H], p["U"][:, H : 2 * H], p["U"][:, 2 * H :]
    dW, dU, db, dx = np.zeros_like(p["W"]), np.zeros_like(p["U"]), np.zeros_like(p["b"]), np.zeros_like(x)
    dh = np.zeros((B, H))
    for t in range(T) if reverse else range(T)[::-1]:
        h, r, u, n = kept[t]
        dh = dh + dhs[t]
        dn = dh * (1 - u) * (1 - n * n)
        du = dh * (h - n) * u * (1 - u)
        drh = dn @ Un.T
        dr = drh * h * r * (1 - r)
        da = np.hstack((dr, du, dn))
        dW += x[t].T @ da
        db += da.sum(axis=0)
        dU += np.hstack((h.T @ dr, h.T @ du, (r * h).T @ dn))
        dx[t] = da @ p["W"].T
        dh = dh * u + drh * r + dr @ Ur.T + du @ Uu.T
    return dx, dW, dU, db


def bigru(x, pf, pb):
    hf, kf = gru_scan(x, pf, False)
    hb, kb = gru_scan(x, pb, True)
    return np.concatenate((hf, hb), axis=2), kf, kb


def bigru_grad(x, pf, pb, kf, kb, dy):
    H = dy.shape[2] // 2
    dxf, *gf = gru_scan_grad(x, pf, kf, dy[:, :, :H], False)
    dxb, *gb = gru_scan_grad(x, pb, kb, dy[:, :, H:], True)
    return dxf + dxb, gf, gb


# ---- corpus
CELL = """
r_f[t] = sigmoid(W_r_f @ [h_f[t-1], x[t]] + b_r_f)
u_f[t] = sigmoid(W_u_f @ [h_f[t-1], x[t]] + b_u_f)
n_f[t] = tanh(W_n_f @ [r_f[t] * h_f[t-1], x[t]] + b_n_f)
h_f[t] = u_f[t] * h_f[t-1] + (1 - u_f[t]) * n_f[t]
r_b[t] = sigmoid(W_r_b @ [h_b[t+1], x[t]] + b_r_b)
u_b[t] = sigmoid(W_u_b @ [h_b[t+1], x[t]] + b_u_b)
n_b[t] = tanh(W_n_b @ [r_b[t] * h_b[t+1], x[t]] + b_n_b)
h_b[t] = u_b[t] * h_b[t+1] + (1 - u_b[t]) * n_b[t]
y[t] = [h_f[t], h_b[t]]
"""
STYLE = "bidirectional GRU, rows, (T, B, D), stacked run, keep polarity, one function for both directions"
HELD_OUT = True
CALL = {"forward": "bigru", "backward": "bigru_grad", "how": "(x, pf: dict, pb: dict) -> y, kf, kb; (x, pf, pb, kf, kb, dy) -> dx, list, list"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    d = {"input/x": r((T, B, D)), "cotangent/y": r((T, B, 2 * H))}
    for k in "fb":
        d |= {f"param/W{k}": 0.5 * r((D, 3 * H)), f"param/U{k}": 0.5 * r((H, 3 * H)), f"param/b{k}": 0.5 * r(3 * H)}
    return d


def run(d):
    pf, pb = ({n: d[f"param/{n}{k}"] for n in "WUb"} for k in "fb")
    y, kf, kb = bigru(d["input/x"], pf, pb)
    dx, gf, gb = bigru_grad(d["input/x"], pf, pb, kf, kb, d["cotangent/y"])
    return {"output/y": y, "grad/x": dx} | {f"grad/{n}{k}": g for k, gs in (("f", gf), ("b", gb)) for n, g in zip("WUb", gs)}


MISTAKES = {
    "x gets the forward half": ([("return dxf + dxb", "return dxf")], [("drop-path", "x dxb Wb")]),
    "reset not applied to U": ([("(r * h).T @ dn", "h.T @ dn")], [("misplaced-factor", "U Uf Ub r h n"), ("drop-path", "U Uf Ub r n"), ("missing-derivative", "U Uf Ub r")]),
    "Uu as it stands": ([("du @ Uu.T", "du @ Uu")], [("transpose", "U Uu Uf Ub u")]),
    "keep path lost": ([("dh = dh * u + drh", "dh = drh")], [("drop-path", "h u y"), ("cut-recurrence", "h u y")]),
    "tanh n again": ([("(1 - n * n)", "(1 - np.tanh(n) ** 2)")], [("derivative-of-activated", "n dn")]),
    "r and u exchanged": ([("da = np.hstack((dr, du, dn))", "da = np.hstack((du, dr, dn))")], [("swap-gates", "r u")]),
    "b summed over a reshaped axis": ([("db += da.sum(axis=0)", "db += da.reshape(-1, B).sum(axis=1) ")], [("wrong-axis", "b bf bb db")]),
}
STACKS = {
    "x gets the forward half + tanh n again": [],
    "reset not applied to U + keep path lost": [],
    "tanh n again + r and u exchanged": [],
    "Uu as it stands + tanh n again + x gets the forward half": [],
}
