import numpy as np


class GRUNumpy:
    def __init__(self, E, U, W, b, V, c):
        # E: (D, V), U: (3, H, D), W: (3, H, H), b: (3, H); 0 is the update gate, 1 the reset gate, 2 the candidate
        self.E, self.U, self.W, self.b, self.V, self.c = E, U, W, b, V, c

    def forward_propagation(self, x):
        T = len(x)
        H = self.b.shape[1]
        s = np.zeros((T + 1, H))  # s[-1] is the initial state
        z, r, g = np.zeros((T, H)), np.zeros((T, H)), np.zeros((T, H))
        o = np.zeros((T, len(self.c)))
        for t in np.arange(T):
            e = self.E[:, x[t]]
            z[t] = 1 / (1 + np.exp(-(self.U[0].dot(e) + self.W[0].dot(s[t - 1]) + self.b[0])))
            r[t] = 1 / (1 + np.exp(-(self.U[1].dot(e) + self.W[1].dot(s[t - 1]) + self.b[1])))
            g[t] = np.tanh(self.U[2].dot(e) + self.W[2].dot(s[t - 1] * r[t]) + self.b[2])
            s[t] = (1 - z[t]) * g[t] + z[t] * s[t - 1]
            a = np.exp(self.V.dot(s[t]) + self.c)
            o[t] = a / a.sum()
        return o, s, z, r, g

    def calculate_total_loss(self, o, y):
        return -np.sum(np.log(o[np.arange(len(y)), y]))

    def bptt(self, x, y, o, s, z, r, g):
        T = len(y)
        dLdE, dLdU, dLdW, dLdb = (np.zeros_like(p) for p in (self.E, self.U, self.W, self.b))
        dLdV, dLdc = np.zeros_like(self.V), np.zeros_like(self.c)
        delta_o = o.copy()
        delta_o[np.arange(T), y] -= 1.0
        ds = np.zeros(self.b.shape[1])
        for t in np.arange(T)[::-1]:
            e = self.E[:, x[t]]
            dLdV += np.outer(delta_o[t], s[t])
            dLdc += delta_o[t]
            ds += self.V.T.dot(delta_o[t])
            delta = np.zeros((3, len(ds)))
            delta[2] = ds * (1 - z[t]) * (1 - g[t] ** 2)
            dsr = self.W[2].T.dot(delta[2])
            delta[1] = dsr * s[t - 1] * r[t] * (1 - r[t])
            delta[0] = ds * (s[t - 1] - g[t]) * z[t] * (1 - z[t])
            for k in range(3):
                dLdU[k] += np.outer(delta[k], e)
                dLdb[k] += delta[k]
                dLdE[:, x[t]] += self.U[k].T.dot(delta[k])
            dLdW[0] += np.outer(delta[0], s[t - 1])
            dLdW[1] += np.outer(delta[1], s[t - 1])
            dLdW[2] += np.outer(delta[2], s[t - 1] * r[t])
            ds = ds * z[t] + dsr * r[t] + self.W[0].T.dot(delta[0]) + self.W[1].T.dot(delta[1])
        return dLdE, dLdU, dLdW, dLdb, dLdV, dLdc


# ---- corpus
CELL = """
E : D, N
x[t] : index N
e[t] = take(E, x[t])
z[t] = sigmoid(Uz @ e[t] + Wz @ s[t-1] + bz)
r[t] = sigmoid(Ur @ e[t] + Wr @ s[t-1] + br)
g[t] = tanh(Ug @ e[t] + Wg @ (r[t] * s[t-1]) + bg)
s[t] = (1 - z[t]) * g[t] + z[t] * s[t-1]
q[t] = V @ s[t] + c
"""
STYLE = "tutorial class, one sentence of word numbers, gates on a leading axis (3, H, D), s[-1] at the end of the array, summed softmax loss"
HELD_OUT = True
SHAPES = {"E": (3, 6), "U": (3, 4, 3), "W": (3, 4, 4), "b": (3, 4), "V": (6, 4), "c": (6,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": rng.integers(0, 6, 7), "target/y": rng.integers(0, 6, 7)} | {"param/" + k: 0.8 * r(s) for k, s in SHAPES.items()}


def run(d):
    model = GRUNumpy(*(d["param/" + k] for k in SHAPES))
    o, s, z, r, g = model.forward_propagation(d["input/x"])
    grads = model.bptt(d["input/x"], d["target/y"], o, s, z, r, g)
    return {"output/o": o, "output/s": s[:-1], "loss": np.array(model.calculate_total_loss(o, d["target/y"]))} | {"grad/" + k: v for k, v in zip(SHAPES, grads)}


MISTAKES = {
    "update gate the other way": ([("ds * (s[t - 1] - g[t]) * z[t]", "ds * (g[t] - s[t - 1]) * z[t]")], [("sign", "z U W Uz Wz")]),
    "candidate without r in W": ([("np.outer(delta[2], s[t - 1] * r[t])", "np.outer(delta[2], s[t - 1])")], [("misplaced-factor", "W Wg r s g"), ("drop-path", "W Wg r g"), ("missing-derivative", "W Wg r s g")]),
    "reset path forgotten": ([("ds * z[t] + dsr * r[t] + self", "ds * z[t] + self")], [("drop-path", "r s g W Wg dsr"), ("cut-recurrence", "r s g W Wg dsr")]),
    "W[1] as it stands": ([("self.W[1].T.dot(delta[1])", "self.W[1].dot(delta[1])")], [("transpose", "W Wr r")]),
    "embedding overwritten by the last gate": ([("dLdE[:, x[t]] += self.U[k].T.dot(delta[k])", "dLdE[:, x[t]] += self.U[k].T.dot(delta[k]) * (k == 2)")], [[("drop-path", "Uz z E e"), ("drop-path", "Ur r E e")], ("drop-path", "E e")]),
    "V with the state before": ([("np.outer(delta_o[t], s[t])", "np.outer(delta_o[t], s[t - 1])")], [("time-shift", "V s")]),
    "loss divided by the words": ([("delta_o[np.arange(T), y] -= 1.0\n", "delta_o[np.arange(T), y] -= 1.0\n        delta_o /= T\n")], [("scale", "*")], "loss"),
    "carried four steps at most": ([("            ds = ds * z[t] + dsr", "            if t % 4 == 0:\n                ds = np.zeros_like(ds)\n                continue\n            ds = ds * z[t] + dsr")], [("truncate", "*")]),
    "slope of z left out": ([("(s[t - 1] - g[t]) * z[t] * (1 - z[t])", "(s[t - 1] - g[t])")], [("missing-derivative", "z")]),
}
STACKS = {
    "update gate the other way + V with the state before": [],
    "reset path forgotten + candidate without r in W": [],
    "W[1] as it stands + slope of z left out": [],
    "loss divided by the words + reset path forgotten + V with the state before": [],
}
