import numpy as np


def hard_split(a, units):
    return a[:, :units], a[:, units : 2 * units], a[:, 2 * units :]


class GRULayer:
    """Kernels as in Keras with reset_after=False: columns z | r | h, one bias vector; h = z * h_tm1 + (1 - z) * hh."""

    def __init__(self, kernel, recurrent_kernel, bias):
        self.kernel, self.recurrent_kernel, self.bias = kernel, recurrent_kernel, bias
        self.units = recurrent_kernel.shape[0]

    def call(self, inputs, initial_state):
        u = self.units
        self.inputs, self.tape = inputs, []
        h_tm1, outputs = initial_state, []
        for t in range(inputs.shape[1]):
            x_z, x_r, x_h = hard_split(inputs[:, t] @ self.kernel + self.bias, u)
            z = 1 / (1 + np.exp(-(x_z + h_tm1 @ self.recurrent_kernel[:, :u])))
            r = 1 / (1 + np.exp(-(x_r + h_tm1 @ self.recurrent_kernel[:, u : 2 * u])))
            hh = np.tanh(x_h + (r * h_tm1) @ self.recurrent_kernel[:, 2 * u :])
            h = z * h_tm1 + (1 - z) * hh
            self.tape.append((h_tm1, z, r, hh, h))
            outputs.append(h)
            h_tm1 = h
        return np.stack(outputs, axis=1)

    def gradients(self, upstream):
        u = self.units
        U = self.recurrent_kernel
        d_kernel, d_recurrent, d_bias = np.zeros_like(self.kernel), np.zeros_like(U), np.zeros_like(self.bias)
        d_inputs = np.zeros_like(self.inputs)
        d_h = np.zeros_like(upstream[:, 0])
        for t in reversed(range(len(self.tape))):
            h_tm1, z, r, hh, h = self.tape[t]
            d_h = d_h + upstream[:, t]
            d_hh = d_h * (1 - z) * (1 - hh**2)
            d_z = d_h * (h_tm1 - hh) * z * (1 - z)
            d_rh = d_hh @ U[:, 2 * u :].T
            d_r = d_rh * h_tm1 * r * (1 - r)
            d_x = np.concatenate([d_z, d_r, d_hh], axis=1)
            d_kernel += self.inputs[:, t].T @ d_x
            d_bias += np.sum(d_x, axis=0)
            d_recurrent[:, :u] += h_tm1.T @ d_z
            d_recurrent[:, u : 2 * u] += h_tm1.T @ d_r
            d_recurrent[:, 2 * u :] += (r * h_tm1).T @ d_hh
            d_inputs[:, t] = d_x @ self.kernel.T
            d_h = d_h * z + d_rh * r + d_z @ U[:, :u].T + d_r @ U[:, u : 2 * u].T
        return d_inputs, d_h, d_kernel, d_recurrent, d_bias


# ---- corpus
CELL = "gru"
STYLE = "layer object with Keras' names, (B, T, D), z|r|h stacked in columns, keep polarity, reset before, one bias"
HELD_OUT = True


def draw(rng):
    B, T, D, H = 2, 6, 3, 4
    r = rng.standard_normal
    return {
        "input/inputs": r((B, T, D)), "initial/h0": 0.5 * r((B, H)), "cotangent/outputs": r((B, T, H)),
        "param/kernel": 0.6 * r((D, 3 * H)), "param/recurrent_kernel": 0.6 * r((H, 3 * H)), "param/bias": 0.5 * r(3 * H),
    }


def run(d):
    layer = GRULayer(d["param/kernel"], d["param/recurrent_kernel"], d["param/bias"])
    outputs = layer.call(d["input/inputs"], d["initial/h0"])
    grads = layer.gradients(d["cotangent/outputs"])
    return {"output/outputs": outputs} | {"grad/" + k: g for k, g in zip(("inputs", "h0", "kernel", "recurrent_kernel", "bias"), grads)}


MISTAKES = {
    "h_tm1 unreset in the kernel": ([("(r * h_tm1).T @ d_hh", "h_tm1.T @ d_hh")], [("misplaced-factor", "recurrent_kernel r h hh"), ("drop-path", "recurrent_kernel r hh"), ("missing-derivative", "recurrent_kernel r h hh")]),
    "d_rh past the reset": ([("+ d_rh * r +", "+ d_rh +")], [("misplaced-factor", "r h hh d_rh"), ("missing-derivative", "r h hh d_rh"), ("drop-path", "r h hh")]),
    "no path through z's kernel": ([(" + d_z @ U[:, :u].T", "")], [("drop-path", "z recurrent_kernel h"), ("cut-recurrence", "z recurrent_kernel h")]),
    "slope of z forgotten": ([("(h_tm1 - hh) * z * (1 - z)", "(h_tm1 - hh)")], [("missing-derivative", "z d_z")]),
    "reset gate with the new state": ([("d_r = d_rh * h_tm1 * r", "d_r = d_rh * h * r")], [("time-shift", "r h d_r h_tm1")]),
    "U_r as it stands": ([("d_r @ U[:, u : 2 * u].T", "d_r @ U[:, u : 2 * u]")], [("transpose", "recurrent_kernel r U")]),
    "order r, z, h": ([("np.concatenate([d_z, d_r, d_hh], axis=1)", "np.concatenate([d_r, d_z, d_hh], axis=1)")], [("swap-gates", "z r kernel bias inputs")]),
    "last output only": ([("d_h = d_h + upstream[:, t]", "d_h = d_h + (upstream[:, t] if t == len(self.tape) - 1 else 0)")], [("cotangent-missing", "outputs h"), ("last-step-only", "outputs h")]),
    "bias divided by the batch": ([("d_bias += np.sum(d_x, axis=0)", "d_bias += np.mean(d_x, axis=0)")], [("scale", "bias"), ("misplaced-factor", "bias")]),
}
STACKS = {
    "h_tm1 unreset in the kernel + d_rh past the reset": [],
    "no path through z's kernel + bias divided by the batch": [],
    "U_r as it stands + order r, z, h": [],
    "slope of z forgotten + bias divided by the batch + h_tm1 unreset in the kernel": [],
}
