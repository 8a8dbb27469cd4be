import numpy as np


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


# LSTM with coupled gates (the input gate is 1 - f). x: (B, T, D); every gate has W (D, H), R (H, H), b (H,)
def cifg_forward(x, par):
    B, T, D = x.shape
    H = par["bf"].size
    h, c = np.zeros((B, H)), np.zeros((B, H))
    tape, out = [], []
    for t in range(T):
        f = sigmoid(x[:, t] @ par["Wf"] + h @ par["Rf"] + par["bf"])
        o = sigmoid(x[:, t] @ par["Wo"] + h @ par["Ro"] + par["bo"])
        z = np.tanh(x[:, t] @ par["Wz"] + h @ par["Rz"] + par["bz"])
        c_new = f * c + (1 - f) * z
        tape.append((h, c, f, o, z, c_new))
        h, c = o * np.tanh(c_new), c_new
        out.append(h)
    return np.stack(out, axis=1), tape


def cifg_backward(x, par, tape, dout):
    grads = {k: np.zeros_like(v) for k, v in par.items()}
    dx = np.zeros_like(x)
    dh_next = dc_next = np.zeros_like(dout[:, 0])
    for t in reversed(range(x.shape[1])):
        h, c, f, o, z, c_new = tape[t]
        dh = dout[:, t] + dh_next
        tc = np.tanh(c_new)
        dc = dc_next + dh * o * (1 - tc * tc)
        d = {"f": dc * (c - z) * f * (1 - f), "o": dh * tc * o * (1 - o), "z": dc * (1 - f) * (1 - z * z)}
        dh_next = 0.0
        for k in "foz":
            grads["W" + k] += x[:, t].T @ d[k]
            grads["R" + k] += h.T @ d[k]
            grads["b" + k] += d[k].sum(axis=0)
            dx[:, t] += d[k] @ par["W" + k].T
            dh_next = dh_next + d[k] @ par["R" + k].T
        dc_next = dc * f
    return grads, dx


# ---- corpus
CELL = """
f[t] = sigmoid(W_f @ x[t] + R_f @ h[t-1] + b_f)
o[t] = sigmoid(W_o @ x[t] + R_o @ h[t-1] + b_o)
z[t] = tanh(W_z @ x[t] + R_z @ h[t-1] + b_z)
c[t] = f[t] * c[t-1] + (1 - f[t]) * z[t]
h[t] = o[t] * tanh(c[t])
"""
STYLE = "a cell of one's own (equations), rows, (B, T, D), separate W and R a gate, tape of tuples"
HELD_OUT = False
CALL = {"forward": "cifg_forward", "backward": "cifg_backward", "how": "(x, par: dict) -> out, tape; (x, par, tape, dout) -> dict, dx"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    d = {"input/x": r((B, T, D)), "cotangent/h": r((B, T, H))}
    for k in "foz":
        d["param/W" + k], d["param/R" + k], d["param/b" + k] = 0.5 * r((D, H)), 0.5 * r((H, H)), 0.5 * r(H)
    return d


def run(d):
    par = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    out, tape = cifg_forward(d["input/x"], par)
    grads, dx = cifg_backward(d["input/x"], par, tape, d["cotangent/h"])
    return {"output/h": out, "grad/x": dx} | {"grad/" + k: v for k, v in grads.items()}


MISTAKES = {
    "coupling forgotten": ([("dc * (c - z) * f", "dc * c * f")], [("drop-path", "f z c"), ("misplaced-factor", "f z c")]),
    "c not carried": ([("dc = dc_next + dh", "dc = dh")], [("cut-recurrence", "c dc")]),
    "z applied twice": ([("(1 - z * z)", "(1 - np.tanh(z) ** 2)")], [("derivative-of-activated", "z")]),
    "R as it stands": ([('d[k] @ par["R" + k].T', 'd[k] @ par["R" + k]')], [("transpose", "R Rf Ro Rz h")]),
    "x gets the last gate": ([("dx[:, t] += d[k]", "dx[:, t] = d[k]")], [[("drop-path", "x f Wf"), ("drop-path", "x o Wo")], ("drop-path", "x f o Wf Wo")]),
    "b half": ([("d[k].sum(axis=0)", "d[k].mean(axis=0)")], [("scale", "b bf bo bz")]),
}
STACKS = {
    "coupling forgotten + R as it stands": [],
    "c not carried + z applied twice": [],
    "x gets the last gate + b half": [],
    "coupling forgotten + z applied twice + b half": [],
}
