# Backward in the manner of fused libraries: the gate buffer is overwritten by its gradients, weights by one product.
import numpy as np


def fused_fwd(x, w, u, b, hy, cy, buf):
    T, B, H4 = buf.shape
    H = H4 // 4
    buf[...] = (x.reshape(T * B, -1) @ w + b).reshape(T, B, H4)
    for t in range(T):
        a = buf[t]
        a += hy[t] @ u
        a[:, : 3 * H] = 1 / (1 + np.exp(-a[:, : 3 * H]))
        a[:, 3 * H :] = np.tanh(a[:, 3 * H :])
        f, i, o, g = (a[:, k * H : (k + 1) * H] for k in range(4))
        cy[t + 1] = f * cy[t] + i * g
        hy[t + 1] = o * np.tanh(cy[t + 1])


def fused_bwd(x, w, u, hy, cy, buf, dhy):
    T, B, H4 = buf.shape
    H = H4 // 4
    dc = np.zeros_like(cy[0])
    dh = np.zeros_like(hy[0])
    for t in range(T - 1, -1, -1):
        f, i, o, g = (buf[t, :, k * H : (k + 1) * H].copy() for k in range(4))
        dh += dhy[t]
        tc = np.tanh(cy[t + 1])
        dc += dh * o * (1 - tc * tc)
        buf[t, :, :H] = dc * cy[t] * (f - f * f)
        buf[t, :, H : 2 * H] = dc * g * (i - i * i)
        buf[t, :, 2 * H : 3 * H] = dh * tc * (o - o * o)
        buf[t, :, 3 * H :] = dc * i * (1 - g * g)
        dc *= f
        dh = buf[t] @ u.T
    d = buf.reshape(T * B, H4)
    dw = x.reshape(T * B, -1).T @ d
    du = hy[:-1].reshape(T * B, H).T @ d
    return (d @ w.T).reshape(x.shape), dw, du, d.sum(0), dh, dc


# ---- corpus
CELL = "lstm"
STYLE = "fused library: float32, buffer overwritten in place, (T, B, D), stacked fiog, states with T + 1 entries, both initial states"
HELD_OUT = True


def draw(rng):
    D, H, B, T = 6, 4, 3, 5
    r = lambda *s: rng.standard_normal(s).astype(np.float32)
    half = np.float32(0.5)
    return {"input/x": r(T, B, D), "initial/hx": half * r(B, H), "initial/cx": half * r(B, H), "param/w": half * r(D, 4 * H), "param/u": half * r(H, 4 * H), "param/b": half * r(4 * H),
            "cotangent/hy": r(T, B, H)}


def run(d):
    x, w, u = d["input/x"], d["param/w"], d["param/u"]
    T, B, H = d["cotangent/hy"].shape
    hy, cy, buf = np.zeros((T + 1, B, H), x.dtype), np.zeros((T + 1, B, H), x.dtype), np.zeros((T, B, 4 * H), x.dtype)
    hy[0], cy[0] = d["initial/hx"], d["initial/cx"]
    fused_fwd(x, w, u, d["param/b"], hy, cy, buf)
    grads = fused_bwd(x, w, u, hy, cy, buf, d["cotangent/hy"])
    return {"output/hy": hy[1:], "output/cy": cy[1:]} | {"grad/" + k: g for k, g in zip(("x", "w", "u", "b", "hx", "cx"), grads)}


MISTAKES = {
    "one product with the new states": ([("hy[:-1].reshape", "hy[1:].reshape")], [("time-shift", "u h hy")]),
    "dc set": ([("dc += dh * o", "dc = dh * o")], [("cut-recurrence", "c f cy"), ("drop-path", "c f cy")]),
    "dh set": ([("dh += dhy[t]", "dh = dhy[t].copy()")], [("cut-recurrence", "h u hy"), ("drop-path", "h u hy")]),
    "forget gate after the sum": ([("        dc *= f\n", "")], [("misplaced-factor", "f c"), ("missing-derivative", "f c")]),
    "g with i's slope left out": ([("dc * g * (i - i * i)", "dc * g")], [("missing-derivative", "i")]),
    "all but u transposed": ([("dh = buf[t] @ u.T", "dh = sum(buf[t, :, k : k + H] @ u[:, k : k + H] for k in range(0, 4 * H, H))")], [("transpose", "u")]),
    "o from the old cell": ([("= dh * tc * (o", "= dh * np.tanh(cy[t]) * (o")], [("time-shift", "o c")]),
    "tanh(c) for c": ([("buf[t, :, :H] = dc * cy[t]", "buf[t, :, :H] = dc * np.tanh(cy[t])")], [("derivative-of-activated", "f c"), ("misplaced-factor", "f c")]),
}
STACKS = {
    "one product with the new states + dc set": [],
    "forget gate after the sum + o from the old cell": [],
    "all but u transposed + g with i's slope left out": [],
    "one product with the new states + o from the old cell + g with i's slope left out": [],
}
