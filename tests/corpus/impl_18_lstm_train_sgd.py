import numpy as np


class LSTM:
    """Weights per gate for x and h apart; train_step changes them in place."""

    def __init__(self, weights, lr=0.1):
        self.p = weights
        self.lr = lr

    def forward(self, X):
        p, T, n = self.p, len(X), len(self.p["bi"])
        self.h, self.c = np.zeros((T + 1, n)), np.zeros((T + 1, n))
        self.g = {k: np.zeros((T + 1, n)) for k in "iufo"}
        for t in range(1, T + 1):
            for k in "iufo":
                a = p["W" + k] @ X[t - 1] + p["U" + k] @ self.h[t - 1] + p["b" + k]
                self.g[k][t] = np.tanh(a) if k == "u" else 1 / (1 + np.exp(-a))
            self.c[t] = self.g["i"][t] * self.g["u"][t] + self.g["f"][t] * self.c[t - 1]
            self.h[t] = self.g["o"][t] * np.tanh(self.c[t])
        return self.h[1:] @ p["V"].T + p["d"]

    def train_step(self, X, Y):
        p, T = self.p, len(X)
        out = self.forward(X)
        E = out - Y
        loss = np.mean(E**2)
        E = 2 * E / E.size
        G = {k: np.zeros_like(v) for k, v in p.items()}
        G["V"] = E.T @ self.h[1:]
        G["d"] = E.sum(axis=0)
        dh, dc = np.zeros(len(p["bi"])), np.zeros(len(p["bi"]))
        for t in range(T, 0, -1):
            i, u, f, o = (self.g[k][t] for k in "iufo")
            dh = dh + E[t - 1] @ p["V"]
            th = np.tanh(self.c[t])
            dc = dc + dh * o * (1 - th**2)
            delta = {"i": dc * u * i * (1 - i), "u": dc * i * (1 - u**2), "f": dc * self.c[t - 1] * f * (1 - f), "o": dh * th * o * (1 - o)}
            dh = 0
            for k in "iufo":
                G["W" + k] += np.outer(delta[k], X[t - 1])
                G["U" + k] += np.outer(delta[k], self.h[t - 1])
                G["b" + k] += delta[k]
                dh = dh + p["U" + k].T @ delta[k]
            dc = dc * f
        for k in p:
            p[k] -= self.lr * G[k]
        return loss


# ---- corpus
CELL = "lstm"
STYLE = "object with in-place SGD updates, one sequence, mean squared error of a linear read-out, gates iufo"
HELD_OUT = False
CALL = {"object": "LSTM", "step": "train_step", "learning rate": 0.1, "how": "LSTM(dict of weights, lr); train_step(X, Y) updates .p in place"}


def draw(rng):
    D, H, T, O = 5, 4, 6, 3
    r = rng.standard_normal
    d = {"input/X": r((T, D)), "target/Y": r((T, O)), "param/V": 0.5 * r((O, H)), "param/d": 0.5 * r(O)}
    for k in "iufo":
        d["param/W" + k], d["param/U" + k], d["param/b" + k] = 0.5 * r((H, D)), 0.5 * r((H, H)), 0.5 * r(H)
    return d


def run(d):
    before = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    net = LSTM({k: v.copy() for k, v in before.items()})
    out = net.forward(d["input/X"])
    loss = net.train_step(d["input/X"], d["target/Y"])
    return {"loss": loss, "output/h": net.h, "output/out": out} | {"grad/" + k: (before[k] - net.p[k]) / net.lr for k in before}


MISTAKES = {
    "2 forgotten": ([("2 * E / E.size", "E / E.size")], [("scale", "*")], "loss"),
    "mean over the steps only": ([("2 * E / E.size", "2 * E / T")], [("scale", "*")], "loss"),
    "ascent": ([("p[k] -= self.lr", "p[k] += self.lr")], [("sign", "*")]),
    "dc replaced": ([("dc = dc + dh * o", "dc = dh * o")], [("cut-recurrence", "c dc f")]),
    "o with the old c": ([("th = np.tanh(self.c[t])", "th = np.tanh(self.c[t])\n            old = np.tanh(self.c[t - 1])"), ('dh * th * o * (1 - o)', 'dh * old * o * (1 - o)')], [("time-shift", "o c th old")]),
    "u deltas for i": ([('"i": dc * u * i * (1 - i), "u"', '"i": dc * i * (1 - u**2), "u"')], [("swap-gates", "i u")]),
    "U not transposed": ([('p["U" + k].T @ delta', 'p["U" + k] @ delta')], [("transpose", "*")]),
    "clipped update": ([("p[k] -= self.lr * G[k]", "p[k] -= self.lr * np.clip(G[k], -0.1, 0.1)")], [("clip", "*")]),
}
STACKS = {
    "2 forgotten + dc replaced": [],
    "ascent + o with the old c": [],
    "u deltas for i + U not transposed": [],
    "mean over the steps only + u deltas for i + dc replaced": [],
    "o with the old c + clipped update": [],
}
