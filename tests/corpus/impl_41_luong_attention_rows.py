import numpy as np


class DotAttentionDecoder:
    """Rows. At every step: s = tanh(y W + s U + b), weights softmax(E s), output tanh([context, s] V)."""

    def __init__(self, W, U, b, V):
        self.W, self.U, self.b, self.V = W, U, b, V

    def forward(self, y, E, s0):
        """y (T, D) inputs, E (N, H) memory, s0 (H,)"""
        self.y, self.E, self.log = y, E, []
        s, outs = s0, []
        for yt in y:
            prev = s
            s = np.tanh(yt @ self.W + prev @ self.U + self.b)
            score = E @ s
            w = np.exp(score - score.max())
            w = w / w.sum()
            cat = np.concatenate((w @ E, s))
            out = np.tanh(cat @ self.V)
            self.log.append((yt, prev, s, w, cat, out))
            outs.append(out)
        return np.array(outs)

    def backward(self, douts):
        H = self.U.shape[0]
        E = self.E
        self.dW, self.dU, self.db, self.dV = (np.zeros_like(p) for p in (self.W, self.U, self.b, self.V))
        self.dE, dy = np.zeros_like(E), []
        carry = np.zeros(H)
        for (yt, prev, s, w, cat, out), dout in zip(reversed(self.log), douts[::-1]):
            do = dout * (1 - out**2)
            self.dV += np.outer(cat, do)
            dcat = self.V @ do
            dcontext, ds = dcat[:H], dcat[H:] + carry
            self.dE += np.outer(w, dcontext)
            dw = E @ dcontext
            dscore = w * (dw - (w * dw).sum())
            self.dE += np.outer(dscore, s)
            ds = ds + dscore @ E
            da = ds * (1 - s**2)
            self.dW += np.outer(yt, da)
            self.dU += np.outer(prev, da)
            self.db += da
            dy.append(da @ self.W.T)
            carry = da @ self.U.T
        self.ds0 = carry
        return np.array(dy[::-1])


# ---- corpus
CELL = """
s[t] = tanh(W @ y[t] + U @ s[t-1] + b)
w[t] = softmax(E.T @ s[t])
context[t] = E @ w[t]
out[t] = tanh(V @ [context[t], s[t]])
input E : H, N
"""
STYLE = "dot attention over a memory, object with gradients in attributes, rows of 1-D vectors, equations of one's own"
HELD_OUT = True
CALL = {"object": "DotAttentionDecoder", "forward": "forward", "backward": "backward", "how": "DotAttentionDecoder(W, U, b, V); gradients in .dW .dU .db .dV .dE .ds0"}


def draw(rng):
    D, H, T, N, O = 5, 4, 6, 7, 3
    r = rng.standard_normal
    d = {"input/y": r((T, D)), "input/E": r((N, H)), "initial/s0": 0.5 * r(H), "cotangent/out": r((T, O))}
    return d | {"param/" + k: 0.6 * r(s) for k, s in zip("WUbV", ((D, H), (H, H), H, (2 * H, O)))}


def run(d):
    net = DotAttentionDecoder(*(d["param/" + k] for k in "WUbV"))
    out = net.forward(d["input/y"], d["input/E"], d["initial/s0"])
    dy = net.backward(d["cotangent/out"])
    s, w = (np.array([row[k] for row in net.log]) for k in (2, 3))
    return {"output/out": out, "output/s": s, "output/w": w, "grad/y": dy} | {"grad/" + k: getattr(net, "d" + k) for k in ("W", "U", "b", "V", "E", "s0")}


MISTAKES = {
    "score path dropped from s": ([("            ds = ds + dscore @ E\n", "")], [("drop-path", "s w score E")]),
    "memory not as key": ([("            self.dE += np.outer(dscore, s)\n", "")], [("drop-path", "E w score")]),
    "memory not as value": ([("            self.dE += np.outer(w, dcontext)\n", "")], [("drop-path", "E context")]),
    "carry lost": ([("dcat[H:] + carry", "dcat[H:]")], [("cut-recurrence", "s U carry")]),
    "out without derivative": ([("do = dout * (1 - out**2)", "do = dout")], [("missing-derivative", "out do")]),
    "U with the new state": ([("np.outer(prev, da)", "np.outer(s, da)")], [("time-shift", "U s")]),
    "halves of V exchanged": ([("dcontext, ds = dcat[:H], dcat[H:] + carry", "dcontext, ds = dcat[H:], dcat[:H] + carry")], [("swap-gates", "context s V")]),
}
STACKS = {
    "score path dropped from s + memory not as value": [],
    "carry lost + out without derivative": [],
    "U with the new state + memory not as key": [],
    "U with the new state + carry lost + memory not as value": [],
}
