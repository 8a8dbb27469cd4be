"""nn.LSTM (one layer, one direction) in plain NumPy: same names, same layout, float32, with a manual backward."""
import numpy as np


def sigmoid(x):
    return (1.0 / (1.0 + np.exp(-x))).astype(np.float32)


class LSTM:
    def __init__(self, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0):
        self.weight_ih_l0, self.weight_hh_l0 = weight_ih_l0, weight_hh_l0
        self.bias_ih_l0, self.bias_hh_l0 = bias_ih_l0, bias_hh_l0
        self.hidden_size = weight_hh_l0.shape[1]
        self.grads = {}

    def forward(self, input, hx):
        h, c = (s[0] for s in hx)
        self.input, self.saved, output = input, [], []
        for x_t in input:
            gates = x_t @ self.weight_ih_l0.T + self.bias_ih_l0 + h @ self.weight_hh_l0.T + self.bias_hh_l0
            ingate, forgetgate, cellgate, outgate = np.split(gates, 4, 1)
            ingate, forgetgate, outgate = sigmoid(ingate), sigmoid(forgetgate), sigmoid(outgate)
            cellgate = np.tanh(cellgate)
            cy = forgetgate * c + ingate * cellgate
            hy = outgate * np.tanh(cy)
            self.saved.append((h, c, ingate, forgetgate, cellgate, outgate, cy, hy))
            h, c = hy, cy
            output.append(hy)
        return np.stack(output), (h[None], c[None])

    def backward(self, grad_output, grad_hn, grad_cn):
        grad_hy, grad_cy = grad_hn[0].copy(), grad_cn[0].copy()
        g_ih = np.zeros_like(self.weight_ih_l0)
        g_hh = np.zeros_like(self.weight_hh_l0)
        g_b = np.zeros_like(self.bias_ih_l0)
        grad_input = np.zeros_like(self.input)
        for t in reversed(range(len(self.saved))):
            h, c, ingate, forgetgate, cellgate, outgate, cy, hy = self.saved[t]
            grad_hy = grad_hy + grad_output[t]
            tanh_cy = np.tanh(cy)
            grad_cy = grad_cy + grad_hy * outgate * (1 - tanh_cy**2)
            grad_in = grad_cy * cellgate
            grad_forget = grad_cy * c
            grad_cell = grad_cy * ingate
            grad_out = grad_hy * tanh_cy
            grad_gates = np.concatenate(
                [
                    grad_in * ingate * (1 - ingate),
                    grad_forget * forgetgate * (1 - forgetgate),
                    grad_cell * (1 - cellgate**2),
                    grad_out * outgate * (1 - outgate),
                ],
                axis=1,
            )
            g_ih += grad_gates.T @ self.input[t]
            g_hh += grad_gates.T @ h
            g_b += grad_gates.sum(0)
            grad_input[t] = grad_gates @ self.weight_ih_l0
            grad_hy = grad_gates @ self.weight_hh_l0
            grad_cy = grad_cy * forgetgate
        self.grads = {"weight_ih_l0": g_ih, "weight_hh_l0": g_hh, "bias_ih_l0": g_b, "bias_hh_l0": g_b.copy()}
        return grad_input, (grad_hy[None], grad_cy[None])


# ---- corpus
CELL = None
STYLE = "float32 twin of a framework's module, its names and layout (T, B, D), ifgo in rows, two biases, states with a layer axis"
HELD_OUT = True
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def draw(rng):
    T, B, D, H = 6, 3, 5, 4
    r = lambda k, *s: (k * rng.standard_normal(s)).astype(np.float32)
    return {
        "input/input": r(1, T, B, D), "initial/h0": r(0.5, 1, B, H), "initial/c0": r(0.5, 1, B, H), "param/weight_ih_l0": r(0.5, 4 * H, D), "param/weight_hh_l0": r(0.5, 4 * H, H),
        "param/bias_ih_l0": r(0.5, 4 * H), "param/bias_hh_l0": r(0.5, 4 * H), "cotangent/output": r(1, T, B, H), "cotangent/hn": r(1, 1, B, H), "cotangent/cn": r(1, 1, B, H),
    }


def run(d):
    lstm = LSTM(*(d["param/" + k] for k in NAMES))
    output, (hn, cn) = lstm.forward(d["input/input"], (d["initial/h0"], d["initial/c0"]))
    dx, (dh0, dc0) = lstm.backward(d["cotangent/output"], d["cotangent/hn"], d["cotangent/cn"])
    return {"output/output": output, "output/hn": hn, "output/cn": cn, "grad/input": dx, "grad/h0": dh0, "grad/c0": dc0} | {"grad/" + k: v for k, v in lstm.grads.items()}


BIASES = "bias_ih_l0 bias_hh_l0"
MISTAKES = {
    "grad_cn unused": ([("grad_cn[0].copy()", "np.zeros_like(grad_cn[0])")], [("cotangent-missing", "cn c")]),
    "grad_hn for every step": ([("grad_hy = grad_gates @ self.weight_hh_l0\n", "grad_hy = grad_gates @ self.weight_hh_l0 + (grad_hn[0] if t > 0 else 0)\n")], [("cotangent-at-every-step", "hn h output")]),
    "chunks i f o g": ([("                    grad_cell * (1 - cellgate**2),\n                    grad_out * outgate * (1 - outgate),\n", "                    grad_out * outgate * (1 - outgate),\n                    grad_cell * (1 - cellgate**2),\n")], [("swap-gates", "g o c cellgate outgate")]),
    "sigmoid' for the cell gate": ([("grad_cell * (1 - cellgate**2)", "grad_cell * cellgate * (1 - cellgate)")], [("misplaced-factor", "g cellgate grad_cell c"), ("derivative-of-activated", "g cellgate grad_cell"), ("missing-derivative", "g cellgate grad_cell")]),
    "forget gate with cy": ([("grad_forget = grad_cy * c\n", "grad_forget = grad_cy * cy\n")], [("time-shift", "f c cy forgetgate cn")]),
    "weight_hh with hy": ([("g_hh += grad_gates.T @ h\n", "g_hh += grad_gates.T @ hy\n")], [("time-shift", "weight_hh_l0 h output hn")]),
    "both biases twice": ([("g_b += grad_gates.sum(0)", "g_b += 2 * grad_gates.sum(0)")], [("scale", BIASES + " b"), [("scale", "bias_ih_l0"), ("scale", "bias_hh_l0")]]),
    "cells collected as output": ([("output.append(hy)", "output.append(cy)")], [("wrong-forward", "output h c cy hy")]),
    "outgate not in the cell's gradient": ([("grad_hy * outgate * (1 - tanh_cy**2)", "grad_hy * (1 - tanh_cy**2)")], [("misplaced-factor", "c o cy outgate h cn"), ("missing-derivative", "c o cy outgate h cn")]),
}
STACKS = {
    "grad_cn unused + both biases twice": [],
    "chunks i f o g + weight_hh with hy": [],
    "forget gate with cy + outgate not in the cell's gradient": [],
    "sigmoid' for the cell gate + weight_hh with hy + both biases twice": [],
}
