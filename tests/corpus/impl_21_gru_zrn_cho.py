import numpy as np


def act(a):
    return 1 / (1 + np.exp(-a))


def gru(x, h, W, U, b):
    """x (T, B, D), W (D, 3H), U (H, 3H), b (3H,), blocks z r n. Keeps the old state where z is 1."""
    n_h = U.shape[0]
    hs, save = [], []
    for xt in x:
        g = xt @ W + b
        zr = act(g[:, : 2 * n_h] + h @ U[:, : 2 * n_h])
        z, r = zr[:, :n_h], zr[:, n_h:]
        n = np.tanh(g[:, 2 * n_h :] + (r * h) @ U[:, 2 * n_h :])
        save.append((xt, h, z, r, n))
        h = z * h + (1 - z) * n
        hs.append(h)
    return np.stack(hs), save


def gru_vjp(save, W, U, b, ct):
    n_h = U.shape[0]
    gW, gU, gb = 0 * W, 0 * U, 0 * b
    gx = []
    gh = np.zeros_like(ct[0])
    for (xt, h, z, r, n), c in zip(reversed(save), ct[::-1]):
        gh = gh + c
        an = gh * (1 - z) * (1 - n**2)
        grh = an @ U[:, 2 * n_h :].T
        az = gh * (h - n) * z * (1 - z)
        ar = grh * h * r * (1 - r)
        a = np.concatenate((az, ar, an), 1)
        gW += xt.T @ a
        gU[:, : 2 * n_h] += h.T @ a[:, : 2 * n_h]
        gU[:, 2 * n_h :] += (r * h).T @ an
        gb += a.sum(0)
        gx.append(a @ W.T)
        gh = gh * z + grh * r + a[:, : 2 * n_h] @ U[:, : 2 * n_h].T
    return np.stack(gx[::-1]), gh, gW, gU, gb


# ---- corpus
CELL = "gru"
STYLE = "rows, (T, B, D), stacked zrn, keep polarity, reset before, zipped loops"
HELD_OUT = False
CALL = {"forward": "gru", "backward": "gru_vjp", "how": "(x, h0, W, U, b) -> hs, save; (save, W, U, b, ct) -> gx, gh0, gW, gU, gb"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/x": r((T, B, D)), "initial/h0": 0.5 * r((B, H)), "param/W": 0.5 * r((D, 3 * H)), "param/U": 0.5 * r((H, 3 * H)),
            "param/b": 0.5 * r(3 * H), "cotangent/hs": r((T, B, H))}


def run(d):
    P = [d["param/" + k] for k in "WUb"]
    hs, save = gru(d["input/x"], d["initial/h0"], *P)
    return {"output/hs": hs} | {"grad/" + k: g for k, g in zip(("x", "h0", "W", "U", "b"), gru_vjp(save, *P, d["cotangent/hs"]))}


MISTAKES = {
    "no one's minus z": ([("an = gh * (1 - z) * (1 - n**2)", "an = gh * (1 - n**2)")], [("misplaced-factor", "n z an"), ("missing-derivative", "z n an")]),
    "h of the order reversed": ([("gh * (h - n) * z", "gh * (n - h) * z")], [("sign", "z az")]),
    "z and r exchanged": ([("np.concatenate((az, ar, an), 1)", "np.concatenate((ar, az, an), 1)")], [("swap-gates", "z r")]),
    "U of n with h": ([("(r * h).T @ an", "h.T @ an")], [("misplaced-factor", "U n r h"), ("drop-path", "U n r"), ("missing-derivative", "U n r")]),
    "no way through the reset": ([(" + grh * r + a", " + a")], [("drop-path", "r h n grh U"), ("cut-recurrence", "r h n grh U")]),
    "r: own square": ([("ar = grh * h * r * (1 - r)", "ar = grh * h * r")], [("missing-derivative", "r ar"), ("misplaced-factor", "r ar")]),
    "gW of the last": ([("gW += xt.T @ a", "gW = xt.T @ a")], [("not-accumulated", "W"), ("first-step-only", "W")]),
}
STACKS = {
    "no one's minus z + U of n with h": [],
    "h of the order reversed + no way through the reset": [],
    "r: own square + z and r exchanged": [],
    "no one's minus z + r: own square + gW of the last": [],
}
