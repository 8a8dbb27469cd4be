import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sig(z):
    return 1 / (1 + np.exp(-z))


class WordGRU:
    """Next-word model: embedding, GRU without biases (z keeps), softmax; loss averaged over all words."""

    def __init__(self, emb, Wz, Uz, Wr, Ur, Wn, Un, out):
        self.emb, self.out = emb, out
        self.Wz, self.Uz, self.Wr, self.Ur, self.Wn, self.Un = Wz, Uz, Wr, Ur, Wn, Un

    def loss(self, words, targets):
        B, T = words.shape
        h = np.zeros((B, self.Uz.shape[0]))
        self.words, self.cache, probs = words, [], []
        for t in range(T):
            x = self.emb[words[:, t]]
            z, r = sig(x @ self.Wz + h @ self.Uz), sig(x @ self.Wr + h @ self.Ur)
            m = h @ self.Un
            n = np.tanh(x @ self.Wn + r * m)
            self.cache.append((x, h, z, r, m, n))
            h = z * h + (1 - z) * n
            probs.append(softmax(h @ self.out))
            self.cache[-1] += (h,)
        self.p = np.stack(probs, 1)
        self.targets = targets
        picked = np.take_along_axis(self.p, targets[..., None], 2)
        return -np.log(picked).sum() / (B * T)

    def grads(self):
        B, T = self.words.shape
        g = {k: np.zeros_like(getattr(self, k)) for k in ("emb", "Wz", "Uz", "Wr", "Ur", "Wn", "Un", "out")}
        dh = np.zeros((B, self.Uz.shape[0]))
        for t in range(T - 1, -1, -1):
            x, h, z, r, m, n, h_new = self.cache[t]
            dy = self.p[:, t].copy()
            dy[np.arange(B), self.targets[:, t]] -= 1
            dy /= B * T
            g["out"] += h_new.T @ dy
            dh += dy @ self.out.T
            dz = dh * (h - n) * z * (1 - z)
            dn = dh * (1 - z) * (1 - n**2)
            dr = dn * m * r * (1 - r)
            dm = dn * r
            for k, d, e in (("z", dz, dz), ("r", dr, dr), ("n", dn, dm)):
                g["W" + k] += x.T @ d
                g["U" + k] += h.T @ e
            np.add.at(g["emb"], self.words[:, t], dz @ self.Wz.T + dr @ self.Wr.T + dn @ self.Wn.T)
            dh = dh * z + dz @ self.Uz.T + dr @ self.Ur.T + dm @ self.Un.T
        return g


# ---- corpus
CELL = """
emb : D, V
j[t] : index V
x[t] = take(emb, j[t])
z[t] = sigmoid(Wz @ x[t] + Uz @ h[t-1])
r[t] = sigmoid(Wr @ x[t] + Ur @ h[t-1])
n[t] = tanh(Wn @ x[t] + r[t] * (Un @ h[t-1]))
h[t] = z[t] * h[t-1] + (1 - z[t]) * n[t]
y[t] = out @ h[t]
"""
STYLE = "class, embedding of integer words (B, T), GRU without biases, softmax loss averaged over B and T"
HELD_OUT = True
NAMES = ("emb", "Wz", "Uz", "Wr", "Ur", "Wn", "Un", "out")


def draw(rng):
    V, D, H, B, T = 7, 3, 4, 2, 5
    r = rng.standard_normal
    shape = {"emb": (V, D), "out": (H, V), "W": (D, H), "U": (H, H)}
    d = {"param/" + n: 0.8 * r(shape.get(n) or shape[n[0]]) for n in NAMES}
    return d | {"input/words": rng.integers(0, V, (B, T)), "target/words": rng.integers(0, V, (B, T))}


def run(d):
    model = WordGRU(*(d["param/" + n] for n in NAMES))
    loss = model.loss(d["input/words"], d["target/words"])
    return {"loss": np.array(loss), "output/p": model.p, "output/h": np.stack([c[-1] for c in model.cache], 1)} | {"grad/" + k: v for k, v in model.grads().items()}


MISTAKES = {
    "mean over T only": ([("dy /= B * T", "dy /= T")], [("scale", "*")], "loss"),
    "embedding without the reset gate": ([(" + dr @ self.Wr.T + dn", " + dn")], [("drop-path", "emb r Wr x")]),
    "Un without r": ([("(\"n\", dn, dm)", "(\"n\", dn, dn)")], [("misplaced-factor", "Un r n"), ("missing-derivative", "Un r n"), ("drop-path", "Un r")]),
    "z's own path": ([("dh = dh * z + dz", "dh = dz")], [("drop-path", "z h"), ("cut-recurrence", "z h")]),
    "Ur not transposed": ([("dr @ self.Ur.T", "dr @ self.Ur")], [("transpose", "Ur")]),
    "n without its derivative": ([("(1 - z) * (1 - n**2)", "(1 - z)")], [("missing-derivative", "n")]),
    "output weights with the old state": ([('g["out"] += h_new.T @ dy', 'g["out"] += h.T @ dy')], [("time-shift", "out h")]),
    "embedding assigned": ([("np.add.at(g[\"emb\"], self.words[:, t], dz", "g[\"emb\"][self.words[:, t]] = (dz")], [("not-accumulated", "emb")]),
}
STACKS = {
    "Un without r + z's own path": [],
    "Ur not transposed + output weights with the old state": [],
    "embedding without the reset gate + n without its derivative": [],
}
