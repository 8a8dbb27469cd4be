import numpy as np

# Sentiment of a sentence: RNN over word vectors, sigmoid of the last hidden state, binary cross-entropy.


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class SentimentRNN:
    def __init__(self, U, W, b, v, c):
        self.U, self.W, self.b, self.v, self.c = U, W, b, v, c

    def forward(self, X):
        """X: (m, T, D) -> probabilities (m,)"""
        m, T, D = X.shape
        self.X = X
        self.H = np.zeros((m, T + 1, self.W.shape[0]))
        for t in range(T):
            self.H[:, t + 1] = sigmoid(X[:, t] @ self.U + self.H[:, t] @ self.W + self.b)
        self.p = sigmoid(self.H[:, T] @ self.v + self.c)
        return self.p

    def loss(self, y):
        return -np.mean(y * np.log(self.p) + (1 - y) * np.log(1 - self.p))

    def backward(self, y):
        m, T, D = self.X.shape
        H = self.H
        dlogit = (self.p - y) / m
        grads = {"v": H[:, T].T @ dlogit, "c": dlogit.sum()}
        grads["U"], grads["W"], grads["b"] = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros_like(self.b)
        dX = np.zeros_like(self.X)
        dh = np.outer(dlogit, self.v)
        for t in range(T - 1, -1, -1):
            s = H[:, t + 1]
            da = dh * s * (1 - s)
            grads["U"] += self.X[:, t].T @ da
            grads["W"] += H[:, t].T @ da
            grads["b"] += da.sum(axis=0)
            dX[:, t] = da @ self.U.T
            dh = da @ self.W.T
        grads["X"] = dX
        return grads


# ---- corpus
CELL = "rnn-sigmoid"
STYLE = "class, (m, T, D) rows, sigmoid read-out of the last state, mean binary cross-entropy"
HELD_OUT = True
CALL = {"object": "SentimentRNN", "forward": "forward", "backward": "backward", "loss": "loss",
        "how": "SentimentRNN(U, W, b, v, c); forward(X); loss(y); backward(y) -> dict"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/X": r((B, T, D)), "target/y": rng.integers(0, 2, B), "param/U": 0.8 * r((D, H)), "param/W": 1.2 * r((H, H)),
            "param/b": 0.5 * r(H), "param/v": r(H), "param/c": 0.5 * r(())}


def run(d):
    net = SentimentRNN(*(d["param/" + k] for k in "UWbvc"))
    p = net.forward(d["input/X"])
    return {"output/p": p, "loss": net.loss(d["target/y"])} | {"grad/" + k: g for k, g in net.backward(d["target/y"]).items()}


MISTAKES = {
    "loss at every step": ([("dh = da @ self.W.T", "dh = da @ self.W.T + np.outer(dlogit, self.v)")], [("cotangent-at-every-step", "*")]),
    "summed, not averaged": ([("(self.p - y) / m", "self.p - y")], [("scale", "*")], "loss"),
    "divided by T as well": ([("(self.p - y) / m", "(self.p - y) / (m * T)")], [("scale", "*")], "loss"),
    "y minus p": ([("(self.p - y) / m", "(y - self.p) / m")], [("sign", "*")]),
    "sigmoid twice": ([("da = dh * s * (1 - s)", "da = dh * sigmoid(s) * (1 - sigmoid(s))")], [("derivative-of-activated", "H h da s W b U")]),
    "W not transposed": ([("da @ self.W.T", "da @ self.W")], [("transpose", "W")]),
    "X used for every step": ([('grads["U"] += self.X[:, t].T', 'grads["U"] += self.X[:, t - 1].T')], [("time-shift", "U X")]),
}
STACKS = {
    "loss at every step + summed, not averaged": [],
    "y minus p + sigmoid twice": [],
    "W not transposed + X used for every step": [],
    "divided by T as well + W not transposed + X used for every step": [],
}
