# Reference of a CUDA LSTM kernel, float32, batch first. Every thread block has one (b, h); buffers as in the kernel:
# gates (B, T, H, 4) with i, f, o, g innermost; wx (I, H, 4), wh (H, H, 4), bias_x and bias_h (H, 4).
import numpy as np

f32 = np.float32


def fwd(x, h0, c0, wx, wh, bias_x, bias_h):
    B, T, I = x.shape
    H = h0.shape[1]
    gates = np.empty((B, T, H, 4), f32)
    h = np.empty((B, T, H), f32)
    c = np.empty((B, T, H), f32)
    hp, cp = h0, c0
    for t in range(T):
        pre = np.tensordot(x[:, t], wx, 1) + np.tensordot(hp, wh, 1) + bias_x + bias_h
        gates[:, t, :, :3] = f32(1) / (f32(1) + np.exp(-pre[..., :3]))
        gates[:, t, :, 3] = np.tanh(pre[..., 3])
        i, f, o, g = np.moveaxis(gates[:, t], -1, 0)
        c[:, t] = f * cp + i * g
        h[:, t] = o * np.tanh(c[:, t])
        hp, cp = h[:, t], c[:, t]
    return h, c, gates


def bwd(x, h0, c0, wx, wh, h, c, gates, dh_out, dh_n, dc_n):
    B, T, I = x.shape
    dgates = np.empty_like(gates)
    dh, dc = dh_n.copy(), dc_n.copy()
    for t in range(T - 1, -1, -1):
        i, f, o, g = np.moveaxis(gates[:, t], -1, 0)
        cp = c[:, t - 1] if t > 0 else c0
        dh += dh_out[:, t]
        th = np.tanh(c[:, t])
        dc += dh * o * (f32(1) - th * th)
        dgates[:, t, :, 0] = dc * g * i * (f32(1) - i)
        dgates[:, t, :, 1] = dc * cp * f * (f32(1) - f)
        dgates[:, t, :, 2] = dh * th * o * (f32(1) - o)
        dgates[:, t, :, 3] = dc * i * (f32(1) - g * g)
        dh = np.einsum("bhk,jhk->bj", dgates[:, t], wh)
        dc = dc * f
    hprev = np.concatenate((h0[:, None], h[:, :-1]), axis=1)
    dx = np.einsum("bthk,ihk->bti", dgates, wx)
    dwx = np.einsum("bti,bthk->ihk", x, dgates)
    dwh = np.einsum("btj,bthk->jhk", hprev, dgates)
    db = dgates.sum(axis=(0, 1))
    return dx, dh, dc, dwx, dwh, db, db, dgates


# ---- corpus
CELL = "lstm"
STYLE = "kernel reference: float32, (B, T, D), gates ifog innermost, two biases, final cotangents, gate gradients dumped"
HELD_OUT = False
CALL = {"forward": "fwd", "backward": "bwd", "how": "(x, h0, c0, wx, wh, bias_x, bias_h) -> h, c, gates; the backward takes all again"}
NAMES = ("x", "h0", "c0", "wx", "wh", "bias_x", "bias_h", "gates")


def draw(rng):
    I, H, B, T = 5, 4, 3, 6
    r = lambda k, *s: (k * rng.standard_normal(s)).astype(f32)
    return {"input/x": r(1, B, T, I), "initial/h0": r(0.5, B, H), "initial/c0": r(0.5, B, H), "param/wx": r(0.5, I, H, 4), "param/wh": r(0.5, H, H, 4),
            "param/bias_x": r(0.4, H, 4), "param/bias_h": r(0.4, H, 4), "cotangent/h": r(1, B, T, H), "cotangent/h_n": r(1, B, H), "cotangent/c_n": r(1, B, H)}


def run(d):
    x, h0, c0, wx, wh = d["input/x"], d["initial/h0"], d["initial/c0"], d["param/wx"], d["param/wh"]
    h, c, gates = fwd(x, h0, c0, wx, wh, d["param/bias_x"], d["param/bias_h"])
    grads = bwd(x, h0, c0, wx, wh, h, c, gates, d["cotangent/h"], d["cotangent/h_n"], d["cotangent/c_n"])
    return {"output/h": h, "output/c": c, "output/h_n": h[:, -1], "output/c_n": c[:, -1]} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


def also(d):
    return [("gates", np.einsum("bthk,ihk->bti", d["grad/gates"], d["param/wx"]), d["grad/x"])]


MISTAKES = {
    "c of the step in f": ([("dc * cp * f", "dc * c[:, t] * f")], [("time-shift", "f c cp gates")]),
    "hprev is h": ([("hprev = np.concatenate((h0[:, None], h[:, :-1]), axis=1)", "hprev = h")], [("time-shift", "wh h hprev")]),
    "wh the other way round": ([('"bhk,jhk->bj"', '"bhk,hjk->bj"')], [("transpose", "wh")]),
    "h_n dropped": ([("dh, dc = dh_n.copy()", "dh, dc = 0 * dh_n")], [("cotangent-missing", "h_n h")]),
    "c_n dropped": ([("dc_n.copy()", "0 * dc_n")], [("cotangent-missing", "c_n c")]),
    "bias gradient halved": ([("return dx, dh, dc, dwx, dwh, db, db,", "return dx, dh, dc, dwx, dwh, db / 2, db / 2,")], [("scale", "bias_x bias_h b"), [("scale", "bias_x"), ("scale", "bias_h")]]),
    "negative dgates of o": ([("= dh * th * o", "= -dh * th * o")], [("sign", "o gates")]),
}
STACKS = {
    "h_n dropped + c_n dropped": [("cotangent-missing", "h_n c_n h c")],
    "hprev is h + wh the other way round": [],
    "c of the step in f + bias gradient halved": [],
    "negative dgates of o + c_n dropped + hprev is h": [],
}
