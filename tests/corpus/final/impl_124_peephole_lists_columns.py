import numpy as np

sig = lambda v: 1 / (1 + np.exp(-v))


class PeepholeLayer:
    # all weights in one dictionary; columns; the output gate looks at the new cell
    def __init__(self, w):
        self.w = w

    def forward(self, X):
        w = self.w
        n = w["bf"].shape[0]
        B = X[0].shape[1]
        self.X, self.h, self.c = X, [np.zeros((n, B))], [np.zeros((n, B))]
        self.i, self.f, self.g, self.o = [], [], [], []
        for x in X:
            hp, cp = self.h[-1], self.c[-1]
            i = sig(w["Wi"] @ x + w["Ri"] @ hp + w["pi"] * cp + w["bi"])
            f = sig(w["Wf"] @ x + w["Rf"] @ hp + w["pf"] * cp + w["bf"])
            g = np.tanh(w["Wg"] @ x + w["Rg"] @ hp + w["bg"])
            c = f * cp + i * g
            o = sig(w["Wo"] @ x + w["Ro"] @ hp + w["po"] * c + w["bo"])
            self.i.append(i), self.f.append(f), self.g.append(g), self.o.append(o)
            self.c.append(c)
            self.h.append(o * np.tanh(c))
        return self.h[1:]

    def backward(self, dH):
        w = self.w
        grad = {k: np.zeros_like(v) for k, v in w.items()}
        dX = [None] * len(dH)
        dh_next = np.zeros_like(self.h[0])
        dc_next = np.zeros_like(self.c[0])
        for t in reversed(range(len(dH))):
            i, f, g, o = self.i[t], self.f[t], self.g[t], self.o[t]
            c, cp, hp, x = self.c[t + 1], self.c[t], self.h[t], self.X[t]
            dh = dH[t] + dh_next
            do = dh * np.tanh(c) * o * (1 - o)
            dc = dh * o * (1 - np.tanh(c) ** 2) + dc_next + w["po"] * do
            di = dc * g * i * (1 - i)
            df = dc * cp * f * (1 - f)
            dg = dc * i * (1 - g ** 2)
            for name, delta in (("i", di), ("f", df), ("g", dg), ("o", do)):
                grad["W" + name] += delta @ x.T
                grad["R" + name] += delta @ hp.T
                grad["b" + name] += delta.sum(1, keepdims=True)
            grad["pi"] += (di * cp).sum(1, keepdims=True)
            grad["pf"] += (df * cp).sum(1, keepdims=True)
            grad["po"] += (do * c).sum(1, keepdims=True)
            dX[t] = w["Wi"].T @ di + w["Wf"].T @ df + w["Wg"].T @ dg + w["Wo"].T @ do
            dh_next = w["Ri"].T @ di + w["Rf"].T @ df + w["Rg"].T @ dg + w["Ro"].T @ do
            dc_next = f * dc + w["pi"] * di + w["pf"] * df
        return grad, dX


# ---- corpus
CELL = "lstm-peephole"
STYLE = "class with a dict of weights and lists of states (T + 1), columns, W and R a gate, peepholes as columns"
HELD_OUT = True
CALL = None


def draw(rng):
    r = rng.standard_normal
    T, D, B, H = 6, 5, 2, 3
    d = {"input/X": r((T, D, B)), "cotangent/h": r((T, H, B))}
    for k in "ifgo":
        d |= {f"param/W{k}": 0.6 * r((H, D)), f"param/R{k}": 0.6 * r((H, H)), f"param/b{k}": 0.5 * r((H, 1))}
    return d | {f"param/p{k}": 0.8 * r((H, 1)) for k in "ifo"}


def run(d):
    net = PeepholeLayer({k[6:]: v for k, v in d.items() if k.startswith("param/")})
    h = net.forward(list(d["input/X"]))
    grad, dX = net.backward(list(d["cotangent/h"]))
    return {"output/h": np.array(h), "output/c": np.array(net.c[1:]), "grad/X": np.array(dX)} | {"grad/" + k: v for k, v in grad.items()}


MISTAKES = {
    "output gate's peephole sends nothing to c": ([(' + dc_next + w["po"] * do', " + dc_next")], [("drop-path", "po o c do")]),
    "peepholes send nothing to the old cell": ([('dc_next = f * dc + w["pi"] * di + w["pf"] * df', "dc_next = f * dc")], [[("drop-path", "pi i di"), ("drop-path", "pf f df")], [("cut-recurrence", "pi i di"), ("cut-recurrence", "pf f df")]]),
    "cell only through the peepholes": ([('dc_next = f * dc + w["pi"]', 'dc_next = w["pi"]')], [("cut-recurrence", "c cp dc_next dc"), ("drop-path", "c f dc_next cp")]),
    "po with the old cell": ([('(do * c).sum', '(do * cp).sum')], [("time-shift", "po c cp o")]),
    "pf with the new cell": ([('(df * cp).sum', '(df * c).sum')], [("time-shift", "pf c cp f")]),
    "i without its derivative": ([("dc * g * i * (1 - i)", "dc * g")], [("missing-derivative", "i di Wi bi")]),
    "Rg not transposed": ([('w["Rg"].T', 'w["Rg"]')], [("transpose", "Rg g")]),
    "biases summed over the units too": ([("delta.sum(1, keepdims=True)", "delta.sum()")], [("wrong-axis", "b bi bf bg bo")]),
}
STACKS = {
    "output gate's peephole sends nothing to c + pf with the new cell": [],
    "i without its derivative + Rg not transposed": [],
    "cell only through the peepholes + biases summed over the units too": [],
    "po with the old cell + pf with the new cell + Rg not transposed": [],
}
