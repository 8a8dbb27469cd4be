import numpy as np

# Encoder-decoder: tanh encoder, its last state is the context; the decoder starts at zero and reads the context at every step.
# Columns; source (n, m, T), decoder inputs (k, m, S), real-valued outputs.


def encoder_forward(src, Wxe, Whe, be):
    n, m, T = src.shape
    hs = np.zeros((Whe.shape[0], m, T + 1))
    for t in range(T):
        hs[:, :, t + 1] = np.tanh(Wxe @ src[:, :, t] + Whe @ hs[:, :, t] + be)
    return hs


def decoder_forward(prev, context, Wxd, Whd, Wcd, bd, Wyd, by):
    k, m, S = prev.shape
    ss = np.zeros((Whd.shape[0], m, S + 1))
    out = np.zeros((Wyd.shape[0], m, S))
    for u in range(S):
        ss[:, :, u + 1] = np.tanh(Wxd @ prev[:, :, u] + Whd @ ss[:, :, u] + Wcd @ context + bd)
        out[:, :, u] = Wyd @ ss[:, :, u + 1] + by
    return ss, out


def decoder_backward(dout, prev, context, ss, p):
    k, m, S = prev.shape
    g = {name: np.zeros_like(p[name]) for name in ("Wxd", "Whd", "Wcd", "bd", "Wyd", "by")}
    dprev = np.zeros_like(prev)
    dcontext = np.zeros_like(context)
    ds = np.zeros_like(ss[:, :, 0])
    for u in reversed(range(S)):
        g["Wyd"] += dout[:, :, u] @ ss[:, :, u + 1].T
        g["by"] += np.sum(dout[:, :, u], axis=1, keepdims=True)
        ds = ds + p["Wyd"].T @ dout[:, :, u]
        da = (1 - ss[:, :, u + 1] ** 2) * ds
        g["Wxd"] += da @ prev[:, :, u].T
        g["Whd"] += da @ ss[:, :, u].T
        g["Wcd"] += da @ context.T
        g["bd"] += np.sum(da, axis=1, keepdims=True)
        dprev[:, :, u] = p["Wxd"].T @ da
        dcontext += p["Wcd"].T @ da
        ds = p["Whd"].T @ da
    return g, dprev, dcontext


def encoder_backward(dlast, src, hs, p):
    n, m, T = src.shape
    g = {name: np.zeros_like(p[name]) for name in ("Wxe", "Whe", "be")}
    dsrc = np.zeros_like(src)
    dh = dlast
    for t in reversed(range(T)):
        dpre = (1 - hs[:, :, t + 1] ** 2) * dh
        g["Wxe"] += dpre @ src[:, :, t].T
        g["Whe"] += dpre @ hs[:, :, t].T
        g["be"] += np.sum(dpre, axis=1, keepdims=True)
        dsrc[:, :, t] = p["Wxe"].T @ dpre
        dh = p["Whe"].T @ dpre
    return g, dsrc


# ---- corpus
CELL = """
h[t] = tanh(Wxe @ src[t] + Whe @ h[t-1] + be)
context = h[T]
s[u] = tanh(Wxd @ prev[u] + Whd @ s[u-1] + Wcd @ context + bd)
out[u] = Wyd @ s[u] + by
"""
STYLE = "four functions, columns (n, m, T), two time axes of different length, context at every step of the decoder, linear outputs with a cotangent"
HELD_OUT = True
CALL = None
ENC = {"Wxe": (3, 2), "Whe": (3, 3), "be": (3, 1)}
DEC = {"Wxd": (4, 6), "Whd": (4, 4), "Wcd": (4, 3), "bd": (4, 1), "Wyd": (5, 4), "by": (5, 1)}


def draw(rng):
    r = rng.standard_normal
    T, S, m = 5, 7, 2
    d = {"input/src": r((2, m, T)), "input/prev": r((6, m, S)), "cotangent/out": r((5, m, S))}
    return d | {"param/" + k: 0.6 * r(s) for k, s in (ENC | DEC).items()}


def run(d):
    p = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    hs = encoder_forward(d["input/src"], *(p[k] for k in ENC))
    ss, out = decoder_forward(d["input/prev"], hs[:, :, -1], *(p[k] for k in DEC))
    g, dprev, dcontext = decoder_backward(d["cotangent/out"], d["input/prev"], hs[:, :, -1], ss, p)
    ge, dsrc = encoder_backward(dcontext, d["input/src"], hs, p)
    return {"output/out": out, "output/h": hs[:, :, 1:], "output/s": ss[:, :, 1:], "grad/src": dsrc, "grad/prev": dprev} | {"grad/" + k: v for k, v in (g | ge).items()}


MISTAKES = {
    "context of one step": ([('dcontext += p["Wcd"]', 'dcontext = p["Wcd"]')], [("not-accumulated", "context Wcd h dcontext"), ("first-step-only", "context Wcd h s dcontext")]),
    "encoder not heard": ([('        dcontext += p["Wcd"].T @ da\n', "")], [("drop-path", "context Wcd h s dcontext"), ("zero-gradient", "Wxe Whe be src h context"), ("cotangent-missing", "context h")]),
    "encoder heard at its last step only": ([('        dh = p["Whe"].T @ dpre\n', "        dh = np.zeros_like(dh)\n")], [("cut-recurrence", "h hs dh"), ("last-step-only", "Wxe Whe be src h")]),
    "decoder state not carried": ([('        ds = p["Whd"].T @ da\n', "        ds = np.zeros_like(ds)\n")], [("cut-recurrence", "s ss ds")]),
    "Whd wrong way": ([('ds = p["Whd"].T @ da', 'ds = p["Whd"] @ da')], [("transpose", "Whd")]),
    "encoder slope forgotten": ([("dpre = (1 - hs[:, :, t + 1] ** 2) * dh", "dpre = dh")], [("missing-derivative", "h hs dpre be Wxe")]),
    "decoder slope of the state before": ([("(1 - ss[:, :, u + 1] ** 2) * ds", "(1 - ss[:, :, u] ** 2) * ds")], [("time-shift", "s ss da bd")]),
    "Wyd with the state before": ([("dout[:, :, u] @ ss[:, :, u + 1].T", "dout[:, :, u] @ ss[:, :, u].T")], [("time-shift", "Wyd s ss")]),
}
STACKS = {
    "context of one step + Whd wrong way": [],
    "encoder slope forgotten + Wyd with the state before": [],
    "decoder state not carried + encoder heard at its last step only": [],
    "decoder slope of the state before + encoder slope forgotten + Wyd with the state before": [],
}
