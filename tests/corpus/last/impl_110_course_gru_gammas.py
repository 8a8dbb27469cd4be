import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_cell_forward(xt, c_prev, parameters):
    """
    xt -- (n_x, m), c_prev -- (n_c, m)
    """
    Wu, bu = parameters["Wu"], parameters["bu"]
    Wr, br = parameters["Wr"], parameters["br"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    concat = np.concatenate((c_prev, xt), axis=0)
    gamma_u = sigmoid(np.dot(Wu, concat) + bu)
    gamma_r = sigmoid(np.dot(Wr, concat) + br)
    concat_r = np.concatenate((gamma_r * c_prev, xt), axis=0)
    c_tilde = np.tanh(np.dot(Wc, concat_r) + bc)
    c_next = gamma_u * c_tilde + (1 - gamma_u) * c_prev
    cache = (c_next, c_prev, gamma_u, gamma_r, c_tilde, concat, concat_r, parameters)
    return c_next, cache


def gru_forward(x, c0, parameters):
    caches = []
    n_x, m, T_x = x.shape
    c = np.zeros((c0.shape[0], m, T_x))
    c_next = c0
    for t in range(T_x):
        c_next, cache = gru_cell_forward(x[:, :, t], c_next, parameters)
        c[:, :, t] = c_next
        caches.append(cache)
    return c, caches


def gru_cell_backward(dc_next, cache):
    (c_next, c_prev, gamma_u, gamma_r, c_tilde, concat, concat_r, parameters) = cache
    n_c = c_next.shape[0]
    Wu, Wr, Wc = parameters["Wu"], parameters["Wr"], parameters["Wc"]

    # candidate
    dc_tilde = dc_next * gamma_u * (1 - c_tilde**2)
    dWc = np.dot(dc_tilde, concat_r.T)
    dbc = np.sum(dc_tilde, axis=1, keepdims=True)
    dconcat_r = np.dot(Wc.T, dc_tilde)
    # relevance gate
    dgamma_r = dconcat_r[:n_c, :] * c_prev * gamma_r * (1 - gamma_r)
    dWr = np.dot(dgamma_r, concat.T)
    dbr = np.sum(dgamma_r, axis=1, keepdims=True)
    # update gate
    dgamma_u = dc_next * (c_tilde - c_prev) * gamma_u * (1 - gamma_u)
    dWu = np.dot(dgamma_u, concat.T)
    dbu = np.sum(dgamma_u, axis=1, keepdims=True)
    # previous memory and input
    dconcat = np.dot(Wu.T, dgamma_u) + np.dot(Wr.T, dgamma_r)
    dc_prev = dc_next * (1 - gamma_u) + dconcat_r[:n_c, :] * gamma_r + dconcat[:n_c, :]
    dxt = dconcat_r[n_c:, :] + dconcat[n_c:, :]

    return {"dxt": dxt, "dc_prev": dc_prev, "dWu": dWu, "dbu": dbu, "dWr": dWr, "dbr": dbr, "dWc": dWc, "dbc": dbc}


def gru_backward(dc, x, caches):
    n_x, m, T_x = x.shape
    dx = np.zeros((n_x, m, T_x))
    dc_prevt = np.zeros((dc.shape[0], m))
    gradients = {"dWu": 0, "dbu": 0, "dWr": 0, "dbr": 0, "dWc": 0, "dbc": 0}
    for t in reversed(range(T_x)):
        g = gru_cell_backward(dc[:, :, t] + dc_prevt, caches[t])
        dx[:, :, t] = g["dxt"]
        dc_prevt = g["dc_prev"]
        for name in gradients:
            gradients[name] = gradients[name] + g[name]
    gradients["dx"] = dx
    gradients["dc0"] = dc_prevt
    return gradients


# ---- corpus
CELL = "gru"
STYLE = "course notebook with caches and dicts, columns (n_x, m, T_x), [c, x], update polarity, reset before"
HELD_OUT = True


def draw(rng):
    D, H, B, T = 3, 5, 4, 6
    r = rng.standard_normal
    d = {"input/x": r((D, B, T)), "initial/c0": 0.5 * r((H, B)), "cotangent/c": r((H, B, T))}
    for k in "urc":
        d["param/W" + k], d["param/b" + k] = 0.6 * r((H, H + D)), 0.6 * r((H, 1))
    return d


def run(d):
    parameters = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    c, caches = gru_forward(d["input/x"], d["initial/c0"], parameters)
    return {"output/c": c} | {"grad/" + k[1:]: v for k, v in gru_backward(d["cotangent/c"], d["input/x"], caches).items()}


MISTAKES = {
    "memory's direct path forgotten": ([("dc_prev = dc_next * (1 - gamma_u) + dconcat_r", "dc_prev = dconcat_r")], [("drop-path", "c c_prev u gamma_u z"), ("cut-recurrence", "c c_prev u gamma_u z")]),
    "candidate without the reset gate": ([("dconcat_r[:n_c, :] * gamma_r + dconcat[:n_c, :]", "dconcat_r[:n_c, :] + dconcat[:n_c, :]")], [("misplaced-factor", "c r gamma_r c_tilde"), ("missing-derivative", "c r gamma_r c_tilde")]),
    "Wc sees the memory unreset": ([("dWc = np.dot(dc_tilde, concat_r.T)", "dWc = np.dot(dc_tilde, concat.T)")], [("misplaced-factor", "Wc r gamma_r c c_tilde"), ("missing-derivative", "Wc r gamma_r c c_tilde")]),
    "gamma_u for 1 - gamma_u": ([("dc_next * (1 - gamma_u) +", "dc_next * gamma_u +")], [("misplaced-factor", "c u gamma_u z"), ("swap-gates", "u gamma_u c c_tilde")]),
    "update gate forgets c_prev": ([("dc_next * (c_tilde - c_prev) * gamma_u", "dc_next * c_tilde * gamma_u")], [("drop-path", "u gamma_u c c_prev z"), ("misplaced-factor", "u gamma_u c c_prev z")]),
    "relevance gate without 1 - gamma_r": ([("c_prev * gamma_r * (1 - gamma_r)", "c_prev * gamma_r")], [("missing-derivative", "r gamma_r dgamma_r"), ("misplaced-factor", "r gamma_r")]),
    "tanh' of tanh": ([("(1 - c_tilde**2)", "(1 - np.tanh(c_tilde) ** 2)")], [("derivative-of-activated", "c_tilde c dc_tilde Wc")]),
    "update gate left out of the concatenation": ([("np.dot(Wu.T, dgamma_u) + np.dot(Wr.T, dgamma_r)", "np.dot(Wr.T, dgamma_r)")], [("drop-path", "u gamma_u Wu dgamma_u")]),
    "nothing added from the step after": ([("dc[:, :, t] + dc_prevt, caches", "dc[:, :, t], caches")], [("cut-recurrence", "c dc_prevt c_prev"), ("truncate", "*")], "wrong"),
}
STACKS = {
    "memory's direct path forgotten + Wc sees the memory unreset": [],
    "relevance gate without 1 - gamma_r + update gate forgets c_prev": [],
    "nothing added from the step after + tanh' of tanh": [],
    "candidate without the reset gate + relevance gate without 1 - gamma_r": [],
}
