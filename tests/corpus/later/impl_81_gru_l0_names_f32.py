import numpy as np


def gru_forward(input, hx, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0):
    """batch_first=True; chunks r, z, n as in the documentation.  All float32."""
    B, T, _ = input.shape
    output, saved = np.empty((B, T, hx.shape[1]), np.float32), []
    for t in range(T):
        gi = input[:, t] @ weight_ih_l0.T + bias_ih_l0
        gh = hx @ weight_hh_l0.T + bias_hh_l0
        i_r, i_z, i_n = np.split(gi, 3, axis=1)
        h_r, h_z, h_n = np.split(gh, 3, axis=1)
        r = 1 / (1 + np.exp(-(i_r + h_r)))
        z = 1 / (1 + np.exp(-(i_z + h_z)))
        n = np.tanh(i_n + r * h_n)
        saved.append((hx, r, z, n, h_n))
        hx = n + z * (hx - n)
        output[:, t] = hx
    return output, hx, saved


def gru_backward(grad_output, grad_hn, input, saved, weight_ih_l0, weight_hh_l0):
    grad_input = np.empty_like(input)
    grad_w_ih, grad_w_hh = np.zeros_like(weight_ih_l0), np.zeros_like(weight_hh_l0)
    grad_b_ih, grad_b_hh = np.zeros_like(weight_ih_l0[:, 0]), np.zeros_like(weight_hh_l0[:, 0])
    grad_hx = grad_hn
    for t in reversed(range(input.shape[1])):
        hx, r, z, n, h_n = saved[t]
        grad_hy = grad_hx + grad_output[:, t]
        grad_n = grad_hy * (1 - z) * (1 - n * n)
        grad_z = grad_hy * (hx - n) * z * (1 - z)
        grad_r = grad_n * h_n * r * (1 - r)
        grad_gi = np.concatenate([grad_r, grad_z, grad_n], axis=1)
        grad_gh = np.concatenate([grad_r, grad_z, grad_n * r], axis=1)
        grad_w_ih += grad_gi.T @ input[:, t]
        grad_w_hh += grad_gh.T @ hx
        grad_b_ih += grad_gi.sum(0)
        grad_b_hh += grad_gh.sum(0)
        grad_input[:, t] = grad_gi @ weight_ih_l0
        grad_hx = grad_gh @ weight_hh_l0 + grad_hy * z
    return grad_input, grad_hx, grad_w_ih, grad_w_hh, grad_b_ih, grad_b_hh


# ---- corpus
CELL = "gru-reset-after"
STYLE = "float32, parameters named as in torch, batch first, r|z|n stacked, both biases, cotangents of output and hn"
HELD_OUT = True


def draw(rng):
    B, T, D, H = 3, 6, 5, 4
    r = lambda *s: rng.standard_normal(s).astype(np.float32)
    half = np.float32(0.5)
    return {
        "input/input": r(B, T, D), "initial/hx": half * r(B, H), "cotangent/output": r(B, T, H), "cotangent/hn": r(B, H),
        "param/weight_ih_l0": half * r(3 * H, D), "param/weight_hh_l0": half * r(3 * H, H), "param/bias_ih_l0": half * r(3 * H), "param/bias_hh_l0": half * r(3 * H),
    }


def run(d):
    weights = [d["param/" + k] for k in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]
    output, hn, saved = gru_forward(d["input/input"], d["initial/hx"], *weights)
    grads = gru_backward(d["cotangent/output"], d["cotangent/hn"], d["input/input"], saved, *weights[:2])
    names = ("input", "hx", "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return {"output/output": output, "output/hn": hn} | {"grad/" + k: g for k, g in zip(names, grads)}


MISTAKES = {
    "hidden bias like the input's": ([("grad_b_hh += grad_gh.sum(0)", "grad_b_hh += grad_gi.sum(0)")], [("misplaced-factor", "bias_hh_l0 r n"), ("missing-derivative", "bias_hh_l0 r n"), ("drop-path", "bias_hh_l0 r n"), ("swap-gates", "bias_hh_l0 bias_ih_l0 n")]),
    "reset not in the hidden half": ([("grad_z, grad_n * r]", "grad_z, grad_n]")], [("misplaced-factor", "r n weight_hh_l0 bias_hh_l0 h_n grad_gh hx"), ("missing-derivative", "r n weight_hh_l0 bias_hh_l0 h_n hx"), ("drop-path", "r n")]),
    "z carries with 1 - z": ([("+ grad_hy * z", "+ grad_hy * (1 - z)")], [("sign", "z hx h"), ("swap-gates", "z h hx n"), ("misplaced-factor", "z h hx")]),
    "cotangent of hn overlooked": ([("grad_hx = grad_hn\n", "grad_hx = np.zeros_like(grad_hn)\n")], [("cotangent-missing", "hn hx h")]),
    "r without the product": ([("grad_r = grad_n * h_n * r", "grad_r = grad_n * r")], [("misplaced-factor", "r h_n n weight_hh_l0 hx grad_r"), ("missing-derivative", "r h_n n weight_hh_l0 hx grad_r")]),
    "chunks r and z exchanged": ([("np.concatenate([grad_r, grad_z, grad_n], axis=1)", "np.concatenate([grad_z, grad_r, grad_n], axis=1)"), ("np.concatenate([grad_r, grad_z, grad_n * r], axis=1)", "np.concatenate([grad_z, grad_r, grad_n * r], axis=1)")], [("swap-gates", "r z")]),
    "output for hx": ([("grad_w_hh += grad_gh.T @ hx", "grad_w_hh += grad_gh.T @ (n + z * (hx - n))")], [("time-shift", "weight_hh_l0 hx output h")]),
    "n's slope with tanh(n)": ([("(1 - n * n)", "(1 - np.tanh(n) ** 2)")], [("derivative-of-activated", "n grad_n")]),
    "h0's gradient dropped": ([("return grad_input, grad_hx,", "return grad_input, 0 * grad_hx,")], [("zero-gradient", "hx h h0")]),
}
STACKS = {
    "cotangent of hn overlooked + n's slope with tanh(n)": [],
    "hidden bias like the input's + output for hx": [],
    "z carries with 1 - z + h0's gradient dropped": [],
    "chunks r and z exchanged + output for hx + h0's gradient dropped": [],
}
