# Port of the fused GRU kernel to NumPy. Layouts are those of torch.nn.GRU: x (T, B, I), w_ih (3H, I), w_hh (3H, H),
# two bias vectors, gates r, z, n.
import numpy as np


def gru_fwd(x, h0, w_ih, w_hh, b_ih, b_hh):
    T, B, _ = x.shape
    H = h0.shape[-1]
    out = np.empty((T, B, H), x.dtype)
    gates = np.empty((T, B, 4, H), x.dtype)  # r, z, n, and the recurrent part of n
    h = h0
    for t in range(T):
        gi = x[t] @ w_ih.T + b_ih
        gh = h @ w_hh.T + b_hh
        r = 1 / (1 + np.exp(-(gi[:, :H] + gh[:, :H])))
        z = 1 / (1 + np.exp(-(gi[:, H : 2 * H] + gh[:, H : 2 * H])))
        n = np.tanh(gi[:, 2 * H :] + r * gh[:, 2 * H :])
        gates[t, :, 0], gates[t, :, 1], gates[t, :, 2], gates[t, :, 3] = r, z, n, gh[:, 2 * H :]
        h = (1 - z) * n + z * h
        out[t] = h
    return out, h, gates


def gru_bwd(dout, dhn, x, h0, w_ih, w_hh, out, gates):
    T, B, H = dout.shape
    dx = np.empty_like(x)
    dw_ih, dw_hh = np.zeros_like(w_ih), np.zeros_like(w_hh)
    db_ih, db_hh = np.zeros(3 * H, x.dtype), np.zeros(3 * H, x.dtype)
    dh = dhn.copy()
    for t in range(T - 1, -1, -1):
        h_prev = out[t - 1] if t > 0 else h0
        r, z, n, hn = (gates[t, :, k] for k in range(4))
        dh = dh + dout[t]
        dn = dh * (1 - z) * (1 - n * n)
        dz = dh * (h_prev - n) * z * (1 - z)
        dhn_ = dn * r
        dr = dn * hn * r * (1 - r)
        dgi = np.concatenate((dr, dz, dn), axis=1)
        dgh = np.concatenate((dr, dz, dhn_), axis=1)
        dx[t] = dgi @ w_ih
        dw_ih += dgi.T @ x[t]
        dw_hh += dgh.T @ h_prev
        db_ih += dgi.sum(0)
        db_hh += dgh.sum(0)
        dh = dgh @ w_hh + dh * z
    return dx, dh, dw_ih, dw_hh, db_ih, db_hh


# ---- corpus
CELL = "gru-reset-after"
STYLE = "port of a kernel: (T, B, D), stacked rzn, two biases, float32, final-state cotangent"
HELD_OUT = False
CALL = {"forward": "gru_fwd", "backward": "gru_bwd",
        "how": "(x, h0, w_ih, w_hh, b_ih, b_hh) -> out, h_n, gates; the backward takes the forward's arguments again, out and gates"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = lambda *s: rng.standard_normal(s).astype(np.float32)
    half = np.float32(0.5)
    return {"input/x": r(T, B, D), "initial/h0": half * r(B, H), "param/w_ih": half * r(3 * H, D), "param/w_hh": half * r(3 * H, H),
            "param/b_ih": half * r(3 * H), "param/b_hh": half * r(3 * H), "cotangent/out": r(T, B, H), "cotangent/hn": r(B, H)}


def run(d):
    x, h0, w_ih, w_hh = d["input/x"], d["initial/h0"], d["param/w_ih"], d["param/w_hh"]
    out, hn, gates = gru_fwd(x, h0, w_ih, w_hh, d["param/b_ih"], d["param/b_hh"])
    grads = gru_bwd(d["cotangent/out"], d["cotangent/hn"], x, h0, w_ih, w_hh, out, gates)
    return {"output/out": out, "output/hn": hn} | {"grad/" + k: g for k, g in zip(("x", "h0", "w_ih", "w_hh", "b_ih", "b_hh"), grads)}


MISTAKES = {
    "r forgotten in dgh": ([("dhn_ = dn * r", "dhn_ = dn")], [("misplaced-factor", "r n hn dhn_ w_hh"), ("missing-derivative", "r n hn")]),
    "direct path lost": ([("dgh @ w_hh + dh * z", "dgh @ w_hh")], [("drop-path", "h z hn out"), ("cut-recurrence", "h z")]),
    "products lost": ([("dh = dgh @ w_hh + dh * z", "dh = dh * z")], [("drop-path", "w_hh h"), ("cut-recurrence", "w_hh h")]),
    "z not multiplied by its derivative": ([("(h_prev - n) * z * (1 - z)", "(h_prev - n)")], [("missing-derivative", "z dz")]),
    "final cotangent ignored": ([("dh = dhn.copy()", "dh = 0 * dhn")], [("cotangent-missing", "hn h_n h")]),
    "b_hh like b_ih": ([("db_hh += dgh.sum(0)", "db_hh += dgi.sum(0)")], [("misplaced-factor", "b_hh n r"), ("drop-path", "b_hh n r"), ("swap-gates", "b_hh b_ih")]),
    "w_hh seen transposed": ([("dgh @ w_hh + dh", "sum(dgh[:, k:k + H] @ w_hh[k:k + H].T for k in (0, H, 2 * H)) + dh")],
                             [("transpose", "w_hh")]),
    "sign of z": ([("dh * (h_prev - n) * z", "dh * (n - h_prev) * z")], [("sign", "z dz")]),
    "out instead of h_prev": ([("dw_hh += dgh.T @ h_prev", "dw_hh += dgh.T @ out[t]")], [("time-shift", "w_hh h out")]),
}
STACKS = {
    "r forgotten in dgh + final cotangent ignored": [],
    "direct path lost + out instead of h_prev": [],
    "sign of z + w_hh seen transposed": [],
    "z not multiplied by its derivative + out instead of h_prev + final cotangent ignored": [],
}
