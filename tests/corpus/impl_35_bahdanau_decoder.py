import numpy as np


def softmax(e):
    e = np.exp(e - np.max(e))
    return e / np.sum(e)


def decode(Hs, s0, P):
    """Additive attention of an RNN decoder over encoder states Hs (T, H); one step a target word, U steps."""
    s = s0
    steps, ss = [], []
    for u in range(P["steps"]):
        m = np.tanh(Hs @ P["Ua"].T + P["Wa"] @ s)  # (T, A)
        alpha = softmax(m @ P["va"])
        ctx = alpha @ Hs
        s_new = np.tanh(P["Ws"] @ s + P["Wc"] @ ctx + P["bs"])
        steps.append((s, m, alpha, ctx, s_new))
        s = s_new
        ss.append(s)
    return np.array(ss), steps


def decode_backward(Hs, P, steps, dss):
    G = {k: np.zeros_like(v) for k, v in P.items() if k != "steps"}
    dHs = np.zeros_like(Hs)
    ds = np.zeros_like(steps[0][0])
    for u in range(len(steps) - 1, -1, -1):
        s, m, alpha, ctx, s_new = steps[u]
        dz = (dss[u] + ds) * (1 - s_new**2)
        G["Ws"] += np.outer(dz, s)
        G["Wc"] += np.outer(dz, ctx)
        G["bs"] += dz
        dctx = P["Wc"].T @ dz
        dalpha = Hs @ dctx
        dHs += np.outer(alpha, dctx)
        de = alpha * (dalpha - np.dot(alpha, dalpha))
        G["va"] += m.T @ de
        dm = np.outer(de, P["va"]) * (1 - m**2)
        G["Ua"] += dm.T @ Hs
        G["Wa"] += np.outer(dm.sum(axis=0), s)
        dHs += dm @ P["Ua"]
        ds = P["Ws"].T @ dz + P["Wa"].T @ dm.sum(axis=0)
    return G, dHs, ds


# ---- corpus
CELL = """
m[u] = tanh(Ua @ Hs + Wa @ s[u-1])
e[u] = (va.T @ m[u]).T
alpha[u] = softmax(e[u])
ctx[u] = Hs @ alpha[u]
s[u] = tanh(Ws @ s[u-1] + Wc @ ctx[u] + bs)
input Hs : H, N
va : A
"""
STYLE = "attention decoder over given states, 1-D vectors, one sequence, equations of one's own"
HELD_OUT = False
CALL = {"forward": "decode", "backward": "decode_backward", "how": "(Hs, s0, P) -> ss, steps; (Hs, P, steps, dss) -> dict, dHs, ds0"}
SHAPES = {"Ua": (3, 4), "Wa": (3, 2), "va": (3,), "Ws": (2, 2), "Wc": (2, 4), "bs": (2,)}


def draw(rng):
    r = rng.standard_normal
    d = {"input/Hs": r((6, 4)), "initial/s0": 0.5 * r(2), "cotangent/s": r((5, 2))}
    return d | {"param/" + k: (1.2 if "a" in k else 0.6) * r(v) for k, v in SHAPES.items()}


def run(d):
    P = {k: d["param/" + k] for k in SHAPES} | {"steps": 5}
    ss, steps = decode(d["input/Hs"], d["initial/s0"], P)
    G, dHs, ds0 = decode_backward(d["input/Hs"], P, steps, d["cotangent/s"])
    return {"output/s": ss, "output/alpha": np.array([x[2] for x in steps]), "grad/Hs": dHs, "grad/s0": ds0} | {"grad/" + k: g for k, g in G.items()}


MISTAKES = {
    "attention's way back to s": ([(" + P[\"Wa\"].T @ dm.sum(axis=0)", "")], [("drop-path", "Wa m s alpha"), ("cut-recurrence", "s Wa m")]),
    "recurrent way back to s": ([('ds = P["Ws"].T @ dz + ', "ds = ")], [("drop-path", "Ws s"), ("cut-recurrence", "s Ws")]),
    "states only as values": ([('        dHs += dm @ P["Ua"]\n', "")], [("drop-path", "Hs Ua m")]),
    "states only as keys": ([("        dHs += np.outer(alpha, dctx)\n", "")], [("drop-path", "Hs ctx alpha")]),
    "softmax without its sum": ([("alpha * (dalpha - np.dot(alpha, dalpha))", "alpha * dalpha")], [("drop-path", "alpha e de"), ("missing-derivative", "alpha e de"), ("misplaced-factor", "alpha e")]),
    "Wa with the new state": ([("np.outer(dm.sum(axis=0), s)", "np.outer(dm.sum(axis=0), s_new)")], [("time-shift", "Wa s")]),
    "m without its derivative": ([(" * (1 - m**2)", "")], [("missing-derivative", "m dm")]),
    "va assigned": ([('G["va"] += ', 'G["va"] = ')], [("not-accumulated", "va"), ("first-step-only", "va")]),
}
STACKS = {
    "states only as values + Wa with the new state": [],
    "recurrent way back to s + va assigned": [],
    "softmax without its sum + va assigned": [],
    "m without its derivative + states only as keys + va assigned": [],
}
