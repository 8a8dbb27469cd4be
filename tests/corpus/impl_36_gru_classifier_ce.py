import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class GRUClassifier:
    """Sequence classification: GRU, softmax of the last state, batch (B, T, D)."""

    def __init__(self, p):
        self.p = p

    def forward(self, X):
        p = self.p
        B, T, D = X.shape
        self.X, self.hs, self.mid = X, [np.zeros((B, len(p["bh"])))], []
        for t in range(T):
            h, x = self.hs[-1], X[:, t, :]
            r = sigmoid(x @ p["Wr"] + h @ p["Ur"] + p["br"])
            z = sigmoid(x @ p["Wz"] + h @ p["Uz"] + p["bz"])
            hh = np.tanh(x @ p["Wh"] + (r * h) @ p["Uh"] + p["bh"])
            self.hs.append((1 - z) * h + z * hh)
            self.mid.append((r, z, hh))
        logits = self.hs[-1] @ p["Wout"] + p["bout"]
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.probs = e / e.sum(axis=1, keepdims=True)
        return self.probs

    def loss(self, Y):
        return -(Y * np.log(self.probs)).sum() / len(Y)

    def backward(self, Y):
        p = self.p
        B, T, D = self.X.shape
        g = {k: np.zeros_like(v) for k, v in p.items()}
        dlogits = (self.probs - Y) / B
        g["Wout"] = self.hs[-1].T @ dlogits
        g["bout"] = dlogits.sum(axis=0)
        dh = dlogits @ p["Wout"].T
        for t in range(T - 1, -1, -1):
            h, x = self.hs[t], self.X[:, t, :]
            r, z, hh = self.mid[t]
            dhh = dh * z * (1 - hh**2)
            dz = dh * (hh - h) * z * (1 - z)
            drh = dhh @ p["Uh"].T
            dr = drh * h * r * (1 - r)
            for k, d, s in (("h", dhh, r * h), ("z", dz, h), ("r", dr, h)):
                g["W" + k] += x.T @ d
                g["U" + k] += s.T @ d
                g["b" + k] += d.sum(axis=0)
            dh = dh * (1 - z) + drh * r + dz @ p["Uz"].T + dr @ p["Ur"].T
        return g


# ---- corpus
CELL = "gru"
STYLE = "class, (B, T, D) rows, dict of parameters, one-hot targets, mean softmax loss of the last state"
HELD_OUT = True
CALL = {"object": "GRUClassifier", "forward": "forward", "loss": "loss", "backward": "backward", "how": "GRUClassifier(p); forward(X); loss(Y); backward(Y) -> dict"}


def draw(rng):
    D, H, B, T, C = 5, 4, 3, 6, 7
    r = rng.standard_normal
    d = {"input/X": r((B, T, D)), "target/Y": np.eye(C)[rng.integers(0, C, B)], "param/Wout": r((H, C)), "param/bout": 0.5 * r(C)}
    for k in "rzh":
        d["param/W" + k], d["param/U" + k], d["param/b" + k] = 0.5 * r((D, H)), 0.8 * r((H, H)), 0.5 * r(H)
    return d


def run(d):
    net = GRUClassifier({k[6:]: v for k, v in d.items() if k.startswith("param/")})
    probs = net.forward(d["input/X"])
    return {"output/probs": probs, "loss": net.loss(d["target/Y"])} | {"grad/" + k: g for k, g in net.backward(d["target/Y"]).items()}


MISTAKES = {
    "dr without h": ([("dr = drh * h * r", "dr = drh * r")], [("misplaced-factor", "r h dr"), ("missing-derivative", "r h dr")]),
    "Uz as it stands": ([('dz @ p["Uz"].T', 'dz @ p["Uz"]')], [("transpose", "Uz")]),
    "loss at every step": ([('dr @ p["Ur"].T', 'dr @ p["Ur"].T + dlogits @ p["Wout"].T')], [("cotangent-at-every-step", "*")]),
    "batch not averaged": ([("(self.probs - Y) / B", "(self.probs - Y)")], [("scale", "*")], "loss"),
    "bout averaged": ([("g[\"bout\"] = dlogits.sum(axis=0)", "g[\"bout\"] = dlogits.mean(axis=0)")], [("scale", "bout")]),
    "keep path lost": ([("dh = dh * (1 - z) + drh", "dh = drh")], [("drop-path", "h z hs"), ("cut-recurrence", "h z hs")]),
    "candidate's input is h": ([('("h", dhh, r * h)', '("h", dhh, h)')], [("misplaced-factor", "Uh r h"), ("drop-path", "Uh r"), ("missing-derivative", "Uh r h")]),
    "clip at norm 0.3": ([("        return g\n", "        norm = np.sqrt(sum(np.sum(v * v) for v in g.values()))\n        return {k: v * 0.3 / max(norm, 0.3) for k, v in g.items()}\n")], [("clip", "*")]),
}
STACKS = {
    "dr without h + batch not averaged": [],
    "keep path lost + loss at every step": [],
    "candidate's input is h + clip at norm 0.3": [],
    "dr without h + candidate's input is h + batch not averaged": [],
}
