import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e_x = np.exp(x - np.max(x, axis=0))
    return e_x / e_x.sum(axis=0)


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    """xt: (n_x, m), a_prev and c_prev: (n_a, m).  Gates: forget, update, output."""
    concat = np.concatenate((a_prev, xt), axis=0)
    gamma_f = sigmoid(np.dot(parameters["Wf"], concat) + parameters["bf"])
    gamma_u = sigmoid(np.dot(parameters["Wu"], concat) + parameters["bu"])
    c_tilde = np.tanh(np.dot(parameters["Wc"], concat) + parameters["bc"])
    gamma_o = sigmoid(np.dot(parameters["Wo"], concat) + parameters["bo"])
    c_next = gamma_u * c_tilde + gamma_f * c_prev
    a_next = gamma_o * np.tanh(c_next)
    yt_hat = softmax(np.dot(parameters["Wy"], a_next) + parameters["by"])
    cache = (a_next, c_next, a_prev, c_prev, gamma_f, gamma_u, c_tilde, gamma_o, xt, yt_hat)
    return a_next, c_next, yt_hat, cache


def lstm_cell_backward(dzy, da_next, dc_next, cache, parameters):
    (a_next, c_next, a_prev, c_prev, gamma_f, gamma_u, c_tilde, gamma_o, xt, yt_hat) = cache
    n_a, m = a_next.shape
    concat = np.concatenate((a_prev, xt), axis=0)
    gradients = {}
    gradients["dWy"] = np.dot(dzy, a_next.T)
    gradients["dby"] = np.sum(dzy, axis=1, keepdims=True)
    da = np.dot(parameters["Wy"].T, dzy) + da_next

    dc = dc_next + da * gamma_o * (1 - np.tanh(c_next) ** 2)
    dgamma_o = da * np.tanh(c_next) * gamma_o * (1 - gamma_o)
    dc_tilde = dc * gamma_u * (1 - c_tilde**2)
    dgamma_u = dc * c_tilde * gamma_u * (1 - gamma_u)
    dgamma_f = dc * c_prev * gamma_f * (1 - gamma_f)

    gradients["dWf"] = np.dot(dgamma_f, concat.T)
    gradients["dWu"] = np.dot(dgamma_u, concat.T)
    gradients["dWc"] = np.dot(dc_tilde, concat.T)
    gradients["dWo"] = np.dot(dgamma_o, concat.T)
    gradients["dbf"] = np.sum(dgamma_f, axis=1, keepdims=True)
    gradients["dbu"] = np.sum(dgamma_u, axis=1, keepdims=True)
    gradients["dbc"] = np.sum(dc_tilde, axis=1, keepdims=True)
    gradients["dbo"] = np.sum(dgamma_o, axis=1, keepdims=True)

    da_prev = np.dot(parameters["Wf"][:, :n_a].T, dgamma_f) + np.dot(parameters["Wu"][:, :n_a].T, dgamma_u)
    da_prev += np.dot(parameters["Wc"][:, :n_a].T, dc_tilde) + np.dot(parameters["Wo"][:, :n_a].T, dgamma_o)
    dc_prev = dc * gamma_f
    return gradients, da_prev, dc_prev


def lstm_model(X, Y, a0, parameters):
    """X: (n_x, m, T_x), Y: (n_y, m, T_x) one-hot.  Cost: averaged over the m examples, added up over the T_x steps."""
    n_x, m, T_x = X.shape
    a_next, c_next = a0, np.zeros_like(a0)
    caches, A, Y_hat = [], [], []
    for t in range(T_x):
        a_next, c_next, yt_hat, cache = lstm_cell_forward(X[:, :, t], a_next, c_next, parameters)
        caches.append(cache)
        A.append(a_next)
        Y_hat.append(yt_hat)
    A, Y_hat = np.stack(A, axis=2), np.stack(Y_hat, axis=2)
    cost = -np.sum(Y * np.log(Y_hat)) / m

    gradients = {"d" + key: np.zeros_like(value) for key, value in parameters.items()}
    da_prev, dc_prev = np.zeros_like(a0), np.zeros_like(a0)
    for t in reversed(range(T_x)):
        dzy = (Y_hat[:, :, t] - Y[:, :, t]) / m
        step, da_prev, dc_prev = lstm_cell_backward(dzy, da_prev, dc_prev, caches[t], parameters)
        for key in step:
            gradients[key] += step[key]
    gradients["da0"] = da_prev
    return cost, A, Y_hat, gradients


# ---- corpus
CELL = """
f[t] = sigmoid(Wf @ [a[t-1], x[t]] + bf)
u[t] = sigmoid(Wu @ [a[t-1], x[t]] + bu)
o[t] = sigmoid(Wo @ [a[t-1], x[t]] + bo)
g[t] = tanh(Wc @ [a[t-1], x[t]] + bc)
c[t] = f[t] * c[t-1] + u[t] * g[t]
a[t] = o[t] * tanh(c[t])
y[t] = Wy @ a[t] + by
"""
STYLE = "course notebook with cell functions and a dict of gradients, columns (n_x, m, T_x), [a, x], softmax at every step, mean over m"
HELD_OUT = True
NX, NA, NY, M, TX = 3, 5, 4, 2, 6


def draw(rng):
    r = rng.standard_normal
    d = {"input/X": r((NX, M, TX)), "target/Y": np.moveaxis(np.eye(NY)[rng.integers(0, NY, (M, TX))], 2, 0), "initial/a0": 0.5 * r((NA, M))}
    for k in "fuco":
        d["param/W" + k], d["param/b" + k] = 0.6 * r((NA, NA + NX)), 0.5 * r((NA, 1))
    return d | {"param/Wy": r((NY, NA)), "param/by": 0.5 * r((NY, 1))}


def run(d):
    parameters = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    cost, A, Y_hat, gradients = lstm_model(d["input/X"], d["target/Y"], d["initial/a0"], parameters)
    return {"output/a": A, "output/Y_hat": Y_hat, "loss": np.array(cost)} | {"grad/" + k[1:]: v for k, v in gradients.items()}


MISTAKES = {
    "dc not handed on": ([("    dc = dc_next + da *", "    dc = da *")], [("cut-recurrence", "c f c_next dc"), ("drop-path", "c f c_next")]),
    "update gate without 1 - u": ([("c_tilde * gamma_u * (1 - gamma_u)", "c_tilde * gamma_u")], [("missing-derivative", "u gamma_u dgamma_u Wu"), ("misplaced-factor", "u gamma_u dgamma_u Wu")]),
    "candidate through tanh again": ([("(1 - c_tilde**2)", "(1 - np.tanh(c_tilde) ** 2)")], [("derivative-of-activated", "g c_tilde dc_tilde Wc")]),
    "forget gate sees c_next": ([("dc * c_prev * gamma_f", "dc * c_next * gamma_f")], [("time-shift", "c f c_prev c_next gamma_f dgamma_f")]),
    "cost averaged over T_x too": ([("- Y[:, :, t]) / m", "- Y[:, :, t]) / (m * T_x)")], [("scale", "*")], "loss"),
    "Wo missing in da_prev": ([(' + np.dot(parameters["Wo"][:, :n_a].T, dgamma_o)', "")], [("drop-path", "o Wo gamma_o dgamma_o a"), ("cut-recurrence", "o Wo gamma_o a")]),
    "Wy with a_prev": ([('gradients["dWy"] = np.dot(dzy, a_next.T)', 'gradients["dWy"] = np.dot(dzy, a_prev.T)')], [("time-shift", "Wy a a_prev a_next")]),
    "bracket around both": ([("dc = dc_next + da * gamma_o * (1 - np.tanh(c_next) ** 2)", "dc = (dc_next + da * gamma_o) * (1 - np.tanh(c_next) ** 2)")], [("misplaced-factor", "c a dc c_next")]),
    "bf as a mean": ([('gradients["dbf"] = np.sum(', 'gradients["dbf"] = np.mean(')], [("scale", "bf f"), ("misplaced-factor", "bf f")]),
}
STACKS = {
    "dc not handed on + bf as a mean": [],
    "update gate without 1 - u + Wo missing in da_prev": [],
    "cost averaged over T_x too + Wy with a_prev": [],
    "forget gate sees c_next + candidate through tanh again + Wy with a_prev": [],
}
