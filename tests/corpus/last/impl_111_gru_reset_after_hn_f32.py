import numpy as np

# Checked-in numpy fallback for the GRU extension (batch first, float32).  Rows of the weights: reset, update, new.


def _sig(a):
    return np.float32(1) / (np.float32(1) + np.exp(-a))


def gru_forward(x, w_ih, w_hh, b_ih, b_hh, h_0):
    B, L, _ = x.shape
    H = w_hh.shape[1]
    gi = x @ w_ih.T + b_ih
    y = np.empty((B, L, H), dtype=np.float32)
    workspace = np.empty((L, 4, B, H), dtype=np.float32)
    h = h_0
    for l in range(L):
        gh = h @ w_hh.T + b_hh
        r = _sig(gi[:, l, :H] + gh[:, :H])
        z = _sig(gi[:, l, H : 2 * H] + gh[:, H : 2 * H])
        hn = gh[:, 2 * H :]
        n = np.tanh(gi[:, l, 2 * H :] + r * hn)
        h = (1 - z) * n + z * h
        workspace[l] = r, z, n, hn
        y[:, l] = h
    return y, h, workspace


def gru_backward(x, w_ih, w_hh, h_0, y, workspace, dy, dh_n):
    B, L, D = x.shape
    H = w_hh.shape[1]
    d_gi = np.empty((B, L, 3 * H), dtype=np.float32)
    d_gh = np.empty((B, L, 3 * H), dtype=np.float32)
    y_prev = np.concatenate([h_0[:, None], y[:, :-1]], axis=1)
    dh = dh_n.copy()
    for l in range(L - 1, -1, -1):
        r, z, n, hn = workspace[l]
        dh = dh + dy[:, l]
        dn = dh * (1 - z) * (1 - n * n)
        dz = dh * (y_prev[:, l] - n) * z * (1 - z)
        dr = dn * hn * r * (1 - r)
        d_gi[:, l] = np.concatenate([dr, dz, dn], axis=1)
        d_gh[:, l] = np.concatenate([dr, dz, dn * r], axis=1)
        dh = dh * z + d_gh[:, l] @ w_hh
    dx = d_gi @ w_ih
    dw_ih = np.tensordot(d_gi, x, axes=([0, 1], [0, 1]))
    dw_hh = np.tensordot(d_gh, y_prev, axes=([0, 1], [0, 1]))
    return dx, dw_ih, dw_hh, d_gi.sum(axis=(0, 1)), d_gh.sum(axis=(0, 1)), dh


# ---- corpus
CELL = "gru"
STYLE = "float32 fallback of an extension, torch's layout batch first (B, T, D), r|z|n in rows, reset after, two biases, keep polarity, h_n"
HELD_OUT = True
NAMES = ("x", "w_ih", "w_hh", "b_ih", "b_hh", "h_0")


def draw(rng):
    B, L, D, H = 3, 7, 5, 4
    r = lambda k, *s: (k * rng.standard_normal(s)).astype(np.float32)
    return {
        "input/x": r(1, B, L, D), "param/w_ih": r(0.6, 3 * H, D), "param/w_hh": r(0.6, 3 * H, H), "param/b_ih": r(0.5, 3 * H), "param/b_hh": r(0.5, 3 * H),
        "initial/h_0": r(0.6, B, H), "cotangent/y": r(1, B, L, H), "cotangent/h_n": r(1, B, H),
    }


def run(d):
    x, w_ih, w_hh, h_0 = d["input/x"], d["param/w_ih"], d["param/w_hh"], d["initial/h_0"]
    y, h_n, workspace = gru_forward(x, w_ih, w_hh, d["param/b_ih"], d["param/b_hh"], h_0)
    grads = gru_backward(x, w_ih, w_hh, h_0, y, workspace, d["cotangent/y"], d["cotangent/h_n"])
    return {"output/y": y, "output/h_n": h_n} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


MISTAKES = {
    "both biases alike": ([("d_gi.sum(axis=(0, 1)), d_gh.sum(axis=(0, 1)), dh", "d_gi.sum(axis=(0, 1)), d_gi.sum(axis=(0, 1)), dh")], [("misplaced-factor", "b_hh r n"), ("missing-derivative", "b_hh r n")]),
    "reset gate's delta without hn": ([("dr = dn * hn * r", "dr = dn * r")], [("misplaced-factor", "r n hn dr"), ("missing-derivative", "r n hn dr")]),
    "w_hh with y": ([("np.tensordot(d_gh, y_prev,", "np.tensordot(d_gh, y,")], [("time-shift", "w_hh y h h_0 h_n")]),
    "update gate with the new state": ([("(y_prev[:, l] - n)", "(y[:, l] - n)")], [("time-shift", "z y h dz")]),
    "z's direct path dropped": ([("dh = dh * z + d_gh", "dh = d_gh")], [("drop-path", "h y z h_0 h_n"), ("cut-recurrence", "h y z")]),
    "update gate's sign": ([("(y_prev[:, l] - n)", "(n - y_prev[:, l])")], [("sign", "z dz")]),
    "r and z exchanged in d_gi": ([("d_gi[:, l] = np.concatenate([dr, dz, dn]", "d_gi[:, l] = np.concatenate([dz, dr, dn]")], [("swap-gates", "r z w_ih b_ih x")]),
    "dh_n twice": ([("dh = dh_n.copy()", "dh = 2 * dh_n")], [("scale", "h_n h dh_n")]),
    "tanh' of the candidate itself": ([("(1 - n * n)", "(1 - np.tanh(n) ** 2)")], [("derivative-of-activated", "n dn")]),
}
STACKS = {
    "both biases alike + z's direct path dropped": [],
    "update gate's sign + w_hh with y": [],
    "r and z exchanged in d_gi + z's direct path dropped": [],
    "update gate with the new state + both biases alike + dh_n twice": [],
}
