import numpy as np


class RNNLayer:
    """x: (batch, time, features) -> (batch, time, units)"""

    def __init__(self, kernel, recurrent_kernel, bias):
        self.kernel, self.recurrent_kernel, self.bias = kernel, recurrent_kernel, bias

    def __call__(self, x):
        batch, time, _ = x.shape
        units = len(self.bias)
        self.x = x
        self.states = np.zeros((batch, time + 1, units))  # the last entry is the zero state before the first step
        for t in range(time):
            z = x[:, t] @ self.kernel + self.states[:, t - 1] @ self.recurrent_kernel + self.bias
            self.states[:, t] = np.tanh(z)
        return self.states[:, :-1]

    def gradient(self, upstream):
        batch, time, units = upstream.shape
        self.d_kernel = np.zeros_like(self.kernel)
        self.d_recurrent_kernel = np.zeros_like(self.recurrent_kernel)
        self.d_bias = np.zeros_like(self.bias)
        dx = np.zeros_like(self.x)
        d_state = np.zeros((batch, units))
        for t in range(time - 1, -1, -1):
            d_state = d_state + upstream[:, t]
            dz = d_state * (1.0 - np.square(self.states[:, t]))
            self.d_kernel += self.x[:, t].T @ dz
            self.d_recurrent_kernel += self.states[:, t - 1].T @ dz
            self.d_bias += dz.sum(axis=0)
            dx[:, t] = dz @ self.kernel.T
            d_state = dz @ self.recurrent_kernel.T
        return dx


class Dense:
    def __init__(self, kernel, bias):
        self.kernel, self.bias = kernel, bias

    def __call__(self, x):
        self.x = x
        return x @ self.kernel + self.bias

    def gradient(self, upstream):
        self.d_kernel = np.einsum("bti,bto->io", self.x, upstream)
        self.d_bias = upstream.sum(axis=(0, 1))
        return upstream @ self.kernel.T


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def fit_gradient(self, x, y):
        out = x
        for layer in self.layers:
            out = layer(out)
        error = out - y
        loss = np.mean(np.square(error))
        upstream = 2.0 * error / error.size
        for layer in reversed(self.layers):
            upstream = layer.gradient(upstream)
        return out, loss, upstream


# ---- corpus
CELL = "rnn-deep"
STYLE = "sequence of layer objects with Keras' names, two tanh layers of different sizes, (B, T, D), zero state at index -1, mean squared error"
HELD_OUT = True
SHAPES = {"kernel_1": (3, 5), "recurrent_kernel_1": (5, 5), "bias_1": (5,), "kernel_2": (5, 4), "recurrent_kernel_2": (4, 4), "bias_2": (4,), "kernel_3": (4, 2), "bias_3": (2,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((6, 7, 3)), "target/y": r((6, 7, 2))} | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    one, two = (RNNLayer(*(d[f"param/{k}_{n}"] for k in ("kernel", "recurrent_kernel", "bias"))) for n in (1, 2))
    three = Dense(d["param/kernel_3"], d["param/bias_3"])
    out, loss, dx = Sequential(one, two, three).fit_gradient(d["input/x"], d["target/y"])
    grads = {f"grad/{k}_{n}": getattr(layer, "d_" + k) for n, layer in ((1, one), (2, two), (3, three)) for k in ("kernel", "recurrent_kernel", "bias") if hasattr(layer, "d_" + k)}
    return {"output/out": out, "loss": np.array(loss), "grad/x": dx} | grads


REC = "recurrent_kernel_1 recurrent_kernel_2 recurrent_kernel"
BIAS = "bias_1 bias_2 bias"
MISTAKES = {
    "state's gradient overwritten": ([("d_state = d_state + upstream[:, t]", "d_state = upstream[:, t]")], [("cut-recurrence", "h h1 h_1 h2 h_2 states d_state " + REC), ("truncate", "*"), ("drop-path", REC), [("cut-recurrence", "h1 h_1 recurrent_kernel_1"), ("cut-recurrence", "h2 h_2 recurrent_kernel_2")]], "wrong"),
    "recurrent kernels as they stand": ([("dz @ self.recurrent_kernel.T", "dz @ self.recurrent_kernel")], [("transpose", REC), [("transpose", "recurrent_kernel_1"), ("transpose", "recurrent_kernel_2")]]),
    "states of the same step": ([("self.states[:, t - 1].T @ dz", "self.states[:, t].T @ dz")], [("time-shift", REC + " h h1 h_1 h2 h_2 states"), [("time-shift", "recurrent_kernel_1 h1 h_1"), ("time-shift", "recurrent_kernel_2 h2 h_2")]]),
    "without the two": ([("upstream = 2.0 * error", "upstream = error")], [("scale", "*")], "loss"),
    "averaged over the batch only": ([("2.0 * error / error.size", "2.0 * error / len(error)")], [("scale", "*")], "loss"),
    "biases assigned": ([("self.d_bias += dz.sum(axis=0)", "self.d_bias = dz.sum(axis=0)")], [("not-accumulated", BIAS), ("first-step-only", BIAS), [("not-accumulated", "bias_1"), ("not-accumulated", "bias_2")], [("first-step-only", "bias_1"), ("first-step-only", "bias_2")]]),
    "linear units on the way back": ([("dz = d_state * (1.0 - np.square(self.states[:, t]))", "dz = d_state * 1.0")], [("missing-derivative", "h h1 h_1 h2 h_2 states"), [("missing-derivative", "h1 h_1"), ("missing-derivative", "h2 h_2")]]),
    "layers clipped": ([("            d_state = dz @ self.recurrent_kernel.T\n        return dx\n", "            d_state = dz @ self.recurrent_kernel.T\n        for g in (self.d_kernel, self.d_recurrent_kernel, self.d_bias):\n            np.clip(g, -0.1, 0.1, out=g)\n        return dx\n")], [("clip", "*")]),
    "read-out with the state before": ([("np.einsum(\"bti,bto->io\", self.x, upstream)", "np.einsum(\"bti,bto->io\", self.x[:, :-1], upstream[:, 1:])")], [("time-shift", "kernel_3 h2 h_2 h")]),
}
STACKS = {
    "recurrent kernels as they stand + biases assigned": [],
    "states of the same step + read-out with the state before": [],
    "without the two + states of the same step": [],
    "state's gradient overwritten + biases assigned": [],
}
