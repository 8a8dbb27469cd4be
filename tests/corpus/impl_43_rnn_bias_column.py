import numpy as np


def forward(inputs, W, h_init, act="tanh"):
    """inputs (B, D, T); W ((D + H + 1), H): rows for x, h and the constant 1"""
    B, D, T = inputs.shape
    H = W.shape[1]
    h = h_init
    xhs, hs = [], []
    for t in range(T):
        xh = np.column_stack((inputs[:, :, t], h, np.ones(B)))
        h = np.tanh(xh @ W)
        xhs.append(xh)
        hs.append(h)
    return np.stack(hs, axis=2), xhs


def backward(W, xhs, hs, dhs):
    B, H, T = hs.shape
    D = W.shape[0] - H - 1
    dW = np.zeros(W.shape)
    dinputs = np.zeros((B, D, T))
    dh = np.zeros((B, H))
    t = T
    while t > 0:
        t -= 1
        dh = dh + dhs[:, :, t]
        dnet = dh * (1 - np.square(hs[:, :, t]))
        dW += xhs[t].T @ dnet
        dxh = dnet @ W.T
        dinputs[:, :, t] = dxh[:, :D]
        dh = dxh[:, D:-1]
    return dinputs, dW, dh


# ---- corpus
CELL = "rnn"
STYLE = "[x, h, 1] with the bias as last row, batch first and time last (B, D, T)"
HELD_OUT = True
CALL = {"forward": "forward", "backward": "backward", "how": "(inputs, W, h_init) -> hs, xhs; (W, xhs, hs, dhs) -> dinputs, dW, dh_init"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/inputs": r((B, D, T)), "initial/h_init": 0.5 * r((B, H)), "param/W": 0.5 * r((D + H + 1, H)), "cotangent/hs": r((B, H, T))}


def run(d):
    hs, xhs = forward(d["input/inputs"], d["param/W"], d["initial/h_init"])
    grads = backward(d["param/W"], xhs, hs, d["cotangent/hs"])
    return {"output/hs": hs} | {"grad/" + k: g for k, g in zip(("inputs", "W", "h_init"), grads)}


MISTAKES = {
    "recurrent block as it stands": ([("dh = dxh[:, D:-1]", "dh = dnet @ W[D:-1]")], [("transpose", "W")]),
    "zero sent back": ([("dh = dxh[:, D:-1]", "dh = 0 * dxh[:, D:-1]")], [("cut-recurrence", "h hs W"), ("drop-path", "h W hs")]),
    "derivative from the input of the step": ([("np.square(hs[:, :, t])", "np.square(xhs[t][:, D:-1])")], [("time-shift", "h hs dnet")]),
    "dW of the last step": ([("dW += xhs[t].T @ dnet", "dW += xhs[t].T @ dnet * (t == T - 1)")], [("last-step-only", "W")]),
    "every output but the last forgotten": ([("dh = dh + dhs[:, :, t]", "dh = dh + dhs[:, :, t] * (t == T - 1)")], [("cotangent-missing", "h hs dhs")]),
    "state squared twice": ([("(1 - np.square(hs[:, :, t]))", "(1 - np.square(np.tanh(hs[:, :, t])))")], [("derivative-of-activated", "h hs dnet")]),
}
STACKS = {
    "recurrent block as it stands + dW of the last step": [],
    "state squared twice + recurrent block as it stands": [],
    "derivative from the input of the step + dW of the last step": [],
    "recurrent block as it stands + state squared twice + dW of the last step": [],
}
