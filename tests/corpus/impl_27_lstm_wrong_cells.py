import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_forward(x, params, a0, c0):
    """x (n_x, m, T)"""
    Wf, bf, Wi, bi, Wg, bg, Wo, bo = (params[k] for k in ("Wf", "bf", "Wi", "bi", "Wg", "bg", "Wo", "bo"))
    a, c = a0, c0
    caches, out = [], []
    for t in range(x.shape[2]):
        z = np.concatenate([a, x[:, :, t]])
        f, i, o = sigmoid(Wf @ z + bf), sigmoid(Wi @ z + bi), sigmoid(Wo @ z + bo)
        g = np.tanh(Wg @ z + bg)
        c_prev = c
        c = f * c_prev + i * g
        a = o * np.tanh(c)
        caches.append((z, f, i, g, o, c_prev, c))
        out.append(a)
    return np.stack(out, axis=2), c, caches


def lstm_backward(da_all, params, caches):
    n = da_all.shape[0]
    grads = {k: np.zeros_like(v) for k, v in params.items()}
    dxs = []
    da_next, dc_next = 0, 0
    for t in reversed(range(da_all.shape[2])):
        z, f, i, g, o, c_prev, c = caches[t]
        da = da_all[:, :, t] + da_next
        tc = np.tanh(c)
        dc = dc_next + da * o * (1 - tc**2)
        d = {"f": dc * c_prev * f * (1 - f), "i": dc * g * i * (1 - i), "g": dc * i * (1 - g**2), "o": da * tc * o * (1 - o)}
        dz = 0
        for k, v in d.items():
            grads["W" + k] += v @ z.T
            grads["b" + k] += v.sum(axis=1, keepdims=True)
            dz = dz + params["W" + k].T @ v
        da_next, dc_next = dz[:n], dc * f
        dxs.insert(0, dz[n:])
    return grads, np.stack(dxs, axis=2), da_next, dc_next


# ---- corpus
CELL = "lstm"
STYLE = "columns, (n_x, m, T), [a, x]; its mistakes are in the forward pass"
HELD_OUT = False
CALL = {"forward": "lstm_forward", "backward": "lstm_backward", "how": "(x, params, a0, c0) -> a, c_last, caches; (da, params, caches) -> dict, dx, da0, dc0"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    d = {"input/x": r((D, B, T)), "initial/a0": 0.5 * r((H, B)), "initial/c0": 0.5 * r((H, B)), "cotangent/a": r((H, B, T))}
    for k in "figo":
        d["param/W" + k], d["param/b" + k] = 0.5 * r((H, H + D)), 0.5 * r((H, 1))
    return d


def run(d):
    params = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    a, c, caches = lstm_forward(d["input/x"], params, d["initial/a0"], d["initial/c0"])
    grads, dx, da0, dc0 = lstm_backward(d["cotangent/a"], params, caches)
    return {"output/a": a, "output/c_last": c, "grad/x": dx, "grad/a0": da0, "grad/c0": dc0} | {"grad/" + k: v for k, v in grads.items()}


MISTAKES = {
    "no output tanh, backward as in the book": ([("a = o * np.tanh(c)", "a = o * c")], [("wrong-forward", "a h o c tanh")]),
    "no output tanh, consistently": ([("a = o * np.tanh(c)", "a = o * c"), ("tc = np.tanh(c)", "tc = c"), (" * (1 - tc**2)", "")], [("wrong-forward", "a h o c tanh")], "correct"),
    "carries tanh(c)": ([("        c = f * c_prev + i * g\n        a = o * np.tanh(c)", "        c = np.tanh(f * c_prev + i * g)\n        a = o * c"), ("tc = np.tanh(c)", "tc = c")], [("wrong-forward", "c a tanh")]),
    "carries the candidate": ([("c_prev = c\n", "c_prev = caches[-1][3] if caches else c0\n")], [("wrong-forward", "c g c_prev")]),
    "outputs the candidate": ([("a = o * np.tanh(c)", "a = o * g")], [("wrong-forward", "a c g o h")]),
    "a not carried": ([("da = da_all[:, :, t] + da_next", "da = da_all[:, :, t]")], [("cut-recurrence", "a da_next")]),
    "bf from the last step": ([('            grads["b" + k] += v.sum(axis=1, keepdims=True)', '            grads["b" + k] += v.sum(axis=1, keepdims=True) * (k != "f" or t == len(caches) - 1)')], [("last-step-only", "bf f")]),
    "o not in c": ([("dc = dc_next + da * o * (1 - tc**2)", "dc = dc_next + da * (1 - tc**2)")], [("misplaced-factor", "o c a dc"), ("missing-derivative", "o c a dc")]),
}
STACKS = {
    "no output tanh, consistently + a not carried": [[("cut-recurrence", "a da_next")]],
    "a not carried + bf from the last step": [],
    "o not in c + bf from the last step": [],
}
