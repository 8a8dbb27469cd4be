import numpy as np


class Gate:
    def __init__(self, Wx, Wh, b, kind):
        self.Wx, self.Wh, self.b, self.kind = Wx, Wh, b, kind
        self.reset()

    def reset(self):
        self.gWx = np.zeros(self.Wx.shape)
        self.gWh = np.zeros(self.Wh.shape)
        self.gb = np.zeros(self.b.shape)

    def __call__(self, x, h):
        s = np.dot(self.Wx, x) + np.dot(self.Wh, h) + self.b
        return np.tanh(s) if self.kind == "tanh" else 1 / (1 + np.exp(-s))

    def slope(self, y):
        return 1 - y ** 2 if self.kind == "tanh" else y * (1 - y)

    def learn(self, delta, x, h):
        """delta: gradient of the sum inside; gives what goes back to x and h"""
        self.gWx += np.outer(delta, x)
        self.gWh += np.outer(delta, h)
        self.gb += delta
        return np.dot(self.Wx.T, delta), np.dot(self.Wh.T, delta)


class Memory:
    def __init__(self, gates, V, e):
        self.write, self.keep, self.cand, self.read = gates
        self.V, self.e = V, e

    def forward(self, xs):
        n = len(self.write.b)
        h, c = np.zeros(n), np.zeros(n)
        self.steps, ys = [], []
        for x in xs:
            w, k, u, r = self.write(x, h), self.keep(x, h), self.cand(x, h), self.read(x, h)
            c_new = k * c + w * u
            h_new = r * np.tanh(c_new)
            self.steps.append((x, h, c, w, k, u, r, c_new, h_new))
            h, c = h_new, c_new
            ys.append(self.V.dot(h) + self.e)
        return ys

    def backward(self, ys, targets):
        self.gV, self.ge = np.zeros_like(self.V), np.zeros_like(self.e)
        n = len(self.write.b)
        dh_later, dc_later = np.zeros(n), np.zeros(n)
        dxs = []
        for t in range(len(ys) - 1, -1, -1):
            x, h_old, c_old, w, k, u, r, c, h = self.steps[t]
            dy = ys[t] - targets[t]
            self.gV += np.outer(dy, h)
            self.ge += dy
            dh = self.V.T.dot(dy) + dh_later
            dc = dc_later + dh * r * (1 - np.tanh(c) ** 2)
            d_read = dh * np.tanh(c) * self.read.slope(r)
            d_write = dc * u * self.write.slope(w)
            d_cand = dc * w * self.cand.slope(u)
            d_keep = dc * c_old * self.keep.slope(k)
            dx, dh_later = self.write.learn(d_write, x, h_old)
            for gate, delta in ((self.keep, d_keep), (self.cand, d_cand), (self.read, d_read)):
                to_x, to_h = gate.learn(delta, x, h_old)
                dx = dx + to_x
                dh_later = dh_later + to_h
            dc_later = dc * k
            dxs.insert(0, dx)
        return dxs


# ---- corpus
CELL = "lstm"
STYLE = "an object a gate with gradients in attributes, lists of 1-D vectors, Wx and Wh apart, linear read-out, half squared error summed over the steps"
HELD_OUT = True
CALL = None
GATES = ("write", "keep", "cand", "read")


def draw(rng):
    r = rng.standard_normal
    D, H, O, T = 3, 4, 2, 6
    d = {"input/xs": r((T, D)), "target/ys": r((T, O)), "param/V": 0.7 * r((O, H)), "param/e": 0.5 * r(O)}
    for k in GATES:
        d |= {f"param/Wx_{k}": 0.7 * r((H, D)), f"param/Wh_{k}": 0.7 * r((H, H)), f"param/b_{k}": 0.5 * r(H)}
    return d


def run(d):
    gates = [Gate(*(d[f"param/{p}_{k}"] for p in ("Wx", "Wh", "b")), "tanh" if k == "cand" else "sigmoid") for k in GATES]
    net = Memory(gates, d["param/V"], d["param/e"])
    ys = net.forward(d["input/xs"])
    dxs = net.backward(ys, d["target/ys"])
    out = {"output/ys": np.array(ys), "output/h": np.array([s[8] for s in net.steps]), "output/c": np.array([s[7] for s in net.steps])}
    out |= {"loss": 0.5 * np.sum((np.array(ys) - d["target/ys"]) ** 2), "grad/xs": np.array(dxs), "grad/V": net.gV, "grad/e": net.ge}
    for k, g in zip(GATES, gates):
        out |= {f"grad/Wx_{k}": g.gWx, f"grad/Wh_{k}": g.gWh, f"grad/b_{k}": g.gb}
    return out


MISTAKES = {
    "c not handed back": ([("            dc_later = dc * k\n", "")], [("cut-recurrence", "c dc_later c_old dc keep")]),
    "state is the bare cell": ([("h_new = r * np.tanh(c_new)", "h_new = r * c_new")], [("wrong-forward", "h c h_new c_new read r tanh ys")]),
    "slope of sigmoid without y": ([("else y * (1 - y)", "else (1 - y)")], [("missing-derivative", "write keep read w k r"), ("misplaced-factor", "write keep read w k r")]),
    "tanh slope of w for cand": ([("dc * w * self.cand.slope(u)", "dc * w * self.cand.slope(w)")], [("misplaced-factor", "cand d_cand u w Wx_cand Wh_cand b_cand"), ("derivative-of-activated", "cand d_cand u Wx_cand"), ("swap-gates", "cand write u w"), ("missing-derivative", "cand d_cand u")]),
    "one gate's way to h": ([("dh_later = dh_later + to_h", "dh_later = to_h")], [[("drop-path", "write Wh_write d_write w"), ("drop-path", "keep Wh_keep d_keep k"), ("drop-path", "cand Wh_cand d_cand u")], [("drop-path", "write keep cand Wh_write Wh_keep Wh_cand")]]),
    "Wh wrong way everywhere": ([("np.dot(self.Wh.T, delta)", "np.dot(self.Wh, delta)")], [("transpose", "Wh Wh_write Wh_keep Wh_cand Wh_read")]),
    "V sees the old h": ([("np.outer(dy, h)", "np.outer(dy, h_old)")], [("time-shift", "V h h_old")]),
    "biases not summed": ([("self.gb += delta", "self.gb = delta")], [("not-accumulated", "b_write b_keep b_cand b_read b gb"), ("first-step-only", "b_write b_keep b_cand b_read b gb")]),
}
STACKS = {
    "c not handed back + V sees the old h": [],
    "c not handed back + tanh slope of w for cand": [],
    "Wh wrong way everywhere + slope of sigmoid without y": [],
    "c not handed back + biases not summed + V sees the old h": [],
}
