import numpy as np


def softmax_cols(s):
    e = np.exp(s - s.max(0))
    return e / e.sum(0)


class Direction:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def __call__(self, seq):
        H = len(self.b)
        self.seq, self.states = seq, [np.zeros((H, seq[0].shape[1]))]
        for v in seq:
            self.states.append(np.tanh(self.W @ np.vstack((self.states[-1], v)) + self.b))
        return self.states[-1]

    def back(self, delta):
        H = len(self.b)
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
        dseq = []
        for v, s_old, s in zip(self.seq[::-1], self.states[-2::-1], self.states[:0:-1]):
            delta = delta * (1 - s**2)
            self.dW += delta @ np.vstack((s_old, v)).T
            self.db += delta.sum(1, keepdims=True)
            both = self.W.T @ delta
            delta = both[:H]
            dseq.append(both[H:])
        return dseq[::-1]


class Classifier:
    """Reads a sequence in both directions and classifies the two last states; softmax, averaged over the batch."""

    def __init__(self, Wl, bl, Wr, br, Wo, bo):
        self.left, self.right = Direction(Wl, bl), Direction(Wr, br)
        self.Wo, self.bo = Wo, bo

    def loss(self, seq, labels):
        self.feat = np.vstack((self.left(seq), self.right(seq[::-1])))
        self.p = softmax_cols(self.Wo @ self.feat + self.bo)
        self.labels = labels
        return -np.mean(np.log(self.p[labels, np.arange(len(labels))]))

    def back(self):
        N = len(self.labels)
        d = self.p.copy()
        d[self.labels, np.arange(N)] -= 1
        d /= N
        self.dWo = d @ self.feat.T
        self.dbo = d.sum(1, keepdims=True)
        df = self.Wo.T @ d
        H = len(self.left.b)
        from_left = self.left.back(df[:H])
        from_right = self.right.back(df[H:])
        return [a + b for a, b in zip(from_left, from_right[::-1])]


# ---- corpus
CELL = """
l[t] = tanh(Wl @ [l[t-1], x[t]] + bl)
r[t] = tanh(Wr @ [r[t+1], x[t]] + br)
s = Wo @ [l[T], r[1]] + bo
p = softmax(s)
"""
STYLE = "objects in an object, two directions, the last state of each classified, columns (T, D, N), integer labels, mean softmax loss"
HELD_OUT = True
SHAPES = {"Wl": (4, 7), "bl": (4, 1), "Wr": (4, 7), "br": (4, 1), "Wo": (5, 8), "bo": (5, 1)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((6, 3, 2)), "target/labels": rng.integers(0, 5, 2)} | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    net = Classifier(*(d["param/" + k] for k in SHAPES))
    loss = net.loss(list(d["input/x"]), d["target/labels"])
    dx = net.back()
    g = {"Wl": net.left.dW, "bl": net.left.db, "Wr": net.right.dW, "br": net.right.db, "Wo": net.dWo, "bo": net.dbo, "x": np.array(dx)}
    return {"loss": np.array(loss), "output/p": net.p} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "loss summed": ([("        d /= N\n", "")], [("scale", "*")], "loss"),
    "x by the left only": ([("[a + b for", "[a for")], [("drop-path", "x Wr r")]),
    "recurrent part transposed": ([("delta = both[:H]", "delta = self.W[:, :H] @ delta")], [("transpose", "Wl Wr W")]),
    "no tanh' for the states": ([("            delta = delta * (1 - s**2)\n", "")], [("missing-derivative", "l r s")]),
    "dW overwritten": ([("self.dW += ", "self.dW = ")], [("not-accumulated", "Wl Wr W"), ("first-step-only", "Wl Wr W"), [("not-accumulated", "Wl"), ("not-accumulated", "Wr")], [("first-step-only", "Wl"), ("last-step-only", "Wr")], [("first-step-only", "Wl"), ("not-accumulated", "Wr")], [("not-accumulated", "Wl"), ("last-step-only", "Wr")]]),
    "new state in dW": ([("np.vstack((s_old, v)).T", "np.vstack((s, v)).T")], [("time-shift", "Wl Wr W l r")]),
    "right gradients in its own order": ([("zip(from_left, from_right[::-1])", "zip(from_left, from_right)")], [("time-shift", "x r"), ("wrong-axis", "x r")]),
    "halves of df exchanged": ([("self.left.back(df[:H])", "self.left.back(df[H:])"), ("self.right.back(df[H:])", "self.right.back(df[:H])")], [("swap-gates", "l r Wo s")]),
}
STACKS = {
    "x by the left only + dW overwritten": [],
    "recurrent part transposed + new state in dW": [],
    "no tanh' for the states + x by the left only": [],
}
