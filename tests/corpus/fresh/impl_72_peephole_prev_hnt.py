# Graves-style cell in which all three peepholes look at the old cell.  Arrays are (features, examples, time).
import numpy as np


class PeepholeLayer:
    def __init__(self, weights):
        for name, w in weights.items():
            setattr(self, name, w)

    def activate(self, x):
        n, T = x.shape[1:]
        H = self.Whi.shape[0]
        self.x = x
        self.h, self.c = np.zeros((H, n, T + 1)), np.zeros((H, n, T + 1))
        self.i, self.f, self.o, self.a = (np.zeros((H, n, T)) for _ in range(4))
        for t in range(T):
            xt, h, c = x[..., t], self.h[..., t], self.c[..., t]
            for g in "ifo":
                net = getattr(self, "Wx" + g) @ xt + getattr(self, "Wh" + g) @ h + getattr(self, "wc" + g) * c + getattr(self, "b" + g)
                getattr(self, g)[..., t] = 1 / (1 + np.exp(-net))
            self.a[..., t] = np.tanh(self.Wxc @ xt + self.Whc @ h + self.bc)
            self.c[..., t + 1] = self.f[..., t] * c + self.i[..., t] * self.a[..., t]
            self.h[..., t + 1] = self.o[..., t] * np.tanh(self.c[..., t + 1])
        return self.h[..., 1:]

    def propagate(self, err):
        T = err.shape[2]
        names = [n for n in vars(self) if n[0] in "Wwb"]
        for n in names:
            setattr(self, "d_" + n, np.zeros_like(getattr(self, n)))
        self.d_x = np.zeros_like(self.x)
        eh, ec = np.zeros_like(err[..., 0]), np.zeros_like(err[..., 0])
        for t in reversed(range(T)):
            h, c, c_new = self.h[..., t], self.c[..., t], self.c[..., t + 1]
            i, f, o, a = self.i[..., t], self.f[..., t], self.o[..., t], self.a[..., t]
            eh = eh + err[..., t]
            ec = ec + eh * o * (1 - np.tanh(c_new) ** 2)
            delta = {"i": ec * a * i * (1 - i), "f": ec * c * f * (1 - f), "o": eh * np.tanh(c_new) * o * (1 - o), "c": ec * i * (1 - a**2)}
            ec = ec * f
            eh = 0
            for g, d in delta.items():
                grad = getattr(self, "d_Wx" + g)
                grad += d @ self.x[..., t].T
                grad = getattr(self, "d_Wh" + g)
                grad += d @ h.T
                grad = getattr(self, "d_b" + g)
                grad += d.sum(axis=1, keepdims=True)
                if g != "c":
                    grad = getattr(self, "d_wc" + g)
                    grad += (d * c).sum(axis=1, keepdims=True)
                    ec = ec + getattr(self, "wc" + g) * d
                eh = eh + getattr(self, "Wh" + g).T @ d
                self.d_x[..., t] += getattr(self, "Wx" + g).T @ d


# ---- corpus
CELL = "lstm-peephole-prev"
STYLE = "object with attributes by getattr, (features, examples, time), all gates by name, peepholes of the old cell as columns"
HELD_OUT = True
NAMES = [k + g for g in "ifoc" for k in ("Wx", "Wh", "wc", "b") if k + g != "wcc"]


def draw(rng):
    D, H, N, T = 5, 3, 4, 6
    r = rng.standard_normal
    shape = {"Wx": (H, D), "Wh": (H, H), "wc": (H, 1), "b": (H, 1)}
    return {"input/x": r((D, N, T)), "cotangent/h": r((H, N, T))} | {"param/" + n: 0.6 * r(shape[n[:-1]]) for n in NAMES}


def run(d):
    layer = PeepholeLayer({n: d["param/" + n] for n in NAMES})
    h = layer.activate(d["input/x"])
    layer.propagate(d["cotangent/h"])
    return {"output/h": h, "grad/x": layer.d_x} | {"grad/" + n: getattr(layer, "d_" + n) for n in NAMES}


MISTAKES = {
    "peepholes send nothing back": ([('                    ec = ec + getattr(self, "wc" + g) * d\n', "")], [("drop-path", "wci wcf wco c"), ("cut-recurrence", "wci wcf wco c"), [("drop-path", "wci i"), ("drop-path", "wcf f"), ("drop-path", "wco o")], [("cut-recurrence", "wci i"), ("cut-recurrence", "wcf f"), ("cut-recurrence", "wco o")]]),
    "peephole gradients of the new cell": ([("grad += (d * c).sum", "grad += (d * c_new).sum")], [("time-shift", "wci wcf wco c p"), [("time-shift", "wci"), ("time-shift", "wcf"), ("time-shift", "wco")]]),
    "i and o of a peephole": ([('ec = ec + getattr(self, "wc" + g) * d', 'ec = ec + getattr(self, "wc" + {"i": "o", "o": "i", "f": "f"}[g]) * d')], [("swap-gates", "wci wco i o")]),
    "a for i": ([('"i": ec * a * i * (1 - i)', '"i": ec * a * (1 - a**2)')], [("swap-gates", "i a g"), ("misplaced-factor", "i a g"), ("missing-derivative", "i a")]),
    "a not differentiated": ([("ec * i * (1 - a**2)", "ec * i")], [("missing-derivative", "a g c")]),
    "Who not transposed": ([('eh = eh + getattr(self, "Wh" + g).T @ d', 'eh = eh + (self.Who if g == "o" else getattr(self, "Wh" + g).T) @ d')], [("transpose", "Who")]),
    "forget factor": ([("            ec = ec * f\n", "            ec = ec * i\n")], [("swap-gates", "f i c"), ("misplaced-factor", "f i c")]),
    "h not carried": ([("eh = eh + err[..., t]", "eh = err[..., t]")], [("cut-recurrence", "h"), ("drop-path", "h")]),
    "bias of the first step": ([('grad = getattr(self, "d_b" + g)\n                grad +=', 'grad = getattr(self, "d_b" + g)\n                grad[...] =')], [("not-accumulated", "bi bf bo bc b"), ("first-step-only", "bi bf bo bc b")]),
}
STACKS = {
    "peepholes send nothing back + bias of the first step": [],
    "peephole gradients of the new cell + a not differentiated": [],
    "Who not transposed + peephole gradients of the new cell": [],
    "h not carried + peephole gradients of the new cell + bias of the first step": [],
}
