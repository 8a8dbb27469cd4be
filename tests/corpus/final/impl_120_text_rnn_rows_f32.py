import numpy as np

F = np.float32


def onehot(k, n):
    v = np.zeros((1, n), dtype=F)
    v[0, k] = 1
    return v


class TextRNN:
    def __init__(self, params):
        self.p = params  # Wx (V, H), Wh (H, H), bh (1, H), Wo (H, V), bo (1, V)
        self.grads = {}

    def loss(self, seq, nxt, h):
        p = self.p
        V = p["Wx"].shape[0]
        self.tape = []
        total = F(0)
        for k, target in zip(seq, nxt):
            x = onehot(k, V)
            h_new = np.tanh(x @ p["Wx"] + h @ p["Wh"] + p["bh"])
            logit = h_new @ p["Wo"] + p["bo"]
            e = np.exp(logit - logit.max())
            prob = e / e.sum()
            total -= np.log(prob[0, target])
            self.tape.append((x, h, h_new, prob, target))
            h = h_new
        self.h = h
        return total / len(seq)

    def backprop(self):
        p = self.p
        n = len(self.tape)
        G = {k: np.zeros_like(v) for k, v in p.items()}
        back = np.zeros_like(self.h)
        for x, h_old, h, prob, target in self.tape[::-1]:
            err = prob.copy()
            err[0, target] -= 1
            err /= n
            G["Wo"] += h.T @ err
            G["bo"] += err
            delta = err @ p["Wo"].T + back
            delta = delta * (1 - h ** 2)
            G["Wx"] += x.T @ delta
            G["Wh"] += h_old.T @ delta
            G["bh"] += delta
            back = delta @ p["Wh"].T
        self.grads = G
        return back


# ---- corpus
CELL = "rnn-readout"
STYLE = "float32 class with a tape, row vectors, integer characters, softmax loss averaged over the text"
HELD_OUT = True
CALL = None
SIZES = {"Wx": (6, 5), "Wh": (5, 5), "bh": (1, 5), "Wo": (5, 6), "bo": (1, 6)}


def draw(rng):
    d = {"input/seq": rng.integers(0, 6, 8), "target/nxt": rng.integers(0, 6, 8), "initial/h0": (0.5 * rng.standard_normal((1, 5))).astype(np.float32)}
    return d | {"param/" + k: (0.6 * rng.standard_normal(s)).astype(np.float32) for k, s in SIZES.items()}


def run(d):
    net = TextRNN({k: d["param/" + k] for k in SIZES})
    loss = net.loss(list(d["input/seq"]), list(d["target/nxt"]), d["initial/h0"])
    dh0 = net.backprop()
    out = {"output/prob": np.array([m[3][0] for m in net.tape]), "output/h_last": net.h, "loss": np.array(loss)}
    return out | {"grad/h0": dh0} | {"grad/" + k: v for k, v in net.grads.items()}


MISTAKES = {
    "no back": ([('err @ p["Wo"].T + back', 'err @ p["Wo"].T')], [("cut-recurrence", "h h0 h_old back delta bh Wh")]),
    "summed, not averaged": ([("            err /= n\n", "")], [("scale", "*")], "loss"),
    "tanh' on the read-out path only": ([('delta = err @ p["Wo"].T + back\n            delta = delta * (1 - h ** 2)', 'delta = err @ p["Wo"].T * (1 - h ** 2) + back')], [("misplaced-factor", "h back delta bh Wo"), ("missing-derivative", "h back delta bh")]),
    "1 - h": ([("(1 - h ** 2)", "(1 - h)")], [("missing-derivative", "h delta bh tanh"), ("derivative-of-activated", "h delta bh tanh"), ("misplaced-factor", "h delta bh")]),
    "Wh flipped": ([('delta @ p["Wh"].T', 'delta @ p["Wh"]')], [("transpose", "Wh")]),
    "Wo with the old state": ([("h.T @ err", "h_old.T @ err")], [("time-shift", "Wo h h_old")]),
    "Wh not summed": ([('G["Wh"] += ', 'G["Wh"] = ')], [("not-accumulated", "Wh"), ("first-step-only", "Wh")]),
    "bh left at zero": ([('            G["bh"] += delta\n', "")], [("zero-gradient", "bh")]),
}
STACKS = {
    "Wh flipped + Wo with the old state": [],
    "Wh not summed + bh left at zero": [],
    "no back + Wo with the old state": [],
    "1 - h + Wh flipped + bh left at zero": [],
}
