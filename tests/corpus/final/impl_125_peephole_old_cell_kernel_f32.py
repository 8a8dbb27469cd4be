"""NumPy twin of a fused peephole kernel: float32, (B, T, .), the projections of x computed beforehand, gates ofic."""
import numpy as np


def sigmoidf(v):
    return np.float32(1) / (np.float32(1) + np.exp(-v))


def peep_fwd(x, w_ih, w_hh, peep, bias, hx, cx):
    B, T, _ = x.shape
    H = hx.shape[1]
    proj = x @ w_ih + bias  # (B, T, 4H)
    gates = np.empty_like(proj)
    hy = np.empty((B, T + 1, H), np.float32)
    cy = np.empty((B, T + 1, H), np.float32)
    hy[:, 0], cy[:, 0] = hx, cx
    for t in range(T):
        a = proj[:, t] + hy[:, t] @ w_hh
        for k in range(3):
            gates[:, t, k * H:(k + 1) * H] = sigmoidf(a[:, k * H:(k + 1) * H] + cy[:, t] * peep[k])
        gates[:, t, 3 * H:] = np.tanh(a[:, 3 * H:])
        o, f, i, u = np.split(gates[:, t], 4, axis=1)
        cy[:, t + 1] = f * cy[:, t] + i * u
        hy[:, t + 1] = o * np.tanh(cy[:, t + 1])
    return hy, cy, gates


def peep_bwd(grad_hy, grad_cn, x, w_ih, w_hh, peep, hy, cy, gates):
    B, T, H = grad_hy.shape
    dgates = np.zeros_like(gates)
    dpeep = np.zeros_like(peep)
    dh = np.zeros((B, H), np.float32)
    dc = grad_cn.copy()
    for t in range(T - 1, -1, -1):
        o, f, i, u = np.split(gates[:, t], 4, axis=1)
        tc = np.tanh(cy[:, t + 1])
        dh = dh + grad_hy[:, t]
        dc = dc + dh * o * (1 - tc * tc)
        dao = dh * tc * o * (1 - o)
        daf = dc * cy[:, t] * f * (1 - f)
        dai = dc * u * i * (1 - i)
        dau = dc * i * (1 - u * u)
        dgates[:, t] = np.concatenate([dao, daf, dai, dau], axis=1)
        dpeep[0] += (dao * cy[:, t]).sum(0)
        dpeep[1] += (daf * cy[:, t]).sum(0)
        dpeep[2] += (dai * cy[:, t]).sum(0)
        dc = dc * f + dao * peep[0] + daf * peep[1] + dai * peep[2]
        dh = dgates[:, t] @ w_hh.T
    flat = dgates.reshape(B * T, 4 * H)
    dw_ih = x.reshape(B * T, -1).T @ flat
    dw_hh = hy[:, :-1].reshape(B * T, H).T @ flat
    dbias = flat.sum(0)
    dx = dgates @ w_ih.T
    return dx, dw_ih, dw_hh, dpeep, dbias, dh, dc


# ---- corpus
CELL = "lstm-peephole"
STYLE = "twin of a fused kernel in float32, (B, T, D), ofic in columns, three peepholes of the old cell in one array, T + 1 states, products over all steps at the end"
HELD_OUT = True
CALL = None
NAMES = ("x", "w_ih", "w_hh", "peep", "bias", "hx", "cx")


def draw(rng):
    def r(size, *s):
        return (size * rng.standard_normal(s)).astype(np.float32)

    B, T, D, H = 3, 5, 2, 4
    return {
        "input/x": r(1, B, T, D), "param/w_ih": r(0.7, D, 4 * H), "param/w_hh": r(0.6, H, 4 * H), "param/peep": r(0.8, 3, H), "param/bias": r(0.5, 4 * H),
        "initial/hx": r(0.7, B, H), "initial/cx": r(0.7, B, H), "cotangent/hy": r(1, B, T, H), "cotangent/cn": r(1, B, H),
    }


def run(d):
    x, w_ih, w_hh, peep, bias, hx, cx = (d[p + k] for p, k in zip(("input/", "param/", "param/", "param/", "param/", "initial/", "initial/"), NAMES))
    hy, cy, gates = peep_fwd(x, w_ih, w_hh, peep, bias, hx, cx)
    g = peep_bwd(d["cotangent/hy"], d["cotangent/cn"], x, w_ih, w_hh, peep, hy, cy, gates)
    return {"output/hy": hy[:, 1:], "output/cy": cy[:, 1:], "output/cn": cy[:, -1]} | {"grad/" + k: v for k, v in zip(NAMES, g)}


MISTAKES = {
    "peepholes send nothing to the old cell": ([("dc * f + dao * peep[0] + daf * peep[1] + dai * peep[2]", "dc * f")], [("drop-path", "peep"), ("cut-recurrence", "peep"), [("drop-path", "o dao"), ("drop-path", "f daf"), ("drop-path", "i dai")], [("cut-recurrence", "o dao"), ("cut-recurrence", "f daf"), ("cut-recurrence", "i dai")]]),
    "output peephole with the new cell": ([("(dao * cy[:, t]).sum(0)", "(dao * cy[:, t + 1]).sum(0)")], [("time-shift", "peep o cy c")]),
    "peepholes of f and i exchanged": ([("daf * peep[1] + dai * peep[2]", "daf * peep[2] + dai * peep[1]")], [("swap-gates", "peep f i daf dai cy")]),
    "o not in dc": ([("dc + dh * o * (1 - tc * tc)", "dc + dh * (1 - tc * tc)")], [("misplaced-factor", "o dc hy cy c h"), ("missing-derivative", "o dc hy cy c h")]),
    "w_hh paired with the new states": ([("hy[:, :-1].reshape", "hy[:, 1:].reshape")], [("time-shift", "w_hh hy h")]),
    "cn ignored": ([("dc = grad_cn.copy()", "dc = np.zeros((B, H), np.float32)")], [("cotangent-missing", "cn cy c cx")]),
    "i without i": ([("dc * u * i * (1 - i)", "dc * u * (1 - i)")], [("missing-derivative", "i dai gates w_ih"), ("misplaced-factor", "i dai gates")]),
    "hx's gradient zero": ([("    return dx, dw_ih", "    dh = np.zeros_like(dh)\n    return dx, dw_ih")], [("zero-gradient", "hx hy h")]),
}
STACKS = {
    "output peephole with the new cell + i without i": [],
    "cn ignored + w_hh paired with the new states": [],
    "o not in dc + hx's gradient zero": [],
    "peepholes of f and i exchanged + cn ignored + w_hh paired with the new states": [],
}
