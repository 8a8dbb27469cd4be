"""Cells of the literature, written again from the project's catalogue (part B) in plain NumPy.

A step takes the parameters and constants p (with whatever else is given at the step), the input x and the states by
name, and returns what the entry calls by these names.  ``W_f`` of an entry is cut into the matrices of the papers, in
the order in which the entry stacks what they multiply.
"""

import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def relu(a):
    return np.where(a > 0, a, 0)


def softmax(a):
    return np.exp(a) / np.exp(a).sum()


def of(p, gate, *parts, plus=0.0):
    """Σ of blocks of W times parts, the bias, and something more."""
    blocks = np.split(p["W_" + gate], np.cumsum([len(part) for part in parts])[:-1], axis=1)
    return sum(w @ part for w, part in zip(blocks, parts, strict=True)) + p["b_" + gate] + plus


# --- LSTMs, B1 and B12-B14 ----------------------------------------------------------------------------------------


def greff(change):
    """V of Greff et al. with one change."""

    def step(p, x, h, c):
        def gate(name, seen):
            return s(of(p, name, h, x, plus=p["p_" + name] * seen))

        i = 1 if change == "NIG" else gate("i", c)
        f = 1 if change == "NFG" else 1 - i if change == "CIFG" else gate("f", c)
        z = of(p, "g", h, x)
        c = (z if change == "NIAF" else np.tanh(z)) * i + c * f
        o = 1 if change == "NOG" else gate("o", c)
        return {"c": c, "h": (c if change == "NOAF" else np.tanh(c)) * o}

    return step


def full_gate_recurrence(p, x, h, c, f, i, o):
    before = (h, i, f, o, x)
    i, f = (s(of(p, gate, *before, plus=p["p_" + gate] * c)) for gate in "if")
    c = np.tanh(of(p, "g", h, x)) * i + c * f
    o = s(of(p, "o", *before, plus=p["p_o"] * c))
    return {"h": np.tanh(c) * o, "c": c, "f": f, "i": i, "o": o}


def lstm_projected(p, x, h, c):
    i, f, o = (s(of(p, gate, h, x)) for gate in "ifo")
    c = f * c + i * np.tanh(of(p, "g", h, x))
    return {"c": c, "h": p["W_h"] @ (o * np.tanh(c))}


def lstm_projected_twice(p, x, r, c):
    i, f = (s(of(p, gate, r, x, plus=p["p_" + gate] * c)) for gate in "if")
    c = f * c + i * np.tanh(of(p, "g", r, x))
    m = s(of(p, "o", r, x, plus=p["p_o"] * c)) * np.tanh(c)
    r = p["W_r"] @ m
    return {"c": c, "r": r, "y": of(p, "y", r, p["W_p"] @ m)}


def normalised(a):
    return (a - np.mean(a)) / np.sqrt(np.var(a) + 1e-5)


def lstm_layer_norm(p, x, h, c):
    rows = p["a_x"] * normalised(p["W"] @ x) + p["a_h"] * normalised(p["U"] @ h) + p["b"]
    i, g, f, o = np.split(rows, 4)
    c = s(f) * c + s(i) * np.tanh(g)
    return {"c": c, "h": s(o) * np.tanh(p["a_c"] * normalised(c) + p["b_c"])}


def conv_lstm(peepholes):
    def step(p, x, h, c):
        (channels, places), filters = x.shape, len(h)

        def convolved(name):
            taps = np.split(p["W_" + name], 3, axis=1)
            out = np.repeat(p["b_" + name][:, None], places, axis=1)
            for place in range(places):
                for tap, w in enumerate(taps):
                    if 0 <= place + tap - 1 < places:
                        out[:, place] += w[:, :channels] @ x[:, place + tap - 1]
                        out[:, place] += w[:, channels : channels + filters] @ h[:, place + tap - 1]
            return out

        def gate(name, seen):
            return s(convolved(name) + (p["p_" + name] * seen if peepholes else 0))

        c = gate("f", c) * c + gate("i", c) * np.tanh(convolved("g"))
        return {"c": c, "h": gate("o", c) * np.tanh(c)}

    return step


# --- gated units, B2-B6 and B11 -----------------------------------------------------------------------------------


def mut(number, inner):
    """`inner` is what the candidate adds for x and the bias."""

    def step(p, x, h):
        seen = 0 if number == 1 else p["U_z"] @ (h if number == 2 else np.tanh(h))
        z = s(p["W_z"] @ x + seen + p["b_z"])
        r = s((x if number == 2 else p["W_r"] @ x) + p["U_r"] @ h + p["b_r"])
        return {"h": np.tanh(p["U_h"] @ (r * h) + inner(p, x)) * z + h * (1 - z)}

    return step


def gate_of(p, name, x, h, reads):
    """What a gate of GRU0-3 or MGU0-3 is, by how much it reads."""
    if reads == 0:
        return s(of(p, name, h, x))
    return s((p["U_" + name] @ h if reads < 3 else 0) + (p["b_" + name] if reads != 2 else 0))


def mgu(reads):
    def step(p, x, h):
        f = gate_of(p, "f", x, h, reads)
        return {"h": (1 - f) * h + f * np.tanh(of(p, "n", f * h, x))}

    return step


def gru(reads):
    def step(p, x, h):
        z, r = gate_of(p, "z", x, h, reads), gate_of(p, "r", x, h, reads)
        return {"h": (1 - z) * h + z * np.tanh(of(p, "n", r * h, x))}

    return step


def janet(p, x, h, beta=1):
    a = of(p, "f", h, x)
    return {"h": s(a) * h + (1 - s(a - beta)) * np.tanh(of(p, "n", h, x))}


def ugrnn(p, x, h):
    g = s(of(p, "g", h, x, plus=1))
    return {"h": g * h + (1 - g) * np.tanh(of(p, "n", h, x))}


def li_gru(p, x, h):
    def bn(gate):
        return p["gamma_" + gate] * (p["W_" + gate] @ x - p["mu_" + gate]) * p["s_" + gate] + p["beta_" + gate]

    z, new = s(bn("z") + p["U_z"] @ h), relu(bn("n") + p["U_n"] @ h)
    return {"h": z * h + (1 - z) * new}


# --- light recurrence, B7-B9 --------------------------------------------------------------------------------------


def indrnn(phi):
    return lambda p, x, h: {"h": phi(p["W"] @ x + p["u"] * h + p["b"])}


def sru(highway, seen=True, g=lambda c: c):
    def step(p, x, c):
        f, r = (s(p["W_" + k] @ x + (p["v_" + k] * c if seen else 0) + p["b_" + k]) for k in "fr")
        c = f * c + (1 - f) * (p["W"] @ x)
        return {"c": c, "h": r * g(c) + (1 - r) * highway(p, x)}

    return step


def qrnn(pool):
    def step(p, x, **state):
        z = np.tanh(of(p, "z", p["x before"], x))
        f, *rest = (s(of(p, gate, p["x before"], x)) for gate in {"f": "f", "fo": "fo", "ifo": "fio"}[pool])
        (before,) = state.values()
        c = f * before + (rest[0] if pool == "ifo" else 1 - f) * z
        return {"h": c} if pool == "f" else {"c": c, "h": rest[-1] * c}

    return step


# --- highways, time scales, dynamics, B10 and B15-B20 -------------------------------------------------------------


def rhn(depth):
    def step(p, x, h):
        new, t = np.tanh(of(p, "h1", h, x)), s(of(p, "t1", h, x))
        y = new * t + h * (1 - t)
        for k in range(2, depth + 1):
            new, t = np.tanh(p[f"R_h{k}"] @ y + p[f"b_h{k}"]), s(p[f"R_t{k}"] @ y + p[f"b_t{k}"])
            y = new * t + y * (1 - t)
        return {"h": y}

    return step


def clockwork(p, x, /, **modules):
    """Every module reads itself and slower ones, and moves when its clock says so."""
    new = {}
    for k, name in enumerate("pqr"):
        moved = np.tanh(of(p, name, *(modules[slower] for slower in "pqr"[k:]), x))
        active = 1 if name == "p" else p["k_" + name]
        new[name] = active * moved + (1 - active) * modules[name]
    return {**new, "h": np.concatenate([new["p"], new["q"], new["r"]])}


def scrn(learned):
    def step(p, x, **before):
        alpha = s(p["b"]) if learned else 0.95
        slow = (1 - alpha) * (p["B"] @ x) + alpha * before["s"]
        h = s(p["P"] @ slow + p["A"] @ x + p["R"] @ before["h"])
        return {"s": slow, "h": h, "y": softmax(p["U"] @ h + p["V"] @ slow)}

    return step


def lmu(p, x, h, m):
    m = p["A"] @ m + p["B"] * (p["e_x"] @ x + p["e_h"] @ h + p["e_m"] @ m)
    return {"m": m, "h": np.tanh(p["W_x"] @ x + p["W_h"] @ h + p["W_m"] @ m)}


def antisymmetric(gated):
    def step(p, x, h):
        a = (p["W"] - p["W"].T - p["gamma"] * np.eye(len(h))) @ h
        z = s(a + p["V_z"] @ x + p["b_z"]) if gated else 1
        return {"h": h + p["eps"] * z * np.tanh(a + p["V"] @ x + p["b"])}

    return step


def cornn(implicit):
    def step(p, x, y, z):
        force = np.tanh(p["W_y"] @ y + p["W_z"] @ z + p["V"] @ x + p["b"]) - p["gamma"] * y
        if implicit:  # z' = z + dt (force - eps z'), solved as a linear system
            z = np.linalg.solve((1 + p["dt"] * p["eps"]) * np.eye(len(z)), z + p["dt"] * force)
        else:
            z = z + p["dt"] * (force - p["eps"] * z)
        return {"z": z, "y": y + p["dt"] * z}

    return step


def lem(p, x, y, z):
    slow, fast = p["dt"] * s(of(p, "1", y, x)), p["dt"] * s(of(p, "2", y, x))
    z = (1 - slow) * z + slow * np.tanh(of(p, "z", y, x))
    return {"z": z, "y": (1 - fast) * y + fast * np.tanh(of(p, "y", z, x))}


STEPS = {
    **{f"lstm-{change.lower()}": greff(change) for change in ("NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG")},
    "lstm-fgr": full_gate_recurrence,
    "lstm-projected": lstm_projected,
    "lstm-projected-twice": lstm_projected_twice,
    "lstm-layer-norm": lstm_layer_norm,
    "conv-lstm": conv_lstm(peepholes=True),
    "conv-lstm-keras": conv_lstm(peepholes=False),
    "mgu": mgu(0), "mgu1": mgu(1), "mgu2": mgu(2), "mgu3": mgu(3),
    "gru1": gru(1), "gru2": gru(2), "gru3": gru(3),
    "janet": janet,
    "ugrnn": ugrnn,
    "mut1": mut(1, lambda p, x: np.tanh(x) + p["b_h"]),
    "mut1-projected": mut(1, lambda p, x: np.tanh(p["W_h"] @ x) + p["b_h"]),
    "mut1-inner-bias": mut(1, lambda p, x: np.tanh(p["W_h"] @ x + p["b_h"])),
    "mut2": mut(2, lambda p, x: p["W_h"] @ x + p["b_h"]),
    "mut3": mut(3, lambda p, x: p["W_h"] @ x + p["b_h"]),
    "indrnn": indrnn(relu),
    "indrnn-tanh": indrnn(np.tanh),
    "sru": sru(lambda p, x: p["alpha"] * x),
    "sru-wide": sru(lambda p, x: p["alpha"] * (p["W_x"] @ x)),
    "sru-2017": sru(lambda p, x: x, seen=False, g=np.tanh),
    "qrnn-f": qrnn("f"), "qrnn-fo": qrnn("fo"), "qrnn-ifo": qrnn("ifo"),
    "li-gru": li_gru,
    "rhn-2": rhn(2), "rhn-3": rhn(3),
    "clockwork": clockwork,
    "scrn": scrn(learned=False), "scrn-learned": scrn(learned=True),
    "lmu": lmu,
    "antisymmetric": antisymmetric(gated=False), "antisymmetric-gated": antisymmetric(gated=True),
    "cornn": cornn(implicit=False), "cornn-implicit": cornn(implicit=True),
    "lem": lem,
}  # fmt: skip
