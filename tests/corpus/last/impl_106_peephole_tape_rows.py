import numpy as np


# LSTM with peephole connections.  Weights: Wx (D, 4H), Wh (H, 4H), b (4H,) in the order input, forget, cell, output;
# p (3, H): the diagonal peepholes of the input, the forget (both look at c_{t-1}) and the output gate (looks at c_t).


def sigm(v):
    return 1.0 / (1.0 + np.exp(-v))


class PeepholeLSTM:
    def __init__(self, Wx, Wh, b, p):
        self.params = {"Wx": Wx, "Wh": Wh, "b": b, "p": p}
        self.tape = []

    def step(self, x, h, c):
        P, H = self.params, h.shape[1]
        z = x.dot(P["Wx"]) + h.dot(P["Wh"]) + P["b"]
        zi, zf, zc, zo = z[:, :H], z[:, H : 2 * H], z[:, 2 * H : 3 * H], z[:, 3 * H :]
        i = sigm(zi + P["p"][0] * c)
        f = sigm(zf + P["p"][1] * c)
        u = np.tanh(zc)
        c_new = f * c + i * u
        o = sigm(zo + P["p"][2] * c_new)
        tc = np.tanh(c_new)
        self.tape.append((x, h, c, i, f, u, o, c_new, tc))
        return o * tc, c_new

    def forward(self, xs):
        """xs: (B, T, D)"""
        self.tape = []
        h = c = np.zeros((len(xs), self.params["Wh"].shape[0]))
        hs = []
        for t in range(xs.shape[1]):
            h, c = self.step(xs[:, t], h, c)
            hs.append(h)
        return np.stack(hs, axis=1), c

    def backward(self, dhs, dc_last):
        P = self.params
        self.grads = {k: np.zeros_like(v) for k, v in P.items()}
        G = self.grads
        dxs = []
        dh_next, dc_next = 0.0, dc_last
        for t in range(dhs.shape[1] - 1, -1, -1):
            x, h, c, i, f, u, o, c_new, tc = self.tape[t]
            dh = dhs[:, t] + dh_next
            do = dh * tc * o * (1 - o)
            dc = dc_next + dh * o * (1 - tc**2) + do * P["p"][2]
            di = dc * u * i * (1 - i)
            df = dc * c * f * (1 - f)
            du = dc * i * (1 - u**2)
            dz = np.concatenate([di, df, du, do], axis=1)
            G["Wx"] += x.T.dot(dz)
            G["Wh"] += h.T.dot(dz)
            G["b"] += dz.sum(axis=0)
            G["p"][0] += (di * c).sum(axis=0)
            G["p"][1] += (df * c).sum(axis=0)
            G["p"][2] += (do * c_new).sum(axis=0)
            dh_next = dz.dot(P["Wh"].T)
            dc_next = dc * f + di * P["p"][0] + df * P["p"][1]
            dxs.append(dz.dot(P["Wx"].T))
        return np.stack(dxs[::-1], axis=1)


# ---- corpus
CELL = "lstm-peephole"
STYLE = "class with a tape of tuples, rows (B, T, D), ifuo stacked, three peepholes in one array, cotangents of the states and of the last cell"
HELD_OUT = True
SHAPES = {"Wx": (3, 16), "Wh": (4, 16), "b": (16,), "p": (3, 4)}


def draw(rng):
    r = rng.standard_normal
    d = {"input/xs": r((5, 6, 3)), "cotangent/hs": r((5, 6, 4)), "cotangent/c_last": r((5, 4))}
    return d | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    cell = PeepholeLSTM(*(d["param/" + k] for k in SHAPES))
    hs, c_last = cell.forward(d["input/xs"])
    dxs = cell.backward(d["cotangent/hs"], d["cotangent/c_last"])
    return {"output/hs": hs, "output/c_last": c_last, "grad/xs": dxs} | {"grad/" + k: v for k, v in cell.grads.items()}


MISTAKES = {
    "o's peephole not sent to the cell": ([(" + do * P[\"p\"][2]\n", "\n")], [("drop-path", "o p c")]),
    "peepholes of i and f not sent back": ([("dc_next = dc * f + di * P[\"p\"][0] + df * P[\"p\"][1]", "dc_next = dc * f")], [("drop-path", "p i f c"), [("drop-path", "i p"), ("drop-path", "f p")], ("cut-recurrence", "p i f")]),
    "p's o with the old cell": ([("(do * c_new).sum", "(do * c).sum")], [("time-shift", "p o c")]),
    "p's i and f with the new cell": ([("(di * c).sum", "(di * c_new).sum"), ("(df * c).sum", "(df * c_new).sum")], [("time-shift", "p i f c"), [("time-shift", "p i"), ("time-shift", "p f")]]),
    "cell not carried": ([("dc_next = dc * f + di", "dc_next = di")], [("cut-recurrence", "c f c_last"), ("drop-path", "c f c_last")]),
    "forget gate with the new cell": ([("df = dc * c * f", "df = dc * c_new * f")], [("time-shift", "f c df c_new")]),
    "gradients stacked ifou": ([("[di, df, du, do]", "[di, df, do, du]")], [("swap-gates", "u o g")]),
    "output gate without its slope": ([("do = dh * tc * o * (1 - o)", "do = dh * tc")], [("missing-derivative", "o do")]),
    "dc of the last step unused": ([("dh_next, dc_next = 0.0, dc_last", "dh_next, dc_next = 0.0, 0.0")], [("cotangent-missing", "c_last c")]),
}
STACKS = {
    "o's peephole not sent to the cell + p's i and f with the new cell": [],
    "peepholes of i and f not sent back + forget gate with the new cell": [],
    "gradients stacked ifou + dc of the last step unused": [],
    "o's peephole not sent to the cell + p's o with the old cell + dc of the last step unused": [],
}
