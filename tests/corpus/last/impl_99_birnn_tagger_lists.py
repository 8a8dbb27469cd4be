import numpy as np

# Tagger: every word is read from both sides and gets a tag.  A sentence is a list of 1-D word vectors.


def log_softmax(s):
    s = s - s.max()
    return s - np.log(np.exp(s).sum())


class BiRNNTagger:
    def __init__(self, weights):
        for name, value in weights.items():
            setattr(self, name, value)

    def states(self, words):
        n = len(words)
        h = np.zeros(len(self.b_fwd))
        fwd = []
        for w in words:
            h = np.tanh(self.W_fwd @ w + self.R_fwd @ h + self.b_fwd)
            fwd.append(h)
        h = np.zeros(len(self.b_bwd))
        bwd = []
        for w in reversed(words):
            h = np.tanh(self.W_bwd @ w + self.R_bwd @ h + self.b_bwd)
            bwd.append(h)
        bwd.reverse()
        return fwd, bwd, n

    def loss(self, words, tags):
        fwd, bwd, n = self.states(words)
        logits = [self.O_fwd @ f + self.O_bwd @ b + self.b_out for f, b in zip(fwd, bwd)]
        value = -sum(log_softmax(s)[k] for s, k in zip(logits, tags)) / n

        grad = {k: np.zeros_like(getattr(self, k)) for k in ("W_fwd", "R_fwd", "b_fwd", "W_bwd", "R_bwd", "b_bwd", "O_fwd", "O_bwd", "b_out")}
        from_tags_f, from_tags_b = [], []
        for t in range(n):
            delta = np.exp(log_softmax(logits[t]))
            delta[tags[t]] -= 1.0
            delta /= n
            grad["O_fwd"] += np.outer(delta, fwd[t])
            grad["O_bwd"] += np.outer(delta, bwd[t])
            grad["b_out"] += delta
            from_tags_f.append(self.O_fwd.T @ delta)
            from_tags_b.append(self.O_bwd.T @ delta)

        word_grads = [np.zeros_like(w) for w in words]
        carry = np.zeros_like(fwd[0])
        for t in range(n - 1, -1, -1):
            d = (from_tags_f[t] + carry) * (1 - fwd[t] ** 2)
            if t > 0:
                grad["R_fwd"] += np.outer(d, fwd[t - 1])
            grad["W_fwd"] += np.outer(d, words[t])
            grad["b_fwd"] += d
            word_grads[t] += self.W_fwd.T @ d
            carry = self.R_fwd.T @ d
        carry = np.zeros_like(bwd[0])
        for t in range(n):
            d = (from_tags_b[t] + carry) * (1 - bwd[t] ** 2)
            if t < n - 1:
                grad["R_bwd"] += np.outer(d, bwd[t + 1])
            grad["W_bwd"] += np.outer(d, words[t])
            grad["b_bwd"] += d
            word_grads[t] += self.W_bwd.T @ d
            carry = self.R_bwd.T @ d
        return value, logits, grad, word_grads


# ---- corpus
CELL = "rnn-bidirectional"
STYLE = "class with weights by setattr, one sentence as a list of vectors, read-out split by direction, mean softmax loss, integer tags"
HELD_OUT = True
SHAPES = {"W_fwd": (4, 3), "R_fwd": (4, 4), "b_fwd": (4,), "W_bwd": (4, 3), "R_bwd": (4, 4), "b_bwd": (4,), "O_fwd": (5, 4), "O_bwd": (5, 4), "b_out": (5,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/words": r((6, 3)), "target/tags": rng.integers(0, 5, 6)} | {"param/" + k: 0.7 * r(s) for k, s in SHAPES.items()}


def run(d):
    net = BiRNNTagger({k: d["param/" + k] for k in SHAPES})
    value, logits, grad, word_grads = net.loss(list(d["input/words"]), d["target/tags"])
    return {"loss": np.array(value), "output/logits": np.array(logits), "grad/words": np.array(word_grads)} | {"grad/" + k: v for k, v in grad.items()}


MISTAKES = {
    "bwd carried from the wrong side": ([("        for t in range(n):\n            d = (from", "        for t in range(n - 1, -1, -1):\n            d = (from")], [("time-shift", "bwd h_bwd R_bwd hb carry"), ("wrong-axis", "bwd R_bwd")]),
    "bwd not carried": ([("(from_tags_b[t] + carry)", "from_tags_b[t]")], [("cut-recurrence", "bwd h_bwd R_bwd h_b hb"), ("drop-path", "bwd R_bwd")]),
    "fwd not carried": ([("            carry = self.R_fwd.T @ d\n", "")], [("cut-recurrence", "fwd h_fwd R_fwd h_f hf"), ("drop-path", "fwd R_fwd")]),
    "R_bwd with the state before": ([("            if t < n - 1:\n                grad[\"R_bwd\"] += np.outer(d, bwd[t + 1])", "            if t > 0:\n                grad[\"R_bwd\"] += np.outer(d, bwd[t - 1])")], [("time-shift", "R_bwd bwd h_bwd")]),
    "words hear bwd only": ([("word_grads[t] += self.W_bwd.T @ d", "word_grads[t] = self.W_bwd.T @ d")], [("drop-path", "words W_fwd fwd h_fwd")]),
    "read-outs exchanged on the way back": ([("from_tags_f.append(self.O_fwd.T @ delta)", "from_tags_f.append(self.O_bwd.T @ delta)"), ("from_tags_b.append(self.O_bwd.T @ delta)", "from_tags_b.append(self.O_fwd.T @ delta)")], [("swap-gates", "O_fwd O_bwd fwd h_fwd bwd h_bwd")]),
    "R_fwd not transposed": ([("self.R_fwd.T @ d", "self.R_fwd @ d")], [("transpose", "R_fwd")]),
    "tags summed": ([("            delta /= n\n", "")], [("scale", "*")], "loss"),
    "b_out assigned": ([('grad["b_out"] += delta', 'grad["b_out"] = delta')], [("not-accumulated", "b_out"), ("last-step-only", "b_out")]),
}
STACKS = {
    "bwd not carried + fwd not carried": [("cut-recurrence", "fwd bwd")],
    "words hear bwd only + b_out assigned": [],
    "R_fwd not transposed + R_bwd with the state before": [],
    "tags summed + R_fwd not transposed + b_out assigned": [],
}
