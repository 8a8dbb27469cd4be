import numpy as np


def relu(a):
    return a * (a > 0)


class Net:
    """Two recurrent layers (tanh below, ReLU above), a linear output; x is a list of vectors."""

    def __init__(self, layers, out):
        self.layers, self.out = layers, out

    def forward(self, x):
        self.memo = [[], []]
        y = []
        h = [np.zeros(len(layer["b"])) for layer in self.layers]
        for v in x:
            for k, layer in enumerate(self.layers):
                a = layer["W"] @ v + layer["R"] @ h[k] + layer["b"]
                new = relu(a) if k else np.tanh(a)
                self.memo[k].append((v, h[k], new))
                h[k] = v = new
            y.append(self.out["W"] @ v + self.out["b"])
        return y

    def backward(self, dy):
        grads = [{n: np.zeros_like(p) for n, p in layer.items()} for layer in (*self.layers, self.out)]
        above = []
        for t, e in enumerate(dy):
            grads[2]["W"] += np.outer(e, self.memo[1][t][2])
            grads[2]["b"] += e
            above.append(self.out["W"].T @ e)
        for k in (1, 0):
            layer, future = self.layers[k], 0.0
            below = [None] * len(dy)
            for t in reversed(range(len(dy))):
                v, h, new = self.memo[k][t]
                d = above[t] + future
                d = d * (new > 0) if k else d * (1 - new**2)
                grads[k]["W"] += np.outer(d, v)
                grads[k]["R"] += np.outer(d, h)
                grads[k]["b"] += d
                below[t] = layer["W"].T @ d
                future = layer["R"].T @ d
            above = below
        return grads, above


# ---- corpus
CELL = """
p[t] = tanh(W0 @ x[t] + R0 @ p[t-1] + b0)
q[t] = relu(W1 @ p[t] + R1 @ q[t-1] + b1)
y[t] = W2 @ q[t] + b2
"""
STYLE = "list of layer dicts, lists of vectors, layer by layer backward, tanh below and ReLU above, linear output"
HELD_OUT = True
SHAPES = {"W0": (4, 3), "R0": (4, 4), "b0": (4,), "W1": (5, 4), "R1": (5, 5), "b1": (5,), "W2": (2, 5), "b2": (2,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((6, 3)), "cotangent/y": r((6, 2))} | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()} | {"param/b1": 0.8 + 0.3 * r(5)}


def run(d):
    layers = [{n: d[f"param/{n}{k}"] for n in ("W", "R", "b")} for k in (0, 1)]
    net = Net(layers, {n: d[f"param/{n}2"] for n in ("W", "b")})
    y = net.forward(list(d["input/x"]))
    grads, dx = net.backward(list(d["cotangent/y"]))
    return {"output/y": np.array(y), "grad/x": np.array(dx)} | {f"grad/{n}{k}": g for k, gs in enumerate(grads) for n, g in gs.items()}


MISTAKES = {
    "slope of tanh above": ([("d = d * (new > 0) if k else d * (1 - new**2)", "d = d * (1 - new**2)")], [("misplaced-factor", "q"), ("missing-derivative", "q"), ("derivative-of-activated", "q")]),
    "no slope below": ([("if k else d * (1 - new**2)", "if k else d")], [("missing-derivative", "p")]),
    "recurrence of the upper layer": ([('future = layer["R"].T @ d', 'future = layer["R"].T @ d * (k == 0)')], [("cut-recurrence", "q R1"), ("drop-path", "q R1")]),
    "recurrence of both layers": ([('future = layer["R"].T @ d', "future = 0.0 * d")], [("cut-recurrence", "p q R0 R1"), [("cut-recurrence", "p"), ("cut-recurrence", "q")]]),
    "R as it stands in both": ([('layer["R"].T @ d', 'layer["R"] @ d')], [("transpose", "R0 R1"), [("transpose", "R0"), ("transpose", "R1")]]),
    "new for h": ([('grads[k]["R"] += np.outer(d, h)', 'grads[k]["R"] += np.outer(d, new)')], [("time-shift", "R0 R1 p q"), [("time-shift", "R0 p"), ("time-shift", "R1 q")]]),
    "last output bias": ([('grads[2]["b"] += e', 'grads[2]["b"] = e')], [("not-accumulated", "b2"), ("last-step-only", "b2")]),
    "lower layer hears the last step only": ([("            above = below", "            above = [0 * e for e in below[:-1]] + below[-1:] if k else below")], [("drop-path", "p q W1"), ("last-step-only", "p q W1 W0 R0 b0 x"), ("cotangent-missing", "p q")]),
}
STACKS = {
    "recurrence of the upper layer + last output bias": [],
    "no slope below + last output bias": [],
    "R as it stands in both + new for h": [],
    "no slope below + new for h + last output bias": [],
}
