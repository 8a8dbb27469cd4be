import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class AttentiveGRU:
    """GRU over (B, T, D); the states are weighted by softmax(H q) and summed, a linear layer gives one score."""

    names = ["Wz", "Wr", "Wn", "bz", "br", "bn", "q", "w", "b"]

    def __init__(self, **weights):
        self.__dict__.update(weights)

    def forward(self, x):
        B, T, D = x.shape
        H = self.bz.shape[0]
        self.x = x
        self.h = np.zeros((B, T + 1, H))
        self.z, self.r, self.n = (np.zeros((B, T, H)) for _ in range(3))
        for t in range(T):
            hx = np.hstack([self.h[:, t], x[:, t]])
            self.z[:, t] = sigmoid(hx @ self.Wz + self.bz)
            self.r[:, t] = sigmoid(hx @ self.Wr + self.br)
            rhx = np.hstack([self.r[:, t] * self.h[:, t], x[:, t]])
            self.n[:, t] = np.tanh(rhx @ self.Wn + self.bn)
            self.h[:, t + 1] = (1 - self.z[:, t]) * self.h[:, t] + self.z[:, t] * self.n[:, t]
        states = self.h[:, 1:]
        score = states @ self.q
        e = np.exp(score - score.max(axis=1, keepdims=True))
        self.alpha = e / e.sum(axis=1, keepdims=True)
        self.ctx = np.sum(self.alpha[:, :, None] * states, axis=1)
        self.y = self.ctx @ self.w + self.b
        return self.y

    def backward(self, target):
        B, T, D = self.x.shape
        H = self.bz.shape[0]
        g = {k: np.zeros_like(getattr(self, k)) for k in self.names}
        dx = np.zeros_like(self.x)
        states = self.h[:, 1:]
        dy = (self.y - target) / B
        g["w"] = self.ctx.T @ dy
        g["b"] = dy.sum(keepdims=True)
        dctx = np.outer(dy, self.w)
        dalpha = (states * dctx[:, None, :]).sum(axis=2)
        dscore = self.alpha * (dalpha - (self.alpha * dalpha).sum(axis=1, keepdims=True))
        g["q"] = np.einsum("bt,bth->h", dscore, states)
        dstates = self.alpha[:, :, None] * dctx[:, None, :] + dscore[:, :, None] * self.q
        dh = np.zeros((B, H))
        for t in range(T - 1, -1, -1):
            h, z, r, n, x = self.h[:, t], self.z[:, t], self.r[:, t], self.n[:, t], self.x[:, t]
            dh = dh + dstates[:, t]
            an = dh * z * (1 - n ** 2)
            az = dh * (n - h) * z * (1 - z)
            drhx = an @ self.Wn.T
            ar = drhx[:, :H] * h * r * (1 - r)
            hx, rhx = np.hstack([h, x]), np.hstack([r * h, x])
            for k, a, u in (("z", az, hx), ("r", ar, hx), ("n", an, rhx)):
                g["W" + k] += u.T @ a
                g["b" + k] += a.sum(axis=0)
            dhx = az @ self.Wz.T + ar @ self.Wr.T
            dx[:, t] = drhx[:, H:] + dhx[:, H:]
            dh = dh * (1 - z) + drhx[:, :H] * r + dhx[:, :H]
        return g, dx


# ---- corpus
CELL = """
z[t] = sigmoid(Wz @ [h[t-1], x[t]] + bz)
r[t] = sigmoid(Wr @ [h[t-1], x[t]] + br)
n[t] = tanh(Wn @ [r[t] * h[t-1], x[t]] + bn)
h[t] = (1 - z[t]) * h[t-1] + z[t] * n[t]
alpha = softmax(h[:].T @ q)
ctx = h[:] @ alpha
y = w.T @ ctx + b
w : H
b : scalar
"""
STYLE = "class, GRU on [h, x] in rows (B, T, D), update polarity, dot attention with a learned query over the states, linear score, half squared error averaged over B"
HELD_OUT = True
CALL = None
SIZES = {"Wz": (7, 4), "Wr": (7, 4), "Wn": (7, 4), "bz": (4,), "br": (4,), "bn": (4,), "q": (4,), "w": (4,), "b": (1,)}


def draw(rng):
    d = {"input/x": rng.standard_normal((5, 6, 3)), "target/y": 2 * rng.standard_normal(5)}
    return d | {"param/" + k: 0.9 * rng.standard_normal(s) for k, s in SIZES.items()}


def run(d):
    net = AttentiveGRU(**{k: d["param/" + k] for k in SIZES})
    y = net.forward(d["input/x"])
    g, dx = net.backward(d["target/y"])
    loss = 0.5 * np.mean((y - d["target/y"]) ** 2)
    return {"output/h": net.h[:, 1:], "output/alpha": net.alpha, "output/ctx": net.ctx, "output/y": y, "loss": loss, "grad/x": dx} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "weights taken as constants": ([(" + dscore[:, :, None] * self.q", "")], [("drop-path", "q alpha h score dscore states")]),
    "softmax's sum left out": ([("self.alpha * (dalpha - (self.alpha * dalpha).sum(axis=1, keepdims=True))", "self.alpha * dalpha")], [("drop-path", "alpha score dscore q"), ("missing-derivative", "alpha score dscore q"), ("misplaced-factor", "alpha score dscore q")]),
    "states hear only through the scores": ([("dstates = self.alpha[:, :, None] * dctx[:, None, :] + dscore", "dstates = dscore")], [("drop-path", "ctx alpha h states dctx")]),
    "recurrent edge of the state": ([("dh = dh * (1 - z) + drhx[:, :H] * r + dhx[:, :H]", "dh = np.zeros((B, H))")], [("cut-recurrence", "h dh states")]),
    "Wn with the bare state": ([('("n", an, rhx)', '("n", an, hx)')], [("misplaced-factor", "Wn r rhx"), ("missing-derivative", "Wn r rhx"), ("drop-path", "Wn r rhx")]),
    "r's factor missing in dh": ([("drhx[:, :H] * r + dhx", "drhx[:, :H] + dhx")], [("misplaced-factor", "r h n Wn drhx rhx"), ("missing-derivative", "r h n Wn drhx rhx")]),
    "z and 1 - z": ([("dh * z * (1 - n ** 2)", "dh * (1 - z) * (1 - n ** 2)")], [("misplaced-factor", "z n an h bn"), ("swap-gates", "z n an h bn"), ("sign", "z n an h bn")]),
    "gate biases of one step": ([('g["b" + k] += a', 'g["b" + k] = a')], [[("not-accumulated", "bz"), ("not-accumulated", "br"), ("not-accumulated", "bn")], [("first-step-only", "bz"), ("first-step-only", "br"), ("first-step-only", "bn")]]),
}
STACKS = {
    "weights taken as constants + Wn with the bare state": [],
    "softmax's sum left out + gate biases of one step": [],
    "recurrent edge of the state + gate biases of one step": [],
    "z and 1 - z + r's factor missing in dh + softmax's sum left out": [],
}
