# Decoder with additive attention over encoder states E (B, S, K); GRU cell without biases on [y, ctx], s0 given.
import numpy as np

sg = lambda a: 1 / (1 + np.exp(-a))
PAR = ("Qa", "Ka", "va", "Az", "Bz", "Ar", "Br", "An", "Bn")


def decode(E, Y, s, P):
    keys = E @ P["Ka"]
    out, log = [], []
    for u in range(Y.shape[1]):
        m = np.tanh(keys + (s @ P["Qa"])[:, None])
        sc = m @ P["va"]
        al = np.exp(sc) / np.exp(sc).sum(1, keepdims=True)
        ctx = np.matmul(al[:, None], E)[:, 0]
        v = np.hstack((Y[:, u], ctx))
        z, r = sg(v @ P["Az"] + s @ P["Bz"]), sg(v @ P["Ar"] + s @ P["Br"])
        n = np.tanh(v @ P["An"] + (r * s) @ P["Bn"])
        log.append((s, m, al, v, z, r, n))
        s = (1 - z) * s + z * n
        out.append(s)
    return np.stack(out, 1), log


def decode_vjp(E, Y, P, log, bar):
    G = {k: np.zeros_like(P[k]) for k in PAR}
    gE, gY = np.zeros_like(E), np.zeros_like(Y)
    gkeys = 0
    gs = 0
    for u in reversed(range(len(log))):
        s, m, al, v, z, r, n = log[u]
        gs = gs + bar[:, u]
        gn = gs * z * (1 - n**2)
        gz = gs * (n - s) * z * (1 - z)
        grs = gn @ P["Bn"].T
        gr = grs * s * r * (1 - r)
        gs = gs * (1 - z) + grs * r + gz @ P["Bz"].T + gr @ P["Br"].T
        G["Bn"] += (r * s).T @ gn
        gv = 0
        for k, g in (("z", gz), ("r", gr), ("n", gn)):
            G["A" + k] += v.T @ g
            gv = gv + g @ P["A" + k].T
        G["Bz"] += s.T @ gz
        G["Br"] += s.T @ gr
        gY[:, u] = gv[:, : Y.shape[2]]
        gctx = gv[:, Y.shape[2] :]
        gE += al[:, :, None] * gctx[:, None]
        gal = np.matmul(E, gctx[:, :, None])[:, :, 0]
        gsc = al * (gal - (al * gal).sum(1, keepdims=True))
        G["va"] += np.einsum("bs,bsa->a", gsc, m)
        gm = gsc[:, :, None] * P["va"] * (1 - m * m)
        gkeys = gkeys + gm
        G["Qa"] += s.T @ gm.sum(1)
        gs = gs + gm.sum(1) @ P["Qa"].T
    G["Ka"] = np.einsum("bsk,bsa->ka", E, gkeys)
    gE += gkeys @ P["Ka"].T
    return gE, gY, gs, G


# ---- corpus
CELL = """
m[u] = tanh(Ka @ E + Qa @ s[u-1])
sc[u] = (va.T @ m[u]).T
al[u] = softmax(sc[u])
ctx[u] = E @ al[u]
z[u] = sigmoid(Az @ [y[u], ctx[u]] + Bz @ s[u-1])
r[u] = sigmoid(Ar @ [y[u], ctx[u]] + Br @ s[u-1])
n[u] = tanh(An @ [y[u], ctx[u]] + Bn @ (r[u] * s[u-1]))
s[u] = (1 - z[u]) * s[u-1] + z[u] * n[u]
input E : K, N
va : A
"""
STYLE = "additive attention in a GRU decoder, batched rows, keys computed once, no biases, equations of one's own"
HELD_OUT = True


def draw(rng):
    B, S, K, D, H, A, U = 2, 6, 3, 2, 4, 5, 4
    r = rng.standard_normal
    shape = {"Qa": (H, A), "Ka": (K, A), "va": (A,), "A": (D + K, H), "B": (H, H)}
    d = {"input/E": r((B, S, K)), "input/y": r((B, U, D)), "initial/s": 0.5 * r((B, H)), "cotangent/s": r((B, U, H))}
    return d | {"param/" + n: 0.8 * r(shape.get(n) or shape[n[0]]) for n in PAR}


def run(d):
    P = {k: d["param/" + k] for k in PAR}
    out, log = decode(d["input/E"], d["input/y"], d["initial/s"], P)
    gE, gY, gs, G = decode_vjp(d["input/E"], d["input/y"], P, log, d["cotangent/s"])
    return {"output/s": out, "output/al": np.stack([e[2] for e in log], 1), "grad/E": gE, "grad/y": gY, "grad/s": gs} | {"grad/" + k: g for k, g in G.items()}


MISTAKES = {
    "keys of the last step": ([("gkeys = gkeys + gm", "gkeys = gm")], [("not-accumulated", "Ka E m"), ("first-step-only", "Ka E m"), [("not-accumulated", "Ka"), ("not-accumulated", "E")]]),
    "memory only as values": ([('    gE += gkeys @ P["Ka"].T\n', "")], [("drop-path", "E Ka m")]),
    "query unseen": ([('        gs = gs + gm.sum(1) @ P["Qa"].T\n', "")], [("drop-path", "Qa s m"), ("cut-recurrence", "Qa s m")]),
    "softmax diagonal": ([("al * (gal - (al * gal).sum(1, keepdims=True))", "al * (1 - al) * gal")], [("drop-path", "al sc"), ("missing-derivative", "al sc"), ("misplaced-factor", "al sc")]),
    "m not differentiated": ([(" * (1 - m * m)", "")], [("missing-derivative", "m")]),
    "grs without r": ([("+ grs * r +", "+ grs +")], [("misplaced-factor", "r s n Bn"), ("missing-derivative", "r s n")]),
    "Br transposed": ([('gr @ P["Br"].T', 'gr @ P["Br"]')], [("transpose", "Br")]),
    "values of one step": ([("gE += al[:, :, None] * gctx[:, None]", "gE = al[:, :, None] * gctx[:, None]")], [("not-accumulated", "E"), ("first-step-only", "E")]),
}
STACKS = {
    "keys of the last step + Br transposed": [],
    "memory only as values + grs without r": [],
    "query unseen + Br transposed": [],
}
