import numpy as np


def _sig(z):
    return (1.0 / (1.0 + np.exp(-z))).astype(z.dtype)


def gru_forward(inp, h0, weight_ih, weight_hh, bias_ih, bias_hh):
    """Same numbers as the library's GRU: inp (T, B, I), weights (3H, .) in the order reset, update, new."""
    T, B, _ = inp.shape
    H = h0.shape[-1]
    h = h0
    outputs, saved = [], []
    for t in range(T):
        gi = inp[t] @ weight_ih.T + bias_ih
        gh = h @ weight_hh.T + bias_hh
        i_r, i_z, i_n = gi[:, :H], gi[:, H:2 * H], gi[:, 2 * H:]
        h_r, h_z, h_n = gh[:, :H], gh[:, H:2 * H], gh[:, 2 * H:]
        r = _sig(i_r + h_r)
        z = _sig(i_z + h_z)
        n = np.tanh(i_n + r * h_n)
        saved.append((h, r, z, n, h_n))
        h = (1 - z) * n + z * h
        outputs.append(h)
    return np.stack(outputs), saved


def gru_backward(dout, inp, weight_ih, weight_hh, saved):
    T, B, H = dout.shape
    d_inp = np.zeros_like(inp)
    dw_ih = np.zeros_like(weight_ih)
    dw_hh = np.zeros_like(weight_hh)
    db_ih = np.zeros(3 * H, dout.dtype)
    db_hh = np.zeros(3 * H, dout.dtype)
    dh = np.zeros((B, H), dout.dtype)
    for t in range(T)[::-1]:
        h_prev, r, z, n, h_n = saved[t]
        dh = dh + dout[t]
        dz = dh * (h_prev - n) * z * (1 - z)
        dn = dh * (1 - z) * (1 - n * n)
        dr = dn * h_n * r * (1 - r)
        dgi = np.concatenate([dr, dz, dn], 1)
        dgh = np.concatenate([dr, dz, dn * r], 1)
        d_inp[t] = dgi @ weight_ih
        dw_ih += dgi.T @ inp[t]
        dw_hh += dgh.T @ h_prev
        db_ih += dgi.sum(0)
        db_hh += dgh.sum(0)
        dh = dh * z + dgh @ weight_hh
    return d_inp, dh, dw_ih, dw_hh, db_ih, db_hh


# ---- corpus
CELL = "gru"
STYLE = "float32 copy of a framework's GRU: (T, B, I), r|z|n in rows, reset after the product, two biases, keep polarity"
HELD_OUT = True
CALL = None
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def draw(rng):
    def r(size, *s):
        return (size * rng.standard_normal(s)).astype(np.float32)

    T, B, I, H = 6, 2, 5, 4
    d = {"input/inp": r(1, T, B, I), "initial/h0": r(0.7, B, H), "cotangent/out": r(1, T, B, H)}
    return d | {"param/weight_ih": r(0.6, 3 * H, I), "param/weight_hh": r(0.6, 3 * H, H), "param/bias_ih": r(0.6, 3 * H), "param/bias_hh": r(0.6, 3 * H)}


def run(d):
    p = [d["param/" + k] for k in NAMES]
    out, saved = gru_forward(d["input/inp"], d["initial/h0"], *p)
    g = gru_backward(d["cotangent/out"], d["input/inp"], p[0], p[1], saved)
    return {"output/out": out} | {"grad/" + k: v for k, v in zip(("inp", "h0", *NAMES), g)}


MISTAKES = {
    "direct path to h dropped": ([("dh = dh * z + dgh @ weight_hh", "dh = dgh @ weight_hh")], [("cut-recurrence", "h out z dh h_prev"), ("drop-path", "h out z dh h_prev")]),
    "only the direct path": ([("dh = dh * z + dgh @ weight_hh", "dh = dh * z")], [("cut-recurrence", "weight_hh gh h_r h_z h_n r z n"), ("drop-path", "weight_hh gh h_r h_z h_n")]),
    "polarity mixed up going back": ([("dh * z + dgh", "dh * (1 - z) + dgh")], [("misplaced-factor", "z h dh out h_prev"), ("swap-gates", "z h out"), ("sign", "z h out")]),
    "sign of dz": ([("dh * (h_prev - n) * z", "dh * (n - h_prev) * z")], [("sign", "z dz weight_ih weight_hh bias_ih bias_hh")]),
    "dr with the state, not its product": ([("dr = dn * h_n *", "dr = dn * h_prev *")], [("misplaced-factor", "r dr h_n n"), ("missing-derivative", "r dr")]),
    "reset left out of the new gate's recurrence": ([("[dr, dz, dn * r]", "[dr, dz, dn]")], [("misplaced-factor", "r n dn dgh h_n weight_hh bias_hh"), ("missing-derivative", "r n dn dgh h_n")]),
    "dw_hh with the state after": ([("dgh.T @ h_prev", "dgh.T @ (h_prev * z + n * (1 - z))")], [("time-shift", "weight_hh h out h_prev")]),
    "bias_hh of one step": ([("db_hh += dgh", "db_hh = dgh")], [("not-accumulated", "bias_hh"), ("first-step-only", "bias_hh")]),
}
STACKS = {
    "direct path to h dropped + bias_hh of one step": [],
    "sign of dz + reset left out of the new gate's recurrence": [],
    "polarity mixed up going back + dw_hh with the state after": [],
    "sign of dz + only the direct path + bias_hh of one step": [],
}
