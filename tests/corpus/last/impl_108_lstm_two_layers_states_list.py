import numpy as np

sigmoid = lambda v: 1 / (1 + np.exp(-v))


class Cell:
    """One LSTM step on column vectors; v = [x; h] and the gates g, i, f, o each with a matrix of its own."""

    def __init__(self, wg, wi, wf, wo, bg, bi, bf, bo):
        self.wg, self.wi, self.wf, self.wo = wg, wi, wf, wo
        self.bg, self.bi, self.bf, self.bo = bg, bi, bf, bo
        self.zero()

    def zero(self):
        for n in ("wg", "wi", "wf", "wo", "bg", "bi", "bf", "bo"):
            setattr(self, n + "_g", np.zeros_like(getattr(self, n)))

    def step(self, x, h_prev, s_prev):
        joint = np.concatenate((x, h_prev))
        g = np.tanh(self.wg @ joint + self.bg)
        i = sigmoid(self.wi @ joint + self.bi)
        f = sigmoid(self.wf @ joint + self.bf)
        o = sigmoid(self.wo @ joint + self.bo)
        s = g * i + s_prev * f
        return o * np.tanh(s), s, (joint, s_prev, g, i, f, o, s)

    def diff(self, up_h, up_s, memo):
        joint, s_prev, g, i, f, o, s = memo
        ds = up_h * o * (1 - np.tanh(s) ** 2) + up_s
        do = np.tanh(s) * up_h
        di = g * ds
        dg = i * ds
        df = s_prev * ds
        di_pre = i * (1 - i) * di
        df_pre = f * (1 - f) * df
        do_pre = o * (1 - o) * do
        dg_pre = (1 - g**2) * dg
        self.wi_g += np.outer(di_pre, joint)
        self.wf_g += np.outer(df_pre, joint)
        self.wo_g += np.outer(do_pre, joint)
        self.wg_g += np.outer(dg_pre, joint)
        self.bi_g += di_pre
        self.bf_g += df_pre
        self.bo_g += do_pre
        self.bg_g += dg_pre
        djoint = self.wi.T @ di_pre + self.wf.T @ df_pre + self.wo.T @ do_pre + self.wg.T @ dg_pre
        n = len(joint) - len(g)
        return djoint[:n], djoint[n:], ds * f


class Stack:
    def __init__(self, cells):
        self.cells = cells

    def run(self, xs):
        self.memos = []
        state = [(np.zeros(len(c.bi)), np.zeros(len(c.bi))) for c in self.cells]
        out = []
        for x in xs:
            memo = []
            for k, cell in enumerate(self.cells):
                h, s, m = cell.step(x, *state[k])
                state[k] = (h, s)
                memo.append(m)
                x = h
            self.memos.append(memo)
            out.append(x)
        return out

    def backprop(self, diffs):
        carry = [(np.zeros(len(c.bi)), np.zeros(len(c.bi))) for c in self.cells]
        bottom = []
        for diff, memo in zip(reversed(diffs), reversed(self.memos)):
            for k in reversed(range(len(self.cells))):
                dh, ds = carry[k]
                diff, dh, ds = self.cells[k].diff(diff + dh, ds, memo[k])
                carry[k] = (dh, ds)
            bottom.append(diff)
        return bottom[::-1]


# ---- corpus
LAYER = """
g{k}[t] = tanh(wg{k} @ [{x}[t], h{k}[t-1]] + bg{k})
i{k}[t] = sigmoid(wi{k} @ [{x}[t], h{k}[t-1]] + bi{k})
f{k}[t] = sigmoid(wf{k} @ [{x}[t], h{k}[t-1]] + bf{k})
o{k}[t] = sigmoid(wo{k} @ [{x}[t], h{k}[t-1]] + bo{k})
s{k}[t] = g{k}[t] * i{k}[t] + s{k}[t-1] * f{k}[t]
h{k}[t] = o{k}[t] * tanh(s{k}[t])
"""
CELL = LAYER.format(k=1, x="x") + LAYER.format(k=2, x="h1")
STYLE = "two layers of cell objects, one sequence of 1-D vectors, a matrix a gate on [x; h], gradients in attributes, lists of memos"
HELD_OUT = True
NAMES = ("wg", "wi", "wf", "wo", "bg", "bi", "bf", "bo")


def draw(rng):
    D, H, T = 3, (5, 4), 6
    r = rng.standard_normal
    d = {"input/x": r((T, D)), "cotangent/h2": r((T, H[1]))}
    for k, (n, m) in enumerate(((D, H[0]), H), 1):
        d |= {f"param/{name}{k}": 0.6 * r((m, n + m) if name[0] == "w" else m) for name in NAMES}
    return d


def run(d):
    cells = [Cell(*(d[f"param/{n}{k}"] for n in NAMES)) for k in (1, 2)]
    stack = Stack(cells)
    out = stack.run(list(d["input/x"]))
    dx = stack.backprop(list(d["cotangent/h2"]))
    grads = {f"grad/{n}{k}": getattr(cells[k - 1], n + "_g") for k in (1, 2) for n in NAMES}
    return {"output/h2": np.array(out), "grad/x": np.array(dx)} | grads


def both(kind, *names):
    return [(kind, " ".join(n + k for n in names for k in ("1", "2"))), [(kind, " ".join(n + k for n in names)) for k in ("1", "2")]]


MISTAKES = {
    "h not carried in either layer": ([("self.cells[k].diff(diff + dh, ds, memo[k])", "self.cells[k].diff(diff, ds, memo[k])")], both("cut-recurrence", "h") + both("drop-path", "h")),
    "s not carried in either layer": ([("self.cells[k].diff(diff + dh, ds, memo[k])", "self.cells[k].diff(diff + dh, 0, memo[k])")], both("cut-recurrence", "s", "f") + both("drop-path", "s", "f")),
    "the lower layer hears nothing": ([("diff, dh, ds = self.cells[k].diff(diff + dh, ds, memo[k])\n                carry[k] = (dh, ds)", "diff, dh, ds = self.cells[k].diff(diff + dh, ds, memo[k])\n                carry[k] = (dh, ds)\n                diff = diff if k == 0 else 0 * diff")], [("drop-path", "h1 h2 g2 i2 f2 o2 wg2 wi2 wf2 wo2 x"), [("zero-gradient", "x")] + [("zero-gradient", n + "1") for n in NAMES], ("zero-gradient", "h1 x")]),
    "f with s": ([("df = s_prev * ds", "df = s * ds")], both("time-shift", "f", "s", "wf", "bf")),
    "dg and di exchanged": ([("di = g * ds\n        dg = i * ds", "di = i * ds\n        dg = g * ds")], both("swap-gates", "g", "i") + both("misplaced-factor", "g", "i")),
    "dg like the others": ([("(1 - g**2) * dg", "g * (1 - g) * dg")], both("misplaced-factor", "g", "wg", "bg") + both("derivative-of-activated", "g", "wg", "bg") + both("missing-derivative", "g", "wg", "bg")),
    "ds without tanh'": ([("up_h * o * (1 - np.tanh(s) ** 2) + up_s", "up_h * o + up_s")], both("missing-derivative", "s", "h") + both("misplaced-factor", "s", "h")),
    "bo of the step visited last": ([("self.bo_g += do_pre", "self.bo_g = do_pre")], both("not-accumulated", "bo") + both("first-step-only", "bo")),
    "ds not through f": ([("return djoint[:n], djoint[n:], ds * f", "return djoint[:n], djoint[n:], ds")], both("misplaced-factor", "s", "f") + both("missing-derivative", "s", "f")),
}
STACKS = {
    "h not carried in either layer + bo of the step visited last": [],
    "f with s + dg like the others": [],
    "ds without tanh' + bo of the step visited last": [],
    "s not carried in either layer + dg like the others": [],
}
