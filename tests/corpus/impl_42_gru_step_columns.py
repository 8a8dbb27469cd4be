import numpy as np


def gru_unit(x, h, Wr, Wu, Wc, br, bu, bc):
    """One GRU step for a minibatch in columns, on [x; h]; u takes the candidate."""
    v = np.r_[x, h]
    r = 1 / (1 + np.exp(-(Wr.dot(v) + br)))
    u = 1 / (1 + np.exp(-(Wu.dot(v) + bu)))
    vr = np.r_[x, r * h]
    c = np.tanh(Wc.dot(vr) + bc)
    h_next = u * c + (1 - u) * h
    return h_next, (v, vr, r, u, c)


def gru_unit_backward(x, h, Wr, Wu, Wc, saved, dh_next):
    v, vr, r, u, c = saved
    D = x.shape[0]
    dc_in = dh_next * u * (1 - c**2)
    du_in = dh_next * (c - h) * u * (1 - u)
    dvr = Wc.T.dot(dc_in)
    drh = dvr[D:]
    dr_in = drh * h * r * (1 - r)
    dv = Wr.T.dot(dr_in) + Wu.T.dot(du_in)
    dx = dv[:D] + dvr[:D]
    dh = dv[D:] + drh * r + dh_next * (1 - u)
    dWr, dWu, dWc = dr_in.dot(v.T), du_in.dot(v.T), dc_in.dot(vr.T)
    dbr, dbu, dbc = (d.sum(1, keepdims=True) for d in (dr_in, du_in, dc_in))
    return dx, dh, dWr, dWu, dWc, dbr, dbu, dbc


# ---- corpus
CELL = "gru"
STYLE = "one step without a time axis, columns, [x, h], reset before, update polarity"
HELD_OUT = True
CALL = {"forward": "gru_unit", "backward": "gru_unit_backward", "how": "one step; (x, h, Wr, Wu, Wc, br, bu, bc) -> h_next, saved; (x, h, Wr, Wu, Wc, saved, dh) -> tuple"}
NAMES = ("Wr", "Wu", "Wc", "br", "bu", "bc")


def draw(rng):
    D, H, B = 5, 4, 3
    r = rng.standard_normal
    d = {"input/x": r((D, B)), "initial/h": 0.5 * r((H, B)), "cotangent/h_next": r((H, B))}
    return d | {"param/" + k: 0.5 * r((H, D + H if k[0] == "W" else 1)) for k in NAMES}


def run(d):
    x, h, P = d["input/x"], d["initial/h"], [d["param/" + k] for k in NAMES]
    h_next, saved = gru_unit(x, h, *P)
    return {"output/h_next": h_next} | {"grad/" + k: g for k, g in zip(("x", "h", *NAMES), gru_unit_backward(x, h, *P[:3], saved, d["cotangent/h_next"]))}


MISTAKES = {
    "x only through the gates": ([("dx = dv[:D] + dvr[:D]", "dx = dv[:D]")], [("drop-path", "x Wc c vr")]),
    "h not through the reset product": ([("dv[D:] + drh * r +", "dv[D:] +")], [("drop-path", "h r vr c Wc"), ("cut-recurrence", "h r vr Wc")]),
    "candidate with v": ([("dc_in.dot(vr.T)", "dc_in.dot(v.T)")], [("misplaced-factor", "Wc r h vr"), ("drop-path", "Wc r vr"), ("missing-derivative", "Wc r vr")]),
    "r at its output": ([("dr_in = drh * h * r * (1 - r)", "rr = 1 / (1 + np.exp(-r))\n    dr_in = drh * h * rr * (1 - rr)")], [("derivative-of-activated", "r dr_in")]),
    "1-u left out": ([("drh * r + dh_next * (1 - u)", "drh * r + dh_next")], [("misplaced-factor", "h u h_next"), ("missing-derivative", "h u h_next")]),
}
STACKS = {
    "x only through the gates + candidate with v": [],
    "r at its output + 1-u left out": [],
    "h not through the reset product + r at its output + candidate with v": [],
}
