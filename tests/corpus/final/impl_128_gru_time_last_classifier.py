import numpy as np


def logistic(a):
    return 1 / (1 + np.exp(-a))


def gru_cell(x, s, P):
    sx = np.concatenate([s, x], axis=0)
    u = logistic(P["Wu"].dot(sx) + P["bu"])
    r = logistic(P["Wr"].dot(sx) + P["br"])
    rsx = np.concatenate([r * s, x], axis=0)
    cand = np.tanh(P["Wc"].dot(rsx) + P["bc"])
    s_new = u * s + (1 - u) * cand
    return s_new, (sx, rsx, s, u, r, cand)


def gru_cell_grad(ds_new, cache, P):
    sx, rsx, s, u, r, cand = cache
    n = s.shape[0]
    du = ds_new * (s - cand)
    dcand = ds_new * (1 - u)
    ds = ds_new * u
    dzc = dcand * (1 - cand ** 2)
    drsx = P["Wc"].T.dot(dzc)
    dr = drsx[:n] * s
    ds = ds + drsx[:n] * r
    dzu = du * u * (1 - u)
    dzr = dr * r * (1 - r)
    dsx = P["Wu"].T.dot(dzu) + P["Wr"].T.dot(dzr)
    ds = ds + dsx[:n]
    grads = {"Wu": dzu.dot(sx.T), "Wr": dzr.dot(sx.T), "Wc": dzc.dot(rsx.T)}
    grads["bu"], grads["br"], grads["bc"] = (v.sum(axis=1, keepdims=True) for v in (dzu, dzr, dzc))
    dx = drsx[n:] + dsx[n:]
    return ds, dx, grads


def classify(X, P):
    """X (n_x, m, T); class scores from the last state"""
    m, T = X.shape[1:]
    s = np.zeros((P["bu"].shape[0], m))
    caches = []
    for t in range(T):
        s, cache = gru_cell(X[:, :, t], s, P)
        caches.append(cache)
    scores = P["Wy"].dot(s) + P["by"]
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True), s, caches


def cross_entropy(prob, labels):
    return -np.mean(np.log(prob[labels, np.arange(labels.size)]))


def grad(X, labels, prob, s, caches, P):
    m, T = X.shape[1:]
    total = {k: np.zeros_like(v) for k, v in P.items()}
    dscores = prob.copy()
    dscores[labels, np.arange(m)] -= 1
    dscores /= m
    total["Wy"] = dscores.dot(s.T)
    total["by"] = dscores.sum(axis=1, keepdims=True)
    ds = P["Wy"].T.dot(dscores)
    dX = np.zeros_like(X)
    for t in range(T)[::-1]:
        ds, dX[:, :, t], step = gru_cell_grad(ds, caches[t], P)
        for k in step:
            total[k] += step[k]
    total["X"] = dX
    return total


# ---- corpus
CELL = "gru"
STYLE = "cell functions with caches and a dict of parameters, columns, time last (n_x, m, T), [s; x], keep polarity, reset before, mean softmax loss of the last state, integer labels"
HELD_OUT = True
CALL = None
SIZES = {"Wu": (4, 7), "bu": (4, 1), "Wr": (4, 7), "br": (4, 1), "Wc": (4, 7), "bc": (4, 1), "Wy": (5, 4), "by": (5, 1)}


def draw(rng):
    d = {"input/X": rng.standard_normal((3, 6, 5)), "target/labels": rng.integers(0, 5, 6)}
    return d | {"param/" + k: 0.9 * rng.standard_normal(s) for k, s in SIZES.items()}


def run(d):
    P = {k: d["param/" + k] for k in SIZES}
    prob, s, caches = classify(d["input/X"], P)
    g = grad(d["input/X"], d["target/labels"], prob, s, caches, P)
    return {"output/prob": prob, "output/s_last": s, "loss": cross_entropy(prob, d["target/labels"])} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "gates' way to the state dropped": ([("    ds = ds + dsx[:n]\n", "")], [[("cut-recurrence", "u Wu du dzu"), ("cut-recurrence", "r Wr dr dzr")], [("drop-path", "u Wu du dzu"), ("drop-path", "r Wr dr dzr")]]),
    "candidate's way to the state dropped": ([("    ds = ds + drsx[:n] * r\n", "")], [("drop-path", "r s Wc cand drsx rsx"), ("cut-recurrence", "r s Wc cand drsx rsx")]),
    "cand not differentiated": ([("dcand * (1 - cand ** 2)", "dcand")], [("missing-derivative", "cand dcand dzc Wc bc")]),
    "Wc with the bare state": ([("dzc.dot(rsx.T)", "dzc.dot(sx.T)")], [("misplaced-factor", "Wc r rsx"), ("missing-derivative", "Wc r rsx"), ("drop-path", "Wc r rsx")]),
    "u for 1 - u": ([("dcand = ds_new * (1 - u)", "dcand = ds_new * u")], [("misplaced-factor", "u cand dcand s"), ("swap-gates", "u cand dcand s"), ("sign", "u cand dcand")]),
    "u and r exchanged in the weights": ([('"Wu": dzu.dot(sx.T), "Wr": dzr.dot(sx.T)', '"Wu": dzr.dot(sx.T), "Wr": dzu.dot(sx.T)')], [("swap-gates", "Wu Wr u r dzu dzr")]),
    "not divided by m": ([("    dscores /= m\n", "")], [("scale", "*")], "loss"),
    "loss gradient at every step": ([("gru_cell_grad(ds, caches[t], P)", 'gru_cell_grad(ds + (P["Wy"].T.dot(dscores) if t < T - 1 else 0), caches[t], P)')], [("cotangent-at-every-step", "*")]),
}
STACKS = {
    "cand not differentiated + gates' way to the state dropped": [],
    "Wc with the bare state + u and r exchanged in the weights": [],
    "candidate's way to the state dropped + cand not differentiated": [],
    "u for 1 - u + Wc with the bare state + gates' way to the state dropped": [],
}
