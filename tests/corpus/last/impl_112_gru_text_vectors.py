"""GRU for text generation.  Everything is a 1-D vector; a text is a list of character numbers."""
import numpy as np


def sig(a):
    return 1.0 / (1.0 + np.exp(-a))


class GRU:
    def __init__(self, Wz, Uz, bz, Wr, Ur, br, Wh, Uh, bh, V, bV):
        self.Wz, self.Uz, self.bz = Wz, Uz, bz
        self.Wr, self.Ur, self.br = Wr, Ur, br
        self.Wh, self.Uh, self.bh = Wh, Uh, bh
        self.V, self.bV = V, bV

    def read(self, text, s):
        self.s, self.z, self.r, self.g, self.p = [s], [], [], [], []
        for ch in text:
            # a column of W is the product with a one-hot vector
            z = sig(self.Wz[:, ch] + self.Uz @ s + self.bz)
            r = sig(self.Wr[:, ch] + self.Ur @ s + self.br)
            g = np.tanh(self.Wh[:, ch] + self.Uh @ (r * s) + self.bh)
            s = z * s + (1 - z) * g
            a = self.V @ s + self.bV
            p = np.exp(a - np.max(a))
            self.p.append(p / p.sum())
            self.s.append(s)
            self.z.append(z)
            self.r.append(r)
            self.g.append(g)
        return self.p

    def learn(self, text, following, s0):
        self.read(text, s0)
        loss = sum(-np.log(p[k]) for p, k in zip(self.p, following)) / len(text)
        d = {name: np.zeros_like(value) for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        ds = np.zeros_like(s0)
        for t in range(len(text) - 1, -1, -1):
            s, z, r, g = self.s[t], self.z[t], self.r[t], self.g[t]
            da = self.p[t].copy()
            da[following[t]] -= 1
            da /= len(text)
            d["V"] += np.outer(da, self.s[t + 1])
            d["bV"] += da

            ds = ds + self.V.T @ da
            dg = ds * (1 - z) * (1 - g * g)
            dz = ds * (s - g) * z * (1 - z)
            drs = self.Uh.T @ dg
            dr = drs * s * r * (1 - r)

            for k, delta in (("z", dz), ("r", dr), ("h", dg)):
                d["W" + k][:, text[t]] += delta
                d["b" + k] += delta
            d["Uz"] += np.outer(dz, s)
            d["Ur"] += np.outer(dr, s)
            d["Uh"] += np.outer(dg, r * s)
            ds = ds * z + drs * r + self.Uz.T @ dz + self.Ur.T @ dr
        return loss, d, ds


# ---- corpus
CELL = "gru"
STYLE = "class on 1-D vectors, characters as integers, dict of gradients, W and U apart, keep polarity, reset before, mean softmax loss over the text"
HELD_OUT = True
NAMES = ("Wz", "Uz", "bz", "Wr", "Ur", "br", "Wh", "Uh", "bh", "V", "bV")


def draw(rng):
    r = rng.standard_normal
    shape = {"W": (5, 7), "U": (5, 5), "b": 5}
    d = {"input/text": rng.integers(0, 7, 8), "target/following": rng.integers(0, 7, 8), "initial/s0": 0.6 * r(5)}
    return d | {"param/" + k: 0.8 * r(shape[k[0]]) for k in NAMES[:9]} | {"param/V": 0.8 * r((7, 5)), "param/bV": 0.5 * r(7)}


def run(d):
    net = GRU(*(d["param/" + k] for k in NAMES))
    loss, g, ds0 = net.learn(list(d["input/text"]), list(d["target/following"]), d["initial/s0"])
    return {"loss": np.array(loss), "output/s": np.array(net.s[1:]), "output/p": np.array(net.p), "grad/s0": ds0} | {"grad/" + k: g[k] for k in NAMES}


MISTAKES = {
    "Uh sees s unreset": ([("np.outer(dg, r * s)", "np.outer(dg, s)")], [("misplaced-factor", "Uh r s g h"), ("missing-derivative", "Uh r s g h")]),
    "Uz, Ur and Uh with the new state": ([("np.outer(dz, s)", "np.outer(dz, self.s[t + 1])"), ("np.outer(dr, s)", "np.outer(dr, self.s[t + 1])"), ("np.outer(dg, r * s)", "np.outer(dg, r * self.s[t + 1])")], [("time-shift", "Uz Ur Uh s"), [("time-shift", "Uz"), ("time-shift", "Ur"), ("time-shift", "Uh")]]),
    "reset gate left out of the way back": ([("ds * z + drs * r + self", "ds * z + drs + self")], [("misplaced-factor", "r s g h drs"), ("missing-derivative", "r s g h drs")]),
    "no way back through the gates": ([(" + self.Uz.T @ dz + self.Ur.T @ dr\n", "\n")], [("drop-path", "z r s Uz Ur"), [("drop-path", "z Uz"), ("drop-path", "r Ur")], ("cut-recurrence", "z r Uz Ur"), [("cut-recurrence", "z Uz"), ("cut-recurrence", "r Ur")]]),
    "1 - z missing in the candidate": ([("dg = ds * (1 - z) * (1 - g * g)", "dg = ds * (1 - g * g)")], [("misplaced-factor", "g z h s dg"), ("missing-derivative", "g z h s dg"), ("drop-path", "g z h s dg")]),
    "z the wrong way round": ([("ds * (s - g) * z", "ds * (g - s) * z")], [("sign", "z dz")]),
    "Uh upright": ([("drs = self.Uh.T @ dg", "drs = self.Uh @ dg")], [("transpose", "Uh")]),
    "columns of W overwritten": ([('d["W" + k][:, text[t]] += delta', 'd["W" + k][:, text[t]] = delta')], [("not-accumulated", "Wz Wr Wh"), [("not-accumulated", "Wz"), ("not-accumulated", "Wr"), ("not-accumulated", "Wh")]]),
    "ds from the last letter only": ([("            ds = ds + self.V.T @ da\n", "            ds = ds + self.V.T @ da * (t == len(text) - 1)\n")], [("cotangent-missing", "s p a y V h"), ("last-step-only", "s p a y V h")]),
}
STACKS = {
    "Uh sees s unreset + z the wrong way round": [],
    "no way back through the gates + Uh sees s unreset": [],
    "Uh upright + 1 - z missing in the candidate": [],
    "reset gate left out of the way back + Uz, Ur and Uh with the new state + z the wrong way round": [],
}
