import numpy as np

# model parameters, set by the script
Wz = Uz = bz = Wr = Ur = br = Wh = Uh = bh = Wy = by = None


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lossFun(inputs, targets, hprev):
    """inputs, targets: lists of integers; hprev is Hx1.  Returns the loss, gradients on parameters, and last state."""
    xs, hs, zs, rs, hh, ps = {}, {}, {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wz.shape[1], 1))
        xs[t][inputs[t]] = 1
        zs[t] = sigmoid(np.dot(Wz, xs[t]) + np.dot(Uz, hs[t - 1]) + bz)
        rs[t] = sigmoid(np.dot(Wr, xs[t]) + np.dot(Ur, hs[t - 1]) + br)
        hh[t] = np.tanh(np.dot(Wh, xs[t]) + np.dot(Uh, rs[t] * hs[t - 1]) + bh)
        hs[t] = zs[t] * hs[t - 1] + (1 - zs[t]) * hh[t]
        y = np.dot(Wy, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWz, dUz, dbz = np.zeros_like(Wz), np.zeros_like(Uz), np.zeros_like(bz)
    dWr, dUr, dbr = np.zeros_like(Wr), np.zeros_like(Ur), np.zeros_like(br)
    dWh, dUh, dbh = np.zeros_like(Wh), np.zeros_like(Uh), np.zeros_like(bh)
    dWy, dby = np.zeros_like(Wy), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Wy.T, dy) + dhnext
        dhh = dh * (1 - zs[t]) * (1 - hh[t] ** 2)
        dWh += np.dot(dhh, xs[t].T)
        dUh += np.dot(dhh, (rs[t] * hs[t - 1]).T)
        dbh += dhh
        drh = np.dot(Uh.T, dhh)
        dr = drh * hs[t - 1] * rs[t] * (1 - rs[t])
        dWr += np.dot(dr, xs[t].T)
        dUr += np.dot(dr, hs[t - 1].T)
        dbr += dr
        dz = dh * (hs[t - 1] - hh[t]) * zs[t] * (1 - zs[t])
        dWz += np.dot(dz, xs[t].T)
        dUz += np.dot(dz, hs[t - 1].T)
        dbz += dz
        dhnext = dh * zs[t] + drh * rs[t] + np.dot(Uz.T, dz) + np.dot(Ur.T, dr)
    return loss, dWz, dUz, dbz, dWr, dUr, dbr, dWh, dUh, dbh, dWy, dby, ps, hs


# ---- corpus
CELL = "gru"
STYLE = "min-char GRU: module globals, dicts by step, integer inputs and targets, summed softmax loss, columns"
HELD_OUT = True
NAMES = [k + g for g in "zrh" for k in "WUb"] + ["Wy", "by"]


def draw(rng):
    V, H, T = 6, 4, 7
    r = rng.standard_normal
    shape = {"Wy": (V, H), "by": (V, 1), "W": (H, V), "U": (H, H), "b": (H, 1)}
    d = {"input/inputs": rng.integers(0, V, T), "target/targets": rng.integers(0, V, T), "initial/hprev": 0.5 * r((H, 1))}
    return d | {"param/" + n: 0.7 * r(shape.get(n) or shape[n[0]]) for n in NAMES}


def run(d):
    globals().update({n: d["param/" + n] for n in NAMES})
    T = len(d["input/inputs"])
    loss, *grads, ps, hs = lossFun(list(d["input/inputs"]), list(d["target/targets"]), d["initial/hprev"])
    return {"loss": np.array(loss), "output/ps": np.array([ps[t] for t in range(T)]), "output/hs": np.array([hs[t] for t in range(T)])} | {"grad/" + n: g for n, g in zip(NAMES, grads)}


MISTAKES = {
    "clipped": ([("    return loss, dWz", "    for dparam in [dWz, dUz, dbz, dWr, dUr, dbr, dWh, dUh, dbh, dWy, dby]:\n        np.clip(dparam, -0.5, 0.5, out=dparam)\n    return loss, dWz")], [("clip", "*")]),
    "Uh with the whole state": ([("np.dot(dhh, (rs[t] * hs[t - 1]).T)", "np.dot(dhh, hs[t - 1].T)")], [("misplaced-factor", "Uh r h"), ("drop-path", "Uh r h")]),
    "Uh with the next state": ([("np.dot(dhh, (rs[t] * hs[t - 1]).T)", "np.dot(dhh, (rs[t] * hs[t]).T)")], [("time-shift", "Uh h hs")]),
    "drh without rs": ([(" + drh * rs[t] + ", " + drh + ")], [("misplaced-factor", "r h hh n Uh"), ("missing-derivative", "r h")]),
    "dhnext without the gates": ([(" + np.dot(Uz.T, dz) + np.dot(Ur.T, dr)", "")], [("drop-path", "z r h Uz Ur"), ("cut-recurrence", "z r h Uz Ur"), [("drop-path", "z Uz"), ("drop-path", "r Ur")], [("cut-recurrence", "z Uz"), ("cut-recurrence", "r Ur")]]),
    "dhnext only by z": ([("dhnext = dh * zs[t] + drh * rs[t] + np.dot(Uz.T, dz) + np.dot(Ur.T, dr)", "dhnext = dh * zs[t]")], [("drop-path", "z r h hh n Uz Ur Uh"), ("cut-recurrence", "z r h hh n Uz Ur Uh"), [("drop-path", "z Uz"), ("drop-path", "r Ur"), ("drop-path", "h n hh Uh r")], [("cut-recurrence", "z Uz"), ("cut-recurrence", "r Ur"), ("cut-recurrence", "h n hh Uh r")]]),
    "r and z deltas exchanged": ([("dWr += np.dot(dr, xs", "dWr += np.dot(dz_, xs"), ("dWz += np.dot(dz, xs", "dWz += np.dot(dr, xs"), ("        dr = drh", "        dz_ = dh * (hs[t - 1] - hh[t]) * zs[t] * (1 - zs[t])\n        dr = drh")], [("swap-gates", "Wr Wz r z")]),
    "dby once": ([("dby += dy", "dby = dy")], [("not-accumulated", "by"), ("first-step-only", "by")]),
}
STACKS = {
    "Uh with the whole state + dby once": [],
    "clipped + drh without rs": [],
    "dhnext without the gates + Uh with the next state": [],
    "drh without rs + Uh with the whole state + dby once": [],
}
