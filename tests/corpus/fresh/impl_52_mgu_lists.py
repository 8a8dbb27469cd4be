import numpy as np


def mgu(xs, h, Wf, bf, Wh, bh):
    """Minimal gated unit.  xs: list of (D, B); the weights act on [x; h]."""
    saved = []
    for x in xs:
        v = np.concatenate((x, h))
        f = 1.0 / (1.0 + np.exp(-(Wf @ v + bf)))
        u = np.concatenate((x, f * h))
        s = np.tanh(Wh @ u + bh)
        saved.append([v, f, u, s, h])
        h = f * s + (1.0 - f) * h
        saved[-1].append(h)
    return saved


def mgu_back(saved, douts, Wf, Wh, D):
    dWf, dbf, dWh, dbh = 0.0, 0.0, 0.0, 0.0
    dxs = []
    d = 0.0
    while saved:
        v, f, u, s, h, _ = saved.pop()
        d = d + douts[len(saved)]
        ds = d * f * (1.0 - s * s)
        du = Wh.T @ ds
        df = (d * (s - h) + du[D:] * h) * f * (1.0 - f)
        dv = Wf.T @ df
        dWh = dWh + ds @ u.T
        dbh = dbh + ds.sum(axis=1, keepdims=True)
        dWf = dWf + df @ v.T
        dbf = dbf + df.sum(axis=1, keepdims=True)
        dxs.insert(0, dv[:D] + du[:D])
        d = d * (1.0 - f) + dv[D:] + du[D:] * f
    return dxs, d, dWf, dbf, dWh, dbh


# ---- corpus
CELL = "mgu"
STYLE = "lists consumed by pop, columns (T, D, B), [x; h], biases as columns"
HELD_OUT = True


def draw(rng):
    D, H, B, T = 5, 3, 4, 6
    r = rng.standard_normal
    return {"input/x": r((T, D, B)), "initial/h": 0.5 * r((H, B)), "param/Wf": 0.6 * r((H, D + H)), "param/bf": 0.5 * r((H, 1)), "param/Wh": 0.6 * r((H, D + H)),
            "param/bh": 0.5 * r((H, 1)), "cotangent/h": r((T, H, B))}


def run(d):
    saved = mgu(list(d["input/x"]), d["initial/h"], *(d["param/" + k] for k in ("Wf", "bf", "Wh", "bh")))
    out = np.array([s[-1] for s in saved])
    grads = mgu_back(saved, d["cotangent/h"], d["param/Wf"], d["param/Wh"], d["input/x"].shape[1])
    return {"output/h": out} | {"grad/" + k: np.array(g) for k, g in zip(("x", "h", "Wf", "bf", "Wh", "bh"), grads)}


MISTAKES = {
    "gate only by its outer use": ([("(d * (s - h) + du[D:] * h) * f", "(d * (s - h)) * f")], [("drop-path", "f s n Wh")]),
    "gate only by its inner use": ([("(d * (s - h) + du[D:] * h) * f", "(du[D:] * h) * f")], [("drop-path", "f h")]),
    "parentheses": ([("(d * (s - h) + du[D:] * h) * f * (1.0 - f)", "d * (s - h) + du[D:] * h * f * (1.0 - f)")], [("misplaced-factor", "f"), ("missing-derivative", "f")]),
    "x only by the gate": ([("dv[:D] + du[:D]", "dv[:D]")], [("drop-path", "x s n Wh")]),
    "u for v": ([("df @ v.T", "df @ u.T")], [("misplaced-factor", "Wf f h"), ("drop-path", "Wf f h"), ("swap-gates", "Wf Wh")]),
    "dWh of the last step": ([("dWh = dWh + ds @ u.T", "dWh = dWh + ds @ u.T * (len(dxs) == 0)")], [("last-step-only", "Wh")]),
    "dbf forgets": ([("dbf = dbf + df.sum", "dbf = df.sum")], [("not-accumulated", "bf b_f"), ("first-step-only", "bf b_f")]),
    "sign in s": ([("d * (s - h)", "d * (h - s)")], [("sign", "f")]),
}
STACKS = {
    "gate only by its outer use + dbf forgets": [],
    "x only by the gate + dWh of the last step": [],
    "sign in s + dWh of the last step": [],
    "gate only by its inner use + dbf forgets + dWh of the last step": [],
}
