# As in an old framework: one kernel for [x, h], gates i, j, f, o, and 1.0 added to f inside the sigmoid.
import numpy as np

FORGET_BIAS = 1.0


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def basic_lstm(inputs, kernel, bias, state):
    c, h = state
    record = []
    for x in inputs:
        i, j, f, o = np.split(np.concatenate([x, h], 1) @ kernel + bias, 4, axis=1)
        new_c = c * sigmoid(f + FORGET_BIAS) + sigmoid(i) * np.tanh(j)
        new_h = np.tanh(new_c) * sigmoid(o)
        record.append(dict(x=x, h=h, c=c, i=i, j=j, f=f, o=o, new_c=new_c, new_h=new_h))
        c, h = new_c, new_h
    return record, (c, h)


def basic_lstm_grad(record, kernel, d_outputs, d_state):
    d_c, d_h = d_state
    d_kernel, d_bias, d_inputs = 0, 0, []
    for r, d_out in zip(reversed(record), reversed(d_outputs)):
        si, sf, so, tj = sigmoid(r["i"]), sigmoid(r["f"] + FORGET_BIAS), sigmoid(r["o"]), np.tanh(r["j"])
        tc = np.tanh(r["new_c"])
        d_h = d_h + d_out
        d_c = d_c + d_h * so * (1 - tc**2)
        d_i = d_c * tj * si * (1 - si)
        d_j = d_c * si * (1 - tj**2)
        d_f = d_c * r["c"] * sf * (1 - sf)
        d_o = d_h * tc * so * (1 - so)
        d_gates = np.concatenate([d_i, d_j, d_f, d_o], 1)
        d_kernel = d_kernel + np.concatenate([r["x"], r["h"]], 1).T @ d_gates
        d_bias = d_bias + d_gates.sum(0)
        d_xh = d_gates @ kernel.T
        n = r["x"].shape[1]
        d_inputs.append(d_xh[:, :n])
        d_h = d_xh[:, n:]
        d_c = d_c * sf
    return d_inputs[::-1], d_kernel, d_bias, (d_c, d_h)


# ---- corpus
CELL = """
f[t] = sigmoid(Wf @ [x[t], h[t-1]] + bf + 1)
i[t] = sigmoid(Wi @ [x[t], h[t-1]] + bi)
j[t] = tanh(Wj @ [x[t], h[t-1]] + bj)
o[t] = sigmoid(Wo @ [x[t], h[t-1]] + bo)
c[t] = f[t] * c[t-1] + i[t] * j[t]
h[t] = o[t] * tanh(c[t])
"""
STYLE = "old framework: one kernel [x, h] with ijfo, constant forget bias, rows (T, B, D), pre-activations kept, state (c, h)"
HELD_OUT = True


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/x": r((T, B, D)), "initial/c": 0.5 * r((B, H)), "initial/h": 0.5 * r((B, H)), "param/kernel": 0.5 * r((D + H, 4 * H)), "param/bias": 0.5 * r(4 * H),
            "cotangent/h": r((T, B, H)), "cotangent/c_last": r((B, H)), "cotangent/h_last": r((B, H))}


def run(d):
    record, (c, h) = basic_lstm(list(d["input/x"]), d["param/kernel"], d["param/bias"], (d["initial/c"], d["initial/h"]))
    dx, dk, db, (dc, dh) = basic_lstm_grad(record, d["param/kernel"], list(d["cotangent/h"]), (d["cotangent/c_last"], d["cotangent/h_last"]))
    return {"output/h": np.array([r["new_h"] for r in record]), "output/c_last": c, "output/h_last": h, "grad/x": np.array(dx), "grad/kernel": dk, "grad/bias": db, "grad/c": dc, "grad/h": dh}


MISTAKES = {
    "c of the end ignored": ([("d_c, d_h = d_state", "d_c, d_h = 0, d_state[1]")], [("cotangent-missing", "c c_last")]),
    "h of the end ignored": ([("d_c, d_h = d_state", "d_c, d_h = d_state[0], 0")], [("cotangent-missing", "h h_last")]),
    "forget gate's slope": ([('r["c"] * sf * (1 - sf)', 'r["c"] * sf')], [("missing-derivative", "f sf")]),
    "tanh of the old c": ([('tc = np.tanh(r["new_c"])', 'tc = np.tanh(r["c"])')], [("time-shift", "c o h tc")]),
    "new h in the kernel": ([('np.concatenate([r["x"], r["h"]], 1).T', 'np.concatenate([r["x"], r["new_h"]], 1).T')], [("time-shift", "kernel h")]),
    "no forget gate on the way back": ([("d_c = d_c * sf", "d_c = d_c")], [("misplaced-factor", "f c sf"), ("missing-derivative", "f c sf")]),
    "minus in the output gate": ([("d_o = d_h * tc", "d_o = -d_h * tc")], [("sign", "o")]),
    "bias clipped": ([("d_bias = d_bias + d_gates.sum(0)\n", "d_bias = d_bias + d_gates.sum(0)\n        d_bias = np.clip(d_bias, -1, 1) if r is record[0] else d_bias\n")], [("clip", "bias")]),
}
STACKS = {
    "c of the end ignored + new h in the kernel": [],
    "forget gate's slope + minus in the output gate": [],
    "no forget gate on the way back + new h in the kernel": [],
    "h of the end ignored + minus in the output gate + new h in the kernel": [],
}
