"""Reference for an ONNX LSTM node (forward, one direction) and its vector-Jacobian product."""
import numpy as np


def _sigm(v):
    return 1.0 / (1.0 + np.exp(-v))


def lstm_node(X, W, R, B, initial_h, initial_c):
    """X: (T, N, D); W: (1, 4H, D), R: (1, 4H, H), B: (1, 8H), rows iofc; states (1, N, H) -> Y (T, 1, N, H), Y_h, Y_c."""
    H = R.shape[2]
    Wb, Rb = B[0, : 4 * H], B[0, 4 * H :]
    H_t, C_t = initial_h[0], initial_c[0]
    Y, tape = [], []
    for x in X:
        gates = x @ W[0].T + H_t @ R[0].T + Wb + Rb
        i, o, f, c = np.split(gates, 4, axis=-1)
        i, o, f, c = _sigm(i), _sigm(o), _sigm(f), np.tanh(c)
        C = f * C_t + i * c
        tape.append((x, H_t, C_t, i, o, f, c, C))
        H_t, C_t = o * np.tanh(C), C
        Y.append(H_t[np.newaxis])
    return np.stack(Y), H_t[np.newaxis], C_t[np.newaxis], tape


def lstm_node_vjp(tape, W, R, gY, gY_c):
    gX = np.zeros((len(tape), *tape[0][0].shape))
    gW, gR = np.zeros_like(W), np.zeros_like(R)
    gB = np.zeros((1, 2 * W.shape[1]))
    gH, gC = np.zeros_like(tape[0][1]), gY_c[0].copy()
    for t in range(len(tape) - 1, -1, -1):
        x, H_t, C_t, i, o, f, c, C = tape[t]
        gH = gH + gY[t, 0]
        th = np.tanh(C)
        gC = gC + gH * o * (1 - th * th)
        ggates = np.concatenate([gC * c * i * (1 - i), gH * th * o * (1 - o), gC * C_t * f * (1 - f), gC * i * (1 - c * c)], axis=-1)
        gX[t] = ggates @ W[0]
        gW[0] += ggates.T @ x
        gR[0] += ggates.T @ H_t
        gB[0] += np.tile(ggates.sum(axis=0), 2)
        gH = ggates @ R[0]
        gC = gC * f
    return gX, gW, gR, gB, gH[np.newaxis], gC[np.newaxis]


# ---- corpus
CELL = "lstm"
STYLE = "ONNX operator: axis of directions, rows iofc, both biases in one row of 8H, initial states, cotangents of Y and Y_c"
HELD_OUT = True


def draw(rng):
    T, N, D, H = 6, 2, 5, 3
    r = rng.standard_normal
    return {
        "input/X": r((T, N, D)), "param/W": 0.5 * r((1, 4 * H, D)), "param/R": 0.6 * r((1, 4 * H, H)), "param/B": 0.4 * r((1, 8 * H)),
        "initial/initial_h": 0.5 * r((1, N, H)), "initial/initial_c": 0.5 * r((1, N, H)), "cotangent/Y": r((T, 1, N, H)), "cotangent/Y_c": r((1, N, H)),
    }


def run(d):
    W, R = d["param/W"], d["param/R"]
    Y, Y_h, Y_c, tape = lstm_node(d["input/X"], W, R, d["param/B"], d["initial/initial_h"], d["initial/initial_c"])
    grads = lstm_node_vjp(tape, W, R, d["cotangent/Y"], d["cotangent/Y_c"])
    return {"output/Y": Y, "output/Y_h": Y_h, "output/Y_c": Y_c} | {"grad/" + k: g for k, g in zip(("X", "W", "R", "B", "initial_h", "initial_c"), grads)}


MISTAKES = {
    "gradient of Y_c ignored": ([("gY_c[0].copy()", "np.zeros_like(gY_c[0])")], [("cotangent-missing", "Y_c c C initial_c")]),
    "order ifoc": ([("gH * th * o * (1 - o), gC * C_t * f * (1 - f), ", "gC * C_t * f * (1 - f), gH * th * o * (1 - o), ")], [("swap-gates", "o f")]),
    "C for C_t": ([("gC * C_t * f", "gC * C * f")], [("time-shift", "f C c C_t Y_c")]),
    "C carried without f": ([("        gC = gC * f\n", "")], [("misplaced-factor", "f C c gC initial_c"), ("missing-derivative", "f C c gC initial_c")]),
    "recurrence bias empty": ([("np.tile(ggates.sum(axis=0), 2)", "np.append(ggates.sum(axis=0), np.zeros(R.shape[1]))")], [("zero-gradient", "B Rb"), ("drop-path", "B Rb")]),
    "R by blocks, untransposed": ([("gH = ggates @ R[0]", "gH = sum(g @ r.T for g, r in zip(np.split(ggates, 4, axis=-1), np.split(R[0], 4)))")], [("transpose", "R")]),
    "gR of the step visited last": ([("gR[0] += ", "gR[0] = ")], [("not-accumulated", "R"), ("first-step-only", "R")]),
    "tanh' of C instead of tanh C": ([("(1 - th * th)", "(1 - C * C)")], [("derivative-of-activated", "C c Y h th gC"), ("misplaced-factor", "C c Y h th")]),
    "output without tanh, there and back": ([("o * np.tanh(C), C", "o * C, C"), ("th = np.tanh(C)", "th = C"), (" * (1 - th * th)", "")], [("wrong-forward", "Y h H_t C c o tanh")], "correct"),
}
STACKS = {
    "gradient of Y_c ignored + gR of the step visited last": [],
    "C for C_t + recurrence bias empty": [],
    "order ifoc + R by blocks, untransposed": [],
    "C carried without f + recurrence bias empty + gR of the step visited last": [],
}
