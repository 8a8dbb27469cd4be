import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


class Encoder:
    """LSTM encoder; x (B, T, D); hands (h_n, c_n) to a decoder and gets their gradients back. Row blocks g, o, i, f."""

    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b

    def forward(self, x):
        B, T, D = x.shape
        n = self.Wh.shape[0]
        self.x, self.trace = x, []
        h = c = np.zeros((B, n))
        for t in range(T):
            net = x[:, t] @ self.Wx + h @ self.Wh + self.b
            g, o, i, f = np.tanh(net[:, :n]), sigmoid(net[:, n : 2 * n]), sigmoid(net[:, 2 * n : 3 * n]), sigmoid(net[:, 3 * n :])
            old = (h, c)
            c = g * i + c * f
            h = np.tanh(c) * o
            self.trace.append((old, g, o, i, f, c))
        return h, c

    def backward(self, dh, dc):
        n = self.Wh.shape[0]
        dWx, dWh, db = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.b)
        dx = np.zeros_like(self.x)
        for t in reversed(range(len(self.trace))):
            (h_old, c_old), g, o, i, f, c = self.trace[t]
            tc = np.tanh(c)
            dc = dc + dh * o * (1 - tc**2)
            dnet = np.concatenate((dc * i * (1 - g**2), dh * tc * o * (1 - o), dc * g * i * (1 - i), dc * c_old * f * (1 - f)), axis=1)
            dWx += self.x[:, t].T @ dnet
            dWh += h_old.T @ dnet
            db += dnet.sum(axis=0)
            dx[:, t] = dnet @ self.Wx.T
            dh = dnet @ self.Wh.T
            dc = dc * f
        return dx, dWx, dWh, db


# ---- corpus
CELL = "lstm"
STYLE = "encoder object, (B, T, D) rows, stacked goif, cotangents of h_n and c_n only"
HELD_OUT = True
CALL = {"object": "Encoder", "forward": "forward", "backward": "backward", "how": "Encoder(Wx, Wh, b); forward(x) -> h_n, c_n; backward(dh, dc) -> dx, dWx, dWh, db"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/x": r((B, T, D)), "param/Wx": 0.5 * r((D, 4 * H)), "param/Wh": 0.6 * r((H, 4 * H)), "param/b": 0.5 * r(4 * H),
            "cotangent/h_n": r((B, H)), "cotangent/c_n": r((B, H))}


def run(d):
    encoder = Encoder(d["param/Wx"], d["param/Wh"], d["param/b"])
    h, c = encoder.forward(d["input/x"])
    grads = encoder.backward(d["cotangent/h_n"], d["cotangent/c_n"])
    return {"output/h_n": h, "output/c_n": c} | {"grad/" + k: g for k, g in zip(("x", "Wx", "Wh", "b"), grads)}


MISTAKES = {
    "h_n's gradient at every step": ([("for t in reversed(range(len(self.trace))):", "dh_n, dh = dh, 0\n        for t in reversed(range(len(self.trace))):\n            dh = dh + dh_n")], [("cotangent-at-every-step", "h h_n")]),
    "c_n's gradient unused": ([("        dx = np.zeros_like(self.x)\n", "        dx = np.zeros_like(self.x)\n        dc = np.zeros_like(dc)\n")], [("cotangent-missing", "c_n c")]),
    "c cut": ([("            dc = dc * f\n", "            dc = 0\n")], [("cut-recurrence", "c f dc")]),
    "h cut": ([("            dh = dnet @ self.Wh.T\n", "            dh = 0 * dh\n")], [("cut-recurrence", "h Wh dh")]),
    "i and f exchanged": ([("dc * g * i * (1 - i), dc * c_old * f * (1 - f))", "dc * c_old * f * (1 - f), dc * g * i * (1 - i))")], [("swap-gates", "i f")]),
    "Wh with new h": ([("dWh += h_old.T @ dnet", "dWh += (tc * o).T @ dnet")], [("time-shift", "Wh h")]),
    "carries tanh(c)": ([("            c = g * i + c * f\n            h = np.tanh(c) * o", "            c = np.tanh(g * i + c * f)\n            h = c * o")], [("wrong-forward", "c h h_n c_n tanh")]),
    "o's sign": ([("dh * tc * o * (1 - o)", "dh * tc * o * (o - 1)")], [("sign", "o dnet")]),
}
STACKS = {
    "h cut + c cut": [],
    "c_n's gradient unused + i and f exchanged": [],
    "h_n's gradient at every step + Wh with new h": [],
    "o's sign + Wh with new h + c cut": [],
}
