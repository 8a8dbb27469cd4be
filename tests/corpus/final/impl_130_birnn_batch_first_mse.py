import numpy as np


def scan(X, W, U, b, order):
    N, T, _ = X.shape
    H = np.zeros((N, T, U.shape[0]))
    h = np.zeros((N, U.shape[0]))
    for t in order:
        h = np.tanh(X[:, t] @ W + h @ U + b)
        H[:, t] = h
    return H


def scan_grad(dH, X, H, W, U, b, order):
    dX, dW, dU, db = np.zeros_like(X), np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    order = list(order)
    pending = np.zeros_like(H[:, 0])
    for k in range(len(order) - 1, -1, -1):
        t = order[k]
        before = H[:, order[k - 1]] if k > 0 else np.zeros_like(pending)
        delta = (dH[:, t] + pending) * (1 - H[:, t] ** 2)
        dX[:, t] = delta @ W.T
        dW += X[:, t].T @ delta
        dU += before.T @ delta
        db += delta.sum(axis=0)
        pending = delta @ U.T
    return dX, dW, dU, db


class BiRNN:
    def __init__(self, params):
        self.params = params

    def forward(self, X):
        p = self.params
        T = X.shape[1]
        self.X = X
        self.Hf = scan(X, p["Wf"], p["Uf"], p["bf"], range(T))
        self.Hb = scan(X, p["Wb"], p["Ub"], p["bb"], range(T - 1, -1, -1))
        self.out = np.concatenate([self.Hf, self.Hb], axis=2) @ p["V"] + p["d"]
        return self.out

    def loss(self, Y):
        return 0.5 * np.sum((self.out - Y) ** 2) / len(Y)

    def backward(self, Y):
        p = self.params
        N, T, _ = Y.shape
        n = self.Hf.shape[2]
        dout = (self.out - Y) / N
        both = np.concatenate([self.Hf, self.Hb], axis=2)
        g = {"V": np.tensordot(both, dout, axes=([0, 1], [0, 1])), "d": dout.sum(axis=(0, 1))}
        dboth = dout @ p["V"].T
        dXf, g["Wf"], g["Uf"], g["bf"] = scan_grad(dboth[:, :, :n], self.X, self.Hf, p["Wf"], p["Uf"], p["bf"], range(T))
        dXb, g["Wb"], g["Ub"], g["bb"] = scan_grad(dboth[:, :, n:], self.X, self.Hb, p["Wb"], p["Ub"], p["bb"], range(T - 1, -1, -1))
        g["X"] = dXf + dXb
        return g


# ---- corpus
CELL = "rnn-bidirectional"
STYLE = "one scan for both directions with an order, batch first (N, T, D) rows, linear read-out of the concatenation, half squared error averaged over N"
HELD_OUT = True
CALL = None
SIZES = {"Wf": (3, 4), "Uf": (4, 4), "bf": (4,), "Wb": (3, 4), "Ub": (4, 4), "bb": (4,), "V": (8, 2), "d": (2,)}


def draw(rng):
    d = {"input/X": rng.standard_normal((5, 6, 3)), "target/Y": rng.standard_normal((5, 6, 2))}
    return d | {"param/" + k: 0.6 * rng.standard_normal(s) for k, s in SIZES.items()}


def run(d):
    net = BiRNN({k: d["param/" + k] for k in SIZES})
    out = net.forward(d["input/X"])
    g = net.backward(d["target/Y"])
    return {"output/out": out, "output/Hf": net.Hf, "output/Hb": net.Hb, "loss": net.loss(d["target/Y"])} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "pending never used": ([("(dH[:, t] + pending) * (1", "dH[:, t] * (1")], [[("cut-recurrence", "Hf bf Uf"), ("cut-recurrence", "Hb bb Ub")]]),
    "X only from the forward half": ([('g["X"] = dXf + dXb', 'g["X"] = dXf')], [("drop-path", "X Wb Hb dXb")]),
    "U with its own step": ([("dU += before.T @ delta", "dU += H[:, t].T @ delta")], [[("time-shift", "Uf Hf"), ("time-shift", "Ub Hb")]]),
    "d averaged": ([("dout.sum(axis=(0, 1))", "dout.mean(axis=(0, 1))")], [("scale", "d")]),
    "N forgotten": ([("dout = (self.out - Y) / N", "dout = self.out - Y")], [("scale", "*")], "loss"),
    "W of the last visited": ([("dW += X", "dW = X")], [[("not-accumulated", "Wf"), ("not-accumulated", "Wb")], [("first-step-only", "Wf"), ("last-step-only", "Wb")]]),
    "U transposed in the backward half only": ([('self.Hb, p["Wb"], p["Ub"], p["bb"], range(T - 1', 'self.Hb, p["Wb"], p["Ub"].T, p["bb"], range(T - 1')], [("transpose", "Ub")]),
    "tanh left out": ([("+ pending) * (1 - H[:, t] ** 2)", "+ pending)")], [[("missing-derivative", "Hf bf"), ("missing-derivative", "Hb bb")]]),
}
STACKS = {
    "X only from the forward half + d averaged": [],
    "tanh left out + X only from the forward half": [],
    "U transposed in the backward half only + W of the last visited": [],
    "U with its own step + W of the last visited + U transposed in the backward half only": [],
}
