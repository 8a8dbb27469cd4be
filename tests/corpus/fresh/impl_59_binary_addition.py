# A small net that adds binary numbers.  One example: X is (T, 2), y is (T,), least significant bit first.
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_output_to_derivative(output):
    return output * (1 - output)


def example(X, y, synapse_0, synapse_1, synapse_h):
    T = len(y)
    layer_2_deltas = []
    layer_2_outs = []
    layer_1_values = [np.zeros(synapse_h.shape[0])]
    overall_error = 0
    for position in range(T):
        layer_1 = sigmoid(np.dot(X[position], synapse_0) + np.dot(layer_1_values[-1], synapse_h))
        layer_2 = sigmoid(np.dot(layer_1, synapse_1))
        layer_2_error = layer_2 - y[position]
        layer_2_deltas.append(layer_2_error * sigmoid_output_to_derivative(layer_2))
        layer_2_outs.append(layer_2)
        overall_error += 0.5 * np.sum(layer_2_error**2)
        layer_1_values.append(layer_1)

    synapse_0_update = np.zeros_like(synapse_0)
    synapse_1_update = np.zeros_like(synapse_1)
    synapse_h_update = np.zeros_like(synapse_h)
    future_layer_1_delta = np.zeros(synapse_h.shape[0])
    for position in range(T):
        layer_1 = layer_1_values[-position - 1]
        prev_layer_1 = layer_1_values[-position - 2]
        layer_2_delta = layer_2_deltas[-position - 1]
        layer_1_delta = (future_layer_1_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T)) * sigmoid_output_to_derivative(layer_1)
        synapse_1_update += np.outer(layer_1, layer_2_delta)
        synapse_h_update += np.outer(prev_layer_1, layer_1_delta)
        synapse_0_update += np.outer(X[T - 1 - position], layer_1_delta)
        future_layer_1_delta = layer_1_delta
    return overall_error, layer_2_outs, layer_1_values, synapse_0_update, synapse_1_update, synapse_h_update


# ---- corpus
CELL = """
layer_1[t] = sigmoid(synapse_0 @ x[t] + synapse_h @ layer_1[t-1])
layer_2[t] = sigmoid(synapse_1 @ layer_1[t])
"""
STYLE = "tutorial script, one function for all, deltas in lists, negative indices, sigmoid at both layers, half squared error"
HELD_OUT = True


def draw(rng):
    T, H = 8, 5
    r = rng.standard_normal
    return {"input/x": rng.integers(0, 2, (T, 2)).astype(float), "target/y": rng.integers(0, 2, (T, 1)).astype(float),
            "param/synapse_0": 0.8 * r((2, H)), "param/synapse_1": 1.2 * r((H, 1)), "param/synapse_h": 0.8 * r((H, H))}


def run(d):
    names = ("synapse_0", "synapse_1", "synapse_h")
    loss, outs, layer_1, *grads = example(d["input/x"], d["target/y"], *(d["param/" + k] for k in names))
    return {"loss": np.array(loss), "output/layer_2": np.array(outs), "output/layer_1": np.array(layer_1[1:])} | {"grad/" + k: g for k, g in zip(names, grads)}


MISTAKES = {
    "derivative of the old layer": ([("sigmoid_output_to_derivative(layer_1)", "sigmoid_output_to_derivative(prev_layer_1)")], [("time-shift", "layer_1")]),
    "synapse_h not transposed": ([("dot(synapse_h.T)", "dot(synapse_h)")], [("transpose", "synapse_h")]),
    "future never set": ([("        future_layer_1_delta = layer_1_delta\n", "")], [("cut-recurrence", "layer_1 synapse_h"), ("drop-path", "layer_1 synapse_h")]),
    "layer_2 without its derivative": ([("layer_2_error * sigmoid_output_to_derivative(layer_2)", "layer_2_error")], [("missing-derivative", "layer_2")]),
    "parentheses": ([("(future_layer_1_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T)) * sig", "future_layer_1_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T) * sig")], [("misplaced-factor", "layer_1"), ("missing-derivative", "layer_1")]),
    "synapse_h with the same layer": ([("np.outer(prev_layer_1, layer_1_delta)", "np.outer(layer_1, layer_1_delta)")], [("time-shift", "synapse_h layer_1")]),
    "derivative of the error's sign": ([("layer_2_error = layer_2 - y[position]", "layer_2_error = y[position] - layer_2")], [("sign", "*")]),
    "inputs from the front": ([("X[T - 1 - position]", "X[position]")], [("time-shift", "synapse_0 x")]),
}
STACKS = {
    "synapse_h not transposed + layer_2 without its derivative": [],
    "future never set + synapse_h with the same layer": [],
    "derivative of the error's sign + derivative of the old layer": [],
    "derivative of the error's sign + layer_2 without its derivative + synapse_h with the same layer": [],
}
