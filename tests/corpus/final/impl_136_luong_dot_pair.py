import numpy as np


class Translator:
    """One sentence pair.  Encoder and decoder are tanh networks of one size; dot attention (Luong) and a combined state.

    src, tgt_in: word vectors in rows; tgt_out: word numbers.
    """

    def __init__(self, w):
        self.w = w

    def forward(self, src, tgt_in):
        w = self.w
        self.enc = [np.zeros(len(w["b_enc"]))]
        for x in src:
            self.enc.append(np.tanh(w["U_enc"] @ x + w["W_enc"] @ self.enc[-1] + w["b_enc"]))
        E = np.array(self.enc[1:])  # (S, H)
        self.dec, self.att, self.ctx, self.tilde, self.prob = [self.enc[-1]], [], [], [], []
        for y in tgt_in:
            s = np.tanh(w["U_dec"] @ y + w["W_dec"] @ self.dec[-1] + w["b_dec"])
            a = E @ s
            a = np.exp(a - a.max())
            a /= a.sum()
            c = a @ E
            tilde = np.tanh(w["W_comb"] @ np.concatenate([s, c]))
            p = w["W_out"] @ tilde + w["b_out"]
            p = np.exp(p - p.max())
            p /= p.sum()
            self.dec.append(s); self.att.append(a); self.ctx.append(c); self.tilde.append(tilde); self.prob.append(p)
        return self.prob

    def loss(self, tgt_out):
        return -sum(np.log(p[k]) for p, k in zip(self.prob, tgt_out))

    def backward(self, src, tgt_in, tgt_out):
        w = self.w
        E = np.array(self.enc[1:])
        H = E.shape[1]
        g = {k: np.zeros_like(v) for k, v in w.items()}
        dE = np.zeros_like(E)
        dsrc, dtgt = np.zeros_like(src), np.zeros_like(tgt_in)
        ds_next = np.zeros(H)
        for u in reversed(range(len(tgt_out))):
            s, a, c, tilde = self.dec[u + 1], self.att[u], self.ctx[u], self.tilde[u]
            dl = self.prob[u].copy()
            dl[tgt_out[u]] -= 1
            g["W_out"] += np.outer(dl, tilde)
            g["b_out"] += dl
            dm = (w["W_out"].T @ dl) * (1 - tilde ** 2)
            g["W_comb"] += np.outer(dm, np.concatenate([s, c]))
            dsc = w["W_comb"].T @ dm
            ds, dc = dsc[:H] + ds_next, dsc[H:]
            dE += np.outer(a, dc)
            da = E @ dc
            dscore = a * (da - np.dot(a, da))
            ds = ds + E.T @ dscore
            dE += np.outer(dscore, s)
            dz = ds * (1 - s ** 2)
            g["U_dec"] += np.outer(dz, tgt_in[u])
            g["W_dec"] += np.outer(dz, self.dec[u])
            g["b_dec"] += dz
            dtgt[u] = w["U_dec"].T @ dz
            ds_next = w["W_dec"].T @ dz
        dE[-1] += ds_next
        dh = np.zeros(H)
        for t in reversed(range(len(src))):
            dz = (dE[t] + dh) * (1 - E[t] ** 2)
            g["U_enc"] += np.outer(dz, src[t])
            g["W_enc"] += np.outer(dz, self.enc[t])
            g["b_enc"] += dz
            dsrc[t] = w["U_enc"].T @ dz
            dh = w["W_enc"].T @ dz
        return g, dsrc, dtgt


# ---- corpus
CELL = """
enc[t] = tanh(U_enc @ src[t] + W_enc @ enc[t-1] + b_enc)
dec[0] = enc[T]
dec[u] = tanh(U_dec @ tgt_in[u] + W_dec @ dec[u-1] + b_dec)
att[u] = softmax(enc[:].T @ dec[u])
ctx[u] = enc[:] @ att[u]
tilde[u] = tanh(W_comb @ [dec[u], ctx[u]])
logits[u] = W_out @ tilde[u] + b_out
"""
STYLE = "class over one sentence pair, lists of 1-D vectors, dot attention, combined state, summed softmax loss over integer words"
HELD_OUT = True
CALL = None
SIZES = {
    "U_enc": (4, 3), "W_enc": (4, 4), "b_enc": (4,), "U_dec": (4, 2), "W_dec": (4, 4), "b_dec": (4,), "W_comb": (5, 8), "W_out": (6, 5), "b_out": (6,),
}


def draw(rng):
    r = rng.standard_normal
    return {"input/src": r((7, 3)), "input/tgt_in": r((5, 2)), "target/tgt_out": rng.integers(0, 6, 5)} | {"param/" + k: 0.7 * r(s) for k, s in SIZES.items()}


def run(d):
    net = Translator({k: d["param/" + k] for k in SIZES})
    prob = net.forward(d["input/src"], d["input/tgt_in"])
    g, dsrc, dtgt = net.backward(d["input/src"], d["input/tgt_in"], d["target/tgt_out"])
    out = {"output/enc": np.array(net.enc[1:]), "output/dec": np.array(net.dec[1:]), "output/att": np.array(net.att), "output/prob": np.array(prob), "loss": net.loss(d["target/tgt_out"])}
    return out | {"grad/src": dsrc, "grad/tgt_in": dtgt} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "scores send nothing to the decoder": ([("            ds = ds + E.T @ dscore\n", "")], [("drop-path", "dec s att dscore score")]),
    "scores send nothing to the encoder": ([("            dE += np.outer(dscore, s)\n", "")], [("drop-path", "enc att dscore E score")]),
    "context sends nothing to the encoder": ([("            dE += np.outer(a, dc)\n", "")], [("drop-path", "enc ctx dc E c")]),
    "decoder's start not handed to the encoder": ([("        dE[-1] += ds_next\n", "")], [("drop-path", "dec enc ds_next"), ("cut-recurrence", "dec enc ds_next")]),
    "softmax without its sum": ([("a * (da - np.dot(a, da))", "a * da")], [("drop-path", "att dscore score"), ("missing-derivative", "att dscore score"), ("misplaced-factor", "att dscore score")]),
    "tilde not differentiated": ([("(w[\"W_out\"].T @ dl) * (1 - tilde ** 2)", "w[\"W_out\"].T @ dl")], [("missing-derivative", "tilde dm W_comb")]),
    "W_dec wrong way": ([('w["W_dec"].T @ dz', 'w["W_dec"] @ dz')], [("transpose", "W_dec")]),
    "W_enc paired with the new state": ([("np.outer(dz, self.enc[t])", "np.outer(dz, self.enc[t + 1])")], [("time-shift", "W_enc enc E")]),
}
STACKS = {
    "scores send nothing to the decoder + W_enc paired with the new state": [],
    "tilde not differentiated + decoder's start not handed to the encoder": [],
    "context sends nothing to the encoder + W_dec wrong way": [],
    "scores send nothing to the encoder + tilde not differentiated + W_enc paired with the new state": [],
}
