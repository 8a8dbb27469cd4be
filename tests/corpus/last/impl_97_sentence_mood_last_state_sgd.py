import numpy as np


class MoodRNN:
    """Reads a sentence of one-hot columns and says whether it is a happy one; trained a sentence at a time."""

    def __init__(self, n_words, n_moods, n_units, rate=0.5):
        rng = np.random.default_rng(3)
        self.rate = rate
        self.Whh = rng.normal(0, 0.1, (n_units, n_units))
        self.Wxh = rng.normal(0, 0.1, (n_units, n_words))
        self.Why = rng.normal(0, 0.1, (n_moods, n_units))
        self.bh = np.zeros((n_units, 1))
        self.by = np.zeros((n_moods, 1))

    def read(self, sentence):
        self.sentence = sentence
        self.trail = [np.zeros_like(self.bh)]
        for word in sentence:
            h = np.tanh(self.Wxh @ word + self.Whh @ self.trail[-1] + self.bh)
            self.trail.append(h)
        y = self.Why @ self.trail[-1] + self.by
        e = np.exp(y - y.max())
        return e / e.sum()

    def improve(self, sentence, mood):
        probs = self.read(sentence)
        cost = -np.log(probs[mood, 0])
        # softmax and log together
        err = probs.copy()
        err[mood, 0] -= 1
        n = len(sentence)
        d_Why = err @ self.trail[n].T
        d_by = err
        d_Whh, d_Wxh, d_bh = np.zeros_like(self.Whh), np.zeros_like(self.Wxh), np.zeros_like(self.bh)
        back = self.Why.T @ err
        for t in reversed(range(n)):
            local = (1 - self.trail[t + 1] ** 2) * back
            d_bh += local
            d_Whh += local @ self.trail[t].T
            d_Wxh += local @ self.sentence[t].T
            back = self.Whh.T @ local
        self.Whh -= self.rate * d_Whh
        self.Wxh -= self.rate * d_Wxh
        self.Why -= self.rate * d_Why
        self.bh -= self.rate * d_bh
        self.by -= self.rate * d_by
        return probs, cost


# ---- corpus
CELL = "rnn"
STYLE = "tutorial class, one-hot columns in a list, softmax loss of the last state, gradients recovered from the SGD step"
HELD_OUT = True
SHAPES = {"Whh": (4, 4), "Wxh": (4, 6), "Why": (2, 4), "bh": (4, 1), "by": (2, 1)}


def draw(rng):
    d = {"input/sentence": np.eye(6)[rng.integers(0, 6, 7)][:, :, None], "target/mood": rng.integers(0, 2)}
    return d | {"param/" + k: 0.7 * rng.standard_normal(s) for k, s in SHAPES.items()}


def run(d):
    rnn = MoodRNN(6, 2, 4)
    vars(rnn).update({k: d["param/" + k].copy() for k in SHAPES})
    probs, cost = rnn.improve(list(d["input/sentence"]), int(d["target/mood"]))
    return {"loss": np.array(cost), "output/probs": probs} | {"grad/" + k: (d["param/" + k] - getattr(rnn, k)) / rnn.rate for k in SHAPES}


MISTAKES = {
    "loss heard at every step": ([("            back = self.Whh.T @ local", "            back = self.Why.T @ err + self.Whh.T @ local")], [("cotangent-at-every-step", "*")]),
    "only the last step": ([("for t in reversed(range(n)):", "for t in reversed(range(n - 1, n)):")], [("cut-recurrence", "h Whh back trail"), ("last-step-only", "*"), ("truncate", "*"), ("drop-path", "h Whh")], "wrong"),
    "two words back": ([("for t in reversed(range(n)):", "for t in reversed(range(n - 2, n)):")], [("truncate", "*")]),
    "Whh, not its transpose": ([("self.Whh.T @ local", "self.Whh @ local")], [("transpose", "Whh")]),
    "slope of the state before": ([("(1 - self.trail[t + 1] ** 2)", "(1 - self.trail[t] ** 2)")], [("time-shift", "h local trail")]),
    "d_Whh with the new state": ([("local @ self.trail[t].T", "local @ self.trail[t + 1].T")], [("time-shift", "Whh h trail")]),
    "sent back without the slope": ([("self.Whh.T @ local", "self.Whh.T @ back")], [("misplaced-factor", "h Whh back local"), ("missing-derivative", "h Whh back local")]),
    "d_bh assigned": ([("d_bh += local", "d_bh = local")], [("not-accumulated", "bh"), ("first-step-only", "bh")]),
    "weights of the read-out go uphill": ([("self.Why -= self.rate * d_Why", "self.Why += self.rate * d_Why")], [("sign", "Why")]),
}
STACKS = {
    "loss heard at every step + d_bh assigned": [],
    "Whh, not its transpose + weights of the read-out go uphill": [],
    "d_Whh with the new state + d_bh assigned": [],
    "slope of the state before + d_bh assigned + weights of the read-out go uphill": [],
}
