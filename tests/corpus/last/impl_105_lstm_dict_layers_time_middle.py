import numpy as np


class Lstm:
    """Arrays are (features, time, samples)."""

    gates = "ifoa"

    def __init__(self, w, u, b):
        self.w, self.u, self.b = w, u, b

    def act(self, k, s):
        return np.tanh(s) if k == "a" else 1 / (1 + np.exp(-s))

    def slope(self, k, v):
        return 1 - v**2 if k == "a" else v * (1 - v)

    def forward(self, x, h, c):
        self.x = x
        steps = x.shape[1]
        self.h, self.c, self.v = [h], [c], []
        for t in range(steps):
            v = {k: self.act(k, self.w[k] @ x[:, t] + self.u[k] @ h + self.b[k]) for k in self.gates}
            c = v["f"] * c + v["i"] * v["a"]
            h = v["o"] * np.tanh(c)
            self.v.append(v)
            self.h.append(h)
            self.c.append(c)
        return np.stack(self.h[1:], axis=1)

    def backward(self, eh):
        self.gw, self.gu, self.gb = ({k: np.zeros_like(p[k]) for k in self.gates} for p in (self.w, self.u, self.b))
        ex = np.zeros_like(self.x)
        dh = dc = np.zeros_like(self.h[0])
        for t in range(self.x.shape[1])[::-1]:
            v, c, c_old, h_old = self.v[t], self.c[t + 1], self.c[t], self.h[t]
            dh = dh + eh[:, t]
            tc = np.tanh(c)
            dc = dc + dh * v["o"] * (1 - tc**2)
            e = {"o": dh * tc, "f": dc * c_old, "i": dc * v["a"], "a": dc * v["i"]}
            dh = np.zeros_like(dh)
            for k in self.gates:
                s = e[k] * self.slope(k, v[k])
                self.gw[k] += s @ self.x[:, t].T
                self.gu[k] += s @ h_old.T
                self.gb[k] += s.sum(axis=1, keepdims=True)
                ex[:, t] += self.w[k].T @ s
                dh += self.u[k].T @ s
            dc = dc * v["f"]
        return ex, dh, dc


class Linear:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, h):
        self.h = h
        return np.einsum("oh,htn->otn", self.w, h) + self.b[:, :, None]

    def backward(self, ey):
        self.gw = np.einsum("otn,htn->oh", ey, self.h)
        self.gb = ey.sum(axis=(1, 2))[:, None]
        return np.einsum("oh,otn->htn", self.w, ey)


def train_pass(lstm, linear, x, h0, c0, target):
    y = linear.forward(lstm.forward(x, h0, c0))
    cost = 0.5 * np.mean((y - target) ** 2)
    ey = (y - target) / y.size
    ex, eh0, ec0 = lstm.backward(linear.backward(ey))
    return y, cost, ex, eh0, ec0


# ---- corpus
CELL = "lstm"
STYLE = "layer objects with dicts by gate (ifoa), time in the middle (D, T, N), both initial states, half the mean squared error of a linear read-out"
HELD_OUT = True
GATES = "ifoa"


def draw(rng):
    D, H, N, T, O = 3, 4, 5, 6, 2
    r = rng.standard_normal
    d = {"input/x": r((D, T, N)), "initial/h0": 0.5 * r((H, N)), "initial/c0": 0.5 * r((H, N)), "target/y": r((O, T, N)), "param/V": 0.6 * r((O, H)), "param/d": 0.6 * r((O, 1))}
    for k in GATES:
        d |= {"param/W" + k: 0.6 * r((H, D)), "param/U" + k: 0.6 * r((H, H)), "param/b" + k: 0.6 * r((H, 1))}
    return d


def run(d):
    lstm = Lstm(*({k: d[f"param/{n}{k}"] for k in GATES} for n in "WUb"))
    linear = Linear(d["param/V"], d["param/d"])
    y, cost, ex, eh0, ec0 = train_pass(lstm, linear, d["input/x"], d["initial/h0"], d["initial/c0"], d["target/y"])
    out = {"output/y": y, "loss": np.array(cost), "grad/x": ex, "grad/h0": eh0, "grad/c0": ec0, "grad/V": linear.gw, "grad/d": linear.gb}
    for n, g in (("W", lstm.gw), ("U", lstm.gu), ("b", lstm.gb)):
        out |= {f"grad/{n}{k}": v for k, v in g.items()}
    return out


US = "Ui Uf Uo Ua"
MISTAKES = {
    "input of the last gate only": ([("ex[:, t] += self.w[k].T @ s", "ex[:, t] = self.w[k].T @ s")], [("drop-path", "x i f o Wi Wf Wo"), [("drop-path", "x i Wi"), ("drop-path", "x f Wf"), ("drop-path", "x o Wo")]]),
    "recurrent weights as they stand": ([("dh += self.u[k].T @ s", "dh += self.u[k] @ s")], [("transpose", US + " h"), [("transpose", "Ui"), ("transpose", "Uf"), ("transpose", "Uo"), ("transpose", "Ua")]]),
    "cell's error starts anew": ([("dc = dc + dh * v[\"o\"]", "dc = dh * v[\"o\"]")], [("cut-recurrence", "c"), ("drop-path", "c f")]),
    "no output tanh, there and back": ([("h = v[\"o\"] * np.tanh(c)", "h = v[\"o\"] * c"), ("tc = np.tanh(c)", "tc = c"), ("dh * v[\"o\"] * (1 - tc**2)", "dh * v[\"o\"]")], [("wrong-forward", "h c o tanh y")], "correct"),
    "i and a exchanged": ([("\"i\": dc * v[\"a\"], \"a\": dc * v[\"i\"]", "\"i\": dc * v[\"i\"], \"a\": dc * v[\"a\"]")], [("swap-gates", "i a g"), ("misplaced-factor", "i a g")]),
    "u with the new state": ([("self.v[t], self.c[t + 1], self.c[t], self.h[t]", "self.v[t], self.c[t + 1], self.c[t], self.h[t + 1]")], [("time-shift", US + " h"), [("time-shift", "Ui"), ("time-shift", "Uf"), ("time-shift", "Uo"), ("time-shift", "Ua")]]),
    "half forgotten": ([("ey = (y - target) / y.size", "ey = 2 * (y - target) / y.size")], [("scale", "*")], "loss"),
    "tanh(c) left out of the output gate": ([("e = {\"o\": dh * tc,", "e = {\"o\": dh,")], [("misplaced-factor", "o c h"), ("missing-derivative", "o c h")]),
    "d one number": ([("ey.sum(axis=(1, 2))[:, None]", "np.full_like(self.b, ey.sum())")], [("wrong-axis", "d")]),
}
STACKS = {
    "cell's error starts anew + d one number": [],
    "i and a exchanged + input of the last gate only": [],
    "recurrent weights as they stand + u with the new state": [],
    "half forgotten + tanh(c) left out of the output gate": [],
}
