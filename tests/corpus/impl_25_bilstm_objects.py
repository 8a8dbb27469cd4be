import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Direction:
    """LSTM over a list of columns (D, B); gates stacked o, f, i, g on [h; x]."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, xs):
        H, B = self.b.shape[0] // 4, xs[0].shape[1]
        h, c = np.zeros((H, B)), np.zeros((H, B))
        self.cache, hs = [], []
        for x in xs:
            hx = np.concatenate((h, x))
            a = self.W @ hx + self.b
            o, f, i = np.split(sigmoid(a[: 3 * H]), 3)
            g = np.tanh(a[3 * H :])
            c_prev, c = c, f * c + i * g
            h = o * np.tanh(c)
            self.cache.append((hx, o, f, i, g, c_prev, c))
            hs.append(h)
        return hs

    def backward(self, dhs):
        H = self.b.shape[0] // 4
        self.dW, self.db, dxs = np.zeros_like(self.W), np.zeros_like(self.b), []
        dh_next, dc_next = 0, 0
        for dh, (hx, o, f, i, g, c_prev, c) in zip(dhs[::-1], self.cache[::-1]):
            dh = dh + dh_next
            t = np.tanh(c)
            dc = dc_next + dh * o * (1 - t**2)
            da = np.concatenate((dh * t * o * (1 - o), dc * c_prev * f * (1 - f), dc * g * i * (1 - i), dc * i * (1 - g**2)))
            self.dW += da @ hx.T
            self.db += da.sum(axis=1, keepdims=True)
            dhx = self.W.T @ da
            dh_next, dc_next = dhx[:H], dc * f
            dxs.append(dhx[H:])
        return dxs[::-1]


class BiLSTM:
    def __init__(self, Wl, bl, Wr, br):
        self.left, self.right = Direction(Wl, bl), Direction(Wr, br)

    def forward(self, xs):
        hl = self.left.forward(xs)
        hr = self.right.forward(xs[::-1])[::-1]
        return [np.concatenate(pair) for pair in zip(hl, hr)]

    def backward(self, dhs):
        H = dhs[0].shape[0] // 2
        dl = self.left.backward([d[:H] for d in dhs])
        dr = self.right.backward([d[H:] for d in dhs][::-1])[::-1]
        return [a + b for a, b in zip(dl, dr)]


# ---- corpus
CELL = """
o_l[t] = sigmoid(W_o_l @ [h_l[t-1], x[t]] + b_o_l)
f_l[t] = sigmoid(W_f_l @ [h_l[t-1], x[t]] + b_f_l)
i_l[t] = sigmoid(W_i_l @ [h_l[t-1], x[t]] + b_i_l)
g_l[t] = tanh(W_g_l @ [h_l[t-1], x[t]] + b_g_l)
c_l[t] = f_l[t] * c_l[t-1] + i_l[t] * g_l[t]
h_l[t] = o_l[t] * tanh(c_l[t])
o_r[t] = sigmoid(W_o_r @ [h_r[t+1], x[t]] + b_o_r)
f_r[t] = sigmoid(W_f_r @ [h_r[t+1], x[t]] + b_f_r)
i_r[t] = sigmoid(W_i_r @ [h_r[t+1], x[t]] + b_i_r)
g_r[t] = tanh(W_g_r @ [h_r[t+1], x[t]] + b_g_r)
c_r[t] = f_r[t] * c_r[t+1] + i_r[t] * g_r[t]
h_r[t] = o_r[t] * tanh(c_r[t])
h[t] = [h_l[t], h_r[t]]
"""
STYLE = "objects inside objects, lists of columns, [h, x] stacked ofig, two directions concatenated"
HELD_OUT = False
CALL = {"object": "BiLSTM", "forward": "forward", "backward": "backward", "how": "BiLSTM(Wl, bl, Wr, br); gradients in .left.dW, .left.db, .right.dW, .right.db"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    d = {"input/x": r((T, D, B)), "cotangent/h": r((T, 2 * H, B))}
    for k in "lr":
        d["param/W" + k], d["param/b" + k] = 0.5 * r((4 * H, H + D)), 0.5 * r((4 * H, 1))
    return d


def run(d):
    net = BiLSTM(*(d["param/" + k] for k in ("Wl", "bl", "Wr", "br")))
    h = net.forward(list(d["input/x"]))
    dx = net.backward(list(d["cotangent/h"]))
    return {"output/h": np.array(h), "grad/x": np.array(dx), "grad/Wl": net.left.dW, "grad/bl": net.left.db, "grad/Wr": net.right.dW, "grad/br": net.right.db}


MISTAKES = {
    "left for both": ([("[a + b for a, b in zip(dl, dr)]", "dl")], [("drop-path", "x right Wr dr")]),
    "c not carried": ([("dh_next, dc_next = dhx[:H], dc * f", "dh_next, dc_next = dhx[:H], 0")], [("cut-recurrence", "c dc_next")]),
    "h not carried": ([("dh = dh + dh_next", "pass")], [("cut-recurrence", "h dh_next")]),
    "f without 1-f": ([("f * (1 - f)", "f")], [("missing-derivative", "f"), ("misplaced-factor", "f")]),
    "db assigned": ([("self.db += da", "self.db = da")], [[("not-accumulated", "bl br b db")], [("first-step-only", "bl br b db")], [("first-step-only", "bl"), ("last-step-only", "br")]]),
    "f times c": ([("dc * c_prev * f", "dc * c * f")], [("time-shift", "f c c_prev")]),
}
STACKS = {
    "left for both + c not carried": [],
    "c not carried + h not carried": [],
    "f without 1-f + db assigned": [],
    "f times c + left for both + db assigned": [],
}
