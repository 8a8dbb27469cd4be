import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_forward(x, W, U, b, reverse=False):
    """x: (T, B, D); W: (D, 4H), U: (H, 4H), b: (4H,), order f, i, c, o"""
    T, B, D = x.shape
    H = U.shape[0]
    h = np.zeros((T, B, H))
    cache = {"x": x, "W": W, "U": U, "reverse": reverse}
    for name in ("f", "i", "g", "o", "c"):
        cache[name] = np.zeros((T, B, H))
    order = range(T - 1, -1, -1) if reverse else range(T)
    h_prev = c_prev = np.zeros((B, H))
    for t in order:
        z = x[t] @ W + h_prev @ U + b
        cache["f"][t], cache["i"][t] = sigmoid(z[:, :H]), sigmoid(z[:, H : 2 * H])
        cache["g"][t], cache["o"][t] = np.tanh(z[:, 2 * H : 3 * H]), sigmoid(z[:, 3 * H :])
        c_prev = cache["c"][t] = cache["f"][t] * c_prev + cache["i"][t] * cache["g"][t]
        h_prev = h[t] = cache["o"][t] * np.tanh(c_prev)
    cache["h"] = h
    return h, cache


def lstm_backward(dh, cache):
    x, W, U, reverse = (cache[k] for k in ("x", "W", "U", "reverse"))
    f, i, g, o, c, h = (cache[k] for k in ("f", "i", "g", "o", "c", "h"))
    T, B, H = dh.shape
    dW, dU, db, dx = np.zeros_like(W), np.zeros_like(U), np.zeros(4 * H), np.zeros_like(x)
    back = range(T) if reverse else range(T - 1, -1, -1)
    before = 1 if reverse else -1
    dh_next, dc_next = np.zeros((B, H)), np.zeros((B, H))
    zero = np.zeros((B, H))
    for t in back:
        inside = 0 <= t + before < T
        h_prev, c_prev = (h[t + before], c[t + before]) if inside else (zero, zero)
        dh_t = dh[t] + dh_next
        tanh_c = np.tanh(c[t])
        dc = dc_next + dh_t * o[t] * (1 - tanh_c**2)
        dz = np.hstack([
            dc * c_prev * f[t] * (1 - f[t]),
            dc * g[t] * i[t] * (1 - i[t]),
            dc * i[t] * (1 - g[t] ** 2),
            dh_t * tanh_c * o[t] * (1 - o[t]),
        ])
        dW += x[t].T @ dz
        dU += h_prev.T @ dz
        db += dz.sum(axis=0)
        dx[t] = dz @ W.T
        dh_next = dz @ U.T
        dc_next = dc * f[t]
    return dx, dW, dU, db


def bilstm_forward(x, params):
    left, cache_left = lstm_forward(x, *params["left"])
    right, cache_right = lstm_forward(x, *params["right"], reverse=True)
    return np.concatenate([left, right], axis=2), (cache_left, cache_right)


def bilstm_backward(dout, caches):
    H = dout.shape[2] // 2
    dx_left, *grads_left = lstm_backward(dout[:, :, :H], caches[0])
    dx_right, *grads_right = lstm_backward(dout[:, :, H:], caches[1])
    return dx_left + dx_right, grads_left, grads_right


# ---- corpus
CELL = """
f_left[t] = sigmoid(Wf_left @ x[t] + Uf_left @ h_left[t-1] + bf_left)
i_left[t] = sigmoid(Wi_left @ x[t] + Ui_left @ h_left[t-1] + bi_left)
g_left[t] = tanh(Wg_left @ x[t] + Ug_left @ h_left[t-1] + bg_left)
o_left[t] = sigmoid(Wo_left @ x[t] + Uo_left @ h_left[t-1] + bo_left)
c_left[t] = f_left[t] * c_left[t-1] + i_left[t] * g_left[t]
h_left[t] = o_left[t] * tanh(c_left[t])
f_right[t] = sigmoid(Wf_right @ x[t] + Uf_right @ h_right[t+1] + bf_right)
i_right[t] = sigmoid(Wi_right @ x[t] + Ui_right @ h_right[t+1] + bi_right)
g_right[t] = tanh(Wg_right @ x[t] + Ug_right @ h_right[t+1] + bg_right)
o_right[t] = sigmoid(Wo_right @ x[t] + Uo_right @ h_right[t+1] + bo_right)
c_right[t] = f_right[t] * c_right[t+1] + i_right[t] * g_right[t]
h_right[t] = o_right[t] * tanh(c_right[t])
h[t] = [h_left[t], h_right[t]]
"""
STYLE = "one function for both directions with a flag, caches of whole arrays, rows (T, B, D), figo stacked, outputs concatenated"
HELD_OUT = True
NAMES = [n + "_" + side for side in ("left", "right") for n in "WUb"]


def draw(rng):
    T, B, D, H = 6, 3, 5, 4
    r = rng.standard_normal
    shapes = {"W": (D, 4 * H), "U": (H, 4 * H), "b": (4 * H,)}
    return {"input/x": r((T, B, D)), "cotangent/h": r((T, B, 2 * H))} | {"param/" + k: 0.5 * r(shapes[k[0]]) for k in NAMES}


def run(d):
    params = {side: [d[f"param/{n}_{side}"] for n in "WUb"] for side in ("left", "right")}
    out, caches = bilstm_forward(d["input/x"], params)
    dx, left, right = bilstm_backward(d["cotangent/h"], caches)
    return {"output/h": out, "grad/x": dx} | {"grad/" + k: g for k, g in zip(NAMES, left + right)}


def pair(kind, *names):
    return [(kind, " ".join(n + "_" + s for n in names for s in ("left", "right"))), [(kind, " ".join(n + "_" + s for n in names)) for s in ("left", "right")]]


U = ("U", "Ui", "Uf", "Uo", "Ug", "h")
MISTAKES = {
    "the states' neighbour is on the left for both": ([("before = 1 if reverse else -1", "before = -1")], [[("time-shift", "U_right Ui_right Uf_right Uo_right Ug_right h_right"), ("time-shift", "f_right c_right U_right W_right b_right")], ("time-shift", "h_right c_right f_right U_right")]),
    "carries tanh of c": ([("c_prev = cache[\"c\"][t] = cache[\"f\"][t] * c_prev + cache[\"i\"][t] * cache[\"g\"][t]", "c_prev = cache[\"c\"][t] = np.tanh(cache[\"f\"][t] * c_prev + cache[\"i\"][t] * cache[\"g\"][t])"), ("h_prev = h[t] = cache[\"o\"][t] * np.tanh(c_prev)", "h_prev = h[t] = cache[\"o\"][t] * c_prev")], [("wrong-forward", "c c_left c_right h h_left h_right tanh")]),
    "gradients exchanged": ([("dx_left, *grads_left = lstm_backward(dout[:, :, :H]", "dx_left, *grads_left = lstm_backward(dout[:, :, H:]"), ("dx_right, *grads_right = lstm_backward(dout[:, :, H:]", "dx_right, *grads_right = lstm_backward(dout[:, :, :H]")], [("swap-gates", "h h_left h_right")]),
    "x from the left only": ([("return dx_left + dx_right,", "return dx_left,")], [("drop-path", "x W_right h_right Wf_right Wi_right Wg_right Wo_right")]),
    "c not passed on": ([("dc_next = dc * f[t]", "dc_next = 0")], pair("cut-recurrence", "c", "f") + pair("drop-path", "c", "f")),
    "U with the state of the step": ([("dU += h_prev.T", "dU += h[t].T")], pair("time-shift", *U)),
    "U the other way round": ([("dh_next = dz @ U.T", "dh_next = sum(d @ u for d, u in zip(np.split(dz, 4, 1), np.split(U, 4, 1)))")], pair("transpose", *U)),
    "i without 1 - i": ([("dc * g[t] * i[t] * (1 - i[t])", "dc * g[t] * i[t]")], pair("missing-derivative", "i", "W", "U", "b", "Wi", "Ui", "bi") + pair("misplaced-factor", "i", "Wi", "Ui", "bi")),
    "db over the features": ([("db += dz.sum(axis=0)", "db += dz.sum()")], pair("wrong-axis", "b", "bf", "bi", "bg", "bo")),
}
STACKS = {
    "x from the left only + db over the features": [],
    "c not passed on + i without 1 - i": [],
    "gradients exchanged + U with the state of the step": [],
    "U the other way round + x from the left only + i without 1 - i": [],
}
