import numpy as np


def sig(v):
    return 1.0 / (1.0 + np.exp(-v))


def gru_forward(xs, p, h0):
    """GRU as in Chung et al., one sequence; xs is T x D, everything else vectors."""
    hs, zs, rs, cs = [h0], [], [], []
    for x in xs:
        h = hs[-1]
        z = sig(p["Wz"] @ x + p["Uz"] @ h + p["bz"])
        r = sig(p["Wr"] @ x + p["Ur"] @ h + p["br"])
        c = np.tanh(p["W"] @ x + p["U"] @ (r * h) + p["b"])
        hs.append((1 - z) * h + z * c)
        zs.append(z)
        rs.append(r)
        cs.append(c)
    return hs, zs, rs, cs


def gru_backward(xs, p, states, dhs):
    hs, zs, rs, cs = states
    g = {k: np.zeros_like(v) for k, v in p.items()}
    dxs = np.zeros_like(xs)
    dh = np.zeros_like(hs[0])
    for t in range(len(xs) - 1, -1, -1):
        h, z, r, c, x = hs[t], zs[t], rs[t], cs[t], xs[t]
        dh = dh + dhs[t]
        da_c = dh * z * (1 - c**2)
        da_z = dh * (c - h) * z * (1 - z)
        drh = p["U"].T @ da_c
        da_r = drh * h * r * (1 - r)
        for W, U, b, da, s in (("Wz", "Uz", "bz", da_z, h), ("Wr", "Ur", "br", da_r, h), ("W", "U", "b", da_c, r * h)):
            g[W] += np.outer(da, x)
            g[U] += np.outer(da, s)
            g[b] += da
            dxs[t] += p[W].T @ da
        dh = dh * (1 - z) + drh * r + p["Uz"].T @ da_z + p["Ur"].T @ da_r
    return dxs, dh, g


# ---- corpus
CELL = "gru"
STYLE = "lists of vectors with T+1 states, separate W and U a gate, update polarity, reset before"
HELD_OUT = False
CALL = {"forward": "gru_forward", "backward": "gru_backward",
        "how": "(xs, p: dict, h0) -> (hs, zs, rs, cs), hs has T+1 entries; (xs, p, states, dhs) -> dxs, dh0, dict"}


def draw(rng):
    D, H, T = 5, 4, 6
    r = rng.standard_normal
    d = {"input/x": r((T, D)), "initial/h0": 0.5 * r(H), "cotangent/h": r((T, H))}
    for k in ("z", "r", ""):
        d["param/W" + k], d["param/U" + k], d["param/b" + k] = 0.5 * r((H, D)), 0.5 * r((H, H)), 0.5 * r(H)
    return d


def run(d):
    p = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    states = gru_forward(d["input/x"], p, d["initial/h0"])
    dxs, dh0, g = gru_backward(d["input/x"], p, states, d["cotangent/h"])
    return {"output/h": np.array(states[0]), "grad/x": dxs, "grad/h0": dh0} | {"grad/" + k: v for k, v in g.items()}


def objective(d):
    return (d["output/h"][1:] * d["cotangent/h"]).sum()


MISTAKES = {
    "keep path forgotten": ([("dh * (1 - z) + drh * r", "drh * r")], [("drop-path", "h z"), ("cut-recurrence", "h z")]),
    "reset path forgotten": ([("dh * (1 - z) + drh * r +", "dh * (1 - z) +")], [("drop-path", "r U h c drh"), ("cut-recurrence", "r U h c drh")]),
    "reset path without r": ([("drh * r + p", "drh + p")], [("misplaced-factor", "r drh h U"), ("missing-derivative", "r drh h U")]),
    "U outer h": ([("da_c, r * h)", "da_c, h)")], [("misplaced-factor", "U r h"), ("drop-path", "U r"), ("missing-derivative", "U r h")]),
    "Ur not transposed": ([('p["Ur"].T @ da_r', 'p["Ur"] @ da_r')], [("transpose", "Ur r")]),
    "r gate: no derivative": ([("drh * h * r * (1 - r)", "drh * h")], [("missing-derivative", "r da_r")]),
    "polarity of z reversed": ([("dh * (c - h) * z", "dh * (h - c) * z")], [("sign", "z da_z")]),
}
STACKS = {
    "keep path forgotten + U outer h": [],
    "Ur not transposed + polarity of z reversed": [],
    "reset path without r + r gate: no derivative": [],
    "U outer h + r gate: no derivative + Ur not transposed": [],
}
