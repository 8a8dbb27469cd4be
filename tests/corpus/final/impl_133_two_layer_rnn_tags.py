import numpy as np


def softmax(s):
    s = np.exp(s - s.max(axis=-1, keepdims=True))
    return s / s.sum(axis=-1, keepdims=True)


class DeepTagger:
    """L tanh layers (here two), a tag for every step.  Inputs (B, T, D), tags (B, T)."""

    def __init__(self, layers, Wo, bo):
        self.layers = layers  # list of (Wx, Wh, b)
        self.Wo, self.bo = Wo, bo

    def forward(self, x):
        B, T, _ = x.shape
        self.seqs = [x]
        for Wx, Wh, b in self.layers:
            below = self.seqs[-1]
            out = np.zeros((B, T + 1, b.size))
            for t in range(T):
                out[:, t] = np.tanh(below[:, t].dot(Wx) + out[:, t - 1].dot(Wh) + b)
            self.seqs.append(out[:, :T + 1])
        self.probs = softmax(self.seqs[-1][:, :T].dot(self.Wo) + self.bo)
        return self.probs

    def loss(self, tags):
        B, T = tags.shape
        picked = self.probs[np.arange(B)[:, None], np.arange(T)[None], tags]
        return -np.log(picked).sum() / (B * T)

    def backward(self, tags):
        B, T = tags.shape
        d = self.probs.copy()
        d[np.arange(B)[:, None], np.arange(T)[None], tags] -= 1
        d /= B * T
        top = self.seqs[-1][:, :T]
        dWo = np.einsum("bth,bto->ho", top, d)
        dbo = d.sum(axis=(0, 1))
        dtop = d.dot(self.Wo.T)
        grads = []
        for l in range(len(self.layers) - 1, -1, -1):
            Wx, Wh, b = self.layers[l]
            out, below = self.seqs[l + 1], self.seqs[l]
            dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
            dbelow = np.zeros((B, T, Wx.shape[0]))
            dnext = np.zeros((B, b.size))
            for t in range(T - 1, -1, -1):
                dh = dtop[:, t] + dnext
                dz = dh * (1 - out[:, t] ** 2)
                dWx += below[:, t].T.dot(dz)
                dWh += out[:, t - 1].T.dot(dz)
                db += dz.sum(axis=0)
                dbelow[:, t] = dz.dot(Wx.T)
                dnext = dz.dot(Wh.T)
            grads.insert(0, (dWx, dWh, db))
            dtop = dbelow
        return grads, dWo, dbo, dtop


# ---- corpus
CELL = "rnn-deep"
STYLE = "class over a list of layers, batch first (B, T, D) rows, zero state in the last place, integer tags, softmax loss averaged over B and T"
HELD_OUT = True
CALL = None
SIZES = {"Wx0": (3, 5), "Wh0": (5, 5), "b0": (5,), "Wx1": (5, 4), "Wh1": (4, 4), "b1": (4,), "Wo": (4, 6), "bo": (6,)}


def draw(rng):
    d = {"input/x": rng.standard_normal((2, 7, 3)), "target/tags": rng.integers(0, 6, (2, 7))}
    return d | {"param/" + k: 0.65 * rng.standard_normal(s) for k, s in SIZES.items()}


def run(d):
    net = DeepTagger([tuple(d[f"param/{p}{l}"] for p in ("Wx", "Wh", "b")) for l in (0, 1)], d["param/Wo"], d["param/bo"])
    probs = net.forward(d["input/x"])
    grads, dWo, dbo, dx = net.backward(d["target/tags"])
    T = d["input/x"].shape[1]
    out = {"output/lower": net.seqs[1][:, :T], "output/upper": net.seqs[2][:, :T], "output/probs": probs, "loss": net.loss(d["target/tags"])}
    out |= {f"grad/{p}{l}": g for l in (0, 1) for p, g in zip(("Wx", "Wh", "b"), grads[l])}
    return out | {"grad/Wo": dWo, "grad/bo": dbo, "grad/x": dx}


MISTAKES = {
    "recurrence forgotten": ([("dtop[:, t] + dnext", "dtop[:, t]")], [[("cut-recurrence", "lower"), ("cut-recurrence", "upper")]]),
    "recurrence forgotten below": ([("dtop[:, t] + dnext", "dtop[:, t] + dnext * (l > 0)")], [("cut-recurrence", "lower")]),
    "Wh not transposed": ([("dz.dot(Wh.T)", "dz.dot(Wh)")], [[("transpose", "Wh0"), ("transpose", "Wh1")]]),
    "slope only at the top": ([("dz = dh * (1 - out[:, t] ** 2)", "dz = dh * (1 - out[:, t] ** 2) if l == 1 else dh")], [("missing-derivative", "lower b0 Wx0")]),
    "Wh with the new state": ([("out[:, t - 1].T.dot(dz)", "out[:, t].T.dot(dz)")], [[("time-shift", "Wh0 lower"), ("time-shift", "Wh1 upper")]]),
    "Wx of the first step": ([("dWx += below", "dWx = below")], [[("not-accumulated", "Wx0"), ("not-accumulated", "Wx1")], [("first-step-only", "Wx0"), ("first-step-only", "Wx1")]]),
    "lower layer from the sum's gradient": ([("dbelow[:, t] = dz.dot(Wx.T)", "dbelow[:, t] = dh.dot(Wx.T)")], [[("missing-derivative", "upper Wx1 lower"), ("missing-derivative", "x Wx0 lower")], [("misplaced-factor", "upper Wx1 lower"), ("misplaced-factor", "x Wx0 lower")]]),
    "averaged over T once more": ([("d /= B * T", "d /= B * T * T")], [("scale", "*")], "wrong"),
}
STACKS = {
    "Wh not transposed + Wx of the first step": [],
    "recurrence forgotten + slope only at the top": [],
    "recurrence forgotten below + averaged over T once more": [],
    "Wh with the new state + Wh not transposed + averaged over T once more": [],
}
