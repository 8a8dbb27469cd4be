import numpy as np


def sigmoid(x):
    return 1.0 / (1 + np.exp(-x))


class LstmParam:
    def __init__(self, wg, wi, wf, wo, bg, bi, bf, bo):
        self.mem_cell_ct = len(bg)
        self.wg, self.wi, self.wf, self.wo = wg, wi, wf, wo
        self.bg, self.bi, self.bf, self.bo = bg, bi, bf, bo
        for name in ("wg", "wi", "wf", "wo", "bg", "bi", "bf", "bo"):
            setattr(self, name + "_diff", np.zeros_like(getattr(self, name)))


class LstmNode:
    def __init__(self, param):
        self.param = param

    def bottom_data_is(self, x, s_prev, h_prev):
        p = self.param
        self.s_prev, self.xc = s_prev, np.hstack((x, h_prev))
        self.g = np.tanh(np.dot(p.wg, self.xc) + p.bg)
        self.i = sigmoid(np.dot(p.wi, self.xc) + p.bi)
        self.f = sigmoid(np.dot(p.wf, self.xc) + p.bf)
        self.o = sigmoid(np.dot(p.wo, self.xc) + p.bo)
        self.s = self.g * self.i + s_prev * self.f
        self.h = self.s * self.o  # no second tanh

    def top_diff_is(self, top_diff_h, top_diff_s):
        p = self.param
        ds = self.o * top_diff_h + top_diff_s
        do = self.s * top_diff_h
        di_input = (1.0 - self.i) * self.i * (self.g * ds)
        df_input = (1.0 - self.f) * self.f * (self.s_prev * ds)
        do_input = (1.0 - self.o) * self.o * do
        dg_input = (1.0 - self.g**2) * (self.i * ds)
        p.wi_diff += np.outer(di_input, self.xc)
        p.wf_diff += np.outer(df_input, self.xc)
        p.wo_diff += np.outer(do_input, self.xc)
        p.wg_diff += np.outer(dg_input, self.xc)
        p.bi_diff += di_input
        p.bf_diff += df_input
        p.bo_diff += do_input
        p.bg_diff += dg_input
        dxc = np.dot(p.wi.T, di_input) + np.dot(p.wf.T, df_input) + np.dot(p.wo.T, do_input) + np.dot(p.wg.T, dg_input)
        self.bottom_diff_s = ds * self.f
        self.bottom_diff_h = dxc[-p.mem_cell_ct :]
        self.bottom_diff_x = dxc[: -p.mem_cell_ct]


class ToyLossLayer:
    """Squared difference between the first unit of the hidden state and the label."""

    @staticmethod
    def loss(pred, label):
        return (pred[0] - label) ** 2

    @staticmethod
    def bottom_diff(pred, label):
        diff = np.zeros_like(pred)
        diff[0] = 2 * (pred[0] - label)
        return diff


class LstmNetwork:
    def __init__(self, param):
        self.param = param
        self.nodes = []

    def x_list_add(self, x):
        node = LstmNode(self.param)
        if self.nodes:
            node.bottom_data_is(x, self.nodes[-1].s, self.nodes[-1].h)
        else:
            zero = np.zeros(self.param.mem_cell_ct)
            node.bottom_data_is(x, zero, zero)
        self.nodes.append(node)

    def y_list_is(self, y_list):
        idx = len(self.nodes) - 1
        loss = ToyLossLayer.loss(self.nodes[idx].h, y_list[idx])
        diff_h = ToyLossLayer.bottom_diff(self.nodes[idx].h, y_list[idx])
        self.nodes[idx].top_diff_is(diff_h, np.zeros(self.param.mem_cell_ct))
        idx -= 1
        while idx >= 0:
            loss += ToyLossLayer.loss(self.nodes[idx].h, y_list[idx])
            diff_h = ToyLossLayer.bottom_diff(self.nodes[idx].h, y_list[idx])
            diff_h += self.nodes[idx + 1].bottom_diff_h
            diff_s = self.nodes[idx + 1].bottom_diff_s
            self.nodes[idx].top_diff_is(diff_h, diff_s)
            idx -= 1
        return loss


# ---- corpus
CELL = """
g[t] = tanh(wg @ [x[t], h[t-1]] + bg)
i[t] = sigmoid(wi @ [x[t], h[t-1]] + bi)
f[t] = sigmoid(wf @ [x[t], h[t-1]] + bf)
o[t] = sigmoid(wo @ [x[t], h[t-1]] + bo)
s[t] = f[t] * s[t-1] + i[t] * g[t]
h[t] = s[t] * o[t]
pred[t] = rows(h[t], 0:1)
"""
STYLE = "one object a step with diffs in a shared parameter object, vectors [x, h], no output tanh, squares of the first unit, summed"
HELD_OUT = True
NAMES = ("wg", "wi", "wf", "wo", "bg", "bi", "bf", "bo")


def draw(rng):
    D, H, T = 3, 4, 6
    r = rng.standard_normal
    return {"input/x": r((T, D)), "target/y_list": r(T)} | {"param/" + n: 0.6 * r((H, D + H) if n[0] == "w" else H) for n in NAMES}


def run(d):
    param = LstmParam(*(d["param/" + n] for n in NAMES))
    net = LstmNetwork(param)
    for x in d["input/x"]:
        net.x_list_add(x)
    loss = net.y_list_is(d["target/y_list"])
    out = {"output/h": np.array([n.h for n in net.nodes]), "output/s": np.array([n.s for n in net.nodes]), "output/pred": np.array([n.h[0] for n in net.nodes])}
    return out | {"loss": np.array(loss), "grad/x": np.array([n.bottom_diff_x for n in net.nodes])} | {"grad/" + n: getattr(param, n + "_diff") for n in NAMES}


MISTAKES = {
    "s of the step after unused": ([("diff_s = self.nodes[idx + 1].bottom_diff_s", "diff_s = np.zeros(self.param.mem_cell_ct)")], [("cut-recurrence", "s f diff_s bottom_diff_s"), ("drop-path", "s f")]),
    "h of the step after unused": ([("            diff_h += self.nodes[idx + 1].bottom_diff_h\n", "")], [("cut-recurrence", "h diff_h bottom_diff_h xc"), ("drop-path", "h")]),
    "2 left out of the difference": ([("diff[0] = 2 * (", "diff[0] = (")], [("scale", "*")], "loss"),
    "output gate with the tanh it has not": ([("do = self.s * top_diff_h", "do = np.tanh(self.s) * top_diff_h")], [("misplaced-factor", "o s h do"), ("derivative-of-activated", "o s h do")]),
    "forget gate with its own s": ([("(self.s_prev * ds)", "(self.s * ds)")], [("time-shift", "f s s_prev df_input wf")]),
    "g by a sigmoid's slope": ([("(1.0 - self.g**2) * (self.i", "(1.0 - self.g) * self.g * (self.i")], [("missing-derivative", "g dg_input"), ("misplaced-factor", "g dg_input"), ("derivative-of-activated", "g dg_input")]),
    "wo set": ([("p.wo_diff += ", "p.wo_diff = ")], [("not-accumulated", "wo o"), ("first-step-only", "wo o")]),
    "wf left out of dxc": ([(" + np.dot(p.wf.T, df_input)", "")], [("drop-path", "wf f df_input"), ("drop-path", "xc wf")]),
    "only the last label": ([("            diff_h = ToyLossLayer.bottom_diff(self.nodes[idx].h, y_list[idx])\n            diff_h += ", "            diff_h = 0.0\n            diff_h += ")], [("cotangent-missing", "*"), ("last-step-only", "*")]),
}
STACKS = {
    "s of the step after unused + h of the step after unused": [],
    "2 left out of the difference + wo set": [],
    "forget gate with its own s + wf left out of dxc": [],
    "s of the step after unused + forget gate with its own s + wo set": [],
}
