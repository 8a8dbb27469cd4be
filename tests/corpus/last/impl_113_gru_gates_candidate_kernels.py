import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class GRUCell:
    """gates/kernel holds reset and update side by side over [x, h]; candidate/kernel is over [x, r*h]."""

    def __init__(self, gates_kernel, gates_bias, candidate_kernel, candidate_bias):
        self.gates_kernel, self.gates_bias = gates_kernel, gates_bias
        self.candidate_kernel, self.candidate_bias = candidate_kernel, candidate_bias
        self.units = candidate_kernel.shape[1]

    def call(self, x, h):
        xh = np.concatenate([x, h], axis=-1)
        ru = sigmoid(xh @ self.gates_kernel + self.gates_bias)
        r, u = ru[:, : self.units], ru[:, self.units :]
        xrh = np.concatenate([x, r * h], axis=-1)
        c = np.tanh(xrh @ self.candidate_kernel + self.candidate_bias)
        return u * h + (1 - u) * c, (xh, xrh, h, r, u, c)

    def grad(self, dnew, ctx, acc):
        xh, xrh, h, r, u, c = ctx
        n = xh.shape[1] - self.units
        dc = dnew * (1 - u) * (1 - c**2)
        acc["candidate_kernel"] += xrh.T @ dc
        acc["candidate_bias"] += dc.sum(axis=0)
        dxrh = dc @ self.candidate_kernel.T
        dr = dxrh[:, n:] * h
        du = dnew * (h - c)
        dru = np.concatenate([dr * r * (1 - r), du * u * (1 - u)], axis=-1)
        acc["gates_kernel"] += xh.T @ dru
        acc["gates_bias"] += dru.sum(axis=0)
        dxh = dru @ self.gates_kernel.T
        dx = dxh[:, :n] + dxrh[:, :n]
        dh = dnew * u + dxrh[:, n:] * r + dxh[:, n:]
        return dx, dh


def regress(cell, W_out, b_out, series, labels):
    """series (batch, time, channels); one number a series from the last state, mean squared error."""
    h = np.zeros((series.shape[0], cell.units))
    tape = []
    for t in range(series.shape[1]):
        h, ctx = cell.call(series[:, t, :], h)
        tape.append(ctx)
    prediction = (h @ W_out + b_out)[:, 0]
    loss = ((prediction - labels) ** 2).mean()

    dpred = (2 * (prediction - labels) / len(labels))[:, None]
    acc = {k: np.zeros_like(getattr(cell, k)) for k in ("gates_kernel", "gates_bias", "candidate_kernel", "candidate_bias")}
    acc["W_out"], acc["b_out"] = h.T @ dpred, dpred.sum(axis=0)
    dh = dpred @ W_out.T
    dseries = np.zeros_like(series)
    for t in range(len(tape) - 1, -1, -1):
        dseries[:, t, :], dh = cell.grad(dh, tape[t], acc)
    return prediction, loss, acc, dseries


# ---- corpus
CELL = "gru"
STYLE = "cell object after an old framework, rows (B, T, D), [x, h] kernels of r|u and of the candidate, keep polarity, mean squared error of the last state"
HELD_OUT = True
SHAPES = {"gates_kernel": (7, 8), "gates_bias": (8,), "candidate_kernel": (7, 4), "candidate_bias": (4,), "W_out": (4, 1), "b_out": (1,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/series": r((6, 8, 3)), "target/labels": r(6)} | {"param/" + k: 0.8 * r(s) for k, s in SHAPES.items()}


def run(d):
    P = [d["param/" + k] for k in SHAPES]
    prediction, loss, acc, dseries = regress(GRUCell(*P[:4]), *P[4:], d["input/series"], d["target/labels"])
    return {"output/prediction": prediction, "loss": np.array(loss), "grad/series": dseries} | {"grad/" + k: acc[k] for k in SHAPES}


MISTAKES = {
    "h not kept through u": ([("dh = dnew * u + dxrh", "dh = dnew + dxrh")], [("misplaced-factor", "h u z"), ("missing-derivative", "h u z")]),
    "r left out behind the candidate": ([("dxrh[:, n:] * r + dxh", "dxrh[:, n:] + dxh")], [("misplaced-factor", "h r c"), ("missing-derivative", "h r c")]),
    "candidate kernel fed with xh": ([('acc["candidate_kernel"] += xrh.T @ dc', 'acc["candidate_kernel"] += xh.T @ dc')], [("misplaced-factor", "candidate_kernel r h c"), ("missing-derivative", "candidate_kernel r h c")]),
    "u and r exchanged": ([("np.concatenate([dr * r * (1 - r), du * u * (1 - u)], axis=-1)", "np.concatenate([du * u * (1 - u), dr * r * (1 - r)], axis=-1)")], [("swap-gates", "r u z")]),
    "u in place of 1 - u": ([("dc = dnew * (1 - u) *", "dc = dnew * u *")], [("misplaced-factor", "c u z h"), ("swap-gates", "c u z h")]),
    "x without the candidate": ([("dx = dxh[:, :n] + dxrh[:, :n]", "dx = dxh[:, :n]")], [("drop-path", "series x c candidate_kernel")]),
    "r's slope left out": ([("dr * r * (1 - r), du", "dr, du")], [("missing-derivative", "r dr")]),
    "half the gradient": ([("2 * (prediction - labels)", "(prediction - labels)")], [("scale", "*")], "loss"),
    "gates_bias once": ([('acc["gates_bias"] += ', 'acc["gates_bias"] = 0 + ')], [("not-accumulated", "gates_bias"), ("first-step-only", "gates_bias")]),
}
STACKS = {
    "h not kept through u + gates_bias once": [],
    "r's slope left out + x without the candidate": [],
    "half the gradient + candidate kernel fed with xh": [],
    "u and r exchanged + r left out behind the candidate": [],
}
