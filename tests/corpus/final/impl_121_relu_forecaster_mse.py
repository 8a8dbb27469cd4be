import numpy as np


def relu(a):
    return np.maximum(a, 0)


def run_forward(batch, weights):
    """batch: (N, T, n_in)"""
    W_in, W_rec, b_rec, W_out, b_out = weights
    N, T, _ = batch.shape
    states = [np.zeros((N, W_rec.shape[0]))]
    sums = []
    preds = np.empty((N, T, W_out.shape[0]))
    for t in range(T):
        a = np.dot(batch[:, t, :], W_in.T) + np.dot(states[-1], W_rec.T) + b_rec
        sums.append(a)
        states.append(relu(a))
        preds[:, t, :] = np.dot(states[-1], W_out.T) + b_out
    return states, sums, preds


def mse(preds, wanted):
    return np.mean((preds - wanted) ** 2)


def run_backward(batch, wanted, weights, states, sums, preds):
    W_in, W_rec, b_rec, W_out, b_out = weights
    N, T, _ = batch.shape
    gW_in, gW_rec, gb_rec, gW_out, gb_out = [np.zeros_like(w) for w in weights]
    d_preds = 2 * (preds - wanted) / preds.size
    d_future = np.zeros_like(states[0])
    for t in reversed(range(T)):
        e = d_preds[:, t, :]
        gW_out += np.dot(e.T, states[t + 1])
        gb_out += e.sum(axis=0)
        d_state = np.dot(e, W_out) + d_future
        d_sum = d_state * (sums[t] > 0)
        gW_in += np.dot(d_sum.T, batch[:, t, :])
        gW_rec += np.dot(d_sum.T, states[t])
        gb_rec += d_sum.sum(axis=0)
        d_future = np.dot(d_sum, W_rec)
    return gW_in, gW_rec, gb_rec, gW_out, gb_out


# ---- corpus
CELL = None
STYLE = "functions with a tuple of weights, (N, T, n) batch first, lists of T + 1 states, ReLU, linear forecast at every step, mean squared error over everything"
HELD_OUT = True
CALL = None
SIZES = {"W_in": (5, 3), "W_rec": (5, 5), "b_rec": (5,), "W_out": (2, 5), "b_out": (2,)}


def draw(rng):
    d = {"input/batch": rng.standard_normal((4, 6, 3)), "target/wanted": rng.standard_normal((4, 6, 2))}
    return d | {"param/" + k: 0.55 * rng.standard_normal(s) for k, s in SIZES.items()}


def run(d):
    w = [d["param/" + k] for k in SIZES]
    states, sums, preds = run_forward(d["input/batch"], w)
    g = run_backward(d["input/batch"], d["target/wanted"], w, states, sums, preds)
    out = {"output/states": np.array(states[1:]).transpose(1, 0, 2), "output/preds": preds, "loss": mse(preds, d["target/wanted"])}
    return out | {"grad/" + k: v for k, v in zip(SIZES, g)}


MISTAKES = {
    "future not added": ([("np.dot(e, W_out) + d_future", "np.dot(e, W_out)")], [("cut-recurrence", "states d_future state d_state b_rec W_rec")]),
    "relu ignored": ([("d_state * (sums[t] > 0)", "d_state")], [("missing-derivative", "states sums relu d_sum b_rec d_state")]),
    "two left out": ([("2 * (preds - wanted) / preds.size", "(preds - wanted) / preds.size")], [("scale", "*")], "loss"),
    "W_rec transposed": ([("np.dot(d_sum, W_rec)", "np.dot(d_sum, W_rec.T)")], [("transpose", "W_rec")]),
    "W_rec gets the new state": ([("np.dot(d_sum.T, states[t])", "np.dot(d_sum.T, states[t + 1])")], [("time-shift", "W_rec states")]),
    "W_out gets the old state": ([("np.dot(e.T, states[t + 1])", "np.dot(e.T, states[t])")], [("time-shift", "W_out states")]),
    "b_out summed over the units too": ([("gb_out += e.sum(axis=0)", "gb_out += e.sum()")], [("wrong-axis", "b_out")]),
    "gradient clipped to 0.1": ([("    return gW_in,", "    for g in (gW_in, gW_rec, gb_rec, gW_out, gb_out):\n        np.clip(g, -0.1, 0.1, out=g)\n    return gW_in,")], [("clip", "*")]),
}
STACKS = {
    "relu ignored + W_out gets the old state": [],
    "W_rec transposed + b_out summed over the units too": [],
    "future not added + W_rec gets the new state": [],
    "W_rec gets the new state + gradient clipped to 0.1": [],
}
