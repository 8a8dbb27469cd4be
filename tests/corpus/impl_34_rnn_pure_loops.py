import math

import numpy as np

# No matrices on purpose: first homework, everything is a list of floats.


def rnn(xs, W, U, b, V, c):
    n, m, k = len(b), len(xs[0]), len(c)
    hs, ys = [[0.0] * n], []
    for x in xs:
        h = []
        for i in range(n):
            a = b[i]
            for j in range(m):
                a += W[i][j] * x[j]
            for j in range(n):
                a += U[i][j] * hs[-1][j]
            h.append(math.tanh(a))
        hs.append(h)
        ys.append([c[o] + sum(V[o][i] * h[i] for i in range(n)) for o in range(k)])
    return hs, ys


def rnn_gradients(xs, targets, W, U, b, V, c):
    n, m, k = len(b), len(xs[0]), len(c)
    hs, ys = rnn(xs, W, U, b, V, c)
    gW = [[0.0] * m for _ in range(n)]
    gU = [[0.0] * n for _ in range(n)]
    gV = [[0.0] * n for _ in range(k)]
    gb, gc = [0.0] * n, [0.0] * k
    later = [0.0] * n
    loss = 0.0
    for t in range(len(xs) - 1, -1, -1):
        diff = [ys[t][o] - targets[t][o] for o in range(k)]
        loss += sum(e * e for e in diff) / len(xs)
        delta = []
        for i in range(n):
            s = later[i]
            for o in range(k):
                s += V[o][i] * 2 * diff[o] / len(xs)
            delta.append(s * (1 - hs[t + 1][i] ** 2))
        for o in range(k):
            gc[o] += 2 * diff[o] / len(xs)
            for i in range(n):
                gV[o][i] += 2 * diff[o] / len(xs) * hs[t + 1][i]
        for i in range(n):
            gb[i] += delta[i]
            for j in range(m):
                gW[i][j] += delta[i] * xs[t][j]
            for j in range(n):
                gU[i][j] += delta[i] * hs[t][j]
        later = [sum(U[i][j] * delta[i] for i in range(n)) for j in range(n)]
    return loss, gW, gU, gb, gV, gc


# ---- corpus
CELL = "rnn-readout"
STYLE = "pure Python lists and loops, one sequence, squared error averaged over T"
HELD_OUT = False
CALL = {"fused": "rnn_gradients", "forward": "rnn", "how": "(xs, targets, W, U, b, V, c), lists of floats -> loss and five lists"}
NAMES = ("W", "U", "b", "V", "c")


def draw(rng):
    D, H, T, O = 5, 4, 6, 3
    r = rng.standard_normal
    return {"input/x": r((T, D)), "target/y": r((T, O))} | {"param/" + k: 0.5 * r(s) for k, s in zip(NAMES, ((H, D), (H, H), H, (O, H), O))}


def run(d):
    xs, P = d["input/x"].tolist(), [d["param/" + k].tolist() for k in NAMES]
    loss, *grads = rnn_gradients(xs, d["target/y"].tolist(), *P)
    hs, ys = rnn(xs, *P)
    return {"loss": np.array(loss), "output/h": np.array(hs), "output/y": np.array(ys)} | {"grad/" + k: np.array(g) for k, g in zip(NAMES, grads)}


MISTAKES = {
    "U[j][i]": ([("later = [sum(U[i][j]", "later = [sum(U[j][i]")], [("transpose", "U")]),
    "hs off by one for U": ([("gU[i][j] += delta[i] * hs[t][j]", "gU[i][j] += delta[i] * hs[t + 1][j]")], [("time-shift", "U h hs")]),
    "hs off by one for V": ([("/ len(xs) * hs[t + 1][i]", "/ len(xs) * hs[t][i]")], [("time-shift", "V h hs")]),
    "hs off by one in the derivative": ([("(1 - hs[t + 1][i] ** 2)", "(1 - hs[t][i] ** 2)")], [("time-shift", "h hs delta")]),
    "V without the 2": ([("s += V[o][i] * 2 * diff[o]", "s += V[o][i] * diff[o]")], [("scale", "V h y delta W U b")]),
    "gb assigned": ([("gb[i] += delta[i]", "gb[i] = delta[i]")], [("not-accumulated", "b"), ("first-step-only", "b")]),
    "later inside": ([("s = later[i]\n", "s = 0.0\n"), ("delta.append(s * (1 - hs[t + 1][i] ** 2))", "delta.append(s * (1 - hs[t + 1][i] ** 2) + later[i])")], [("misplaced-factor", "h hs later delta U")]),
    "minus sign": ([("later = [sum(U", "later = [-sum(U")], [("sign", "h hs U later")]),
}
STACKS = {
    "U[j][i] + hs off by one for V": [],
    "hs off by one for U + hs off by one for V": [("time-shift", "h hs U V")],
    "minus sign + gb assigned": [],
    "later inside + gb assigned + hs off by one for U": [],
}
