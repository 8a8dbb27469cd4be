import numpy as np

sig = lambda u: 1.0 / (1.0 + np.exp(-u))


def predict(X, params):
    """X (n_x, m, T). LSTM, logistic regression on the last a."""
    W, b, Wy, by = params
    n = W.shape[0] // 4
    a, c = np.zeros((n, X.shape[1])), np.zeros((n, X.shape[1]))
    caches = []
    for t in range(X.shape[2]):
        ax = np.vstack((a, X[:, :, t], np.ones((1, X.shape[1]))))
        z = np.hstack((W, b)) @ ax
        i, f, g, o = sig(z[:n]), sig(z[n : 2 * n]), np.tanh(z[2 * n : 3 * n]), sig(z[3 * n :])
        c_old, c = c, f * c + i * g
        a = o * np.tanh(c)
        caches.append((ax, i, f, g, o, c_old, c))
    return sig(Wy @ a + by), a, caches


def cost_and_gradients(X, Y, params):
    W, b, Wy, by = params
    n, m, T = W.shape[0] // 4, X.shape[1], X.shape[2]
    yhat, a_last, caches = predict(X, params)
    cost = -(np.sum(Y * np.log(yhat) + (1 - Y) * np.log(1 - yhat))) / m
    dy = (yhat - Y) / m
    dWy = dy @ a_last.T
    dby = np.sum(dy, axis=1, keepdims=True)
    dWb = np.zeros((4 * n, W.shape[1] + 1))
    da, dc = Wy.T @ dy, 0
    for t in range(T - 1, -1, -1):
        ax, i, f, g, o, c_old, c = caches[t]
        tc = np.tanh(c)
        dc = dc + da * o * (1 - tc**2)
        dz = np.vstack((dc * g * i * (1 - i), dc * c_old * f * (1 - f), dc * i * (1 - g**2), da * tc * o * (1 - o)))
        dWb += dz @ ax.T
        da = W[:, :n].T @ dz
        dc = dc * f
    return cost, yhat, (dWb[:, :-1], dWb[:, -1:], dWy, dby)


# ---- corpus
CELL = "lstm"
STYLE = "columns (n_x, m, T), stacked ifgo on [a, x, 1], logistic regression on the last state, fused"
HELD_OUT = False
CALL = {"fused": "cost_and_gradients", "how": "(X, Y, (W, b, Wy, by)) -> cost, yhat, gradients"}
NAMES = ("W", "b", "Wy", "by")


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    shapes = ((4 * H, H + D), (4 * H, 1), (1, H), (1, 1))
    return {"input/X": r((D, B, T)), "target/Y": rng.integers(0, 2, (1, B))} | {"param/" + k: 0.6 * r(s) for k, s in zip(NAMES, shapes)}


def run(d):
    cost, yhat, grads = cost_and_gradients(d["input/X"], d["target/Y"], tuple(d["param/" + k] for k in NAMES))
    return {"loss": cost, "output/yhat": yhat} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


MISTAKES = {
    "many to many": ([("da = W[:, :n].T @ dz", "da = W[:, :n].T @ dz + Wy.T @ dy")], [("cotangent-at-every-step", "*")]),
    "cell not carried": ([("dc = dc + da * o", "dc = da * o")], [("cut-recurrence", "c dc")]),
    "W as it stands": ([("da = W[:, :n].T @ dz", "da = sum(W[k : k + n, :n] @ dz[k : k + n] for k in range(0, 4 * n, n))")], [("transpose", "W")]),
    "only the step visited last": ([("dWb += dz", "dWb = dz")], [[("not-accumulated", "W"), ("not-accumulated", "b")], ("not-accumulated", "W b"), ("first-step-only", "W b"), [("first-step-only", "W"), ("first-step-only", "b")]]),
    "only the last step": ([("dWb += dz @ ax.T", "dWb += dz @ ax.T * (t == T - 1)")], [[("last-step-only", "W"), ("last-step-only", "b")], ("last-step-only", "W b"), ("truncate", "*"), ("cut-recurrence", "*")]),
    "divided by m twice": ([("dy = (yhat - Y) / m", "dy = (yhat - Y) / m / m")], [("scale", "*")]),
}
STACKS = {
    "many to many + divided by m twice": [],
    "W as it stands + only the step visited last": [],
    "cell not carried + only the step visited last": [],
    "many to many + cell not carried + divided by m twice": [],
}
