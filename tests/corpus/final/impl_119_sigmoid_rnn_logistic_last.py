import numpy as np


class Net:
    """Reads a batch of series (time last: D x m x T) and says yes or no at the end."""

    def __init__(self, Wax, Waa, ba, Wya, by):
        self.Wax, self.Waa, self.ba, self.Wya, self.by = Wax, Waa, ba, Wya, by

    @staticmethod
    def act(s):
        return 1.0 / (1.0 + np.exp(-s))

    def predict(self, X):
        n, m, T = X.shape
        self.X = X
        self.A = np.zeros((self.ba.shape[0], m, T + 1))
        for t in range(T):
            self.A[..., t + 1] = self.act(self.Wax @ X[..., t] + self.Waa @ self.A[..., t] + self.ba)
        self.yhat = self.act(self.Wya @ self.A[..., T] + self.by)
        return self.yhat

    def cost(self, Y):
        m = Y.shape[1]
        return -np.sum(Y * np.log(self.yhat) + (1 - Y) * np.log(1 - self.yhat)) / m

    def gradients(self, Y):
        n, m, T = self.X.shape
        dy = (self.yhat - Y) / m
        g = {"Wya": dy @ self.A[..., T].T, "by": dy.sum(axis=1, keepdims=True)}
        g["Wax"], g["Waa"], g["ba"] = np.zeros_like(self.Wax), np.zeros_like(self.Waa), np.zeros_like(self.ba)
        da = self.Wya.T @ dy
        for t in range(T, 0, -1):
            a = self.A[..., t]
            ds = da * a * (1 - a)
            g["Wax"] += ds @ self.X[..., t - 1].T
            g["Waa"] += ds @ self.A[..., t - 1].T
            g["ba"] += ds.sum(axis=1, keepdims=True)
            da = self.Waa.T @ ds
        g["a0"] = da
        return g


# ---- corpus
CELL = "rnn-sigmoid"
STYLE = "class, columns, time last (D, m, T), T + 1 states, logistic read-out of the last state, cross-entropy averaged over m"
HELD_OUT = True
CALL = None
SIZES = {"Wax": (4, 3), "Waa": (4, 4), "ba": (4, 1), "Wya": (1, 4), "by": (1, 1)}


def draw(rng):
    d = {"input/X": rng.standard_normal((3, 5, 6)), "target/Y": rng.integers(0, 2, (1, 5)).astype(float)}
    return d | {"param/" + k: 1.2 * rng.standard_normal(s) for k, s in SIZES.items()}


def run(d):
    net = Net(*(d["param/" + k] for k in SIZES))
    yhat = net.predict(d["input/X"])
    g = net.gradients(d["target/Y"])
    g.pop("a0")
    return {"output/A": net.A, "output/yhat": yhat, "loss": net.cost(d["target/Y"])} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "derivative of tanh": ([("da * a * (1 - a)", "da * (1 - a * a)")], [("missing-derivative", "A a ds act sigmoid"), ("derivative-of-activated", "A a ds act sigmoid"), ("misplaced-factor", "A a ds")]),
    "sigmoid taken again": ([("da * a * (1 - a)", "da * self.act(a) * (1 - self.act(a))")], [("derivative-of-activated", "A a ds act")]),
    "Waa wrong way": ([("self.Waa.T @ ds", "self.Waa @ ds")], [("transpose", "Waa")]),
    "Waa with its own state": ([("ds @ self.A[..., t - 1].T", "ds @ self.A[..., t].T")], [("time-shift", "Waa A a")]),
    "ba only from the last step": ([('            g["ba"] += ds', '            if t == T:\n                g["ba"] += ds')], [("last-step-only", "ba")]),
    "Wax overwritten": ([('g["Wax"] += ds', 'g["Wax"] = ds')], [("not-accumulated", "Wax"), ("first-step-only", "Wax")]),
    "target minus prediction": ([("(self.yhat - Y) / m", "(Y - self.yhat) / m")], [("sign", "*")]),
    "two steps back": ([("range(T, 0, -1)", "range(T, T - 2, -1)")], [("truncate", "*")]),
}
STACKS = {
    "derivative of tanh + Waa wrong way": [],
    "Waa with its own state + Wax overwritten": [],
    "target minus prediction + sigmoid taken again": [],
    "ba only from the last step + Waa wrong way + Wax overwritten": [],
}
