"""Character LSTM, globals, everything in dicts keyed by the step; z = [h; x]."""
import numpy as np

H_size, X_size = 4, 7
z_size = H_size + X_size
params = {}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward_backward(inputs, targets, h_prev, C_prev):
    x_s, z_s, f_s, i_s, C_bar_s, C_s, o_s, h_s, v_s, y_s = {}, {}, {}, {}, {}, {}, {}, {}, {}, {}
    h_s[-1], C_s[-1] = np.copy(h_prev), np.copy(C_prev)
    loss = 0
    p = params
    for t in range(len(inputs)):
        x_s[t] = np.zeros((X_size, 1))
        x_s[t][inputs[t]] = 1
        z_s[t] = np.vstack((h_s[t - 1], x_s[t]))
        f_s[t] = sigmoid(p["W_f"] @ z_s[t] + p["b_f"])
        i_s[t] = sigmoid(p["W_i"] @ z_s[t] + p["b_i"])
        C_bar_s[t] = np.tanh(p["W_C"] @ z_s[t] + p["b_C"])
        C_s[t] = f_s[t] * C_s[t - 1] + i_s[t] * C_bar_s[t]
        o_s[t] = sigmoid(p["W_o"] @ z_s[t] + p["b_o"])
        h_s[t] = o_s[t] * np.tanh(C_s[t])
        v_s[t] = p["W_v"] @ h_s[t] + p["b_v"]
        y_s[t] = np.exp(v_s[t]) / np.sum(np.exp(v_s[t]))
        loss += -np.log(y_s[t][targets[t], 0])
    loss /= len(inputs)
    grads = {k: np.zeros_like(v) for k, v in p.items()}
    dh_next, dC_next = np.zeros_like(h_s[0]), np.zeros_like(C_s[0])
    for t in reversed(range(len(inputs))):
        dv = np.copy(y_s[t])
        dv[targets[t]] -= 1
        dv /= len(inputs)
        grads["W_v"] += dv @ h_s[t].T
        grads["b_v"] += dv
        dh = p["W_v"].T @ dv + dh_next
        do = dh * np.tanh(C_s[t]) * o_s[t] * (1 - o_s[t])
        dC = dC_next + dh * o_s[t] * (1 - np.tanh(C_s[t]) ** 2)
        dC_bar = dC * i_s[t] * (1 - C_bar_s[t] ** 2)
        di = dC * C_bar_s[t] * i_s[t] * (1 - i_s[t])
        df = dC * C_s[t - 1] * f_s[t] * (1 - f_s[t])
        dz = np.zeros((z_size, 1))
        for k, d in (("f", df), ("i", di), ("C", dC_bar), ("o", do)):
            grads["W_" + k] += d @ z_s[t].T
            grads["b_" + k] += d
            dz += p["W_" + k].T @ d
        dh_next = dz[:H_size]
        dC_next = f_s[t] * dC
    return loss, grads, h_s[len(inputs) - 1], C_s[len(inputs) - 1]


# ---- corpus
CELL = "lstm"
STYLE = "min-char LSTM: global parameters, dicts by step, integer inputs, mean softmax loss over T, [h, x]"
HELD_OUT = True
CALL = {"fused": "forward_backward", "globals": ["params"], "how": "(inputs, targets, h_prev, C_prev) -> loss, dict, h, C; the weights are the global dict params"}


def draw(rng):
    H, V, T = H_size, X_size, 6
    r = lambda *s: 0.5 * rng.standard_normal(s)
    d = {"input/inputs": rng.integers(0, V, T), "target/targets": rng.integers(0, V, T), "initial/h_prev": r(H, 1), "initial/C_prev": r(H, 1)}
    for k in "fiCo":
        d["param/W_" + k], d["param/b_" + k] = r(H, H + V), r(H, 1)
    return d | {"param/W_v": r(V, H), "param/b_v": r(V, 1)}


def run(d):
    params.update({k[6:]: v for k, v in d.items() if k.startswith("param/")})
    loss, grads, h, C = forward_backward(d["input/inputs"], d["target/targets"], d["initial/h_prev"], d["initial/C_prev"])
    return {"loss": loss, "output/h_last": h, "output/C_last": C} | {"grad/" + k: g for k, g in grads.items()}


MISTAKES = {
    "dC_next without f": ([("dC_next = f_s[t] * dC", "dC_next = dC")], [("misplaced-factor", "f C f_s dC_next C_s"), ("missing-derivative", "f C")]),
    "dh_next not used": ([("p[\"W_v\"].T @ dv + dh_next", "p[\"W_v\"].T @ dv")], [("cut-recurrence", "h h_s dh_next h_prev")]),
    "gradient summed, loss averaged": ([("        dv /= len(inputs)\n", "")], [("scale", "*")], "loss"),
    "o derivative on the activated": ([("do = dh * np.tanh(C_s[t]) * o_s[t] * (1 - o_s[t])", "do = dh * np.tanh(C_s[t]) * sigmoid(o_s[t]) * (1 - sigmoid(o_s[t]))")], [("derivative-of-activated", "o do o_s")]),
    "clip between -0.2 and 0.2": ([("    return loss, grads", "    for k in grads:\n        grads[k] = np.clip(grads[k], -0.2, 0.2)\n    return loss, grads")], [("clip", "*")]),
    "f and i confused": ([('(("f", df), ("i", di)', '(("f", di), ("i", df)')], [("swap-gates", "f i")]),
    "last target only": ([("dv[targets[t]] -= 1\n", "dv[targets[t]] -= 1\n        dv *= t == len(inputs) - 1\n")], [("cotangent-missing", "*")]),
    "b_C first": ([('grads["b_" + k] += d', 'grads["b_" + k] = d')], [("not-accumulated", "b b_f b_i b_C b_o"), ("first-step-only", "b b_f b_i b_C b_o")]),
}
STACKS = {
    "dC_next without f + gradient summed, loss averaged": [],
    "f and i confused + clip between -0.2 and 0.2": [],
    "o derivative on the activated + dh_next not used": [],
    "dh_next not used + f and i confused + b_C first": [],
}
