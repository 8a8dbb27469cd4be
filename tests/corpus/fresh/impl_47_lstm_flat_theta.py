# An LSTM for scipy.optimize: everything is a function of one flat vector theta.
import numpy as np

sigm = lambda a: 0.5 * (1 + np.tanh(0.5 * a))


def sizes(nin, nhid):
    return [(4 * nhid, nin), (4 * nhid, nhid), (4 * nhid,)]


def unpack(theta, nin, nhid):
    out, at = [], 0
    for shape in sizes(nin, nhid):
        n = int(np.prod(shape))
        out.append(theta[at : at + n].reshape(shape))
        at += n
    return out


def unroll(theta, X, nhid):
    """X: (nin, T).  Returns the states (nhid, T + 1) and a tape."""
    nin, T = X.shape
    A, R, b = unpack(theta, nin, nhid)
    Hs, Cs, G = np.zeros((nhid, T + 1)), np.zeros((nhid, T + 1)), np.zeros((4, nhid, T))
    for t in range(T):
        g, i, f, o = np.split(A @ X[:, t] + R @ Hs[:, t] + b, 4)
        G[:, :, t] = np.tanh(g), sigm(i), sigm(f), sigm(o)
        g, i, f, o = G[:, :, t]
        Cs[:, t + 1] = f * Cs[:, t] + i * g
        Hs[:, t + 1] = o * np.tanh(Cs[:, t + 1])
    return Hs, Cs, G


def grad(theta, X, nhid, Hs, Cs, G, E):
    """d/dtheta of sum(E * Hs[:, 1:])."""
    nin, T = X.shape
    A, R, b = unpack(theta, nin, nhid)
    dtheta = np.zeros_like(theta)
    dA, dR, db = unpack(dtheta, nin, nhid)
    eh, ec = np.zeros(nhid), np.zeros(nhid)
    for t in range(T)[::-1]:
        g, i, f, o = G[:, :, t]
        eh = eh + E[:, t]
        tc = np.tanh(Cs[:, t + 1])
        ec = ec + eh * o * (1 - tc**2)
        delta = np.concatenate([
            ec * i * (1 - g**2),
            ec * g * i * (1 - i),
            ec * Cs[:, t] * f * (1 - f),
            eh * tc * o * (1 - o),
        ])
        dA += np.outer(delta, X[:, t])
        dR += np.outer(delta, Hs[:, t])
        db += delta
        eh = R.T @ delta
        ec = ec * f
    return dtheta


# ---- corpus
CELL = "lstm"
STYLE = "flat parameter vector, one sequence (D, T), states (H, T + 1), stacked gifo, no initial states"
HELD_OUT = True


def draw(rng):
    D, H, T = 5, 4, 6
    r = rng.standard_normal
    return {"input/X": r((D, T)), "param/A": 0.5 * r((4 * H, D)), "param/R": 0.5 * r((4 * H, H)), "param/b": 0.5 * r(4 * H), "cotangent/Hs": r((H, T))}


def run(d):
    D, H = len(d["input/X"]), len(d["cotangent/Hs"])
    theta = np.concatenate([d["param/" + k].ravel() for k in "ARb"])
    Hs, Cs, G = unroll(theta, d["input/X"], H)
    parts = unpack(grad(theta, d["input/X"], H, Hs, Cs, G, d["cotangent/Hs"]), D, H)
    return {"output/Hs": Hs[:, 1:]} | {"grad/" + k: g for k, g in zip("ARb", parts)}


MISTAKES = {
    "ec overwritten": ([("ec = ec + eh * o", "ec = eh * o")], [("cut-recurrence", "c Cs f"), ("drop-path", "c Cs f")]),
    "old state for tanh": ([("tc = np.tanh(Cs[:, t + 1])", "tc = np.tanh(Cs[:, t])")], [("time-shift", "c Cs o h tc")]),
    "f sees the new c": ([("ec * Cs[:, t] * f", "ec * Cs[:, t + 1] * f")], [("time-shift", "c Cs f")]),
    "R with the new states": ([("np.outer(delta, Hs[:, t])", "np.outer(delta, Hs[:, t + 1])")], [("time-shift", "R h Hs")]),
    "R as it stands": ([("eh = R.T @ delta", "eh = sum(r @ e for r, e in zip(np.split(R, 4), np.split(delta, 4)))")], [("transpose", "R")]),
    "g twice through tanh": ([("(1 - g**2)", "(1 - np.tanh(g)**2)")], [("derivative-of-activated", "g")]),
    "db set": ([("db += delta", "db[:] = delta")], [("not-accumulated", "b"), ("first-step-only", "b")]),
    "i and f exchanged": ([("ec * g * i * (1 - i),\n            ec * Cs[:, t] * f * (1 - f)", "ec * Cs[:, t] * f * (1 - f),\n            ec * g * i * (1 - i)")], [("swap-gates", "i f")]),
}
STACKS = {
    "ec overwritten + R with the new states": [],
    "R as it stands + db set": [],
    "f sees the new c + g twice through tanh": [],
    "i and f exchanged + db set + R with the new states": [],
}
