import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class LSTMLayer:
    """float32, (T, B, .), kernel (in + H, 4H) on [x, h]; columns i, f, c, o"""

    def __init__(self, kernel, bias):
        self.kernel, self.bias = kernel, bias
        self.units = bias.shape[0] // 4

    def forward(self, xs):
        n = self.units
        T, B, _ = xs.shape
        h = np.zeros((B, n), xs.dtype)
        c = np.zeros((B, n), xs.dtype)
        hs = np.zeros((T, B, n), xs.dtype)
        self.store = []
        for t in range(T):
            inp = np.hstack((xs[t], h))
            z = inp @ self.kernel + self.bias
            i, f, o = sigmoid(z[:, :n]), sigmoid(z[:, n:2 * n]), sigmoid(z[:, 3 * n:])
            g = np.tanh(z[:, 2 * n:3 * n])
            c_old, c = c, f * c + i * g
            tanh_c = np.tanh(c)
            h = o * tanh_c
            hs[t] = h
            self.store.append((inp, i, f, g, o, c_old, tanh_c))
        return hs

    def backward(self, dhs):
        n = self.units
        T, B, _ = dhs.shape
        m = self.kernel.shape[0] - n
        self.dkernel, self.dbias = np.zeros_like(self.kernel), np.zeros_like(self.bias)
        dxs = np.zeros((T, B, m), dhs.dtype)
        dh_rec = np.zeros((B, n), dhs.dtype)
        dc_rec = np.zeros((B, n), dhs.dtype)
        for t in reversed(range(T)):
            inp, i, f, g, o, c_old, tanh_c = self.store[t]
            dh = dhs[t] + dh_rec
            dc = dc_rec + dh * o * (1 - tanh_c ** 2)
            dz = np.hstack((dc * g * i * (1 - i), dc * c_old * f * (1 - f), dc * i * (1 - g ** 2), dh * tanh_c * o * (1 - o)))
            self.dkernel += inp.T @ dz
            self.dbias += dz.sum(axis=0)
            dinp = dz @ self.kernel.T
            dxs[t], dh_rec = dinp[:, :m], dinp[:, m:]
            dc_rec = dc * f
        return dxs


class Stack:
    def __init__(self, lower, upper):
        self.lower, self.upper = lower, upper

    def forward(self, xs):
        self.hidden = self.lower.forward(xs)
        return self.upper.forward(self.hidden)

    def backward(self, dhs):
        dhidden = self.upper.backward(dhs)
        return self.lower.backward(dhidden)


# ---- corpus
CELL = "\n".join(
    f"""i{k}[t] = sigmoid(Wi{k} @ [{x}[t], h{k}[t-1]] + bi{k})
f{k}[t] = sigmoid(Wf{k} @ [{x}[t], h{k}[t-1]] + bf{k})
g{k}[t] = tanh(Wg{k} @ [{x}[t], h{k}[t-1]] + bg{k})
o{k}[t] = sigmoid(Wo{k} @ [{x}[t], h{k}[t-1]] + bo{k})
c{k}[t] = f{k}[t] * c{k}[t-1] + i{k}[t] * g{k}[t]
h{k}[t] = o{k}[t] * tanh(c{k}[t])"""
    for k, x in ((1, "xs"), (2, "h1"))
)
STYLE = "layer objects in a stack, float32, (T, B, D) rows, one kernel a layer on [x, h] with ifco in columns, gradients in attributes"
HELD_OUT = True
CALL = None


def draw(rng):
    def r(size, *s):
        return (size * rng.standard_normal(s)).astype(np.float32)

    T, B, D, H1, H2 = 5, 3, 2, 4, 6
    d = {"input/xs": r(1, T, B, D), "cotangent/h2": r(1, T, B, H2)}
    return d | {"param/kernel1": r(0.6, D + H1, 4 * H1), "param/bias1": r(0.5, 4 * H1), "param/kernel2": r(0.6, H1 + H2, 4 * H2), "param/bias2": r(0.5, 4 * H2)}


def run(d):
    layers = [LSTMLayer(d[f"param/kernel{k}"], d[f"param/bias{k}"]) for k in (1, 2)]
    net = Stack(*layers)
    h2 = net.forward(d["input/xs"])
    dxs = net.backward(d["cotangent/h2"])
    out = {"output/h2": h2, "output/h1": net.hidden, "grad/xs": dxs}
    return out | {f"grad/kernel{k}": l.dkernel for k, l in zip((1, 2), layers)} | {f"grad/bias{k}": l.dbias for k, l in zip((1, 2), layers)}


MISTAKES = {
    "c of both layers not carried": ([("            dc_rec = dc * f\n", "")], [[("cut-recurrence", "c1"), ("cut-recurrence", "c2")]]),
    "h of both layers not carried": ([("dhs[t] + dh_rec", "dhs[t]")], [[("cut-recurrence", "h1"), ("cut-recurrence", "h2")]]),
    "lower layer hears only the last step": ([("        return self.lower.backward(dhidden)", "        dhidden[:-1] = 0\n        return self.lower.backward(dhidden)")], [("last-step-only", "h1 hidden kernel2 dhidden h2"), ("cotangent-missing", "h1 hidden dhidden"), ("drop-path", "h1 hidden dhidden kernel2")]),
    "i without its derivative": ([("dc * g * i * (1 - i)", "dc * g")], [[("missing-derivative", "i1"), ("missing-derivative", "i2")]]),
    "candidate and output exchanged": ([("dc * i * (1 - g ** 2), dh * tanh_c * o * (1 - o)))", "dh * tanh_c * o * (1 - o), dc * i * (1 - g ** 2)))")], [[("swap-gates", "g1 o1"), ("swap-gates", "g2 o2")]]),
    "tanh of c left out": ([("dh * o * (1 - tanh_c ** 2)", "dh * o")], [[("missing-derivative", "c1 h1"), ("missing-derivative", "c2 h2")], [("misplaced-factor", "c1 h1"), ("misplaced-factor", "c2 h2")]]),
    "bias of the first step": ([("self.dbias += dz", "self.dbias = dz")], [[("not-accumulated", "bias1"), ("not-accumulated", "bias2")], [("first-step-only", "bias1"), ("first-step-only", "bias2")]]),
    "o without 1 - o": ([("dh * tanh_c * o * (1 - o)))", "dh * tanh_c * o))")], [[("missing-derivative", "o1"), ("missing-derivative", "o2")], [("misplaced-factor", "o1"), ("misplaced-factor", "o2")]]),
}
STACKS = {
    "c of both layers not carried + bias of the first step": [],
    "h of both layers not carried + o without 1 - o": [],
    "i without its derivative + candidate and output exchanged": [],
    "c of both layers not carried + tanh of c left out + bias of the first step": [],
}
