import numpy as np


class LstmLayer(object):
    """One example at a time: vectors are 1-D, a list holds the steps; gradients end up in attributes."""

    def __init__(self, weights):
        self.w = weights  # wf wi wg wo: (n_h, n_x + n_h), bf bi bg bo
        self.grad = {k: np.zeros_like(v) for k, v in weights.items()}
        self.steps = []

    def gate(self, k, xc):
        return self.w["w" + k].dot(xc) + self.w["b" + k]

    def forward(self, xs):
        n_h = len(self.w["bf"])
        h, s = np.zeros(n_h), np.zeros(n_h)
        self.steps, outs = [], []
        for x in xs:
            xc = np.hstack((x, h))
            g = np.tanh(self.gate("g", xc))
            i = 1.0 / (1.0 + np.exp(-self.gate("i", xc)))
            f = 1.0 / (1.0 + np.exp(-self.gate("f", xc)))
            o = 1.0 / (1.0 + np.exp(-self.gate("o", xc)))
            s_prev = s
            s = g * i + s * f
            h = np.tanh(s) * o
            self.steps.append((xc, g, i, f, o, s, s_prev))
            outs.append(h)
        return outs

    def backward(self, top_diff_h):
        n_h = len(self.w["bf"])
        self.bottom_diff = [None] * len(self.steps)
        diff_h, diff_s = np.zeros(n_h), np.zeros(n_h)
        idx = len(self.steps) - 1
        while idx >= 0:
            xc, g, i, f, o, s, s_prev = self.steps[idx]
            diff_h = diff_h + top_diff_h[idx]
            ds = o * (1.0 - np.tanh(s) ** 2) * diff_h + diff_s
            do_input = (1.0 - o) * o * (np.tanh(s) * diff_h)
            di_input = (1.0 - i) * i * (g * ds)
            dg_input = (1.0 - g**2) * (i * ds)
            df_input = (1.0 - f) * f * (s_prev * ds)
            dxc = np.zeros_like(xc)
            for k, d in (("i", di_input), ("f", df_input), ("o", do_input), ("g", dg_input)):
                self.grad["w" + k] += np.outer(d, xc)
                self.grad["b" + k] += d
                dxc += np.dot(self.w["w" + k].T, d)
            diff_s = ds * f
            n_x = len(xc) - n_h
            self.bottom_diff[idx] = dxc[:n_x]
            diff_h = dxc[n_x:]
            idx -= 1


# ---- corpus
CELL = "lstm"
STYLE = "object layer, gradients in attributes, lists of 1-D vectors, [x, h]"
HELD_OUT = True
CALL = {"object": "LstmLayer", "forward": "forward", "backward": "backward", "gradients": "grad", "input gradients": "bottom_diff",
        "how": "LstmLayer(dict of weights); forward(list of vectors) -> list; backward(list of vectors) fills .grad"}


def draw(rng):
    D, H, T = 5, 4, 6
    r = rng.standard_normal
    d = {"input/x": r((T, D)), "cotangent/h": r((T, H))}
    for k in "figo":
        d["param/w" + k], d["param/b" + k] = 0.5 * r((H, D + H)), 0.5 * r(H)
    return d


def run(d):
    layer = LstmLayer({k[6:]: v for k, v in d.items() if k.startswith("param/")})
    h = layer.forward(list(d["input/x"]))
    layer.backward(list(d["cotangent/h"]))
    return {"output/h": np.array(h), "grad/x": np.array(layer.bottom_diff)} | {"grad/" + k: g for k, g in layer.grad.items()}


MISTAKES = {
    "state difference not passed": ([("diff_s = ds * f", "diff_s = np.zeros(n_h)")], [("cut-recurrence", "s diff_s f")]),
    "h difference replaced": ([("diff_h = diff_h + top_diff_h[idx]", "diff_h = top_diff_h[idx]")], [("cut-recurrence", "h diff_h")]),
    "state passed without f": ([("diff_s = ds * f", "diff_s = ds")], [("misplaced-factor", "s f diff_s"), ("missing-derivative", "s f")]),
    "s for s_prev": ([("(s_prev * ds)", "(s * ds)")], [("time-shift", "s f df_input wf")]),
    "wg forgotten in the loop": ([(' ("o", do_input), ("g", dg_input)):', ' ("o", do_input)):')], [[("drop-path", "g wg dg_input"), ("zero-gradient", "wg"), ("zero-gradient", "bg")], ("drop-path", "g wg bg dg_input"), ("zero-gradient", "g dg_input")]),
    "o gets i": ([('("o", do_input)', '("o", di_input)')], [("swap-gates", "o i")]),
    "deltas of g negative": ([("(1.0 - g**2) * (i * ds)", "(g**2 - 1.0) * (i * ds)")], [("sign", "g dg_input")]),
    "bias not accumulated": ([('self.grad["b" + k] += d', 'self.grad["b" + k] = d')], [("not-accumulated", "bf bi bg bo b"), ("first-step-only", "bf bi bg bo b")]),
    "i times its activated derivative": ([("(1.0 - i) * i * (g * ds)", "i * (g * ds)")], [("missing-derivative", "i di_input"), ("misplaced-factor", "i di_input")]),
}
STACKS = {
    "state difference not passed + h difference replaced": [],
    "s for s_prev + bias not accumulated": [],
    "o gets i + state passed without f": [],
    "deltas of g negative + s for s_prev + bias not accumulated": [],
}
