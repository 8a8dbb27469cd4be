"""Minimal character-level vanilla RNN, one example at a time."""
import numpy as np

hidden_size = 4
vocab_size = 7

Wxh = np.random.randn(hidden_size, vocab_size) * 0.01  # input to hidden
Whh = np.random.randn(hidden_size, hidden_size) * 0.01  # hidden to hidden
Why = np.random.randn(vocab_size, hidden_size) * 0.01  # hidden to output
bh = np.zeros((hidden_size, 1))
by = np.zeros((vocab_size, 1))


def lossFun(inputs, targets, hprev):
    """inputs, targets are lists of integers; returns loss, gradients, last hidden state"""
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        ys[t] = Why @ hs[t] + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += dhraw @ xs[t].T
        dWhh += dhraw @ hs[t - 1].T
        dhnext = Whh.T @ dhraw
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]


# ---- corpus
CELL = "rnn-readout"
STYLE = "min-char: module globals, fused summed softmax loss, integer inputs and targets"
HELD_OUT = False
CALL = {"fused": "lossFun", "globals": ["Wxh", "Whh", "Why", "bh", "by"],
        "how": "(inputs: list of int, targets: list of int, hprev) -> loss, dWxh, dWhh, dWhy, dbh, dby, hprev; weights are globals"}


def draw(rng):
    H, V, T = hidden_size, vocab_size, 6
    shapes = {"Wxh": (H, V), "Whh": (H, H), "Why": (V, H), "bh": (H, 1), "by": (V, 1)}
    d = {"input/inputs": rng.integers(0, V, T), "target/targets": rng.integers(0, V, T)}
    d["initial/hprev"] = 0.5 * rng.standard_normal((H, 1))
    return d | {"param/" + k: 0.5 * rng.standard_normal(s) for k, s in shapes.items()}


def run(d):
    globals().update({k[6:]: v for k, v in d.items() if k.startswith("param/")})
    loss, *grads, h = lossFun(list(d["input/inputs"]), list(d["target/targets"]), d["initial/hprev"])
    names = ("Wxh", "Whh", "Why", "bh", "by")
    return {"loss": loss, "output/h_last": h} | {"grad/" + k: g for k, g in zip(names, grads)}


MISTAKES = {
    "dhnext left zero": ([("dhnext = Whh.T @ dhraw", "pass")], [("cut-recurrence", "h hs hprev"), ("drop-path", "Whh hs")]),
    "dhnext not added": ([("dWhh += dhraw @ hs[t - 1].T", "dWhh += dhraw @ hs[t].T")], [("time-shift", "Whh hs h")]),
    "Whh not transposed": ([("Whh.T @ dhraw", "Whh @ dhraw")], [("transpose", "Whh")]),
    "dWhy assigned": ([("dWhy += dy", "dWhy = dy")], [("not-accumulated", "Why"), ("first-step-only", "Why")]),
    "derivative of tanh twice": ([("(1 - hs[t] * hs[t]) * dh", "(1 - np.tanh(hs[t]) ** 2) * dh")],
                                 [("derivative-of-activated", "h hs dhraw")]),
    "read-out past the nonlinearity": ([("dhraw = (1 - hs[t] * hs[t]) * dh", "dhraw = Why.T @ dy + (1 - hs[t] * hs[t]) * dhnext")],
                                       [("misplaced-factor", "h hs dhraw dh Why")]),
    "clip at 1": ([("    return loss,", "    for g in (dWxh, dWhh, dWhy, dbh, dby):\n        np.clip(g, -1, 1, out=g)\n    return loss,")],
                  [("clip", "*")]),
    "loss averaged": ([("dy[targets[t]] -= 1", "dy[targets[t]] -= 1\n        dy /= len(inputs)")], [("scale", "*")], "loss"),
}
STACKS = {
    "Whh not transposed + dWhy assigned": [],
    "dhnext left zero + derivative of tanh twice": [],
    "Whh not transposed + derivative of tanh twice + dhnext not added": [],
    "dhnext not added + clip at 1": [],
}
