import numpy as np


def logistic(s):
    return 1 / (1 + np.exp(-s))


class Net:
    """A sigmoid RNN without biases, trained on the sum of squares; x (T, D), d (T, O). Output layer is linear."""

    def __init__(self, w_in, w_rec, w_out, eta):
        self.w_in, self.w_rec, self.w_out, self.eta = w_in, w_rec, w_out, eta

    def forward_pass(self, x):
        T = x.shape[0]
        self.s = np.zeros((T + 1, self.w_rec.shape[0]))
        self.o = np.zeros((T, self.w_out.shape[0]))
        for t in range(T):
            self.s[t + 1] = logistic(self.w_in @ x[t] + self.w_rec @ self.s[t])
            self.o[t] = self.w_out @ self.s[t + 1]
        return self.o

    def backward_pass(self, x, d):
        T = x.shape[0]
        e = self.o - d
        self.error = np.sum(e**2)
        gin, grec, gout = 0.0, 0.0, 0.0
        delta_next = np.zeros(self.w_rec.shape[0])
        for t in range(T, 0, -1):
            s = self.s[t]
            gout = gout + 2 * np.outer(e[t - 1], s)
            delta = (2 * self.w_out.T @ e[t - 1] + self.w_rec.T @ delta_next) * s * (1 - s)
            gin = gin + np.outer(delta, x[t - 1])
            grec = grec + np.outer(delta, self.s[t - 1])
            delta_next = delta
        self.w_in = self.w_in - self.eta * gin
        self.w_rec = self.w_rec - self.eta * grec
        self.w_out = self.w_out - self.eta * gout


# ---- corpus
CELL = "rnn-sigmoid"
STYLE = "object, SGD by rebinding the weights, no biases, sum of squares without ½, T+1 states"
HELD_OUT = False
CALL = {"object": "Net", "step": "backward_pass", "forward": "forward_pass", "learning rate": 0.05, "how": "Net(w_in, w_rec, w_out, eta); forward_pass(x); backward_pass(x, d) changes the weights"}
NAMES = ("w_in", "w_rec", "w_out")


def draw(rng):
    D, H, T, O = 5, 4, 6, 3
    r = rng.standard_normal
    return {"input/x": r((T, D)), "target/d": r((T, O))} | {"param/" + k: 1.2 * r(s) for k, s in zip(NAMES, ((H, D), (H, H), (O, H)))}


def run(d):
    net = Net(*(d["param/" + k] for k in NAMES), 0.05)
    o = net.forward_pass(d["input/x"])
    net.backward_pass(d["input/x"], d["target/d"])
    return {"loss": net.error, "output/o": o, "output/s": net.s} | {"grad/" + k: (d["param/" + k] - getattr(net, k)) / 0.05 for k in NAMES}


MISTAKES = {
    "w_out: 2 forgotten": ([("gout = gout + 2 * np.outer", "gout = gout + np.outer")], [("scale", "w_out o s")]),
    "recurrent part outside": ([("+ self.w_rec.T @ delta_next) * s * (1 - s)", ") * s * (1 - s) + self.w_rec.T @ delta_next")], [("misplaced-factor", "s w_rec delta")]),
    "delta_next never set": ([("            delta_next = delta\n", "")], [("cut-recurrence", "s w_rec delta"), ("truncate", "*")], "wrong"),
    "derivative at the output": ([("* s * (1 - s)", "* logistic(s) * (1 - logistic(s))")], [("derivative-of-activated", "s delta")]),
    "w_rec as it stands": ([("self.w_rec.T @ delta_next", "self.w_rec @ delta_next")], [("transpose", "w_rec")]),
    "grec with s": ([("grec = grec + np.outer(delta, self.s[t - 1])", "grec = grec + np.outer(delta, s)")], [("time-shift", "w_rec s")]),
    "gin assigned": ([("gin = gin + np.outer", "gin = np.outer")], [("not-accumulated", "w_in"), ("first-step-only", "w_in")]),
    "gout never": ([("gout = gout + 2", "gout + 2")], [("zero-gradient", "w_out")]),
    "first error only": ([("np.outer(e[t - 1], s)", "np.outer(e[t - 1], s) * (t == 1)")], [("first-step-only", "w_out"), ("not-accumulated", "w_out")]),
    "only the last error": ([("self.error = np.sum(e**2)", "self.error = np.sum(e**2)\n        e[:-1] = 0")], [("cotangent-missing", "*")]),
}
STACKS = {
    "w_out: 2 forgotten + w_rec as it stands": [],
    "recurrent part outside + grec with s": [],
    "gout never + gin assigned": [],
    "gout never + gin assigned + w_rec as it stands": [],
}
