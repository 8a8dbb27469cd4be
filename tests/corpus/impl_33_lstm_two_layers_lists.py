import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class Layer:
    def __init__(self, W, R, b):  # (4, H, D), (4, H, H), (4, H): gates f, o, i, g on a leading axis
        self.W, self.R, self.b = W, R, b

    def run(self, xs):
        n = self.b.shape[1]
        self.xs, self.hs, self.cs, self.acts = xs, [np.zeros(n)], [np.zeros(n)], []
        for x in xs:
            a = np.einsum("khd,d->kh", self.W, x) + np.einsum("khj,j->kh", self.R, self.hs[-1]) + self.b
            f, o, i = sigmoid(a[:3])
            g = np.tanh(a[3])
            self.cs.append(f * self.cs[-1] + i * g)
            self.hs.append(o * np.tanh(self.cs[-1]))
            self.acts.append((f, o, i, g))
        return self.hs[1:]

    def back(self, dhs):
        n = self.b.shape[1]
        self.dW, self.dR, self.db = np.zeros_like(self.W), np.zeros_like(self.R), np.zeros_like(self.b)
        dxs, dh, dc = [], np.zeros(n), np.zeros(n)
        for t in reversed(range(len(self.xs))):
            f, o, i, g = self.acts[t]
            dh = dh + dhs[t]
            q = np.tanh(self.cs[t + 1])
            dc = dc + dh * o * (1 - q * q)
            d = np.stack((dc * self.cs[t] * f * (1 - f), dh * q * o * (1 - o), dc * g * i * (1 - i), dc * i * (1 - g * g)))
            self.dW += np.einsum("kh,d->khd", d, self.xs[t])
            self.dR += np.einsum("kh,j->khj", d, self.hs[t])
            self.db += d
            dh = np.einsum("khj,kh->j", self.R, d)
            dxs.insert(0, np.einsum("khd,kh->d", self.W, d))
            dc = dc * f
        return dxs


def network(layers, xs):
    for layer in layers:
        xs = layer.run(xs)
    return xs


def network_back(layers, dys):
    for layer in reversed(layers):
        dys = layer.back(dys)
    return dys


# ---- corpus
CELL = """
f1[t] = sigmoid(W_f1 @ [h1[t-1], x[t]] + b_f1)
o1[t] = sigmoid(W_o1 @ [h1[t-1], x[t]] + b_o1)
i1[t] = sigmoid(W_i1 @ [h1[t-1], x[t]] + b_i1)
g1[t] = tanh(W_g1 @ [h1[t-1], x[t]] + b_g1)
c1[t] = f1[t] * c1[t-1] + i1[t] * g1[t]
h1[t] = o1[t] * tanh(c1[t])
f2[t] = sigmoid(W_f2 @ [h2[t-1], h1[t]] + b_f2)
o2[t] = sigmoid(W_o2 @ [h2[t-1], h1[t]] + b_o2)
i2[t] = sigmoid(W_i2 @ [h2[t-1], h1[t]] + b_i2)
g2[t] = tanh(W_g2 @ [h2[t-1], h1[t]] + b_g2)
c2[t] = f2[t] * c2[t-1] + i2[t] * g2[t]
h2[t] = o2[t] * tanh(c2[t])
"""
STYLE = "two layers, objects with einsum, gates foig on a leading axis, lists of 1-D vectors"
HELD_OUT = False
CALL = None


def draw(rng):
    D, H, K, T = 5, 4, 3, 6
    r = lambda *s: 0.5 * rng.standard_normal(s)
    d = {"input/x": 2 * r(T, D), "cotangent/y": 2 * r(T, K)}
    for k, (m, n) in enumerate(((D, H), (H, K)), 1):
        d |= {f"param/W{k}": r(4, n, m), f"param/R{k}": r(4, n, n), f"param/b{k}": r(4, n)}
    return d


def run(d):
    layers = [Layer(*(d[f"param/{n}{k}"] for n in "WRb")) for k in (1, 2)]
    y = network(layers, list(d["input/x"]))
    dx = network_back(layers, list(d["cotangent/y"]))
    out = {"output/y": np.array(y), "output/h1": np.array(layers[0].hs[1:]), "grad/x": np.array(dx)}
    return out | {f"grad/{n}{k}": getattr(layer, "d" + n) for k, layer in enumerate(layers, 1) for n in "WRb"}


MISTAKES = {
    "h not carried in either layer": ([("dh = dh + dhs[t]", "dh = dhs[t]")], [("cut-recurrence", "h h1 y hs R R1 R2")]),
    "dR with the new h": ([('np.einsum("kh,j->khj", d, self.hs[t])', 'np.einsum("kh,j->khj", d, self.hs[t + 1])')], [("time-shift", "R R1 R2 h y h1")]),
    "R not transposed": ([('np.einsum("khj,kh->j", self.R, d)', 'np.einsum("kjh,kh->j", self.R, d)')], [("transpose", "R R1 R2")]),
    "b assigned": ([("self.db += d", "self.db = d")], [("not-accumulated", "b b1 b2"), ("first-step-only", "b b1 b2")]),
    "o without derivative": ([("dh * q * o * (1 - o)", "dh * q")], [("missing-derivative", "o o1 o2 d")]),
    "cell not carried": ([("dc = dc + dh * o", "dc = dh * o")], [("cut-recurrence", "c c1 c2 cs")]),
}
STACKS = {
    "h not carried in either layer + cell not carried": [],
    "R not transposed + b assigned": [],
    "o without derivative + dR with the new h": [],
    "cell not carried + dR with the new h + b assigned": [],
}
