import numpy as np


class Context:
    def __init__(self):
        self.saved_tensors = ()

    def save_for_backward(self, *tensors):
        self.saved_tensors = tensors


class LSTMPFunction:
    """LSTM with a recurrent projection, (T, N, I); gates i, f, g, o in the rows of w_ih and w_hh; h = w_hr m, m = o tanh(c)."""

    @staticmethod
    def forward(ctx, x, w_ih, w_hh, bias, w_hr):
        T, N, _ = x.shape
        P, C = w_hr.shape
        h, c = np.zeros((T + 1, N, P)), np.zeros((T + 1, N, C))
        act, m = np.zeros((T, 4, N, C)), np.zeros((T, N, C))
        for t in range(T):
            i, f, g, o = np.split(x[t] @ w_ih.T + h[t] @ w_hh.T + bias, 4, axis=1)
            act[t] = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g), 1 / (1 + np.exp(-o))
            i, f, g, o = act[t]
            c[t + 1] = f * c[t] + i * g
            m[t] = o * np.tanh(c[t + 1])
            h[t + 1] = m[t] @ w_hr.T
        ctx.save_for_backward(x, w_ih, w_hh, w_hr, h, c, act, m)
        return h[1:]

    @staticmethod
    def backward(ctx, grad_out):
        x, w_ih, w_hh, w_hr, h, c, act, m = ctx.saved_tensors
        grad_x, grad_w_ih, grad_w_hh, grad_w_hr = (np.zeros_like(v) for v in (x, w_ih, w_hh, w_hr))
        grad_bias = np.zeros(w_ih.shape[0])
        grad_h, grad_c = np.zeros_like(h[0]), np.zeros_like(c[0])
        for t in range(x.shape[0] - 1, -1, -1):
            i, f, g, o = act[t]
            tanh_c = np.tanh(c[t + 1])
            grad_h = grad_h + grad_out[t]
            grad_w_hr += grad_h.T @ m[t]
            grad_m = grad_h @ w_hr
            grad_c = grad_c + grad_m * o * (1 - tanh_c**2)
            grad_gates = np.concatenate((grad_c * g * i * (1 - i), grad_c * c[t] * f * (1 - f), grad_c * i * (1 - g**2), grad_m * tanh_c * o * (1 - o)), axis=1)
            grad_w_ih += grad_gates.T @ x[t]
            grad_w_hh += grad_gates.T @ h[t]
            grad_bias += grad_gates.sum(0)
            grad_x[t] = grad_gates @ w_ih
            grad_h = grad_gates @ w_hh
            grad_c = grad_c * f
        return grad_x, grad_w_ih, grad_w_hh, grad_bias, grad_w_hr


# ---- corpus
CELL = "lstm-projected"
STYLE = "autograd function with ctx, projected LSTM, (T, N, I), ifgo in rows, names of torch, no initial states"
HELD_OUT = True
SHAPES = {"w_ih": (20, 4), "w_hh": (20, 3), "bias": (20,), "w_hr": (3, 5)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((6, 2, 4)), "cotangent/out": r((6, 2, 3))} | {"param/" + k: 0.7 * r(s) for k, s in SHAPES.items()}


def run(d):
    ctx = Context()
    out = LSTMPFunction.forward(ctx, d["input/x"], *(d["param/" + k] for k in SHAPES))
    return {"output/out": out} | {"grad/" + k: g for k, g in zip(("x", *SHAPES), LSTMPFunction.backward(ctx, d["cotangent/out"]))}


MISTAKES = {
    "projection of the outputs only": ([("grad_w_hr += grad_h.T @ m[t]", "grad_w_hr += grad_out[t].T @ m[t]")], [("drop-path", "w_hr h m out"), ("cut-recurrence", "w_hr h"), ("truncate", "w_hr")], "wrong"),
    "projection with the state before": ([("grad_w_hr += grad_h.T @ m[t]", "grad_w_hr += grad_h.T @ m[t - 1] * (t > 0)")], [("time-shift", "w_hr m h o c")]),
    "h not carried": ([("grad_h = grad_h + grad_out[t]", "grad_h = grad_out[t]")], [("cut-recurrence", "h out w_hh"), ("drop-path", "h out w_hh")]),
    "c not carried": ([("grad_c = grad_c + grad_m * o", "grad_c = grad_m * o")], [("cut-recurrence", "c f grad_c"), ("drop-path", "c f")]),
    "w_hh with the new state": ([("grad_gates.T @ h[t]", "grad_gates.T @ h[t + 1]")], [("time-shift", "w_hh h out")]),
    "g twice": ([("(1 - g**2)", "(1 - np.tanh(g) ** 2)")], [("derivative-of-activated", "g")]),
    "o and f in each other's rows": ([("grad_c * c[t] * f * (1 - f), grad_c * i * (1 - g**2), grad_m * tanh_c * o * (1 - o)", "grad_m * tanh_c * o * (1 - o), grad_c * i * (1 - g**2), grad_c * c[t] * f * (1 - f)")], [("swap-gates", "f o")]),
    "x of the last step": ([("grad_x[t] = grad_gates @ w_ih", "grad_x[-1] = grad_gates @ w_ih if t == len(x) - 1 else grad_x[-1]")], [("last-step-only", "x")]),
    "f of the next step": ([("            grad_c = grad_c * f\n", "            grad_c = grad_c * act[t - 1][1]\n")], [("time-shift", "f c act")]),
}
STACKS = {
    "projection of the outputs only + g twice": [],
    "h not carried + c not carried": [],
    "w_hh with the new state + f of the next step": [],
    "projection with the state before + w_hh with the new state + x of the last step": [],
}
