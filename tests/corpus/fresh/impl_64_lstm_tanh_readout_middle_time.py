# x: (D, T, N), targets (O, T, N); tanh read-out at every step, cost: mean over N of half the squared error
import numpy as np


def forward_pass(x, pars):
    Wg, Wi, Wf, Wo, bg, bi, bf, bo, Wy, by = pars
    s = lambda v: 1 / (1 + np.exp(-v))
    H, N = bg.shape[0], x.shape[2]
    a, c = np.zeros((H, N)), np.zeros((H, N))
    caches, y = [], []
    for t in range(x.shape[1]):
        v = np.concatenate([a, x[:, t, :]], axis=0)
        g, i, f, o = np.tanh(Wg @ v + bg), s(Wi @ v + bi), s(Wf @ v + bf), s(Wo @ v + bo)
        c_prev, c = c, f * c + i * g
        a = o * np.tanh(c)
        yt = np.tanh(Wy @ a + by)
        caches.append((v, g, i, f, o, c_prev, c, a, yt))
        y.append(yt)
    return np.stack(y, axis=1), caches


def cost(y, target):
    return np.sum((y - target) ** 2) / (2 * y.shape[-1])


def backward_pass(target, pars, caches):
    Wg, Wi, Wf, Wo, bg, bi, bf, bo, Wy, by = pars
    H, N = bg.shape[0], target.shape[2]
    acc = [np.zeros_like(p) for p in pars]
    da_next, dc_next = np.zeros((H, N)), np.zeros((H, N))
    for t, cache in reversed(list(enumerate(caches))):
        v, g, i, f, o, c_prev, c, a, yt = cache
        dzy = (yt - target[:, t, :]) / N * (1 - yt**2)
        acc[8] += dzy @ a.T
        acc[9] += np.sum(dzy, axis=1, keepdims=True)
        da = Wy.T @ dzy + da_next
        dc = da * o * (1 - np.tanh(c) ** 2) + dc_next
        dzs = [dc * i * (1 - g**2), dc * g * i * (1 - i), dc * c_prev * f * (1 - f), da * np.tanh(c) * o * (1 - o)]
        dv = 0
        for k, (dz, W) in enumerate(zip(dzs, (Wg, Wi, Wf, Wo))):
            acc[k] += dz @ v.T
            acc[k + 4] += np.sum(dz, axis=1, keepdims=True)
            dv = dv + W.T @ dz
        da_next = dv[:H]
        dc_next = dc * f
    return acc


# ---- corpus
CELL = """
g[t] = tanh(Wg @ [a[t-1], x[t]] + bg)
i[t] = sigmoid(Wi @ [a[t-1], x[t]] + bi)
f[t] = sigmoid(Wf @ [a[t-1], x[t]] + bf)
o[t] = sigmoid(Wo @ [a[t-1], x[t]] + bo)
c[t] = f[t] * c[t-1] + i[t] * g[t]
a[t] = o[t] * tanh(c[t])
y[t] = tanh(Wy @ a[t] + by)
"""
STYLE = "time in the middle (D, T, N), columns, positional list of parameters, tanh read-out, half squared error averaged over N"
HELD_OUT = True
NAMES = ("Wg", "Wi", "Wf", "Wo", "bg", "bi", "bf", "bo", "Wy", "by")


def draw(rng):
    D, H, T, N, O = 3, 4, 6, 2, 5
    r = rng.standard_normal
    shape = {"Wy": (O, H), "by": (O, 1), "W": (H, H + D), "b": (H, 1)}
    return {"input/x": r((D, T, N)), "target/y": 0.5 * r((O, T, N))} | {"param/" + n: 0.6 * r(shape.get(n) or shape[n[0]]) for n in NAMES}


def run(d):
    pars = [d["param/" + n] for n in NAMES]
    y, caches = forward_pass(d["input/x"], pars)
    grads = backward_pass(d["target/y"], pars, caches)
    return {"output/y": y, "output/a": np.stack([c[7] for c in caches], 1), "loss": np.array(cost(y, d["target/y"]))} | {"grad/" + n: g for n, g in zip(NAMES, grads)}


MISTAKES = {
    "y not differentiated": ([(" / N * (1 - yt**2)", " / N")], [("missing-derivative", "y yt")]),
    "y differentiated twice": ([(" / N * (1 - yt**2)", " / N * (1 - np.tanh(yt) ** 2)")], [("derivative-of-activated", "y yt")]),
    "a not carried": ([("da = Wy.T @ dzy + da_next", "da = Wy.T @ dzy")], [("cut-recurrence", "a h"), ("drop-path", "a h")]),
    "c not carried": ([("(1 - np.tanh(c) ** 2) + dc_next", "(1 - np.tanh(c) ** 2)")], [("cut-recurrence", "c f"), ("drop-path", "c f")]),
    "gates in another order": ([("zip(dzs, (Wg, Wi, Wf, Wo))", "zip(dzs, (Wi, Wg, Wf, Wo))")], [("swap-gates", "Wg Wi g i")]),
    "bias of one step": ([("acc[k + 4] += ", "acc[k + 4] = ")], [("not-accumulated", "bg bi bf bo b"), ("first-step-only", "bg bi bf bo b")]),
    "by forgotten": ([("        acc[9] += np.sum(dzy, axis=1, keepdims=True)\n", "")], [("zero-gradient", "by")]),
    "f with the new cell": ([("dc * c_prev * f", "dc * c * f")], [("time-shift", "f c")]),
    "forgotten half": ([("(yt - target[:, t, :]) / N", "2 * (yt - target[:, t, :]) / N")], [("scale", "*")], "loss"),
}
STACKS = {
    "y not differentiated + by forgotten": [],
    "c not carried + bias of one step": [],
    "y differentiated twice + f with the new cell": [],
    "bias of one step + by forgotten + f with the new cell": [],
}
