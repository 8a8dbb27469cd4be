"""Identity RNN with ReLU for the adding problem: one number is read off the last state; mean squared error."""
import numpy as np

F = np.float32


class IRNN:
    def __init__(self, params):
        self.p = params

    def forward(self, x):  # x: (T, B, 2)
        h = np.zeros((x.shape[1], len(self.p["b"])), F)
        self.x, self.hs, self.pre = x, [h], []
        for xt in x:
            a = xt @ self.p["Wi"] + h @ self.p["Wr"] + self.p["b"]
            h = np.maximum(a, 0)
            self.pre.append(a)
            self.hs.append(h)
        self.y = h @ self.p["Wo"] + self.p["bo"]
        return self.y[:, 0]

    def mse(self, target):
        self.err = self.y - target[:, None]
        return np.mean(self.err**2)

    def backward(self):
        g = {k: np.zeros_like(v) for k, v in self.p.items()}
        dy = F(2) * self.err / F(len(self.err))
        g["Wo"] = self.hs[-1].T @ dy
        g["bo"] = dy.sum(0)
        dh = dy @ self.p["Wo"].T
        for t in range(len(self.x) - 1, -1, -1):
            da = dh * (self.pre[t] > 0)
            g["Wi"] += self.x[t].T @ da
            g["Wr"] += self.hs[t].T @ da
            g["b"] += da.sum(0)
            dh = da @ self.p["Wr"].T
        self.grads = g


# ---- corpus
CELL = """
h[t] = relu(Wi @ x[t] + Wr @ h[t-1] + b)
y = Wo @ h[T] + bo
"""
STYLE = "float32 object, (T, B, D) rows, ReLU, one number from the last state, mean squared error"
HELD_OUT = True
SHAPES = {"Wi": (2, 6), "Wr": (6, 6), "b": (6,), "Wo": (6, 1), "bo": (1,)}


def draw(rng):
    r = lambda *s: rng.standard_normal(s).astype(np.float32)
    d = {"input/x": r(7, 4, 2), "target/y": r(4)} | {"param/" + k: np.float32(0.5) * r(*s) for k, s in SHAPES.items()}
    d["param/Wr"] = (d["param/Wr"] * np.float32(0.6) + np.float32(0.8) * np.eye(6, dtype=np.float32)).astype(np.float32)
    return d


def run(d):
    net = IRNN({k: d["param/" + k] for k in SHAPES})
    y = net.forward(d["input/x"])
    loss = net.mse(d["target/y"])
    net.backward()
    return {"output/y": y, "output/h": np.array(net.hs[1:]), "loss": np.array(loss)} | {"grad/" + k: v for k, v in net.grads.items()}


MISTAKES = {
    "no slope": ([(" * (self.pre[t] > 0)", "")], [("missing-derivative", "h")]),
    "Wr not transposed": ([('da @ self.p["Wr"].T', 'da @ self.p["Wr"]')], [("transpose", "Wr")]),
    "only one step back": ([('dh = da @ self.p["Wr"].T', "dh = 0 * dh")], [("cut-recurrence", "h Wr"), ("drop-path", "h Wr"), ("last-step-only", "*")]),
    "the 2 of the square": ([("F(2) * self.err", "self.err")], [("scale", "*")], "loss"),
    "read-out's gradient at every step": ([('dh = da @ self.p["Wr"].T', 'dh = da @ self.p["Wr"].T + dy @ self.p["Wo"].T')], [("cotangent-at-every-step", "*")]),
    "Wr with the new state": ([("self.hs[t].T @ da", "self.hs[t + 1].T @ da")], [("time-shift", "Wr h")]),
    "Wi assigned": ([('g["Wi"] += ', 'g["Wi"] = ')], [("not-accumulated", "Wi"), ("first-step-only", "Wi")]),
    "slope from the old state": ([("(self.pre[t] > 0)", "(self.hs[t] > 0)")], [("time-shift", "h")]),
}
STACKS = {
    "Wr not transposed + Wi assigned": [],
    "no slope + Wr with the new state": [],
    "read-out's gradient at every step + Wi assigned": [],
    "Wr not transposed + Wr with the new state + Wi assigned": [],
}
