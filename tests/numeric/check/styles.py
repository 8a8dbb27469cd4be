"""One recurrent network, written as people write it: how its functions are called is for the tool to find out.

Every text is a file of somebody's; `Style` says which functions are to be checked.  The gradients are right.
"""

from typing import Any, NamedTuple


class Style(NamedTuple):
    """A file, what is checked in it, and an adapter where no guess can do."""

    text: str
    backward: str
    forward: str = ""
    adapter: dict[str, Any] | None = None


ROWS = """
import numpy as np

def forward(x, h0, Wx, Wh, b):
    B, T, D = x.shape
    hs, cache, h = np.zeros((B, T, Wh.shape[0])), [], h0
    for t in range(T):
        prev, h = h, np.tanh(x[:, t] @ Wx + h @ Wh + b)
        hs[:, t] = h
        cache.append((x[:, t], prev, h))
    return hs, (cache, Wx, Wh)

def backward(dhs, cache):
    cache, Wx, Wh = cache
    dx, dWx, dWh, db = np.zeros((len(dhs), dhs.shape[1], len(Wx))), 0, 0, 0
    dprev = np.zeros((len(dhs), len(Wh)))
    for t in reversed(range(dhs.shape[1])):
        xt, prev, h = cache[t]
        da = (dhs[:, t] + dprev) * (1 - h**2)
        dx[:, t], dprev = da @ Wx.T, da @ Wh.T
        dWx, dWh, db = dWx + xt.T @ da, dWh + prev.T @ da, db + da.sum(0)
    return dx, dprev, dWx, dWh, db
"""

COLUMNS = """
import numpy as np

def rnn_forward(x, a0, parameters):
    caches, out, a = [], [], a0
    for t in range(x.shape[2]):
        prev, a = a, np.tanh(parameters["Wa"] @ np.concatenate((a, x[:, :, t])) + parameters["ba"])
        caches.append((prev, a, x[:, :, t]))
        out.append(a)
    return np.stack(out, axis=2), caches

def rnn_backward(da, caches, parameters):
    n = da.shape[0]
    grads = {"dWa": 0, "dba": 0}
    carry, dx = np.zeros_like(da[:, :, 0]), []
    for t in reversed(range(len(caches))):
        prev, a, xt = caches[t]
        dz = (da[:, :, t] + carry) * (1 - a**2)
        back = parameters["Wa"].T @ dz
        carry = back[:n]
        dx.insert(0, back[n:])
        grads["dWa"] = grads["dWa"] + dz @ np.concatenate((prev, xt)).T
        grads["dba"] = grads["dba"] + dz.sum(1, keepdims=True)
    grads["dx"], grads["da0"] = np.stack(dx, axis=2), carry
    return grads
"""

GLOBALS = """
import numpy as np
print("loaded", flush=True)
n, vocab = 4, 7
Wxh, Whh, Why = (0.01 * np.random.randn(*s) for s in ((n, vocab), (n, n), (vocab, n)))
bh, by = np.zeros((n, 1)), np.zeros((vocab, 1))

def lossFun(inputs, targets, hprev):
    xs, hs, ps, loss = {}, {-1: np.copy(hprev)}, {}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab, 1)); xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        y = Why @ hs[t] + by
        ps[t] = np.exp(y) / np.exp(y).sum()
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy, dbh, dby = (np.zeros_like(p) for p in (Wxh, Whh, Why, bh, by))
    dhnext = np.zeros((n, 1))
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t]); dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T; dby += dy
        da = (1 - hs[t] ** 2) * (Why.T @ dy + dhnext)
        dbh += da; dWxh += da @ xs[t].T; dWhh += da @ hs[t - 1].T
        dhnext = Whh.T @ da
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]
"""

LAYER = """
import numpy as np

class Layer:
    def __init__(self, input_size, hidden_size, scale=0.1):
        self.params = {"W": scale * np.random.randn(hidden_size, input_size),
                       "U": scale * np.random.randn(hidden_size, hidden_size), "b": np.zeros(hidden_size)}
        self.grads = {}

    def forward(self, x):
        self.x, self.h = x, np.zeros((len(x) + 1, len(self.params["b"])))
        for t in range(len(x)):
            self.h[t + 1] = np.tanh(self.params["W"] @ x[t] + self.params["U"] @ self.h[t] + self.params["b"])
        return self.h[1:]

    def backward(self, dout):
        p, g, carry = self.params, {k: np.zeros_like(v) for k, v in self.params.items()}, 0
        dx = np.zeros_like(self.x)
        for t in reversed(range(len(dout))):
            da = (dout[t] + carry) * (1 - self.h[t + 1] ** 2)
            g["W"] += np.outer(da, self.x[t]); g["U"] += np.outer(da, self.h[t]); g["b"] += da
            dx[t], carry = p["W"].T @ da, p["U"].T @ da
        self.grads = g
        return dx
"""

ATTRIBUTES = """
import numpy as np

class Net:
    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b

    def forward(self, X):
        self.X, self.h = X, [np.zeros((X.shape[1], len(self.Wh)))]
        for x in X:
            self.h.append(np.tanh(x @ self.Wx + self.h[-1] @ self.Wh + self.b))
        return np.stack(self.h[1:])

    def backward(self, dH):
        self.dWx, self.dWh, self.db = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.b)
        carry = 0
        for t in reversed(range(len(dH))):
            da = (dH[t] + carry) * (1 - self.h[t + 1] ** 2)
            self.dWx += self.X[t].T @ da; self.dWh += self.h[t].T @ da; self.db += da.sum(0)
            carry = da @ self.Wh.T
"""

TRAINED = """
import numpy as np
eta = 0.05

def train(x, y, U, W, V):
    T = len(x)
    s = np.zeros((T + 1, len(W)))
    for t in range(T):
        s[t] = np.tanh(U @ x[t] + W @ s[t - 1])
    e = s[:T] @ V.T - y
    loss = 0.5 * (e**2).sum()
    gU, gW, gV, carry = 0 * U, 0 * W, e.T @ s[:T], 0
    for t in reversed(range(T)):
        da = (V.T @ e[t] + carry) * (1 - s[t] ** 2)
        gU += np.outer(da, x[t]); gW += np.outer(da, s[t - 1]); carry = W.T @ da
    U -= eta * gU
    W -= eta * gW
    V -= eta * gV
    return loss
"""

FINAL = """
import numpy as np

def run(xs, h, W, R, bias):
    hs = [h]
    for x in xs:
        hs.append(np.tanh(W @ x + R @ hs[-1] + bias))
    return hs, hs[-1]

def grad(xs, W, R, hs, dhs, dh_last):
    gW, gR, gbias, gx, g = 0 * W, 0 * R, 0, [], dh_last
    for t in reversed(range(len(xs))):
        da = (g + dhs[t]) * (1 - hs[t + 1] ** 2)
        gW, gR, gbias = gW + np.outer(da, xs[t]), gR + np.outer(da, hs[t]), gbias + da
        gx.insert(0, W.T @ da)
        g = R.T @ da
    return gx, g, gW, gR, gbias
"""

OWN_WORDS = """
import numpy as np

def f(blob, knob, qq):
    out = [np.zeros(len(qq))]
    for v in blob:
        out.append(np.tanh(knob @ v + qq @ out[-1]))
    return np.array(out[1:]), out

def b(out, top, knob, qq, blob):
    c, k1, k2 = 0, 0, 0
    for t in reversed(range(len(top))):
        da = (top[t] + c) * (1 - out[t + 1] ** 2)
        k1, k2, c = k1 + np.outer(da, blob[t]), k2 + np.outer(da, out[t]), qq.T @ da
    return k1, k2
"""
ADAPTER = {
    "forward": "blob, knob, qq -> h, out",
    "backward": "out, top, knob, qq, blob -> k1, k2",
    "shapes": {"input/blob": "T D", "param/knob": "H D", "param/qq": "H H"},
    "cotangents": {"top": "h"},
    "gradients": {"knob": "k1", "qq": "k2"},
}

STYLES = {
    "rows and caches": Style(ROWS, "backward", "forward"),
    "columns, a dictionary, time last": Style(COLUMNS, "rnn_backward", "rnn_forward"),
    "globals and a fused loss": Style(GLOBALS, "lossFun"),
    "a layer with dictionaries": Style(LAYER, "Layer.backward", "Layer.forward"),
    "an object made of weights": Style(ATTRIBUTES, "Net.backward", "Net.forward"),
    "in-place updates": Style(TRAINED, "train"),
    "lists and a final state": Style(FINAL, "grad", "run"),
    "words of one's own": Style(OWN_WORDS, "b", "f", ADAPTER),
}
