import numpy as np


def softmax(a, axis):
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def forward(x, p):
    """x: (B, T, D); p: Wx (D, H), Wh (H, H), bh, Wy (H, V), by"""
    B, T, _ = x.shape
    h = np.zeros((B, T + 1, p["Wh"].shape[0]))
    for t in range(T):
        h[:, t + 1] = np.tanh(x[:, t] @ p["Wx"] + h[:, t] @ p["Wh"] + p["bh"])
    scores = h[:, 1:] @ p["Wy"] + p["by"]
    return h, scores


def loss_and_grads(x, y, p):
    B, T, _ = x.shape
    h, scores = forward(x, p)
    probs = softmax(scores, axis=2)
    b_idx, t_idx = np.arange(B)[:, None], np.arange(T)[None, :]
    loss = -np.log(probs[b_idx, t_idx, y]).sum() / (B * T)
    dscores = probs.copy()
    dscores[b_idx, t_idx, y] -= 1
    dscores /= B * T
    grads = {}
    flat_h = h[:, 1:].reshape(B * T, -1)
    flat_d = dscores.reshape(B * T, -1)
    grads["Wy"] = flat_h.T @ flat_d
    grads["by"] = flat_d.sum(axis=0)
    dh_top = dscores @ p["Wy"].T
    dx = np.zeros_like(x)
    grads["Wx"], grads["Wh"], grads["bh"] = np.zeros_like(p["Wx"]), np.zeros_like(p["Wh"]), np.zeros_like(p["bh"])
    carry = np.zeros_like(h[:, 0])
    for t in reversed(range(T)):
        dpre = (dh_top[:, t] + carry) * (1 - h[:, t + 1] ** 2)
        grads["Wx"] += x[:, t].T @ dpre
        grads["Wh"] += h[:, t].T @ dpre
        grads["bh"] += dpre.sum(axis=0)
        dx[:, t] = dpre @ p["Wx"].T
        carry = dpre @ p["Wh"].T
    return loss, scores, grads, dx


# ---- corpus
CELL = "rnn-readout"
STYLE = "rows, (B, T, D), fused mean softmax cross-entropy over B and T, flattened read-out"
HELD_OUT = False
CALL = {"fused": "loss_and_grads", "how": "(x, y, p: dict) -> loss, scores, dict, dx"}


def draw(rng):
    D, H, B, T, V = 5, 4, 3, 6, 7
    r = rng.standard_normal
    shapes = {"Wx": (D, H), "Wh": (H, H), "bh": (H,), "Wy": (H, V), "by": (V,)}
    return {"input/x": r((B, T, D)), "target/y": rng.integers(0, V, (B, T))} | {"param/" + k: 0.6 * r(s) for k, s in shapes.items()}


def run(d):
    p = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    loss, scores, grads, dx = loss_and_grads(d["input/x"], d["target/y"], p)
    return {"loss": loss, "output/scores": scores, "grad/x": dx} | {"grad/" + k: g for k, g in grads.items()}


MISTAKES = {
    "averaged over the batch only": ([("dscores /= B * T", "dscores /= B")], [("scale", "*")], "loss"),
    "state before the read-out": ([("flat_h = h[:, 1:]", "flat_h = h[:, :-1]")], [("time-shift", "Wy h scores")]),
    "flattened in another order": ([("flat_d = dscores.reshape", "flat_d = dscores.transpose(1, 0, 2).reshape")], [("wrong-axis", "Wy scores")]),
    "carry lost": ([("(dh_top[:, t] + carry)", "dh_top[:, t]")], [("cut-recurrence", "h carry Wh")]),
    "loss of the last step only": ([("dscores /= B * T", "dscores /= B * T\n    dscores[:, :-1] = 0")], [("cotangent-missing", "*")]),
    "derivative behind the carry": ([("(dh_top[:, t] + carry) * (1 - h[:, t + 1] ** 2)", "dh_top[:, t] * (1 - h[:, t + 1] ** 2) + carry")], [("misplaced-factor", "h carry dpre")]),
    "Wh and its transpose": ([('carry = dpre @ p["Wh"].T', 'carry = dpre @ p["Wh"]')], [("transpose", "Wh")]),
    "by averaged": ([("flat_d.sum(axis=0)", "flat_d.mean(axis=0)")], [("scale", "by")]),
}
STACKS = {
    "averaged over the batch only + carry lost": [],
    "flattened in another order + Wh and its transpose": [],
    "state before the read-out + derivative behind the carry": [],
    "averaged over the batch only + by averaged + Wh and its transpose": [],
}
