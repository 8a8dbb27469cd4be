"""Sentiment of a text: LSTM, mean of the hidden states over time, logistic unit, loss averaged over the batch."""
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def model_forward(x, params):
    W, U, b, w_out, b_out = params
    B, T, _ = x.shape
    n = U.shape[0]
    h, c = np.zeros((B, T + 1, n)), np.zeros((B, T + 1, n))
    gates = np.zeros((T, B, 4 * n))
    for t in range(T):
        pre = x[:, t].dot(W) + h[:, t].dot(U) + b
        gates[t, :, : 3 * n] = sigmoid(pre[:, : 3 * n])
        gates[t, :, 3 * n :] = np.tanh(pre[:, 3 * n :])
        o, i, f, g = np.split(gates[t], 4, axis=1)
        c[:, t + 1] = i * g + f * c[:, t]
        h[:, t + 1] = o * np.tanh(c[:, t + 1])
    pooled = h[:, 1:].mean(axis=1)
    prob = sigmoid(pooled.dot(w_out) + b_out)
    return prob, (h, c, gates, pooled)


def model_backward(x, y, prob, params, cache):
    W, U, b, w_out, b_out = params
    h, c, gates, pooled = cache
    B, T, _ = x.shape
    loss = -np.mean(y * np.log(prob) + (1 - y) * np.log(1 - prob))
    dlogit = (prob - y) / B
    grad_w_out = pooled.T.dot(dlogit)
    grad_b_out = dlogit.sum()
    dpooled = np.outer(dlogit, w_out)
    grad_W, grad_U, grad_b = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh_from_future, dc_from_future = 0.0, 0.0
    for t in range(T - 1, -1, -1):
        o, i, f, g = np.split(gates[t], 4, axis=1)
        dh = dpooled / T + dh_from_future
        squashed = np.tanh(c[:, t + 1])
        dc = dc_from_future + dh * o * (1 - squashed**2)
        dpre = np.hstack([
            dh * squashed * o * (1 - o),
            dc * g * i * (1 - i),
            dc * c[:, t] * f * (1 - f),
            dc * i * (1 - g**2),
        ])
        grad_W += x[:, t].T.dot(dpre)
        grad_U += h[:, t].T.dot(dpre)
        grad_b += dpre.sum(axis=0)
        dh_from_future = dpre.dot(U.T)
        dc_from_future = dc * f
    return loss, grad_W, grad_U, grad_b, grad_w_out, grad_b_out


# ---- corpus
CELL = """
o[t] = sigmoid(Wo @ x[t] + Uo @ h[t-1] + bo)
i[t] = sigmoid(Wi @ x[t] + Ui @ h[t-1] + bi)
f[t] = sigmoid(Wf @ x[t] + Uf @ h[t-1] + bf)
g[t] = tanh(Wg @ x[t] + Ug @ h[t-1] + bg)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
n = sum[t](1)
pooled = sum[t](h[t]) / n
p = sigmoid(w_out.T @ pooled + b_out)
w_out : H
b_out : scalar
"""
STYLE = "functions with a tuple of parameters, (B, T, D), oifg in columns, mean over time, logistic loss averaged over the batch"
HELD_OUT = True
SHAPES = {"W": (3, 16), "U": (4, 16), "b": (16,), "w_out": (4,), "b_out": ()}


def draw(rng):
    r = rng.standard_normal
    d = {"input/x": r((3, 6, 3)), "target/y": np.array([1.0, 0.0, 1.0])} | {"param/" + k: 0.7 * np.array(r(s)) for k, s in SHAPES.items()}
    return d | {"param/w_out": 2 * r(4)}


def run(d):
    params = [d["param/" + k] for k in SHAPES]
    prob, cache = model_forward(d["input/x"], params)
    loss, *grads = model_backward(d["input/x"], d["target/y"], prob, params, cache)
    return {"loss": np.array(loss), "output/prob": prob, "output/h": cache[0][:, 1:]} | {"grad/" + k: np.array(g) for k, g in zip(SHAPES, grads)}


LSTM = "pooled n h W U b Wo Wi Wf Wg"
MISTAKES = {
    "mean taken for a sum": ([("dh = dpooled / T + dh", "dh = dpooled + dh")], [("scale", LSTM), ("misplaced-factor", LSTM), ("missing-derivative", LSTM), [("scale", "W"), ("scale", "U"), ("scale", "b")]]),
    "mean taken for the last step": ([("dh = dpooled / T + dh_from_future", "dh = (dpooled / T if t == T - 1 else 0) + dh_from_future")], [("cotangent-missing", "h pooled *"), ("last-step-only", "h pooled *"), ("drop-path", "h pooled")]),
    "memory forgotten": ([("dc = dc_from_future + dh", "dc = dh")], [("cut-recurrence", "c f dc_from_future"), ("drop-path", "c f")]),
    "sum over the batch": ([("dlogit = (prob - y) / B", "dlogit = prob - y")], [("scale", "*")], "loss"),
    "y minus the probability": ([("dlogit = (prob - y) / B", "dlogit = (y - prob) / B")], [("sign", "*")]),
    "new cell for the forget gate": ([("dc * c[:, t] * f", "dc * c[:, t + 1] * f")], [("time-shift", "c f")]),
    "grad_U with h of the step": ([("h[:, t].T.dot(dpre)", "h[:, t + 1].T.dot(dpre)")], [("time-shift", "U h Uo Ui Uf Ug")]),
    "slope of the input gate": ([("dc * g * i * (1 - i)", "dc * g * (1 - i)")], [("missing-derivative", "i"), ("misplaced-factor", "i")]),
    "clipped to a twentieth": ([("    return loss, grad_W,", "    for grad in (grad_W, grad_U, grad_b):\n        np.clip(grad, -0.05, 0.05, out=grad)\n    return loss, grad_W,")], [("clip", "*")]),
}
STACKS = {
    "mean taken for a sum + memory forgotten": [],
    "y minus the probability + grad_U with h of the step": [],
    "new cell for the forget gate + slope of the input gate": [],
    "sum over the batch + memory forgotten + grad_U with h of the step": [],
}
