import numpy as np

# Reading an image row by row with a plain RNN, classifying at the last row.  X: (B, rows, columns), float32 throughout.


def glorot_free_forward(X, net):
    B, T, _ = X.shape
    hs = [np.zeros((B, net["Whh"].shape[0]), dtype=np.float32)]
    for t in range(T):
        hs.append(np.tanh(X[:, t, :] @ net["Wxh"] + hs[-1] @ net["Whh"] + net["bh"]))
    scores = hs[-1] @ net["Why"] + net["by"]
    scores = scores - scores.max(axis=1, keepdims=True)
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return probs, hs


def cross_entropy(probs, onehot):
    return -np.sum(onehot * np.log(probs)) / onehot.shape[0]


def backward(X, onehot, probs, hs, net):
    B, T, _ = X.shape
    dW = {name: np.zeros_like(value) for name, value in net.items()}
    dscores = (probs - onehot) / np.float32(B)
    dW["Why"] = hs[-1].T @ dscores
    dW["by"] = np.sum(dscores, axis=0)
    dh = dscores @ net["Why"].T
    for t in reversed(range(T)):
        dz = dh * (1 - hs[t + 1] * hs[t + 1])
        dW["Wxh"] += X[:, t, :].T @ dz
        dW["Whh"] += hs[t].T @ dz
        dW["bh"] += np.sum(dz, axis=0)
        dh = dz @ net["Whh"].T
    return dW


# ---- corpus
CELL = """
h[t] = tanh(Wxh @ x[t] + Whh @ h[t-1] + bh)
y = Why @ h[T] + by
"""
STYLE = "float32 script, image rows as steps, list of states, one-hot targets, mean softmax loss of the last step"
HELD_OUT = True
SHAPES = {"Wxh": (5, 4), "Whh": (4, 4), "bh": (4,), "Why": (4, 6), "by": (6,)}


def draw(rng):
    r = lambda s: rng.standard_normal(s).astype(np.float32)
    onehot = np.eye(6, dtype=np.float32)[rng.integers(0, 6, 3)]
    return {"input/X": r((3, 7, 5)), "target/onehot": onehot} | {"param/" + k: np.float32(0.6) * r(s) for k, s in SHAPES.items()}


def run(d):
    net = {k: d["param/" + k] for k in SHAPES}
    probs, hs = glorot_free_forward(d["input/X"], net)
    dW = backward(d["input/X"], d["target/onehot"], probs, hs, net)
    return {"loss": cross_entropy(probs, d["target/onehot"]), "output/probs": probs, "output/h": np.stack(hs[1:], axis=1)} | {"grad/" + k: g for k, g in dW.items()}


MISTAKES = {
    "classified at every row": ([('dh = dz @ net["Whh"].T', 'dh = dz @ net["Whh"].T + dscores @ net["Why"].T')], [("cotangent-at-every-step", "*")]),
    "two rows back": ([("    for t in reversed(range(T)):", "    for t in reversed(range(T - 3, T)):")], [("truncate", "*")]),
    "Whh as it stands": ([('dz @ net["Whh"].T', 'dz @ net["Whh"]')], [("transpose", "Whh")]),
    "gradient and loss by different batches": ([("/ np.float32(B)", "/ np.float32(1)")], [("scale", "*")], "loss"),
    "slope at the row before": ([("(1 - hs[t + 1] * hs[t + 1])", "(1 - hs[t] * hs[t])")], [("time-shift", "h hs")]),
    "Whh with the new state": ([("hs[t].T @ dz", "hs[t + 1].T @ dz")], [("time-shift", "Whh h hs")]),
    "read-out of the last but one": ([('dW["Why"] = hs[-1].T', 'dW["Why"] = hs[T - 1].T')], [("time-shift", "Why h hs")]),
    "Wxh set": ([('dW["Wxh"] += ', 'dW["Wxh"] = ')], [("not-accumulated", "Wxh"), ("first-step-only", "Wxh")]),
    "norm at most a quarter": ([("    return dW\n", "    norm = np.sqrt(sum(np.sum(g * g) for g in dW.values()))\n    return {name: g * min(1.0, np.float32(0.25) / norm) for name, g in dW.items()}\n")], [("clip", "*"), ("scale", "*")], "policy"),
}
STACKS = {
    "classified at every row + Wxh set": [],
    "Whh as it stands + slope at the row before": [],
    "two rows back + Whh with the new state": [],
    "gradient and loss by different batches + Whh as it stands + Wxh set": [],
}
