import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    Wf, bf = parameters["Wf"], parameters["bf"]
    Wi, bi = parameters["Wi"], parameters["bi"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    Wo, bo = parameters["Wo"], parameters["bo"]
    concat = np.concatenate((a_prev, xt), axis=0)
    ft = sigmoid(np.dot(Wf, concat) + bf)
    it = sigmoid(np.dot(Wi, concat) + bi)
    cct = np.tanh(np.dot(Wc, concat) + bc)
    c_next = ft * c_prev + it * cct
    ot = sigmoid(np.dot(Wo, concat) + bo)
    a_next = ot * np.tanh(c_next)
    cache = (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)
    return a_next, c_next, cache


def lstm_forward(x, a0, parameters):
    caches = []
    n_x, m, T_x = x.shape
    n_a = a0.shape[0]
    a = np.zeros((n_a, m, T_x))
    c = np.zeros((n_a, m, T_x))
    a_next, c_next = a0, np.zeros_like(a0)
    for t in range(T_x):
        a_next, c_next, cache = lstm_cell_forward(x[:, :, t], a_next, c_next, parameters)
        a[:, :, t] = a_next
        c[:, :, t] = c_next
        caches.append(cache)
    return a, c, (caches, x)


def lstm_cell_backward(da_next, dc_next, cache):
    (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters) = cache
    n_a = a_next.shape[0]
    # gate derivatives
    dc = dc_next + da_next * ot * (1 - np.tanh(c_next) ** 2)
    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dcct = dc * it * (1 - cct**2)
    dit = dc * cct * it * (1 - it)
    dft = dc * c_prev * ft * (1 - ft)
    # parameters
    concat = np.concatenate((a_prev, xt), axis=0)
    dWf = np.dot(dft, concat.T)
    dWi = np.dot(dit, concat.T)
    dWc = np.dot(dcct, concat.T)
    dWo = np.dot(dot, concat.T)
    dbf = np.sum(dft, axis=1, keepdims=True)
    dbi = np.sum(dit, axis=1, keepdims=True)
    dbc = np.sum(dcct, axis=1, keepdims=True)
    dbo = np.sum(dot, axis=1, keepdims=True)
    Wf, Wi, Wc, Wo = (parameters[k] for k in ("Wf", "Wi", "Wc", "Wo"))
    da_prev = Wf[:, :n_a].T.dot(dft) + Wi[:, :n_a].T.dot(dit) + Wc[:, :n_a].T.dot(dcct) + Wo[:, :n_a].T.dot(dot)
    dc_prev = dc * ft
    dxt = Wf[:, n_a:].T.dot(dft) + Wi[:, n_a:].T.dot(dit) + Wc[:, n_a:].T.dot(dcct) + Wo[:, n_a:].T.dot(dot)
    return {"dxt": dxt, "da_prev": da_prev, "dc_prev": dc_prev, "dWf": dWf, "dbf": dbf, "dWi": dWi, "dbi": dbi,
            "dWc": dWc, "dbc": dbc, "dWo": dWo, "dbo": dbo}


def lstm_backward(da, caches):
    (caches, x) = caches
    n_x, m, T_x = x.shape
    n_a = da.shape[0]
    dx = np.zeros((n_x, m, T_x))
    da_prevt = np.zeros((n_a, m))
    dc_prevt = np.zeros((n_a, m))
    grads = {}
    for t in reversed(range(T_x)):
        g = lstm_cell_backward(da[:, :, t] + da_prevt, dc_prevt, caches[t])
        da_prevt = g["da_prev"]
        dc_prevt = g["dc_prev"]
        dx[:, :, t] = g["dxt"]
        for k in ("dWf", "dbf", "dWi", "dbi", "dWc", "dbc", "dWo", "dbo"):
            grads[k] = grads.get(k, 0) + g[k]
    grads["dx"] = dx
    grads["da0"] = da_prevt
    return grads


# ---- corpus
CELL = "lstm"
STYLE = "course notebook: caches, columns, (n_x, m, T_x), [a, x]"
HELD_OUT = False
CALL = {"forward": "lstm_forward", "backward": "lstm_backward", "how": "(x, a0, parameters: dict) -> a, c, caches; "
        "(da, caches) -> dict of gradients"}
GATES = ("f", "i", "c", "o")


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    d = {"input/x": rng.standard_normal((D, B, T)), "initial/a0": rng.standard_normal((H, B)) * 0.5}
    for k in GATES:
        d[f"param/W{k}"], d[f"param/b{k}"] = 0.5 * rng.standard_normal((H, H + D)), 0.5 * rng.standard_normal((H, 1))
    d["cotangent/a"] = rng.standard_normal((H, B, T))
    return d


def run(d):
    parameters = {k[6:]: d[k] for k in d if k.startswith("param/")}
    a, c, caches = lstm_forward(d["input/x"], d["initial/a0"], parameters)
    return {"output/a": a, "output/c": c} | {"grad/" + k[1:]: v for k, v in lstm_backward(d["cotangent/a"], caches).items()}


MISTAKES = {
    "a not carried": ([("da[:, :, t] + da_prevt, dc", "da[:, :, t], dc")], [("cut-recurrence", "a da_prev")]),
    "c not carried": ([('dc_prevt = g["dc_prev"]', "pass")], [("cut-recurrence", "c dc_prev")]),
    "f without 1-f": ([("ft * (1 - ft)", "ft")], [("missing-derivative", "f ft dft z_f Wf"), ("misplaced-factor", "f ft")]),
    "Wo not transposed": ([("Wo[:, :n_a].T", "Wo[:, :n_a]")], [("transpose", "Wo o ot")]),
    "tanh of c_prev": ([("dot = da_next * np.tanh(c_next)", "dot = da_next * np.tanh(c_prev)")],
                       [("time-shift", "c o ot dot Wo")]),
    "only the first step": ([("grads.get(k, 0) + g[k]", "g[k]")],
                            [("not-accumulated", "*"), ("first-step-only", "*")]),
    "bias i summed over everything": ([("np.sum(dit, axis=1, keepdims=True)", "np.sum(dit) * np.ones((n_a, 1))")],
                                      [("wrong-axis", "bi i it")]),
    "clipped at 0.5": ([('grads["dx"] = dx', 'grads = {k: np.clip(v, -0.5, 0.5) for k, v in grads.items()}\n    grads["dx"] = dx')],
                       [("clip", "*")]),
}
STACKS = {
    "a not carried + c not carried": [],
    "f without 1-f + Wo not transposed": [],
    "tanh of c_prev + bias i summed over everything + c not carried": [],
    "f without 1-f + clipped at 0.5": [],
}
