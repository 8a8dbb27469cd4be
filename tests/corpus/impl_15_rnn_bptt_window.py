import numpy as np


def softmax(v):
    e = np.exp(v - v.max())
    return e / e.sum()


class RNNNumpy:
    def __init__(self, U, V, W, bptt_truncate):
        self.U, self.V, self.W = U, V, W
        self.bptt_truncate = bptt_truncate

    def forward_propagation(self, x):
        T = len(x)
        s = np.zeros((T + 1, self.W.shape[0]))  # s[-1] is the initial state
        o = np.zeros((T, self.V.shape[0]))
        for t in np.arange(T):
            # indexing U by x[t] is the product with a one-hot vector
            s[t] = np.tanh(self.U[:, x[t]] + self.W.dot(s[t - 1]))
            o[t] = softmax(self.V.dot(s[t]))
        return o, s

    def calculate_loss(self, x, y):
        o, _ = self.forward_propagation(x)
        return -np.sum(np.log(o[np.arange(len(y)), y])) / len(y)

    def bptt(self, x, y):
        T = len(y)
        o, s = self.forward_propagation(x)
        dLdU, dLdV, dLdW = np.zeros(self.U.shape), np.zeros(self.V.shape), np.zeros(self.W.shape)
        delta_o = o.copy()
        delta_o[np.arange(T), y] -= 1.0
        delta_o /= T
        for t in np.arange(T)[::-1]:
            dLdV += np.outer(delta_o[t], s[t])
            delta_t = self.V.T.dot(delta_o[t]) * (1 - s[t] ** 2)
            for step in np.arange(max(0, t - self.bptt_truncate), t + 1)[::-1]:
                dLdW += np.outer(delta_t, s[step - 1])
                dLdU[:, x[step]] += delta_t
                delta_t = self.W.T.dot(delta_t) * (1 - s[step - 1] ** 2)
        return dLdU, dLdV, dLdW


# ---- corpus
CELL = "rnn-nobias"
STYLE = "nested loops with a window, U indexed by word, no biases, mean cross-entropy over T"
HELD_OUT = False
CALL = {"object": "RNNNumpy", "fused": "bptt", "how": "RNNNumpy(U, V, W, window); bptt(x, y) -> dLdU, dLdV, dLdW"}
WINDOW = 100


def draw(rng):
    V, H, T = 7, 4, 6
    r = lambda *s: 0.5 * rng.standard_normal(s)
    return {"input/x": rng.integers(0, V, T), "target/y": rng.integers(0, V, T), "param/U": r(H, V), "param/V": r(V, H), "param/W": r(H, H)}


def run(d):
    net = RNNNumpy(d["param/U"], d["param/V"], d["param/W"], WINDOW)
    x, y = d["input/x"], d["target/y"]
    grads = net.bptt(x, y)
    o, s = net.forward_propagation(x)
    return {"loss": net.calculate_loss(x, y), "output/o": o, "output/s": s[:-1]} | {"grad/" + k: g for k, g in zip("UVW", grads)}


MISTAKES = {
    "window of 2 back": ([("self.bptt_truncate = bptt_truncate", "self.bptt_truncate = 2")], [("truncate", "*")]),
    "window of 1 back": ([("self.bptt_truncate = bptt_truncate", "self.bptt_truncate = 1")], [("truncate", "*")]),
    "no window at all": ([("self.bptt_truncate = bptt_truncate", "self.bptt_truncate = 0")], [("cut-recurrence", "s W")], "wrong"),
    "summed over the sentence": ([("delta_o /= T", "pass")], [("scale", "*")], "loss"),
    "derivative of a wrong step": ([("(1 - s[step - 1] ** 2)", "(1 - s[step] ** 2)")], [("time-shift", "s delta_t W")]),
    "W as it stands": ([("self.W.T.dot(delta_t)", "self.W.dot(delta_t)")], [("transpose", "W")]),
    "W of the outputs' steps": ([("dLdW += np.outer(delta_t, s[step - 1])", "dLdW += np.outer(delta_t, s[step])")], [("time-shift", "W s")]),
    "V of one step": ([("dLdV += np", "dLdV = np")], [("not-accumulated", "V"), ("first-step-only", "V")]),
}
STACKS = {
    "window of 2 back + summed over the sentence": [],
    "W as it stands + V of one step": [],
    "no window at all + W of the outputs' steps": [],
    "W of the outputs' steps + W as it stands + V of one step": [],
}
