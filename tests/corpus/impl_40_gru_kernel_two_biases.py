import numpy as np


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


# x [T,N,C], kernel [C,3H], recurrent_kernel [H,3H], bias [2,3H] (input row, recurrent row), gates z r h; reset after
def gru_fwd(x, h, kernel, recurrent_kernel, bias):
    steps, N, C = x.shape
    H = h.shape[1]
    hs = np.zeros((steps + 1, N, H), np.float32)
    hs[0] = h
    v = np.zeros((steps, N, 4 * H), np.float32)
    for k in range(steps):
        Wx = x[k] @ kernel + bias[0]
        Rh = hs[k] @ recurrent_kernel + bias[1]
        z = sigmoid(Wx[:, :H] + Rh[:, :H])
        r = sigmoid(Wx[:, H : 2 * H] + Rh[:, H : 2 * H])
        g = np.tanh(Wx[:, 2 * H :] + r * Rh[:, 2 * H :])
        v[k] = np.hstack((z, r, g, Rh[:, 2 * H :]))
        hs[k + 1] = z * hs[k] + (1 - z) * g
    return hs, v


def gru_bwd(x, kernel, recurrent_kernel, hs, v, dh_new):
    steps, N, C = x.shape
    H = hs.shape[2]
    dp = np.zeros((steps, N, 3 * H), np.float32)
    dq = np.zeros((steps, N, 3 * H), np.float32)
    dh = np.zeros((N, H), np.float32)
    for k in range(steps - 1, -1, -1):
        z, r, g, q_g = np.split(v[k], 4, axis=1)
        dh_total = dh_new[k + 1] + dh
        dg = (1 - z) * dh_total
        dz = (hs[k] - g) * dh_total
        dp_g = (1 - g * g) * dg
        dq_g = dp_g * r
        dr = dp_g * q_g
        dp_r = (1 - r) * r * dr
        dp_z = (1 - z) * z * dz
        dp[k] = np.hstack((dp_z, dp_r, dp_g))
        dq[k] = np.hstack((dp_z, dp_r, dq_g))
        dh = z * dh_total + dq[k] @ recurrent_kernel.T
    dx = dp @ kernel.T
    dW = x.reshape(-1, C).T @ dp.reshape(-1, 3 * H)
    dR = hs[:-1].reshape(-1, H).T @ dq.reshape(-1, 3 * H)
    dbias = np.stack((dp.sum(axis=(0, 1)), dq.sum(axis=(0, 1))))
    dh = dh + dh_new[0]
    return dx, dh, dW, dR, dbias


# ---- corpus
CELL = "gru-reset-after"
STYLE = "after a kernel: float32, T+1 states and cotangents, stacked zrg, both biases in one array, keep polarity"
HELD_OUT = True
CALL = None
NAMES = ("x", "h0", "kernel", "recurrent_kernel", "bias")


def draw(rng):
    C, H, N, T = 5, 4, 3, 6
    r = lambda k, *s: (k * rng.standard_normal(s)).astype(np.float32)
    return {"input/x": r(1, T, N, C), "initial/h0": r(0.5, N, H), "param/kernel": r(0.5, C, 3 * H), "param/recurrent_kernel": r(0.5, H, 3 * H),
            "param/bias": r(0.5, 2, 3 * H), "cotangent/hs": r(1, T + 1, N, H)}


def run(d):
    x, W, R = d["input/x"], d["param/kernel"], d["param/recurrent_kernel"]
    hs, v = gru_fwd(x, d["initial/h0"], W, R, d["param/bias"])
    return {"output/hs": hs} | {"grad/" + k: g for k, g in zip(NAMES, gru_bwd(x, W, R, hs, v, d["cotangent/hs"]))}


MISTAKES = {
    "dp for dq": ([("np.hstack((dp_z, dp_r, dq_g))", "np.hstack((dp_z, dp_r, dp_g))")], [("misplaced-factor", "r g q_g dq recurrent_kernel"), ("missing-derivative", "r g q_g dq")]),
    "z path of h lost": ([("dh = z * dh_total + dq", "dh = dq")], [("drop-path", "h z hs"), ("cut-recurrence", "h z hs")]),
    "gates z and r exchanged in dx": ([("dp[k] = np.hstack((dp_z, dp_r, dp_g))", "dp[k] = np.hstack((dp_r, dp_z, dp_g))")], [("swap-gates", "z r")]),
    "hs[1:] in dR": ([("hs[:-1].reshape(-1, H).T", "hs[1:].reshape(-1, H).T")], [("time-shift", "recurrent_kernel hs h")]),
    "bias rows mixed": ([("np.stack((dp.sum(axis=(0, 1)), dq.sum(axis=(0, 1))))", "np.stack((dp.sum(axis=(0, 1)), dp.sum(axis=(0, 1))))")], [("misplaced-factor", "bias r"), ("drop-path", "bias r"), ("missing-derivative", "bias r"), ("swap-gates", "bias")]),
    "batch and time mixed": ([("x.reshape(-1, C).T", "x.transpose(1, 0, 2).reshape(-1, C).T")], [("wrong-axis", "kernel x")]),
    "dh total not new": ([("dh_total = dh_new[k + 1] + dh", "dh_total = dh_new[k] + dh")], [("time-shift", "hs h dh_new")]),
}
STACKS = {
    "dp for dq + hs[1:] in dR": [],
    "z path of h lost + batch and time mixed": [],
    "hs[1:] in dR + bias rows mixed": [],
    "dp for dq + z path of h lost + batch and time mixed": [],
}
