import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_cell_forward(x, c_prev, params):
    """Simplified GRU of the lecture, with the update gate only."""
    concat = np.vstack([c_prev, x])
    gamma_u = sigmoid(params["Wu"] @ concat + params["bu"])
    c_tilde = np.tanh(params["Wc"] @ concat + params["bc"])
    c = gamma_u * c_tilde + (1 - gamma_u) * c_prev
    return c, (x, c_prev, concat, gamma_u, c_tilde)


def gru_cell_backward(dc, cache, params):
    x, c_prev, concat, gamma_u, c_tilde = cache
    n = c_prev.shape[0]
    dgamma_u = dc * (c_tilde - c_prev) * gamma_u * (1 - gamma_u)
    dc_tilde = dc * gamma_u * (1 - c_tilde**2)
    dconcat = params["Wu"].T @ dgamma_u + params["Wc"].T @ dc_tilde
    grads = {
        "Wu": dgamma_u @ concat.T,
        "bu": dgamma_u.sum(axis=1, keepdims=True),
        "Wc": dc_tilde @ concat.T,
        "bc": dc_tilde.sum(axis=1, keepdims=True),
        "x": dconcat[n:],
        "c_prev": dconcat[:n] + dc * (1 - gamma_u),
    }
    return grads


def gru_forward(x, c0, params):
    n_x, m, T_x = x.shape
    c = np.zeros((c0.shape[0], m, T_x))
    caches = []
    prev = c0
    for t in range(T_x):
        prev, cache = gru_cell_forward(x[:, :, t], prev, params)
        c[:, :, t] = prev
        caches.append(cache)
    return c, caches


def gru_backward(dc, caches, params):
    n, m, T_x = dc.shape
    dx = np.zeros((caches[0][0].shape[0], m, T_x))
    total = {k: np.zeros_like(v) for k, v in params.items()}
    dprev = np.zeros((n, m))
    for t in reversed(range(T_x)):
        g = gru_cell_backward(dc[:, :, t] + dprev, caches[t], params)
        dprev = g["c_prev"]
        dx[:, :, t] = g["x"]
        for k in params:
            total[k] = total[k] + g[k]
    total["x"] = dx
    total["c0"] = dprev
    return total


# ---- corpus
CELL = "gru-simplified"
STYLE = "course notebook: caches, columns, (n_x, m, T_x), [c, x]"
HELD_OUT = True
CALL = {"forward": "gru_forward", "backward": "gru_backward", "how": "(x, c0, params) -> c, caches; (dc, caches, params) -> dict"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    d = {"input/x": r((D, B, T)), "initial/c0": 0.5 * r((H, B)), "cotangent/c": r((H, B, T))}
    for k in "uc":
        d["param/W" + k], d["param/b" + k] = 0.5 * r((H, H + D)), 0.5 * r((H, 1))
    return d


def run(d):
    params = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    c, caches = gru_forward(d["input/x"], d["initial/c0"], params)
    return {"output/c": c} | {"grad/" + k: v for k, v in gru_backward(d["cotangent/c"], caches, params).items()}


MISTAKES = {
    "no-op sum": ([("total[k] = total[k] + g[k]", "total[k] + g[k]")], [("zero-gradient", "*")]),
    "old memory left out of dgamma": ([("dc * (c_tilde - c_prev) * gamma_u", "dc * c_tilde * gamma_u")], [("drop-path", "u gamma_u c c_prev Wu dgamma_u"), ("misplaced-factor", "u gamma_u c c_prev Wu dgamma_u")]),
    "keep path dropped": ([("dconcat[:n] + dc * (1 - gamma_u)", "dconcat[:n]")], [("drop-path", "c c_prev gamma_u u"), ("cut-recurrence", "c c_prev gamma_u u")]),
    "keep path with u": ([("+ dc * (1 - gamma_u)", "+ dc * gamma_u")], [("misplaced-factor", "c c_prev gamma_u u"), ("swap-gates", "c gamma_u u c_prev")]),
    "truncated after 2": ([('dprev = g["c_prev"]', 'dprev = g["c_prev"] * (t % 2)')], [("truncate", "*")]),
    "Wu not counted in dconcat": ([('params["Wu"].T @ dgamma_u + ', "")], [("drop-path", "u gamma_u Wu dgamma_u"), ("drop-path", "concat")]),
    "c_tilde gets its own square": ([("dc * gamma_u * (1 - c_tilde**2)", "dc * (1 - c_tilde**2)")], [("misplaced-factor", "c_tilde u gamma_u c Wc"), ("missing-derivative", "gamma_u u c_tilde c")]),
    "whole gradient clipped by norm": ([('    total["x"] = dx', '    norm = np.sqrt(sum((v**2).sum() for v in total.values()))\n    total = {k: v * min(1, 2 / norm) for k, v in total.items()}\n    total["x"] = dx')], [("clip", "*")]),
}
STACKS = {
    "old memory left out of dgamma + keep path dropped": [],
    "c_tilde gets its own square + keep path with u": [],
    "keep path with u + whole gradient clipped by norm": [],
    "Wu not counted in dconcat + old memory left out of dgamma + c_tilde gets its own square": [],
}
