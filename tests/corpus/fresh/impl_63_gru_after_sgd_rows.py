import numpy as np


class GRULayer:
    """Reset after the product; p['W'] is (I, 3H) with n | z | r, p['U'] likewise, p['b'] one bias.  One half squared error a batch row."""

    def __init__(self, W, U, b, V, c, lr=0.1):
        self.W, self.U, self.b, self.V, self.c, self.lr = W, U, b, V, c, lr

    def predict(self, seq):
        H = len(self.U)
        self.stack = []
        h = np.zeros((len(seq), H))
        for t in range(seq.shape[1]):
            gx, gh = seq[:, t] @ self.W + self.b, h @ self.U
            zr = 1 / (1 + np.exp(-(gx[:, H:] + gh[:, H:])))
            z, r = zr[:, :H], zr[:, H:]
            n = np.tanh(gx[:, :H] + r * gh[:, :H])
            self.stack.append((seq[:, t], h, z, r, n, gh[:, :H]))
            h = h + z * (n - h)
        self.last = h
        return h @ self.V + self.c

    def train_step(self, seq, target):
        pred = self.predict(seq)
        diff = pred - target
        cost = 0.5 * (diff**2).sum() / len(seq)
        e = diff / len(seq)
        dV, dc = self.last.T @ e, e.sum(0)
        dh = e @ self.V.T
        dW, dU, db = 0 * self.W, 0 * self.U, 0 * self.b
        while self.stack:
            x, h, z, r, n, q = self.stack.pop()
            dn = dh * z * (1 - n * n)
            dz = dh * (n - h) * z * (1 - z)
            dr = dn * q * r * (1 - r)
            left = np.hstack((dn, dz, dr))
            right = np.hstack((dn * r, dz, dr))
            dW += x.T @ left
            dU += h.T @ right
            db += left.sum(0)
            dh = dh * (1 - z) + right @ self.U.T
        for p, g in ((self.W, dW), (self.U, dU), (self.b, db), (self.V, dV), (self.c, dc)):
            p -= self.lr * g
        return pred, cost


# ---- corpus
CELL = "gru-reset-after"
STYLE = "layer with an SGD update in place, (B, T, D) rows, stacked nzr, one bias, linear read-out of the last state, half squared error over B"
HELD_OUT = True
SHAPES = {"W": (5, 12), "U": (4, 12), "b": (12,), "V": (4, 2), "c": (2,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/seq": r((3, 6, 5)), "target/y": r((3, 2))} | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    old = {k: d["param/" + k].copy() for k in SHAPES}
    layer = GRULayer(*(d["param/" + k] for k in SHAPES))
    pred, cost = layer.train_step(d["input/seq"], d["target/y"])
    return {"output/pred": pred, "loss": np.array(cost)} | {"param/" + k: old[k] for k in SHAPES} | {"grad/" + k: (old[k] - getattr(layer, k)) / layer.lr for k in SHAPES}


MISTAKES = {
    "dU like dW": ([("dU += h.T @ right", "dU += h.T @ left")], [("misplaced-factor", "U r n h"), ("drop-path", "U r n h"), ("missing-derivative", "U r n")]),
    "straight path": ([("dh = dh * (1 - z) + right", "dh = right")], [("drop-path", "h z"), ("cut-recurrence", "h z")]),
    "U for the candidate transposed": ([("right @ self.U.T", "(right[:, H:] @ self.U[:, H:].T + right[:, :H] @ self.U[:, :H])"), ("        dW, dU, db = 0", "        H = len(self.U)\n        dW, dU, db = 0")], [("transpose", "U")]),
    "error at every step": ([("dh = dh * (1 - z) + right", "dh = e @ self.V.T + dh * (1 - z) + right")], [("cotangent-at-every-step", "*")]),
    "reset gate's gradient without q": ([("dr = dn * q * r", "dr = dn * r")], [("misplaced-factor", "r q n U"), ("missing-derivative", "r q n"), ("drop-path", "r q n")]),
    "sum over the batch": ([("e = diff / len(seq)", "e = diff")], [("scale", "*")], "loss"),
    "z the wrong way": ([("dz = dh * (n - h)", "dz = dh * (h - n)")], [("sign", "z")]),
    "ascent in V": ([("(self.V, dV)", "(self.V, -dV)")], [("sign", "V")]),
}
STACKS = {
    "dU like dW + ascent in V": [],
    "z the wrong way + straight path": [],
    "error at every step + dU like dW": [],
    "U for the candidate transposed + z the wrong way + ascent in V": [],
}
