import numpy as np

# Bidirectional RNN for sequence labelling. Columns; x is a list of T arrays (n_x, m).


def brnn(xs, P):
    T, m = len(xs), xs[0].shape[1]
    n = P["bf"].shape[0]
    hf, hb, ys = [None] * T, [None] * T, [None] * T
    h = np.zeros((n, m))
    for t in range(T):
        h = np.tanh(P["Wf"] @ xs[t] + P["Uf"] @ h + P["bf"])
        hf[t] = h
    h = np.zeros((n, m))
    for t in range(T - 1, -1, -1):
        h = np.tanh(P["Wb"] @ xs[t] + P["Ub"] @ h + P["bb"])
        hb[t] = h
    for t in range(T):
        ys[t] = P["V"] @ np.vstack((hf[t], hb[t])) + P["c"]
    return ys, hf, hb


def brnn_grad(xs, P, hf, hb, dys):
    T, m = len(xs), xs[0].shape[1]
    n = P["bf"].shape[0]
    G = {k: np.zeros_like(v) for k, v in P.items()}
    dxs = [np.zeros_like(x) for x in xs]
    zero = np.zeros((n, m))
    dhf, dhb = [None] * T, [None] * T
    for t in range(T):
        G["V"] += dys[t] @ np.vstack((hf[t], hb[t])).T
        G["c"] += dys[t].sum(axis=1, keepdims=True)
        dcat = P["V"].T @ dys[t]
        dhf[t], dhb[t] = dcat[:n], dcat[n:]
    back = zero
    for t in range(T - 1, -1, -1):
        da = (dhf[t] + back) * (1 - hf[t] ** 2)
        h_prev = hf[t - 1] if t > 0 else zero
        G["Wf"] += da @ xs[t].T
        G["Uf"] += da @ h_prev.T
        G["bf"] += da.sum(axis=1, keepdims=True)
        dxs[t] += P["Wf"].T @ da
        back = P["Uf"].T @ da
    fwd = zero
    for t in range(T):
        da = (dhb[t] + fwd) * (1 - hb[t] ** 2)
        h_next = hb[t + 1] if t < T - 1 else zero
        G["Wb"] += da @ xs[t].T
        G["Ub"] += da @ h_next.T
        G["bb"] += da.sum(axis=1, keepdims=True)
        dxs[t] += P["Wb"].T @ da
        fwd = P["Ub"].T @ da
    return G, dxs


# ---- corpus
CELL = "rnn-bidirectional"
STYLE = "lists of (n_x, m) columns, two directions and a read-out"
HELD_OUT = True
CALL = None


def draw(rng):
    D, H, B, T, O = 5, 4, 3, 6, 2
    r = lambda *s: 0.5 * rng.standard_normal(s)
    shapes = {"Wf": (H, D), "Uf": (H, H), "bf": (H, 1), "Wb": (H, D), "Ub": (H, H), "bb": (H, 1), "V": (O, 2 * H), "c": (O, 1)}
    return {"input/x": 2 * r(T, D, B), "cotangent/y": 2 * r(T, O, B)} | {"param/" + k: r(*s) for k, s in shapes.items()}


def run(d):
    P, xs = {k[6:]: v for k, v in d.items() if k.startswith("param/")}, list(d["input/x"])
    ys, hf, hb = brnn(xs, P)
    G, dxs = brnn_grad(xs, P, hf, hb, list(d["cotangent/y"]))
    return {"output/y": np.array(ys), "output/hf": np.array(hf), "output/hb": np.array(hb), "grad/x": np.array(dxs)} | {
        "grad/" + k: v for k, v in G.items()}


MISTAKES = {
    "forward direction cut": ([("(dhf[t] + back)", "dhf[t]")], [("cut-recurrence", "hf h Uf")]),
    "backward direction cut": ([("(dhb[t] + fwd)", "dhb[t]")], [("cut-recurrence", "hb h Ub")]),
    "h_next is h_prev": ([("h_next = hb[t + 1] if t < T - 1 else zero", "h_next = hb[t - 1] if t > 0 else zero")], [("time-shift", "Ub hb")]),
    "x gets one direction": ([('dxs[t] += P["Wb"].T @ da', 'dxs[t] = P["Wb"].T @ da')], [("drop-path", "x Wf hf Wb")]),
    "halves exchanged": ([("dhf[t], dhb[t] = dcat[:n], dcat[n:]", "dhb[t], dhf[t] = dcat[:n], dcat[n:]")], [("swap-gates", "hf hb V y")]),
    "Ub not transposed": ([('P["Ub"].T @ da', 'P["Ub"] @ da')], [("transpose", "Ub")]),
    "V of one step": ([('G["V"] += ', 'G["V"] = ')], [("not-accumulated", "V"), ("last-step-only", "V")]),
}
STACKS = {
    "forward direction cut + backward direction cut": [],
    "h_next is h_prev + V of one step": [],
    "Ub not transposed + forward direction cut": [],
    "Ub not transposed + x gets one direction + V of one step": [],
}
