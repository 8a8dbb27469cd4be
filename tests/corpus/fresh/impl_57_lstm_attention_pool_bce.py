# Sequence classifier: LSTM -> additive attention over its states -> sigmoid.  One example at a time.
import numpy as np

sig = lambda z: 1 / (1 + np.exp(-z))


def predict(p, x):
    T, H = len(x), len(p["v"])
    h, c = [np.zeros(H)], [np.zeros(H)]
    gates = []
    for t in range(T):
        s = np.hstack([x[t], h[t]])
        i, f, o, g = sig(s @ p["Wi"] + p["bi"]), sig(s @ p["Wf"] + p["bf"]), sig(s @ p["Wo"] + p["bo"]), np.tanh(s @ p["Wg"] + p["bg"])
        c.append(f * c[t] + i * g)
        h.append(o * np.tanh(c[t + 1]))
        gates.append((i, f, o, g))
    Hs = np.array(h[1:])
    K = np.tanh(Hs @ p["Wa"])
    e = K @ p["u"]
    a = np.exp(e - e.max())
    a /= a.sum()
    pooled = a @ Hs
    yhat = sig(pooled @ p["v"] + p["bv"])
    return yhat, (x, h, c, gates, Hs, K, a, pooled)


def bce(yhat, y):
    return -(y * np.log(yhat) + (1 - y) * np.log(1 - yhat))


def gradients(p, y, yhat, cache):
    x, h, c, gates, Hs, K, a, pooled = cache
    T, H = Hs.shape
    D = x.shape[1]
    grad = {k: np.zeros_like(w) for k, w in p.items()}
    err = yhat - y
    grad["v"] += err * pooled
    grad["bv"] += err
    dpooled = err * p["v"]
    da = Hs @ dpooled
    de = a * (da - a @ da)
    grad["u"] += K.T @ de
    dK = np.outer(de, p["u"]) * (1 - K**2)
    grad["Wa"] += Hs.T @ dK
    dHs = np.outer(a, dpooled) + dK @ p["Wa"].T
    dh, dc = np.zeros(H), np.zeros(H)
    for t in reversed(range(T)):
        i, f, o, g = gates[t]
        dh = dh + dHs[t]
        dc = dc + dh * o * (1 - np.tanh(c[t + 1]) ** 2)
        d = {"o": dh * np.tanh(c[t + 1]) * o * (1 - o), "f": dc * c[t] * f * (1 - f), "i": dc * g * i * (1 - i), "g": dc * i * (1 - g * g)}
        s = np.hstack([x[t], h[t]])
        ds = np.zeros(D + H)
        for k in "ifog":
            grad["W" + k] += np.outer(s, d[k])
            grad["b" + k] += d[k]
            ds += p["W" + k] @ d[k]
        dh = ds[D:]
        dc = dc * f
    return grad


# ---- corpus
CELL = """
i[t] = sigmoid(Wi @ [x[t], h[t-1]] + bi)
f[t] = sigmoid(Wf @ [x[t], h[t-1]] + bf)
o[t] = sigmoid(Wo @ [x[t], h[t-1]] + bo)
g[t] = tanh(Wg @ [x[t], h[t-1]] + bg)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
K = tanh(Wa @ h[:])
e = (u.T @ K).T
a = softmax(e)
pooled = h[:] @ a
s = v.T @ pooled + bv
y = sigmoid(s)
u : A
v : H
bv : scalar
"""
STYLE = "dict of parameters, one example (T, D), rows [x, h], additive attention pooling, binary cross-entropy"
HELD_OUT = True
SHAPES = {"W" + k: (8, 5) for k in "ifog"} | {"b" + k: (5,) for k in "ifog"} | {"Wa": (5, 4), "u": (4,), "v": (5,), "bv": ()}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((6, 3)), "target/y": np.array(1.0)} | {"param/" + k: 0.8 * np.array(r(s)) for k, s in SHAPES.items()}


def run(d):
    p = {k: d["param/" + k] for k in SHAPES}
    yhat, cache = predict(p, d["input/x"])
    return {"output/yhat": np.array(yhat), "output/a": cache[6], "loss": np.array(bce(yhat, d["target/y"]))} | {"grad/" + k: g for k, g in gradients(p, d["target/y"], yhat, cache).items()}


MISTAKES = {
    "states only as values": ([(' + dK @ p["Wa"].T', "")], [("drop-path", "Wa K h Hs")]),
    "states only through the scores": ([("np.outer(a, dpooled) + ", "")], [("drop-path", "h pooled a Hs")]),
    "softmax without its sum": ([("a * (da - a @ da)", "a * da")], [("drop-path", "a e"), ("missing-derivative", "a e"), ("misplaced-factor", "a e")]),
    "K without its derivative": ([(" * (1 - K**2)", "")], [("missing-derivative", "K")]),
    "dc without the step after": ([("dc = dc + dh * o", "dc = dh * o")], [("cut-recurrence", "c f"), ("drop-path", "c f")]),
    "o with the old cell": ([('"o": dh * np.tanh(c[t + 1])', '"o": dh * np.tanh(c[t])')], [("time-shift", "o c")]),
    "square part of Wg transposed": ([('ds += p["W" + k] @ d[k]', 'ds += np.hstack([p["W" + k][:D] @ d[k], (p["W" + k][D:].T if k == "g" else p["W" + k][D:]) @ d[k]])')], [("transpose", "Wg")]),
    "error times sigmoid'": ([("err = yhat - y", "err = (yhat - y) * yhat * (1 - yhat)")], [("scale", "*"), ("misplaced-factor", "*")], "loss"),
}
STACKS = {
    "states only as values + dc without the step after": [],
    "K without its derivative + o with the old cell": [],
    "softmax without its sum + square part of Wg transposed": [],
}
