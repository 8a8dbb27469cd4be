import numpy as np
from numpy.random import randn


class RNN:
    # A many-to-one Vanilla Recurrent Neural Network.

    def __init__(self, input_size, output_size, hidden_size=64):
        # Weights
        self.Whh = randn(hidden_size, hidden_size) / 1000
        self.Wxh = randn(hidden_size, input_size) / 1000
        self.Why = randn(output_size, hidden_size) / 1000
        # Biases
        self.bh = np.zeros((hidden_size, 1))
        self.by = np.zeros((output_size, 1))

    def forward(self, inputs):
        """
        Perform a forward pass of the RNN using the given inputs.
        - inputs is an array of one-hot vectors with shape (input_size, 1).
        """
        h = np.zeros((self.Whh.shape[0], 1))
        self.last_inputs = inputs
        self.last_hs = {0: h}
        for i, x in enumerate(inputs):
            h = np.tanh(self.Wxh @ x + self.Whh @ h + self.bh)
            self.last_hs[i + 1] = h
        y = self.Why @ h + self.by
        return y, h

    def backprop(self, d_y, learn_rate=2e-2):
        """
        - d_y (dL/dy) has shape (output_size, 1).
        """
        n = len(self.last_inputs)

        # dL/dWhy and dL/dby.
        d_Why = d_y @ self.last_hs[n].T
        d_by = d_y

        d_Whh = np.zeros(self.Whh.shape)
        d_Wxh = np.zeros(self.Wxh.shape)
        d_bh = np.zeros(self.bh.shape)

        # dL/dh for the last h.
        d_h = self.Why.T @ d_y
        for t in reversed(range(n)):
            # An intermediate value: dL/dh * (1 - h^2)
            temp = (1 - self.last_hs[t + 1] ** 2) * d_h
            d_bh += temp
            d_Whh += temp @ self.last_hs[t].T
            d_Wxh += temp @ self.last_inputs[t].T
            # Next dL/dh = dL/dh * (1 - h^2) * Whh
            d_h = self.Whh.T @ temp

        # Update weights and biases using gradient descent.
        self.Whh -= learn_rate * d_Whh
        self.Wxh -= learn_rate * d_Wxh
        self.Why -= learn_rate * d_Why
        self.bh -= learn_rate * d_bh
        self.by -= learn_rate * d_by


def softmax(xs):
    return np.exp(xs) / sum(np.exp(xs))


def train_one(rnn, inputs, target, learn_rate):
    out, _ = rnn.forward(inputs)
    probs = softmax(out)
    loss = -np.log(probs[target, 0])
    d_L_d_y = probs.copy()
    d_L_d_y[target] -= 1
    rnn.backprop(d_L_d_y, learn_rate)
    return probs, loss


# ---- corpus
CELL = "rnn"
STYLE = "tutorial class, one-hot columns in a list, softmax loss of the last state, gradients recovered from the SGD step"
HELD_OUT = True
SHAPES = {"Whh": (4, 4), "Wxh": (4, 6), "Why": (2, 4), "bh": (4, 1), "by": (2, 1)}


def draw(rng):
    d = {"input/inputs": np.eye(6)[rng.integers(0, 6, 7)][:, :, None], "target/target": rng.integers(0, 2)}
    return d | {"param/" + k: 0.7 * rng.standard_normal(s) for k, s in SHAPES.items()}


def run(d):
    rnn = RNN(6, 2, 4)
    vars(rnn).update({k: d["param/" + k].copy() for k in SHAPES})
    probs, loss = train_one(rnn, list(d["input/inputs"]), int(d["target/target"]), 0.5)
    return {"loss": np.array(loss), "output/probs": probs} | {"grad/" + k: (d["param/" + k] - getattr(rnn, k)) / 0.5 for k in SHAPES}


MISTAKES = {
    "loss heard at every step": ([("            d_h = self.Whh.T @ temp", "            d_h = self.Why.T @ d_y + self.Whh.T @ temp")], [("cotangent-at-every-step", "*")]),
    "only the last step": ([("for t in reversed(range(n)):", "for t in reversed(range(n - 1, n)):")], [("cut-recurrence", "h Whh d_h last_hs"), ("last-step-only", "*"), ("truncate", "*"), ("drop-path", "h Whh"), [("last-step-only", "Whh"), ("last-step-only", "Wxh"), ("last-step-only", "bh")]], "wrong"),
    "two words back": ([("for t in reversed(range(n)):", "for t in reversed(range(n - 2, n)):")], [("truncate", "*")]),
    "Whh, not its transpose": ([("self.Whh.T @ temp", "self.Whh @ temp")], [("transpose", "Whh")]),
    "slope taken of h[t]": ([("(1 - self.last_hs[t + 1] ** 2)", "(1 - self.last_hs[t] ** 2)")], [("time-shift", "h temp last_hs")]),
    "d_Whh with the new state": ([("temp @ self.last_hs[t].T", "temp @ self.last_hs[t + 1].T")], [("time-shift", "Whh h last_hs")]),
    "d_h without the slope": ([("self.Whh.T @ temp", "self.Whh.T @ d_h")], [("misplaced-factor", "h Whh d_h temp"), ("missing-derivative", "h Whh d_h temp")]),
    "d_bh assigned": ([("d_bh += temp", "d_bh = temp")], [("not-accumulated", "bh"), ("first-step-only", "bh")]),
    "weights of the read-out go uphill": ([("self.Why -= learn_rate * d_Why", "self.Why += learn_rate * d_Why")], [("sign", "Why")]),
}
STACKS = {
    "loss heard at every step + d_bh assigned": [],
    "Whh, not its transpose + weights of the read-out go uphill": [],
    "d_Whh with the new state + d_bh assigned": [],
    "slope taken of h[t] + d_bh assigned + weights of the read-out go uphill": [],
}
