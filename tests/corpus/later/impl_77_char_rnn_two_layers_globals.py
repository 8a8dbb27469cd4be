"""
Character-level model with two hidden layers, after the hundred-line recipe: globals, one-hot columns, clipping.
"""
import numpy as np

vocab_size, hidden1, hidden2 = 7, 5, 4
Wxh = Whh1 = b1 = W12 = Whh2 = b2 = Why = by = None  # model parameters, set from outside


def lossFun(inputs, targets, h1prev, h2prev):
    xs, h1s, h2s, ys, ps = {}, {}, {}, {}, {}
    h1s[-1], h2s[-1] = np.copy(h1prev), np.copy(h2prev)
    loss = 0
    # forward pass
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][inputs[t]] = 1
        h1s[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh1, h1s[t - 1]) + b1)
        h2s[t] = np.tanh(np.dot(W12, h1s[t]) + np.dot(Whh2, h2s[t - 1]) + b2)
        ys[t] = np.dot(Why, h2s[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    # backward pass
    dWxh, dWhh1, db1 = np.zeros_like(Wxh), np.zeros_like(Whh1), np.zeros_like(b1)
    dW12, dWhh2, db2 = np.zeros_like(W12), np.zeros_like(Whh2), np.zeros_like(b2)
    dWhy, dby = np.zeros_like(Why), np.zeros_like(by)
    dh1next, dh2next = np.zeros_like(h1prev), np.zeros_like(h2prev)
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, h2s[t].T)
        dby += dy
        dh2 = np.dot(Why.T, dy) + dh2next
        dh2raw = (1 - h2s[t] * h2s[t]) * dh2
        db2 += dh2raw
        dW12 += np.dot(dh2raw, h1s[t].T)
        dWhh2 += np.dot(dh2raw, h2s[t - 1].T)
        dh2next = np.dot(Whh2.T, dh2raw)
        dh1 = np.dot(W12.T, dh2raw) + dh1next
        dh1raw = (1 - h1s[t] * h1s[t]) * dh1
        db1 += dh1raw
        dWxh += np.dot(dh1raw, xs[t].T)
        dWhh1 += np.dot(dh1raw, h1s[t - 1].T)
        dh1next = np.dot(Whh1.T, dh1raw)
    grads = [dWxh, dWhh1, db1, dW12, dWhh2, db2, dWhy, dby]
    for dparam in grads:
        np.clip(dparam, -15, 15, out=dparam)
    return loss, grads, h1s, h2s, ys


# ---- corpus
CELL = """
h1[t] = tanh(Wxh @ x[t] + Whh1 @ h1[t-1] + b1)
h2[t] = tanh(W12 @ h1[t] + Whh2 @ h2[t-1] + b2)
y[t] = Why @ h2[t] + by
"""
STYLE = "min-char style: globals, dicts by step, two tanh layers, integer inputs and targets, summed softmax loss, idle clipping"
HELD_OUT = True
NAMES = ("Wxh", "Whh1", "b1", "W12", "Whh2", "b2", "Why", "by")
SHAPES = {"Wxh": (5, 7), "Whh1": (5, 5), "b1": (5, 1), "W12": (4, 5), "Whh2": (4, 4), "b2": (4, 1), "Why": (7, 4), "by": (7, 1)}


def draw(rng):
    r = rng.standard_normal
    d = {"input/inputs": rng.integers(0, 7, 8), "target/targets": rng.integers(0, 7, 8), "initial/h1prev": 0.5 * r((5, 1)), "initial/h2prev": 0.5 * r((4, 1))}
    return d | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    globals().update({k: d["param/" + k] for k in NAMES})
    loss, grads, h1s, h2s, ys = lossFun(d["input/inputs"], d["target/targets"], d["initial/h1prev"], d["initial/h2prev"])
    T = len(ys)
    out = {"output/h1": np.array([h1s[t] for t in range(T)]), "output/h2": np.array([h2s[t] for t in range(T)]), "output/ys": np.array([ys[t] for t in range(T)])}
    return out | {"loss": np.array(loss)} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


MISTAKES = {
    "clip at 0.5": ([("np.clip(dparam, -15, 15,", "np.clip(dparam, -0.5, 0.5,")], [("clip", "*")]),
    "first layer's carry unused": ([("dh1 = np.dot(W12.T, dh2raw) + dh1next", "dh1 = np.dot(W12.T, dh2raw)")], [("cut-recurrence", "h1 h1s Whh1 dh1next"), ("drop-path", "h1 Whh1")]),
    "Whh2 as it stands": ([("np.dot(Whh2.T, dh2raw)", "np.dot(Whh2, dh2raw)")], [("transpose", "Whh2")]),
    "W12 with the state before": ([("np.dot(dh2raw, h1s[t].T)", "np.dot(dh2raw, h1s[t - 1].T)")], [("time-shift", "W12 h1 h1s")]),
    "by assigned": ([("dby += dy", "dby = dy")], [("not-accumulated", "by"), ("first-step-only", "by")]),
    "lower layer from dh2": ([("dh1 = np.dot(W12.T, dh2raw)", "dh1 = np.dot(W12.T, dh2)")], [("misplaced-factor", "h2 h1 W12 dh2"), ("missing-derivative", "h2 h1 W12 dh2")]),
    "loss averaged over the text": ([("        dy[targets[t]] -= 1\n", "        dy[targets[t]] -= 1\n        dy /= len(inputs)\n")], [("scale", "*")], "loss"),
    "every state twice through tanh": ([("(1 - h1s[t] * h1s[t]) * dh1", "(1 - np.tanh(h1s[t]) ** 2) * dh1")], [("derivative-of-activated", "h1 h1s dh1raw")]),
    "Whh1 with the new state": ([("np.dot(dh1raw, h1s[t - 1].T)", "np.dot(dh1raw, h1s[t].T)")], [("time-shift", "Whh1 h1 h1s")]),
}
STACKS = {
    "clip at 0.5 + Whh2 as it stands": [],
    "first layer's carry unused + by assigned": [],
    "lower layer from dh2 + Whh1 with the new state": [],
    "Whh2 as it stands + W12 with the state before + by assigned": [],
}
