import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


# GRU of a blog post: h = (1 - z) * h_prev + z * h_tilde.  Everything is a column and every step is kept in a dictionary.
def forward(params, inputs, h_start):
    h, z, r, k = {-1: h_start}, {}, {}, {}
    for t, x in enumerate(inputs):
        z[t] = sigmoid(params["Wz"] @ x + params["Uz"] @ h[t - 1] + params["bz"])
        r[t] = sigmoid(params["Wr"] @ x + params["Ur"] @ h[t - 1] + params["br"])
        k[t] = np.tanh(params["Wk"] @ x + params["Uk"] @ (r[t] * h[t - 1]) + params["bk"])
        h[t] = (1 - z[t]) * h[t - 1] + z[t] * k[t]
    return h, z, r, k


def loss_and_delta(params, h, targets):
    loss, errors = 0.0, []
    for t, y in enumerate(targets):
        p = params["V"] @ h[t] + params["c"]
        p = np.exp(p - p.max(axis=0)) / np.exp(p - p.max(axis=0)).sum(axis=0)
        loss -= (y * np.log(p)).sum()
        errors.append(p - y)
    return loss, errors


def backward(params, inputs, errors, h, z, r, k):
    g = {name: np.zeros_like(value) for name, value in params.items()}
    dh_next = np.zeros_like(h[-1])
    for t in reversed(range(len(errors))):
        x, hp = inputs[t], h[t - 1]
        g["V"] += errors[t] @ h[t].T
        g["c"] += errors[t].sum(axis=1, keepdims=True)
        dh = params["V"].T @ errors[t] + dh_next

        dk = dh * z[t] * (1 - k[t] ** 2)
        dz = dh * (k[t] - hp) * z[t] * (1 - z[t])
        d_rh = params["Uk"].T @ dk
        dr = d_rh * hp * r[t] * (1 - r[t])

        g["Wk"] += dk @ x.T
        g["Uk"] += dk @ (r[t] * hp).T
        g["bk"] += dk.sum(axis=1, keepdims=True)
        g["Wz"] += dz @ x.T
        g["Uz"] += dz @ hp.T
        g["bz"] += dz.sum(axis=1, keepdims=True)
        g["Wr"] += dr @ x.T
        g["Ur"] += dr @ hp.T
        g["br"] += dr.sum(axis=1, keepdims=True)

        dh_next = dh * (1 - z[t]) + d_rh * r[t] + params["Uz"].T @ dz + params["Ur"].T @ dr
    return g, dh_next


# ---- corpus
CELL = "gru"
STYLE = "functions with dicts by step, columns (n, B), W and U apart, update polarity, reset before the product, summed softmax loss on one-hot targets"
HELD_OUT = True
CALL = None
SIZES = {"W": (3, 5), "U": (3, 3), "b": (3, 1)}


def draw(rng):
    r = rng.standard_normal
    T, B, O = 6, 2, 4
    d = {"input/x": r((T, 5, B)), "initial/h_start": 0.6 * r((3, B)), "target/y": np.eye(O)[rng.integers(0, O, (T, B))].transpose(0, 2, 1)}
    for k in "zrk":
        d |= {f"param/{m}{k}": 0.8 * r(s) for m, s in SIZES.items()}
    return d | {"param/V": 0.8 * r((O, 3)), "param/c": 0.5 * r((O, 1))}


def run(d):
    p = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    x = list(d["input/x"])
    h, z, r, k = forward(p, x, d["initial/h_start"])
    loss, errors = loss_and_delta(p, h, list(d["target/y"]))
    g, dh0 = backward(p, x, errors, h, z, r, k)
    return {"output/h": np.array([h[t] for t in range(len(x))]), "loss": loss, "grad/h_start": dh0} | {"grad/" + n: v for n, v in g.items()}


MISTAKES = {
    "reset gate forgotten on the way back": ([("d_rh * r[t] +", "d_rh +")], [("misplaced-factor", "r h d_rh Uk k hp"), ("missing-derivative", "r h d_rh Uk k hp")]),
    "Uk sees the whole state": ([("dk @ (r[t] * hp).T", "dk @ hp.T")], [("misplaced-factor", "Uk r"), ("missing-derivative", "Uk r"), ("drop-path", "Uk r")]),
    "candidate's way to h dropped": ([(" + d_rh * r[t] +", " +")], [("drop-path", "r h Uk k d_rh hp"), ("cut-recurrence", "r h Uk k d_rh hp")]),
    "dz without the old state": ([("dh * (k[t] - hp) * z", "dh * k[t] * z")], [("drop-path", "z dz hp h h_start Wz bz Uz"), ("misplaced-factor", "z dz")]),
    "1 - z and z exchanged": ([("dh * (1 - z[t]) + d_rh", "dh * z[t] + d_rh")], [("misplaced-factor", "z h dh hp"), ("swap-gates", "z h hp k"), ("sign", "z h")]),
    "r differentiated as tanh": ([("hp * r[t] * (1 - r[t])", "hp * (1 - r[t] ** 2)")], [("missing-derivative", "r dr Wr br Ur"), ("derivative-of-activated", "r dr Wr br Ur"), ("misplaced-factor", "r dr")]),
    "Uz and Ur exchanged": ([('params["Uz"].T @ dz + params["Ur"].T @ dr', 'params["Uz"].T @ dr + params["Ur"].T @ dz')], [("swap-gates", "Uz Ur z r dz dr")]),
    "V only at the end": ([('        g["V"] += errors', '        if t == len(errors) - 1:\n            g["V"] += errors')], [("last-step-only", "V")]),
}
STACKS = {
    "reset gate forgotten on the way back + V only at the end": [],
    "dz without the old state + Uk sees the whole state": [],
    "1 - z and z exchanged + r differentiated as tanh": [],
    "candidate's way to h dropped + dz without the old state + V only at the end": [],
}
