import numpy as np

NULL, END = 0, 2


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def affine_backward(dout, cache):
    x, w = cache
    return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)


def word_embedding_forward(x, W):
    return W[x], (x, W.shape)


def word_embedding_backward(dout, cache):
    x, shape = cache
    dW = np.zeros(shape, dout.dtype)
    np.add.at(dW, x, dout)
    return dW


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    i, f, o, g = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H]), np.tanh(a[:, 3 * H :])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c, next_h)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c, next_h = cache
    tanh_c = np.tanh(next_c)
    dnext_c = dnext_c + dnext_h * o * (1 - tanh_c**2)
    dai = dnext_c * g * i * (1 - i)
    daf = dnext_c * prev_c * f * (1 - f)
    dao = dnext_h * tanh_c * o * (1 - o)
    dag = dnext_c * i * (1 - g**2)
    da = np.hstack((dai, daf, dao, dag))
    return da.dot(Wx.T), da.dot(Wh.T), dnext_c * f, x.T.dot(da), prev_h.T.dot(da), da.sum(axis=0)


def lstm_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h, cache = np.zeros((N, T, h0.shape[1])), []
    prev_h, prev_c = h0, np.zeros_like(h0)
    for t in range(T):
        prev_h, prev_c, step = lstm_step_forward(x[:, t], prev_h, prev_c, Wx, Wh, b)
        h[:, t] = prev_h
        cache.append(step)
    return h, cache


def lstm_backward(dh, cache):
    N, T, H = dh.shape
    x, _, _, Wx, Wh = cache[0][:5]
    dx, dWx, dWh, db = np.zeros((N, T, x.shape[1])), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(4 * H)
    dprev_h, dprev_c = np.zeros((N, H)), np.zeros((N, H))
    for t in reversed(range(T)):
        dx[:, t], dprev_h, dprev_c, dWx_t, dWh_t, db_t = lstm_step_backward(dh[:, t] + dprev_h, dprev_c, cache[t])
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    return dx, dprev_h, dWx, dWh, db


def temporal_affine_backward(dout, cache):
    x, w = cache
    N, T, D = x.shape
    M = w.shape[1]
    dx = dout.reshape(N * T, M).dot(w.T).reshape(N, T, D)
    dw = x.reshape(N * T, D).T.dot(dout.reshape(N * T, M))
    return dx, dw, dout.sum(axis=(0, 1))


def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    e = np.exp(x - x.max(axis=2, keepdims=True))
    probs = e / e.sum(axis=2, keepdims=True)
    loss = -np.sum(mask * np.log(probs[np.arange(N)[:, None], np.arange(T), y])) / N
    dx = probs.copy()
    dx[np.arange(N)[:, None], np.arange(T), y] -= 1
    return loss, dx / N * mask[:, :, None]


def captioning_loss(features, captions, p):
    captions_out = np.hstack((captions[:, 1:], np.full((len(captions), 1), END)))
    mask = captions_out != NULL
    h0 = features.dot(p["W_proj"]) + p["b_proj"]
    x, cache_embed = word_embedding_forward(captions, p["W_embed"])
    h, cache_lstm = lstm_forward(x, h0, p["Wx"], p["Wh"], p["b"])
    scores = h.dot(p["W_vocab"]) + p["b_vocab"]
    loss, dscores = temporal_softmax_loss(scores, captions_out, mask)

    grads = {}
    dh, grads["W_vocab"], grads["b_vocab"] = temporal_affine_backward(dscores, (h, p["W_vocab"]))
    dx, dh0, grads["Wx"], grads["Wh"], grads["b"] = lstm_backward(dh, cache_lstm)
    grads["W_embed"] = word_embedding_backward(dx, cache_embed)
    dfeatures, grads["W_proj"], grads["b_proj"] = affine_backward(dh0, (features, p["W_proj"]))
    return loss, scores, dscores, h, grads


# ---- corpus
CELL = """
captions[t] : index V
W_embed : D, V
x[t] = take(W_embed, captions[t])
i[t] = sigmoid(Wi @ [x[t], h[t-1]] + bi)
f[t] = sigmoid(Wf @ [x[t], h[t-1]] + bf)
o[t] = sigmoid(Wo @ [x[t], h[t-1]] + bo)
g[t] = tanh(Wg @ [x[t], h[t-1]] + bg)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
h[0] = W_proj @ features + b_proj
scores[t] = W_vocab @ h[t] + b_vocab
input features : F
"""
STYLE = "layer functions of a captioning model, (N, T, D), ifog stacked, embedding, h0 from features, masked softmax upstream as a cotangent"
HELD_OUT = True
SHAPES = {"W_proj": (3, 4), "b_proj": (4,), "W_embed": (8, 5), "Wx": (5, 16), "Wh": (4, 16), "b": (16,), "W_vocab": (4, 8), "b_vocab": (8,)}


def draw(rng):
    r = rng.standard_normal
    captions = rng.integers(3, 8, (2, 6))
    captions[:, 0], captions[1, 4:] = 1, NULL
    return {"input/features": r((2, 3)), "input/captions": captions} | {"param/" + k: 0.7 * r(s) for k, s in SHAPES.items()}


def run(d):
    loss, scores, dscores, h, grads = captioning_loss(d["input/features"], d["input/captions"], {k: d["param/" + k] for k in SHAPES})
    return {"output/scores": scores, "output/h": h, "cotangent/scores": dscores} | {"grad/" + k: v for k, v in grads.items()}


def objective(d):
    words = np.hstack((d["input/captions"][:, 1:], [[END], [END]]))
    logp = d["output/scores"] - np.log(np.exp(d["output/scores"]).sum(2, keepdims=True))
    return -(np.take_along_axis(logp, words[..., None], 2)[..., 0] * (words != NULL)).sum() / 2


MISTAKES = {
    "h0 gets nothing": ([("    return dx, dprev_h, dWx, dWh, db", "    return dx, np.zeros((N, H)), dWx, dWh, db")], [("zero-gradient", "h0 h W_proj b_proj features"), [("zero-gradient", "W_proj"), ("zero-gradient", "b_proj")], ("drop-path", "h h0 W_proj b_proj features"), ("cut-recurrence", "h0 h")]),
    "h not carried": ([("lstm_step_backward(dh[:, t] + dprev_h, dprev_c", "lstm_step_backward(dh[:, t], dprev_c")], [("cut-recurrence", "h dprev_h prev_h"), ("drop-path", "h Wh")]),
    "Wh with next_h": ([("prev_h.T.dot(da)", "next_h.T.dot(da)")], [("time-shift", "Wh h Wi Wf Wo Wg")]),
    "forget with next_c": ([("daf = dnext_c * prev_c * f", "daf = dnext_c * next_c * f")], [("time-shift", "f c prev_c next_c daf")]),
    "gates stacked fiog": ([("np.hstack((dai, daf, dao, dag))", "np.hstack((daf, dai, dao, dag))")], [("swap-gates", "i f")]),
    "dc from dh without tanh'": ([("dnext_h * o * (1 - tanh_c**2)", "dnext_h * o")], [("missing-derivative", "c h tanh_c"), ("misplaced-factor", "c h tanh_c")]),
    "scores flattened in another order": ([("dw = x.reshape(N * T, D).T", "dw = x.transpose(1, 0, 2).reshape(N * T, D).T")], [("wrong-axis", "W_vocab h scores")]),
    "no tanh at the output of the forward": ([("next_h = o * np.tanh(next_c)", "next_h = o * next_c")], [("wrong-forward", "h c o tanh next_h next_c")]),
    "b averaged over the batch": ([("da.sum(axis=0)", "da.mean(axis=0)")], [("scale", "b bi bf bo bg"), ("misplaced-factor", "b")]),
}
STACKS = {
    "h0 gets nothing + gates stacked fiog": [],
    "h not carried + b averaged over the batch": [],
    "dc from dh without tanh' + Wh with next_h": [],
    "forget with next_c + Wh with next_h + b averaged over the batch": [],
}
