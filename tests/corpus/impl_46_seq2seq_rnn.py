import numpy as np

# Encoder and decoder, both tanh RNNs; the last encoder state starts the decoder, which is given its inputs. Columns.


def encdec(x, y_in, p):
    T, S = x.shape[2], y_in.shape[2]
    h = np.zeros((p["U"].shape[0], x.shape[1]))
    hs = [h]
    for t in range(T):
        h = np.tanh(p["W"] @ x[:, :, t] + p["U"] @ h + p["b"])
        hs.append(h)
    ss = [h]
    for t in range(S):
        ss.append(np.tanh(p["Wd"] @ y_in[:, :, t] + p["Ud"] @ ss[-1] + p["bd"]))
    logits = np.stack([p["V"] @ s + p["c"] for s in ss[1:]], axis=2)
    return hs, ss, logits


def encdec_grad(x, y_in, target, p):
    hs, ss, logits = encdec(x, y_in, p)
    n, m, S = logits.shape
    e = np.exp(logits - logits.max(axis=0))
    prob = e / e.sum(axis=0)
    loss = -np.sum(target * np.log(prob)) / m
    d = (prob - target) / m
    g = {k: np.zeros_like(v) for k, v in p.items()}
    dy_in, dx = np.zeros_like(y_in), np.zeros_like(x)
    r = 0
    for t in range(S - 1, -1, -1):
        g["V"] += d[:, :, t] @ ss[t + 1].T
        g["c"] += d[:, :, t].sum(axis=1, keepdims=True)
        a = (p["V"].T @ d[:, :, t] + r) * (1 - ss[t + 1] ** 2)
        g["Wd"] += a @ y_in[:, :, t].T
        g["Ud"] += a @ ss[t].T
        g["bd"] += a.sum(axis=1, keepdims=True)
        dy_in[:, :, t] = p["Wd"].T @ a
        r = p["Ud"].T @ a
    for t in range(x.shape[2] - 1, -1, -1):
        a = r * (1 - hs[t + 1] ** 2)
        g["W"] += a @ x[:, :, t].T
        g["U"] += a @ hs[t].T
        g["b"] += a.sum(axis=1, keepdims=True)
        dx[:, :, t] = p["W"].T @ a
        r = p["U"].T @ a
    return loss, logits, g, dx, dy_in


# ---- corpus
CELL = """
h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
s[u] = tanh(Wd @ y_in[u] + Ud @ s[u-1] + bd)
s[0] = h[T]
logits[u] = V @ s[u] + c
"""
STYLE = "encoder-decoder, two time axes, columns (n, m, T), fused softmax loss summed over steps and averaged over m"
HELD_OUT = False
CALL = {"fused": "encdec_grad", "how": "(x, y_in, target, p: dict) -> loss, logits, dict, dx, dy_in"}
SHAPES = {"W": (4, 5), "U": (4, 4), "b": (4, 1), "Wd": (4, 2), "Ud": (4, 4), "bd": (4, 1), "V": (7, 4), "c": (7, 1)}


def draw(rng):
    r = rng.standard_normal
    target = np.moveaxis(np.eye(7)[rng.integers(0, 7, (3, 8))], -1, 0)
    return {"input/x": r((5, 3, 6)), "input/y_in": r((2, 3, 8)), "target/y": target} | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    p = {k: d["param/" + k] for k in SHAPES}
    loss, logits, g, dx, dy_in = encdec_grad(d["input/x"], d["input/y_in"], d["target/y"], p)
    return {"loss": loss, "output/logits": logits, "grad/x": dx, "grad/y_in": dy_in} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "encoder not reached by the decoder": ([("    for t in range(x.shape[2] - 1, -1, -1):", "    r = 0 * r\n    for t in range(x.shape[2] - 1, -1, -1):")], [("drop-path", "s h ss hs"), ("cut-recurrence", "s h ss hs"), [("zero-gradient", "W"), ("zero-gradient", "U"), ("zero-gradient", "b"), ("zero-gradient", "x")]]),
    "decoder cut": ([("@ d[:, :, t] + r)", "@ d[:, :, t])")], [("cut-recurrence", "s ss Ud")]),
    "encoder cut": ([('r = p["U"].T @ a', "r = 0 * a")], [("cut-recurrence", "h hs U")]),
    "Ud with the new state": ([("a @ ss[t].T", "a @ ss[t + 1].T")], [("time-shift", "Ud s ss")]),
    "U as it stands": ([('r = p["U"].T @ a', 'r = p["U"] @ a')], [("transpose", "U")]),
    "averaged over the steps as well": ([("d = (prob - target) / m", "d = (prob - target) / (m * S)")], [("scale", "*")], "loss"),
    "c assigned": ([('g["c"] += ', 'g["c"] = ')], [("not-accumulated", "c"), ("first-step-only", "c")]),
}
STACKS = {
    "decoder cut + U as it stands": [],
    "encoder cut + c assigned": [],
    "averaged over the steps as well + Ud with the new state": [],
    "Ud with the new state + U as it stands + c assigned": [],
}
