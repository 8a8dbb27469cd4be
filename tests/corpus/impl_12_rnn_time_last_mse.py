import numpy as np


def forward(x, y, Wax, Waa, Wya, ba, by):
    """One long sequence. x: D x T, y: O x T. Squared error over all steps."""
    T = x.shape[1]
    n = Waa.shape[0]
    a = np.zeros((n, T + 1))
    yhat = np.zeros_like(y)
    for t in range(T):
        a[:, t + 1] = np.tanh(Wax @ x[:, t] + Waa @ a[:, t] + ba)
        yhat[:, t] = Wya @ a[:, t + 1] + by
    loss = 0.5 * np.sum((yhat - y) ** 2)
    return loss, a, yhat


def backward(x, y, a, yhat, Wax, Waa, Wya):
    T = x.shape[1]
    dWax, dWaa, dWya = np.zeros_like(Wax), np.zeros_like(Waa), np.zeros_like(Wya)
    dba, dby = np.zeros(Waa.shape[0]), np.zeros(Wya.shape[0])
    da_next = np.zeros(Waa.shape[0])
    err = yhat - y
    for t in reversed(range(T)):
        dWya += np.outer(err[:, t], a[:, t + 1])
        dby += err[:, t]
        da = Wya.T @ err[:, t] + da_next
        dz = da * (1 - a[:, t + 1] ** 2)
        dWax += np.outer(dz, x[:, t])
        dWaa += np.outer(dz, a[:, t])
        dba += dz
        da_next = Waa.T @ dz
    return dWax, dWaa, dWya, dba, dby


# ---- corpus
CELL = "rnn-readout"
STYLE = "one sequence, time last (D x T), T+1 states, half squared error summed"
HELD_OUT = False
CALL = {"forward": "forward", "backward": "backward", "how": "(x, y, weights) -> loss, a, yhat; (x, y, a, yhat, Wax, Waa, Wya) -> tuple"}
NAMES = ("Wax", "Waa", "Wya", "ba", "by")


def draw(rng):
    D, H, T, O = 5, 4, 7, 3
    r = rng.standard_normal
    shapes = ((H, D), (H, H), (O, H), (H,), (O,))
    return {"input/x": r((D, T)), "target/y": r((O, T))} | {"param/" + k: 0.5 * r(s) for k, s in zip(NAMES, shapes)}


def run(d):
    x, y, P = d["input/x"], d["target/y"], [d["param/" + k] for k in NAMES]
    loss, a, yhat = forward(x, y, *P)
    grads = backward(x, y, a, yhat, *P[:3])
    return {"loss": loss, "output/a": a, "output/yhat": yhat} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


MISTAKES = {
    "Wya with the old state": ([("np.outer(err[:, t], a[:, t + 1])", "np.outer(err[:, t], a[:, t])")], [("time-shift", "Wya a yhat")]),
    "derivative of the old state": ([("(1 - a[:, t + 1] ** 2)", "(1 - a[:, t] ** 2)")], [("time-shift", "a dz")]),
    "error doubled": ([("err = yhat - y", "err = 2 * (yhat - y)")], [("scale", "*")], "loss"),
    "da_next lost": ([("+ da_next", "")], [("cut-recurrence", "a Waa da_next")]),
    "loss at the last step": ([("err = yhat - y", "err = (yhat - y) * (np.arange(T) == T - 1)")], [("cotangent-missing", "yhat y loss")]),
    "dba not accumulated": ([("dba += dz", "dba = dz")], [("not-accumulated", "ba"), ("first-step-only", "ba")]),
    "dWaa missing the transposition": ([("dWaa += np.outer(dz, a[:, t])", "dWaa += np.outer(a[:, t], dz)")], [("transpose", "Waa dWaa")]),
}
STACKS = {
    "Wya with the old state + error doubled": [],
    "derivative of the old state + dba not accumulated": [],
    "da_next lost + dWaa missing the transposition": [],
    "error doubled + da_next lost + dba not accumulated": [],
}
