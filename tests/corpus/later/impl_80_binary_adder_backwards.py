# Teaching a net to add: the digits stand as we write them, so the net walks from the last position to the first.
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slope(output):
    return output * (1 - output)


def train(a, b, c, synapse_0, synapse_h, synapse_1, alpha):
    """a, b, c: bits, most significant first.  Changes the synapses in place."""
    binary_dim = len(c)
    hidden = {binary_dim: np.zeros((1, synapse_h.shape[0]))}
    d = np.zeros((binary_dim, 1))
    error = 0.0
    for position in range(binary_dim - 1, -1, -1):
        X = np.array([[a[position], b[position]]])
        hidden[position] = sigmoid(X @ synapse_0 + hidden[position + 1] @ synapse_h)
        d[position] = sigmoid(hidden[position] @ synapse_1)[0]
        error += np.sum((c[position] - d[position]) ** 2) / 2

    synapse_0_update, synapse_h_update, synapse_1_update = np.zeros_like(synapse_0), np.zeros_like(synapse_h), np.zeros_like(synapse_1)
    future_delta = np.zeros((1, synapse_h.shape[0]))
    for position in range(binary_dim):
        X = np.array([[a[position], b[position]]])
        layer_1, earlier_layer_1 = hidden[position], hidden[position + 1]
        layer_2_delta = ((c[position] - d[position]) * slope(d[position])).reshape(1, 1)
        layer_1_delta = (future_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T)) * slope(layer_1)
        synapse_1_update += layer_1.T.dot(layer_2_delta)
        synapse_h_update += earlier_layer_1.T.dot(layer_1_delta)
        synapse_0_update += X.T.dot(layer_1_delta)
        future_delta = layer_1_delta

    synapse_0 += synapse_0_update * alpha
    synapse_h += synapse_h_update * alpha
    synapse_1 += synapse_1_update * alpha
    return error, d, np.concatenate([hidden[p] for p in range(binary_dim)])


# ---- corpus
CELL = """
layer_1[t] = sigmoid(synapse_0 @ x[t] + synapse_h @ layer_1[t+1])
d[t] = sigmoid(synapse_1 @ layer_1[t])
"""
STYLE = "tutorial script, time visited from the last position, sigmoid at both layers, half squares, weights changed in place"
HELD_OUT = True
NAMES = ("synapse_0", "synapse_h", "synapse_1")


def draw(rng):
    T, H = 8, 5
    r = rng.standard_normal
    return {"input/x": rng.integers(0, 2, (T, 2)).astype(float), "target/c": rng.integers(0, 2, (T, 1)).astype(float),
            "param/synapse_0": r((2, H)), "param/synapse_h": r((H, H)), "param/synapse_1": 1.5 * r((H, 1))}


def run(d):
    synapses = [np.array(d["param/" + k]) for k in NAMES]
    alpha = 0.25
    error, out, layer_1 = train(d["input/x"][:, 0], d["input/x"][:, 1], d["target/c"], *synapses, alpha)
    return {"loss": np.array(error), "output/d": out, "output/layer_1": layer_1} | {"grad/" + k: (d["param/" + k] - new) / alpha for k, new in zip(NAMES, synapses)}


MISTAKES = {
    "earlier layer for the slope": ([("* slope(layer_1)", "* slope(earlier_layer_1)")], [("time-shift", "layer_1 hidden")]),
    "synapse_h as it stands": ([("future_delta.dot(synapse_h.T)", "future_delta.dot(synapse_h)")], [("transpose", "synapse_h")]),
    "no delta from the future": ([("        future_delta = layer_1_delta\n", "")], [("cut-recurrence", "layer_1 hidden synapse_h future_delta"), ("drop-path", "layer_1 synapse_h")]),
    "slope of a slope's argument": ([("(c[position] - d[position]) * slope(d[position])", "(c[position] - d[position]) * slope(sigmoid(d[position]))")], [("derivative-of-activated", "d layer_2 layer_2_delta")]),
    "synapse_h with this layer": ([("earlier_layer_1.T.dot(layer_1_delta)", "layer_1.T.dot(layer_1_delta)")], [("time-shift", "synapse_h layer_1 hidden")]),
    "parentheses": ([("(future_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T)) * slope(layer_1)", "future_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T) * slope(layer_1)")], [("misplaced-factor", "layer_1 synapse_h"), ("missing-derivative", "layer_1 synapse_h")]),
    "uphill": ([("+= synapse_0_update * alpha", "-= synapse_0_update * alpha"), ("+= synapse_h_update * alpha", "-= synapse_h_update * alpha"), ("+= synapse_1_update * alpha", "-= synapse_1_update * alpha")], [("sign", "*")]),
    "synapse_0 of the last digit visited": ([("synapse_0_update += X", "synapse_0_update = X")], [("not-accumulated", "synapse_0"), ("last-step-only", "synapse_0")]),
}
STACKS = {
    "synapse_h as it stands + synapse_0 of the last digit visited": [],
    "no delta from the future + slope of a slope's argument": [],
    "uphill + synapse_h with this layer": [],
    "parentheses + synapse_h with this layer + synapse_0 of the last digit visited": [],
}
