# Literal transcription of lstm.c (batch of one), float buffers indexed as there:
#   x[t][i], wx[gate][j][i], wh[gate][j][k], b[gate][j];  gate 0 forget, 1 input, 2 output, 3 candidate
import numpy as np
from math import exp, tanh

FGT, INP, OUT, CND = 0, 1, 2, 3


def logistic(v):
    return 1.0 / (1.0 + exp(-v))


def lstm_forward(x, wx, wh, b):
    T, n_in = x.shape
    n = b.shape[1]
    gate = np.zeros((T, 4, n), dtype=np.float32)
    cell = np.zeros((T, n), dtype=np.float32)
    hid = np.zeros((T, n), dtype=np.float32)
    for t in range(T):
        for j in range(n):
            for g in range(4):
                acc = b[g, j]
                for i in range(n_in):
                    acc += wx[g, j, i] * x[t, i]
                if t > 0:
                    for k in range(n):
                        acc += wh[g, j, k] * hid[t - 1, k]
                gate[t, g, j] = tanh(acc) if g == CND else logistic(acc)
            old = cell[t - 1, j] if t > 0 else 0.0
            cell[t, j] = gate[t, FGT, j] * old + gate[t, INP, j] * gate[t, CND, j]
            hid[t, j] = gate[t, OUT, j] * tanh(cell[t, j])
    return gate, cell, hid


def lstm_backward(x, wx, wh, b, gate, cell, hid, d_hid):
    T, n_in = x.shape
    n = b.shape[1]
    d_x, d_wx, d_wh, d_b = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    dh = np.zeros(n, dtype=np.float32)  # from step t + 1
    dc = np.zeros(n, dtype=np.float32)
    dgate = np.zeros((4, n), dtype=np.float32)
    for t in range(T - 1, -1, -1):
        for j in range(n):
            f, i, o, g = gate[t, FGT, j], gate[t, INP, j], gate[t, OUT, j], gate[t, CND, j]
            tc = tanh(cell[t, j])
            old = cell[t - 1, j] if t > 0 else 0.0
            h_err = d_hid[t, j] + dh[j]
            c_err = dc[j] + h_err * o * (1.0 - tc * tc)
            dgate[FGT, j] = c_err * old * f * (1.0 - f)
            dgate[INP, j] = c_err * g * i * (1.0 - i)
            dgate[OUT, j] = h_err * tc * o * (1.0 - o)
            dgate[CND, j] = c_err * i * (1.0 - g * g)
            dc[j] = c_err * f
        for k in range(n):
            dh[k] = 0.0
        for g in range(4):
            for j in range(n):
                d = dgate[g, j]
                d_b[g, j] += d
                for m in range(n_in):
                    d_wx[g, j, m] += d * x[t, m]
                    d_x[t, m] += d * wx[g, j, m]
                for k in range(n):
                    if t > 0:
                        d_wh[g, j, k] += d * hid[t - 1, k]
                    dh[k] += d * wh[g, j, k]
    return d_x, d_wx, d_wh, d_b


# ---- corpus
CELL = "lstm"
STYLE = "C transcribed: float32 buffers, explicit loops, one sequence (T, D), gates fiog on a leading axis of every weight, no initial states"
HELD_OUT = True
NAMES = ("x", "wx", "wh", "b")


def draw(rng):
    T, D, H = 7, 4, 3
    r = lambda k, *s: (k * rng.standard_normal(s)).astype(np.float32)
    return {"input/x": r(1, T, D), "param/wx": r(0.6, 4, H, D), "param/wh": r(0.7, 4, H, H), "param/b": r(0.5, 4, H), "cotangent/hid": r(1, T, H)}


def run(d):
    args = [d["input/x"], d["param/wx"], d["param/wh"], d["param/b"]]
    gate, cell, hid = lstm_forward(*args)
    grads = lstm_backward(*args, gate, cell, hid, d["cotangent/hid"])
    return {"output/hid": hid, "output/cell": cell} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


MISTAKES = {
    "wh[g][k][j]": ([("dh[k] += d * wh[g, j, k]", "dh[k] += d * wh[g, k, j]")], [("transpose", "wh")]),
    "d_wh[g][k][j]": ([("d_wh[g, j, k] += d", "d_wh[g, k, j] += d")], [("transpose", "wh")]),
    "hid without tanh": ([("hid[t, j] = gate[t, OUT, j] * tanh(cell[t, j])", "hid[t, j] = gate[t, OUT, j] * cell[t, j]")], [("wrong-forward", "h hid c cell o tanh")]),
    "dh of the last gate only": ([("        for g in range(4):\n            for j in range(n):\n                d = dgate", "        for g in range(4):\n            dh[:] = 0.0\n            for j in range(n):\n                d = dgate")], [("drop-path", "f i o wh h hid FGT INP OUT"), ("cut-recurrence", "f i o FGT INP OUT")]),
    "cell error without o": ([("h_err * o * (1.0 - tc * tc)", "h_err * (1.0 - tc * tc)")], [("misplaced-factor", "cell c o h hid c_err"), ("missing-derivative", "cell c o h hid c_err")]),
    "dc[j] = c_err": ([("dc[j] = c_err * f", "dc[j] = c_err")], [("misplaced-factor", "cell c f dc"), ("missing-derivative", "cell c f dc")]),
    "old is the new cell": ([("            old = cell[t - 1, j] if t > 0 else 0.0\n            h_err", "            old = cell[t, j]\n            h_err")], [("time-shift", "f cell c old FGT")]),
    "1 - i of the input gate missing": ([("c_err * g * i * (1.0 - i)", "c_err * g * i")], [("missing-derivative", "i INP gate"), ("misplaced-factor", "i INP gate")]),
    "biases of the step visited last": ([("d_b[g, j] += d", "d_b[g, j] = d")], [("not-accumulated", "b"), ("first-step-only", "b")]),
}
STACKS = {
    "wh[g][k][j] + biases of the step visited last": [],
    "cell error without o + d_wh[g][k][j]": [],
    "old is the new cell + 1 - i of the input gate missing": [],
    "dc[j] = c_err + d_wh[g][k][j] + biases of the step visited last": [],
}
