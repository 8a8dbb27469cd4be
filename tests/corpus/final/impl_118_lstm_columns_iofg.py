import numpy as np

# LSTM layer.  x has shape (D, T, B): features, time, batch.  W is (4H, D+H), acts on [x; h]; gates: input, output, forget, cell


def sigm(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def fprop(x, W, b):
    D, T, B = x.shape
    H = W.shape[0] // 4
    s = {"x": x, "z": np.zeros((D + H, T, B)), "gate": np.zeros((4 * H, T, B)), "c": np.zeros((H, T, B)), "h": np.zeros((H, T, B))}
    h = np.zeros((H, B))
    c = np.zeros((H, B))
    for t in range(T):
        z = np.vstack([x[:, t], h])
        a = W @ z + b[:, None]
        gate = np.vstack([sigm(a[:3 * H]), np.tanh(a[3 * H:])])
        c = gate[2 * H:3 * H] * c + gate[:H] * gate[3 * H:]
        h = gate[H:2 * H] * np.tanh(c)
        s["z"][:, t], s["gate"][:, t], s["c"][:, t], s["h"][:, t] = z, gate, c, h
    return s


def bprop(dh_top, s, W):
    D, T, B = s["x"].shape
    H = W.shape[0] // 4
    dW = np.zeros(W.shape)
    db = np.zeros(W.shape[0])
    dx = np.zeros((D, T, B))
    dh = np.zeros((H, B))
    dc = np.zeros((H, B))
    for t in reversed(range(T)):
        i, o, f, g = np.split(s["gate"][:, t], 4)
        c = s["c"][:, t]
        c_old = s["c"][:, t - 1] if t > 0 else np.zeros((H, B))
        tc = np.tanh(c)
        dh = dh + dh_top[:, t]
        dc = dc + dh * o * (1 - tc * tc)
        da_i = dc * g * i * (1 - i)
        da_o = dh * tc * o * (1 - o)
        da_f = dc * c_old * f * (1 - f)
        da_g = dc * i * (1 - g * g)
        da = np.vstack([da_i, da_o, da_f, da_g])
        dW += da @ s["z"][:, t].T
        db += da.sum(axis=1)
        dz = W.T @ da
        dx[:, t] = dz[:D]
        dh = dz[D:]
        dc = dc * f
    return dW, db, dx


# ---- corpus
CELL = "lstm"
STYLE = "two functions and a dict of arrays, time in the middle (D, T, B), [x; h] stacked iofg in rows, no initial states"
HELD_OUT = True
CALL = {"forward": "fprop", "backward": "bprop", "how": "(x, W, b) -> dict; (dh_top, dict, W) -> dW, db, dx"}


def draw(rng):
    r = rng.standard_normal
    D, T, B, H = 3, 6, 2, 4
    return {"input/x": r((D, T, B)), "param/W": 0.6 * r((4 * H, D + H)), "param/b": 0.6 * r(4 * H), "cotangent/h": r((H, T, B))}


def run(d):
    s = fprop(d["input/x"], d["param/W"], d["param/b"])
    dW, db, dx = bprop(d["cotangent/h"], s, d["param/W"])
    return {"output/h": s["h"], "output/c": s["c"], "grad/W": dW, "grad/b": db, "grad/x": dx}


MISTAKES = {
    "cell gradient dropped between steps": ([("        dc = dc * f\n", "        dc = np.zeros((H, B))\n")], [("cut-recurrence", "c dc c_old f")]),
    "cell gradient without forget gate": ([("        dc = dc * f\n", "")], [("misplaced-factor", "c dc c_old f"), ("missing-derivative", "c dc c_old f")]),
    "tanh of c not differentiated": ([("dh * o * (1 - tc * tc)", "dh * o")], [("missing-derivative", "c dc tc h tanh"), ("misplaced-factor", "c dc tc h")]),
    "new cell in forget gate": ([("dc * c_old * f", "dc * c * f")], [("time-shift", "c f c_old da_f")]),
    "g used for sigmoid": ([("dc * i * (1 - g * g)", "dc * i * g * (1 - g)")], [("missing-derivative", "g da_g gate"), ("derivative-of-activated", "g da_g gate"), ("misplaced-factor", "g da_g gate")]),
    "input and output deltas exchanged": ([("np.vstack([da_i, da_o, da_f, da_g])", "np.vstack([da_o, da_i, da_f, da_g])")], [("swap-gates", "i o da_i da_o da gate")]),
    "db of one step": ([("db += da", "db = da")], [("not-accumulated", "b"), ("first-step-only", "b")]),
    "clipped at 0.4": ([("    return dW, db, dx", "    dW, db, dx = (np.clip(v, -0.4, 0.4) for v in (dW, db, dx))\n    return dW, db, dx")], [("clip", "*")]),
}
STACKS = {
    "cell gradient dropped between steps + db of one step": [],
    "tanh of c not differentiated + new cell in forget gate": [],
    "input and output deltas exchanged + clipped at 0.4": [],
    "cell gradient without forget gate + db of one step + tanh of c not differentiated": [],
}
