import numpy as np

# Encoder RNN; the last state asks, additive scores, the context and the last state are classified.  Batch rows.


def softmax(a):
    a = np.exp(a - a.max(axis=-1, keepdims=True))
    return a / a.sum(axis=-1, keepdims=True)


class AttentiveClassifier:
    def __init__(self, params):
        self.p = params

    def forward(self, x):
        p = self.p
        B, T, _ = x.shape
        h = np.zeros((B, T, p["W_h"].shape[0]))
        prev = np.zeros_like(h[:, 0])
        for t in range(T):
            prev = np.tanh(x[:, t] @ p["W_x"] + prev @ p["W_h"] + p["b_h"])
            h[:, t] = prev
        query = h[:, -1]
        u = np.tanh(h @ p["W_k"] + (query @ p["W_q"])[:, None, :])
        scores = u @ p["v"]
        alpha = softmax(scores)
        context = (alpha[:, :, None] * h).sum(axis=1)
        logits = context @ p["W_c"] + query @ p["W_o"] + p["b_o"]
        self.cache = x, h, u, alpha, context
        return logits

    def loss_and_gradients(self, x, labels):
        p, B = self.p, len(x)
        probs = softmax(self.forward(x))
        x, h, u, alpha, context = self.cache
        loss = -np.log(probs[np.arange(B), labels]).mean()
        g = {k: np.zeros_like(v) for k, v in p.items()}
        query = h[:, -1]

        dlogits = probs.copy()
        dlogits[np.arange(B), labels] -= 1
        dlogits /= B
        g["W_c"] = context.T @ dlogits
        g["W_o"] = query.T @ dlogits
        g["b_o"] = dlogits.sum(axis=0)
        dcontext = dlogits @ p["W_c"].T

        dh = alpha[:, :, None] * dcontext[:, None, :]
        dalpha = (h * dcontext[:, None, :]).sum(axis=2)
        dscores = alpha * (dalpha - (alpha * dalpha).sum(axis=1, keepdims=True))
        g["v"] = np.tensordot(dscores, u, axes=([0, 1], [0, 1]))
        du = dscores[:, :, None] * p["v"] * (1 - u**2)
        g["W_k"] = np.tensordot(h, du, axes=([0, 1], [0, 1]))
        dh += du @ p["W_k"].T
        dsum = du.sum(axis=1)
        g["W_q"] = query.T @ dsum
        dh[:, -1] += dsum @ p["W_q"].T + dlogits @ p["W_o"].T

        dprev = np.zeros_like(query)
        for t in range(x.shape[1] - 1, -1, -1):
            before = h[:, t - 1] if t > 0 else np.zeros_like(query)
            da = (dh[:, t] + dprev) * (1 - h[:, t] ** 2)
            g["W_x"] += x[:, t].T @ da
            g["W_h"] += before.T @ da
            g["b_h"] += da.sum(axis=0)
            dprev = da @ p["W_h"].T
        return loss, probs, g


# ---- corpus
CELL = """
h[t] = tanh(W_x @ x[t] + W_h @ h[t-1] + b_h)
u = tanh(W_k @ h[:] + W_q @ h[T])
s = (v.T @ u).T
alpha = softmax(s)
context = h[:] @ alpha
logits = W_c @ context + W_o @ h[T] + b_o
v : A
"""
STYLE = "class, encoder RNN with additive attention asked by its last state, rows (B, T, D), integer labels, mean softmax loss"
HELD_OUT = True
SHAPES = {"W_x": (3, 5), "W_h": (5, 5), "b_h": (5,), "W_k": (5, 4), "W_q": (5, 4), "v": (4,), "W_c": (5, 6), "W_o": (5, 6), "b_o": (6,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((2, 7, 3)), "target/labels": rng.integers(0, 6, 2)} | {"param/" + k: 0.8 * r(s) for k, s in SHAPES.items()}


def run(d):
    net = AttentiveClassifier({k: d["param/" + k] for k in SHAPES})
    loss, probs, g = net.loss_and_gradients(d["input/x"], d["target/labels"])
    return {"loss": np.array(loss), "output/probs": probs, "output/alpha": net.cache[3], "output/h": net.cache[1]} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "query not sent back": ([("dh[:, -1] += dsum @ p[\"W_q\"].T + dlogits", "dh[:, -1] += dlogits")], [("drop-path", "W_q h u query")]),
    "last state not classified": ([(" + dlogits @ p[\"W_o\"].T", "")], [("drop-path", "W_o h query logits")]),
    "keys not sent back": ([("        dh += du @ p[\"W_k\"].T\n", "")], [("drop-path", "W_k h u")]),
    "softmax's sum left out": ([("alpha * (dalpha - (alpha * dalpha).sum(axis=1, keepdims=True))", "alpha * dalpha")], [("drop-path", "alpha s scores"), ("missing-derivative", "alpha s scores"), ("misplaced-factor", "alpha s scores")]),
    "u's slope left out": ([(" * p[\"v\"] * (1 - u**2)", " * p[\"v\"]")], [("missing-derivative", "u du")]),
    "recurrence unheard": ([("da = (dh[:, t] + dprev) *", "da = dh[:, t] *")], [("cut-recurrence", "h W_h dprev"), ("drop-path", "h W_h dprev")]),
    "W_h untransposed": ([("dprev = da @ p[\"W_h\"].T", "dprev = da @ p[\"W_h\"]")], [("transpose", "W_h")]),
    "batch summed": ([("        dlogits /= B\n", "")], [("scale", "*")], "loss"),
    "query of the first step": ([("g[\"W_q\"] = query.T @ dsum", "g[\"W_q\"] = query.T @ du[:, 0]")], [("first-step-only", "W_q u query"), ("drop-path", "W_q u query")]),
}
STACKS = {
    "query not sent back + W_h untransposed": [],
    "softmax's sum left out + recurrence unheard": [],
    "batch summed + keys not sent back": [],
    "last state not classified + u's slope left out + query of the first step": [],
}
