import numpy as np


def sg(v):
    return 1 / (1 + np.exp(-v))


class GRULayer:
    """One sequence at a time.  h_new = (1 - u) h + u n with n = tanh(Wn x + bn + r (Un h + cn))."""

    def __init__(self, Wu, Uu, bu, Wr, Ur, br, Wn, Un, bn, cn):
        self.params = [Wu, Uu, bu, Wr, Ur, br, Wn, Un, bn, cn]

    def forward(self, xs, h0):
        Wu, Uu, bu, Wr, Ur, br, Wn, Un, bn, cn = self.params
        self.xs, self.hs = xs, [h0]
        self.us, self.rs, self.ns, self.ms = [], [], [], []
        for x in xs:
            h = self.hs[-1]
            self.us.append(sg(Wu @ x + Uu @ h + bu))
            self.rs.append(sg(Wr @ x + Ur @ h + br))
            self.ms.append(Un @ h + cn)
            self.ns.append(np.tanh(Wn @ x + bn + self.rs[-1] * self.ms[-1]))
            self.hs.append((1 - self.us[-1]) * h + self.us[-1] * self.ns[-1])
        return self.hs[1:]

    def backward(self, dhs):
        Wu, Uu, bu, Wr, Ur, br, Wn, Un, bn, cn = self.params
        dWu, dUu, dbu, dWr, dUr, dbr, dWn, dUn, dbn, dcn = [np.zeros(p.shape) for p in self.params]
        dxs = []
        carry = np.zeros(bu.shape)
        for t in range(len(dhs) - 1, -1, -1):
            x, h, u, r, n, m = self.xs[t], self.hs[t], self.us[t], self.rs[t], self.ns[t], self.ms[t]
            dh = dhs[t] + carry
            du = dh * (n - h) * u * (1 - u)
            dn = dh * u * (1 - n * n)
            dm = dn * r
            dr = dn * m * r * (1 - r)
            dWu += np.outer(du, x); dUu += np.outer(du, h); dbu += du
            dWr += np.outer(dr, x); dUr += np.outer(dr, h); dbr += dr
            dWn += np.outer(dn, x); dUn += np.outer(dm, h); dbn += dn; dcn += dm
            carry = (1 - u) * dh + Uu.T @ du + Ur.T @ dr + Un.T @ dm
            dxs.append(Wu.T @ du + Wr.T @ dr + Wn.T @ dn)
        dxs.reverse()
        return dxs, carry, [dWu, dUu, dbu, dWr, dUr, dbr, dWn, dUn, dbn, dcn]


# ---- corpus
CELL = "gru"
STYLE = "object, lists of 1-D vectors, ten arrays by name, reset after the product, update polarity, initial state, gradients in a list"
HELD_OUT = True
CALL = None
NAMES = ("Wu", "Uu", "bu", "Wr", "Ur", "br", "Wn", "Un", "bn", "cn")


def draw(rng):
    r = rng.standard_normal
    T, D, H = 7, 4, 3
    d = {"input/x": r((T, D)), "initial/h0": 0.7 * r(H), "cotangent/h": r((T, H))}
    return d | {"param/" + k: 0.7 * r((H, D) if k[0] == "W" else (H, H) if k[0] == "U" else H) for k in NAMES}


def run(d):
    layer = GRULayer(*(d["param/" + k] for k in NAMES))
    h = layer.forward(list(d["input/x"]), d["initial/h0"])
    dx, dh0, g = layer.backward(list(d["cotangent/h"]))
    return {"output/h": np.array(h), "grad/x": np.array(dx), "grad/h0": dh0} | {"grad/" + k: v for k, v in zip(NAMES, g)}


MISTAKES = {
    "Un as if reset before": ([("np.outer(dm, h)", "np.outer(dn, h)")], [("misplaced-factor", "Un r dm"), ("missing-derivative", "Un r dm")]),
    "carry without (1 - u)": ([("carry = (1 - u) * dh + Uu", "carry = dh + Uu")], [("misplaced-factor", "u h dh h0"), ("missing-derivative", "u h dh h0")]),
    "h0 forgets the update gate": ([(" + Uu.T @ du + Ur", " + Ur")], [("cut-recurrence", "Uu u du"), ("drop-path", "Uu u du")]),
    "n and h the wrong way round": ([("dh * (n - h) * u", "dh * (h - n) * u")], [("sign", "u du Wu Uu bu")]),
    "n treated as a sigmoid": ([("dh * u * (1 - n * n)", "dh * u * n * (1 - n)")], [("missing-derivative", "n dn Wn bn"), ("derivative-of-activated", "n dn Wn bn"), ("misplaced-factor", "n dn")]),
    "Ur not transposed": ([("Ur.T @ dr", "Ur @ dr")], [("transpose", "Ur")]),
    "r pays with the state": ([("dr = dn * m * r", "dr = dn * h * r")], [("misplaced-factor", "r dr m h"), ("missing-derivative", "r dr m")]),
    "Uu with the new state": ([("np.outer(du, h)", "np.outer(du, self.hs[t + 1])")], [("time-shift", "Uu h")]),
}
STACKS = {
    "n and h the wrong way round + Ur not transposed": [],
    "Un as if reset before + Uu with the new state": [],
    "n treated as a sigmoid + h0 forgets the update gate": [],
    "carry without (1 - u) + Uu with the new state + Ur not transposed": [],
}
