"""Peephole LSTM, feature-major: x is (D, T, N), states (H, T, N)."""
import numpy as np


def sgm(v):
    return np.exp(-np.logaddexp(0, -v))


def run_forward(x, Wx, Wh, b, peep):
    D, T, N = x.shape
    H = Wh.shape[1]
    pf, pi, po = peep
    f, i, o, k = (np.zeros((H, T, N)) for _ in range(4))
    c, h = np.zeros((H, T, N)), np.zeros((H, T, N))
    for t in range(T):
        hp = h[:, t - 1] if t else np.zeros((H, N))
        cp = c[:, t - 1] if t else np.zeros((H, N))
        a = Wx @ x[:, t] + Wh @ hp + b[:, None]
        f[:, t] = sgm(a[:H] + pf[:, None] * cp)
        o_ = a[H : 2 * H]
        k[:, t] = np.tanh(a[2 * H : 3 * H])
        i[:, t] = sgm(a[3 * H :] + pi[:, None] * cp)
        c[:, t] = f[:, t] * cp + i[:, t] * k[:, t]
        o[:, t] = sgm(o_ + po[:, None] * c[:, t])
        h[:, t] = o[:, t] * np.tanh(c[:, t])
    return h, (f, o, k, i, c)


def run_backward(x, Wx, Wh, b, peep, h, tape, eps):
    f, o, k, i, c = tape
    pf, pi, po = peep
    H, T, N = h.shape
    da = np.zeros((4 * H, T, N))
    dpeep = np.zeros((3, H))
    ch = np.zeros((H, N))
    cc = np.zeros((H, N))
    for t in range(T - 1, -1, -1):
        cp = c[:, t - 1] if t else np.zeros((H, N))
        e = eps[:, t] + ch
        tc = np.tanh(c[:, t])
        do = e * tc * o[:, t] * (1 - o[:, t])
        s = e * o[:, t] * (1 - tc * tc) + po[:, None] * do + cc
        df = s * cp * f[:, t] * (1 - f[:, t])
        dk = s * i[:, t] * (1 - k[:, t] ** 2)
        di = s * k[:, t] * i[:, t] * (1 - i[:, t])
        da[:, t] = np.vstack((df, do, dk, di))
        dpeep[0] += (df * cp).sum(1)
        dpeep[1] += (di * cp).sum(1)
        dpeep[2] += (do * c[:, t]).sum(1)
        cc = s * f[:, t] + pf[:, None] * df + pi[:, None] * di
        ch = Wh.T @ da[:, t]
    hprev = np.concatenate((np.zeros((H, 1, N)), h[:, :-1]), 1)
    dWx = da.reshape(4 * H, -1) @ x.reshape(x.shape[0], -1).T
    dWh = da.reshape(4 * H, -1) @ hprev.reshape(H, -1).T
    dx = np.tensordot(Wx.T, da, 1)
    return dx, dWx, dWh, da.sum((1, 2)), dpeep


# ---- corpus
CELL = "lstm-peephole"
STYLE = "feature-major (D, T, N), stacked fogi, the three peepholes in one array, deltas collected and multiplied at the end"
HELD_OUT = True


def draw(rng):
    D, H, T, N = 5, 4, 6, 3
    r = rng.standard_normal
    return {"input/x": r((D, T, N)), "param/Wx": 0.5 * r((4 * H, D)), "param/Wh": 0.5 * r((4 * H, H)), "param/b": 0.5 * r(4 * H), "param/peep": 0.7 * r((3, H)),
            "cotangent/h": r((H, T, N))}


def run(d):
    args = [d[k] for k in ("input/x", "param/Wx", "param/Wh", "param/b", "param/peep")]
    h, tape = run_forward(*args)
    grads = run_backward(*args, h, tape, d["cotangent/h"])
    return {"output/h": h, "output/c": tape[4]} | {"grad/" + k: g for k, g in zip(("x", "Wx", "Wh", "b", "peep"), grads)}


MISTAKES = {
    "no peephole of o in s": ([(" + po[:, None] * do + cc", " + cc")], [("drop-path", "po p_o o c peep")]),
    "no peepholes of f and i in cc": ([(" + pf[:, None] * df + pi[:, None] * di", "")], [("drop-path", "pf pi p_f p_i f i c peep"), ("cut-recurrence", "pf pi p_f p_i f i c peep")]),
    "peepholes of f and i exchanged": ([("dpeep[0] += (df * cp)", "dpeep[0] += (di * cp)"), ("dpeep[1] += (di * cp)", "dpeep[1] += (df * cp)")], [("swap-gates", "f i p_f p_i pf pi peep")]),
    "po one step late": ([("(do * c[:, t]).sum(1)", "(do * cp).sum(1)")], [("time-shift", "p_o po c peep")]),
    "cell's memory ends": ([("(1 - tc * tc) + po[:, None] * do + cc", "(1 - tc * tc) + po[:, None] * do")], [("cut-recurrence", "c"), ("drop-path", "c")]),
    "o not differentiated": ([(" * o[:, t] * (1 - o[:, t])", "")], [("missing-derivative", "o")]),
    "states not shifted": ([("np.concatenate((np.zeros((H, 1, N)), h[:, :-1]), 1)", "h")], [("time-shift", "Wh h")]),
}
STACKS = {
    "no peephole of o in s + states not shifted": [],
    "po one step late + cell's memory ends": [],
    "o not differentiated + states not shifted": [],
    "no peepholes of f and i in cc + po one step late + states not shifted": [],
}
