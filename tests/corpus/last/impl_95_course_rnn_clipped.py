import numpy as np


def softmax(x):
    e_x = np.exp(x - np.max(x, axis=0))
    return e_x / e_x.sum(axis=0)


def rnn_cell_forward(xt, a_prev, parameters):
    Wax = parameters["Wax"]
    Waa = parameters["Waa"]
    Wya = parameters["Wya"]
    ba = parameters["ba"]
    by = parameters["by"]

    a_next = np.tanh(np.dot(Wax, xt) + np.dot(Waa, a_prev) + ba)
    yt_pred = softmax(np.dot(Wya, a_next) + by)
    cache = (a_next, a_prev, xt, parameters)
    return a_next, yt_pred, cache


def rnn_forward(x, a0, parameters):
    caches = []
    n_x, m, T_x = x.shape
    n_y, n_a = parameters["Wya"].shape
    a = np.zeros((n_a, m, T_x))
    y_pred = np.zeros((n_y, m, T_x))
    a_next = a0
    for t in range(T_x):
        a_next, yt_pred, cache = rnn_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        y_pred[:, :, t] = yt_pred
        caches.append(cache)
    return a, y_pred, (caches, x)


def rnn_cell_backward(da_next, cache):
    (a_next, a_prev, xt, parameters) = cache
    Wax = parameters["Wax"]
    Waa = parameters["Waa"]

    dtanh = (1 - a_next**2) * da_next
    dxt = np.dot(Wax.T, dtanh)
    dWax = np.dot(dtanh, xt.T)
    da_prev = np.dot(Waa.T, dtanh)
    dWaa = np.dot(dtanh, a_prev.T)
    dba = np.sum(dtanh, axis=1, keepdims=True)
    return {"dxt": dxt, "da_prev": da_prev, "dWax": dWax, "dWaa": dWaa, "dba": dba}


def rnn_backward(da, caches):
    (caches, x) = caches
    n_a, m, T_x = da.shape
    n_x, m = x[:, :, 0].shape
    dx = np.zeros((n_x, m, T_x))
    dWax = np.zeros((n_a, n_x))
    dWaa = np.zeros((n_a, n_a))
    dba = np.zeros((n_a, 1))
    da_prevt = np.zeros((n_a, m))
    for t in reversed(range(T_x)):
        gradients = rnn_cell_backward(da[:, :, t] + da_prevt, caches[t])
        dxt, da_prevt, dWaxt, dWaat, dbat = (gradients[k] for k in ("dxt", "da_prev", "dWax", "dWaa", "dba"))
        dx[:, :, t] = dxt
        dWax += dWaxt
        dWaa += dWaat
        dba += dbat
    da0 = da_prevt
    return {"dx": dx, "da0": da0, "dWax": dWax, "dWaa": dWaa, "dba": dba}


def clip(gradients, maxValue):
    for gradient in ("dWaa", "dWax", "dba"):
        np.clip(gradients[gradient], -maxValue, maxValue, out=gradients[gradient])
    return gradients


# ---- corpus
CELL = "rnn"
STYLE = "course notebook with caches, columns (n_x, m, T_x), read-out computed but not differentiated"
HELD_OUT = True
SHAPES = {"Wax": (5, 3), "Waa": (5, 5), "Wya": (2, 5), "ba": (5, 1), "by": (2, 1)}


def draw(rng):
    r = rng.standard_normal
    d = {"input/x": r((3, 10, 4)), "initial/a0": r((5, 10)), "cotangent/a": r((5, 10, 4))}
    return d | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    a, y_pred, caches = rnn_forward(d["input/x"], d["initial/a0"], {k: d["param/" + k] for k in SHAPES})
    gradients = clip(rnn_backward(d["cotangent/a"], caches), 1e3)
    return {"output/a": a, "output/y_pred": y_pred} | {"grad/" + k[1:]: v for k, v in gradients.items()}


MISTAKES = {
    "only da of the step": ([("rnn_cell_backward(da[:, :, t] + da_prevt, caches", "rnn_cell_backward(da[:, :, t], caches")], [("cut-recurrence", "a da_prev da_prevt"), ("drop-path", "a Waa da_prev"), ("truncate", "*")], "wrong"),
    "dtanh without the derivative": ([("dtanh = (1 - a_next**2) * da_next", "dtanh = da_next")], [("missing-derivative", "a dtanh")]),
    "tanh of a_next once more": ([("(1 - a_next**2)", "(1 - np.tanh(a_next) ** 2)")], [("derivative-of-activated", "a a_next dtanh")]),
    "Waa not transposed": ([("np.dot(Waa.T, dtanh)", "np.dot(Waa, dtanh)")], [("transpose", "Waa")]),
    "dWaa with a_next": ([("np.dot(dtanh, a_prev.T)", "np.dot(dtanh, a_next.T)")], [("time-shift", "Waa a a_prev a_next")]),
    "dba one number": ([("np.sum(dtanh, axis=1, keepdims=True)", "np.sum(dtanh, keepdims=True)")], [("wrong-axis", "ba b")]),
    "dWax of one step": ([("dWax += dWaxt", "dWax = dWaxt")], [("not-accumulated", "Wax"), ("first-step-only", "Wax")]),
    "clipped at 3": ([("np.clip(gradients[gradient], -maxValue, maxValue", "np.clip(gradients[gradient], -3, 3")], [("clip", "*")]),
    "da0 left at zero": ([("    da0 = da_prevt\n", "    da0 = np.zeros((n_a, m))\n")], [("zero-gradient", "a0 a")]),
}
STACKS = {
    "only da of the step + dWax of one step": [],
    "tanh of a_next once more + dba one number": [],
    "Waa not transposed + clipped at 3": [],
    "dWaa with a_next + dWax of one step + da0 left at zero": [],
}
