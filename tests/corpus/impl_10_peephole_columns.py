import numpy as np


def logistic(a):
    return 1.0 / (1.0 + np.exp(-a))


def forward(X, W, R, p, b):
    """Peephole LSTM (Gers & Schmidhuber). X: (T, N, M), W: 4 x (H, N), R: 4 x (H, H), p: i, f, o, b: 4 x (H, 1)"""
    Wz, Wi, Wf, Wo = W
    Rz, Ri, Rf, Ro = R
    pi, pf, po = p
    bz, bi, bf, bo = b
    T, N, M = X.shape
    H = Rz.shape[0]
    y, c = np.zeros((T + 1, H, M)), np.zeros((T + 1, H, M))  # last entry is the zero state, reached by index -1
    z, i, f, o = (np.zeros((T, H, M)) for _ in range(4))
    for t in range(T):
        z[t] = np.tanh(Wz @ X[t] + Rz @ y[t - 1] + bz)
        i[t] = logistic(Wi @ X[t] + Ri @ y[t - 1] + pi * c[t - 1] + bi)
        f[t] = logistic(Wf @ X[t] + Rf @ y[t - 1] + pf * c[t - 1] + bf)
        c[t] = z[t] * i[t] + c[t - 1] * f[t]
        o[t] = logistic(Wo @ X[t] + Ro @ y[t - 1] + po * c[t] + bo)
        y[t] = np.tanh(c[t]) * o[t]
    return y, c, z, i, f, o


def backward(X, W, R, p, state, top):
    y, c, z, i, f, o = state
    pi, pf, po = p
    T, N, M = X.shape
    H = y.shape[1]
    dz, di, df, do, dc = (np.zeros((T + 1, H, M)) for _ in range(5))
    dX = np.zeros_like(X)
    for t in reversed(range(T)):
        dy = top[t] + R[0].T @ dz[t + 1] + R[1].T @ di[t + 1] + R[2].T @ df[t + 1] + R[3].T @ do[t + 1]
        do[t] = dy * np.tanh(c[t]) * o[t] * (1 - o[t])
        dc[t] = dy * o[t] * (1 - np.tanh(c[t]) ** 2) + po * do[t]
        if t < T - 1:
            dc[t] += pi * di[t + 1] + pf * df[t + 1] + dc[t + 1] * f[t + 1]
        df[t] = dc[t] * c[t - 1] * f[t] * (1 - f[t])
        di[t] = dc[t] * z[t] * i[t] * (1 - i[t])
        dz[t] = dc[t] * i[t] * (1 - z[t] ** 2)
        dX[t] = W[0].T @ dz[t] + W[1].T @ di[t] + W[2].T @ df[t] + W[3].T @ do[t]
    delta = (dz, di, df, do)
    dW = [sum(d[t] @ X[t].T for t in range(T)) for d in delta]
    dR = [sum(d[t + 1] @ y[t].T for t in range(T - 1)) for d in delta]
    db = [sum(d[t].sum(1, keepdims=True) for t in range(T)) for d in delta]
    dpi = sum((c[t] * di[t + 1]).sum(1, keepdims=True) for t in range(T - 1))
    dpf = sum((c[t] * df[t + 1]).sum(1, keepdims=True) for t in range(T - 1))
    dpo = sum((c[t] * do[t]).sum(1, keepdims=True) for t in range(T))
    return dX, dW, dR, (dpi, dpf, dpo), db


# ---- corpus
CELL = "lstm-peephole"
STYLE = "after a paper: lists z i f o, columns, (T, N, M), zero state at index -1, no initial states"
HELD_OUT = False
CALL = {"forward": "forward", "backward": "backward", "how": "(X, W, R, p, b), lists of 4 and 3; (X, W, R, p, state, top) -> dX, dW, dR, dp, db"}
NAMES = [["W" + k for k in "zifo"], ["R" + k for k in "zifo"], ["pi", "pf", "po"], ["b" + k for k in "zifo"]]


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    d = {"input/X": rng.standard_normal((T, D, B)), "cotangent/y": rng.standard_normal((T, H, B))}
    for names, columns in zip(NAMES, (D, H, 1, 1)):
        d |= {"param/" + k: 0.5 * rng.standard_normal((H, columns)) for k in names}
    return d


def run(d):
    W, R, p, b = ([d["param/" + k] for k in names] for names in NAMES)
    state = forward(d["input/X"], W, R, p, b)
    dX, *grads = backward(d["input/X"], W, R, p, state, d["cotangent/y"])
    out = {"output/y": state[0][:-1], "output/c": state[1][:-1], "grad/X": dX}
    return out | {"grad/" + k: g for names, gs in zip(NAMES, grads) for k, g in zip(names, gs)}


MISTAKES = {
    "po path dropped": ([(" + po * do[t]", "")], [("drop-path", "po o c do")]),
    "pi path dropped": ([("pi * di[t + 1] + pf", "pf")], [("drop-path", "pi i c di")]),
    "peepholes dropped": ([("pi * di[t + 1] + pf * df[t + 1] + dc[t + 1]", "dc[t + 1]")], [[("drop-path", "pi i c"), ("drop-path", "pf f c")], ("drop-path", "pi pf c i f")]),
    "dpo with the last c": ([("(c[t] * do[t])", "(c[t - 1] * do[t])")], [("time-shift", "po o c do")]),
    "dpf with its own c": ([("(c[t] * df[t + 1]).sum(1, keepdims=True) for t in range(T - 1)", "(c[t] * df[t]).sum(1, keepdims=True) for t in range(T)")],
                           [("time-shift", "pf f c df")]),
    "f of the same step": ([("dc[t + 1] * f[t + 1]", "dc[t + 1] * f[t]")], [("time-shift", "f c dc")]),
    "dR of wrong pairs": ([("d[t + 1] @ y[t].T for t in range(T - 1)", "d[t] @ y[t].T for t in range(T)")], [("time-shift", "Rz Ri Rf Ro R y")]),
    "Ri missing in dy": ([(" + R[1].T @ di[t + 1]", "")], [("drop-path", "Ri i y"), ("cut-recurrence", "Ri i y")]),
    "dpo multiplied by 1-c²": ([("dy * np.tanh(c[t]) * o[t] * (1 - o[t])", "dy * np.tanh(c[t])")], [("missing-derivative", "o do")]),
}
STACKS = {
    "po path dropped + dpf with its own c": [],
    "peepholes dropped + dR of wrong pairs": [],
    "f of the same step + dpo with the last c": [],
    "po path dropped + pi path dropped": [("drop-path", "po pi o i c")],
    "Ri missing in dy + dpo with the last c + dpf with its own c": [],
}
