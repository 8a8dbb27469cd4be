# Coupled input and forget gate with peepholes, (T, B, D), everything in dicts of lists
from collections import defaultdict

import numpy as np


def logistic(q):
    return np.reciprocal(1 + np.exp(-q))


def fprop(P, x, y0, c0):
    tr = defaultdict(list)
    tr["y"].append(y0), tr["c"].append(c0)
    for xt in x:
        y, c = tr["y"][-1], tr["c"][-1]
        i = logistic(xt @ P["Wi"] + y @ P["Ri"] + c * P["pi"] + P["bi"])
        z = np.tanh(xt @ P["Wz"] + y @ P["Rz"] + P["bz"])
        cn = (1 - i) * c + i * z
        o = logistic(xt @ P["Wo"] + y @ P["Ro"] + cn * P["po"] + P["bo"])
        for k, v in dict(i=i, z=z, c=cn, o=o, y=o * np.tanh(cn)).items():
            tr[k].append(v)
    return tr


def bprop(P, x, tr, Dy):
    D = {k: np.zeros_like(v) for k, v in P.items()}
    dx, dy, dc = np.zeros_like(x), np.zeros_like(Dy[0]), np.zeros_like(Dy[0])
    for t in reversed(range(len(x))):
        i, z, o, c = tr["i"][t], tr["z"][t], tr["o"][t], tr["c"][t + 1]
        y_, c_ = tr["y"][t], tr["c"][t]
        dy = dy + Dy[t]
        do = dy * np.tanh(c) * o * (1 - o)
        dc = dc + dy * o / np.cosh(c) ** 2 + do * P["po"]
        di = dc * (z - c_) * i * (1 - i)
        dz = dc * i * (1 - z**2)
        dc = dc * (1 - i) + di * P["pi"]
        D["pi"] += np.sum(di * c_, axis=0)
        D["po"] += np.sum(do * c, axis=0)
        dy = 0
        for k, d in (("i", di), ("z", dz), ("o", do)):
            D["W" + k] += x[t].T @ d
            D["R" + k] += y_.T @ d
            D["b" + k] += np.sum(d, axis=0)
            dx[t] += d @ P["W" + k].T
            dy = dy + d @ P["R" + k].T
    return D, dx, dy, dc


# ---- corpus
CELL = "lstm-cifg"
STYLE = "dicts of lists, rows (T, B, D), separate W and R a gate, coupled gates with peepholes, both initial states"
HELD_OUT = True
SHAPES = {k + g: s for g in "izo" for k, s in (("W", (5, 4)), ("R", (4, 4)), ("b", (4,)))} | {"pi": (4,), "po": (4,)}


def draw(rng):
    r = rng.standard_normal
    d = {"input/x": r((6, 3, 5)), "initial/y0": 0.5 * r((3, 4)), "initial/c0": 0.5 * r((3, 4)), "cotangent/y": r((6, 3, 4))}
    return d | {"param/" + k: 0.5 * r(s) for k, s in SHAPES.items()}


def run(d):
    P = {k: d["param/" + k] for k in SHAPES}
    tr = fprop(P, d["input/x"], d["initial/y0"], d["initial/c0"])
    D, dx, dy, dc = bprop(P, d["input/x"], tr, d["cotangent/y"])
    return {"output/y": np.array(tr["y"][1:]), "output/c": np.array(tr["c"][1:]), "grad/x": dx, "grad/y0": dy, "grad/c0": dc} | {"grad/" + k: v for k, v in D.items()}


MISTAKES = {
    "output peephole sends nothing back": ([(' + do * P["po"]', "")], [("drop-path", "po p_o o c")]),
    "input peephole sends nothing back": ([(' + di * P["pi"]', "")], [("drop-path", "pi p_i i c"), ("cut-recurrence", "pi p_i i c")]),
    "po with the old cell": ([("np.sum(do * c, axis=0)", "np.sum(do * c_, axis=0)")], [("time-shift", "po p_o c")]),
    "coupling ignored": ([("dc * (z - c_) * i", "dc * z * i")], [("drop-path", "i c"), ("misplaced-factor", "i c")]),
    "leak left out": ([("dc = dc * (1 - i) + di", "dc = di")], [("drop-path", "c i"), ("cut-recurrence", "c i")]),
    "tanh not differentiated": ([(" / np.cosh(c) ** 2", "")], [("missing-derivative", "c h y")]),
    "Ro not transposed": ([('dy = dy + d @ P["R" + k].T', 'dy = dy + d @ (P["R" + k] if k == "o" else P["R" + k].T)')], [("transpose", "Ro")]),
    "leak with i": ([("dc = dc * (1 - i) + di", "dc = dc * i + di")], [("swap-gates", "i c"), ("misplaced-factor", "i c"), ("sign", "i c")]),
}
STACKS = {
    "output peephole sends nothing back + tanh not differentiated": [],
    "coupling ignored + Ro not transposed": [],
    "po with the old cell + input peephole sends nothing back": [],
    "po with the old cell + Ro not transposed + leak left out": [],
}
