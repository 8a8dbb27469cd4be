import numpy as np


class ElmanLayer:
    """(T, B, D) rows with a trainable initial state h0 (1, H) for all sequences; states are kept as (T+1, B, H)."""

    def __init__(self, W, U, b, h0):
        self.params = [W, U, b, h0]

    def forward(self, x):
        W, U, b, h0 = self.params
        T, B, _ = x.shape
        self.x = x
        self.states = np.empty((T + 1, B, U.shape[0]))
        self.states[0] = h0
        for t in range(T):
            self.states[t + 1] = np.tanh(x[t].dot(W) + self.states[t].dot(U) + b)
        return self.states[1:]

    def backward(self, grad_out):
        W, U, b, h0 = self.params
        T, B, _ = self.x.shape
        deltas = np.empty((T, B, U.shape[0]))
        g = np.zeros((B, U.shape[0]))
        for t in reversed(range(T)):
            deltas[t] = (g + grad_out[t]) * (1 - self.states[t + 1] ** 2)
            g = deltas[t].dot(U.T)
        self.grads = [
            np.tensordot(self.x, deltas, axes=([0, 1], [0, 1])),
            np.tensordot(self.states[:-1], deltas, axes=([0, 1], [0, 1])),
            deltas.sum(axis=(0, 1)),
            g.sum(axis=0, keepdims=True),
        ]
        return deltas.dot(W.T)


# ---- corpus
CELL = "rnn"
STYLE = "layer object with a list of gradients, (T, B, D) rows, tensordot over steps, a trained h0"
HELD_OUT = True
CALL = {"object": "ElmanLayer", "forward": "forward", "backward": "backward", "gradients": "grads", "how": "ElmanLayer(W, U, b, h0); .grads is a list in that order; backward returns dx"}
NAMES = ("W", "U", "b", "h0")


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    d = {"input/x": r((T, B, D)), "cotangent/h": r((T, B, H)), "initial/h0": 0.5 * r((1, H))}
    return d | {"param/" + k: 0.5 * r(s) for k, s in zip("WUb", ((D, H), (H, H), H))}


def run(d):
    layer = ElmanLayer(*(d["param/" + k] for k in "WUb"), d["initial/h0"])
    h = layer.forward(d["input/x"])
    dx = layer.backward(d["cotangent/h"])
    return {"output/h": h, "grad/x": dx} | {"grad/" + k: g for k, g in zip(NAMES, layer.grads)}


MISTAKES = {
    "U with the states after": ([("self.states[:-1], deltas", "self.states[1:], deltas")], [("time-shift", "U h states")]),
    "U as it stands": ([("deltas[t].dot(U.T)", "deltas[t].dot(U)")], [("transpose", "U")]),
    "h0 averaged": ([("g.sum(axis=0, keepdims=True)", "g.mean(axis=0, keepdims=True)")], [("scale", "h0")]),
    "h0 of the whole": ([("g.sum(axis=0, keepdims=True)", "np.full((1, len(b)), g.sum())")], [("wrong-axis", "h0")]),
    "b of one step": ([("deltas.sum(axis=(0, 1))", "deltas[-1].sum(axis=0)")], [("last-step-only", "b")]),
    "W of the first step": ([("np.tensordot(self.x, deltas, axes=([0, 1], [0, 1]))", "self.x[0].T.dot(deltas[0])")], [("first-step-only", "W"), ("not-accumulated", "W")]),
    "g cut": ([("(g + grad_out[t])", "grad_out[t]")], [("cut-recurrence", "h g U states"), ("truncate", "*")], "wrong"),
    "windows of 2": ([("g = deltas[t].dot(U.T)", "g = deltas[t].dot(U.T) * (t % 2 or not t)")], [("truncate", "*")]),
}
STACKS = {
    "U with the states after + h0 averaged": [],
    "g cut + b of one step": [],
    "U as it stands + W of the first step": [],
    "U with the states after + U as it stands + b of one step": [],
}
