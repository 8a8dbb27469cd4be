import numpy as np


def attend(q, M):
    """q: (B, H), M: (B, S, H)."""
    score = np.einsum("bh,bsh->bs", q, M) / np.sqrt(q.shape[1])
    w = np.exp(score - score.max(1, keepdims=True))
    w /= w.sum(1, keepdims=True)
    return w, np.einsum("bs,bsh->bh", w, M)


def attend_grad(q, M, w, dctx):
    dw = np.einsum("bh,bsh->bs", dctx, M)
    dscore = w * (dw - (w * dw).sum(1, keepdims=True))
    dscore = dscore / np.sqrt(q.shape[1])
    dq = np.einsum("bs,bsh->bh", dscore, M)
    dM = w[:, :, None] * dctx[:, None, :] + dscore[:, :, None] * q[:, None, :]
    return dq, dM


def decoder(M, y, q, Wy, Wq, Wc, b):
    trace = []
    for u in range(y.shape[1]):
        w, ctx = attend(q, M)
        q_new = np.tanh(y[:, u] @ Wy + q @ Wq + ctx @ Wc + b)
        trace.append((q, w, ctx, q_new))
        q = q_new
    return np.stack([step[3] for step in trace], 1), trace


def decoder_grad(M, y, Wy, Wq, Wc, b, trace, dout):
    gWy, gWq, gWc, gb = (np.zeros_like(a) for a in (Wy, Wq, Wc, b))
    gM, gy = np.zeros_like(M), np.zeros_like(y)
    gq = np.zeros_like(trace[0][0])
    for u in range(y.shape[1])[::-1]:
        q, w, ctx, q_new = trace[u]
        da = (dout[:, u] + gq) * (1 - q_new**2)
        gWy += y[:, u].T @ da
        gWq += q.T @ da
        gWc += ctx.T @ da
        gb += da.sum(0)
        gy[:, u] = da @ Wy.T
        dq, dM = attend_grad(q, M, w, da @ Wc.T)
        gM += dM
        gq = da @ Wq.T + dq
    return gM, gy, gq, gWy, gWq, gWc, gb


# ---- corpus
CELL = """
e[u] = (M.T @ q[u-1]) / 2
w[u] = softmax(e[u])
ctx[u] = M @ w[u]
q[u] = tanh(Wy @ y[u] + Wq @ q[u-1] + Wc @ ctx[u] + b)
input M : H, N
"""
STYLE = "batched decoder with scaled dot attention over a memory (B, S, H), functions with explicit gradients, equations of one's own"
HELD_OUT = True


def draw(rng):
    B, S, H, D, U = 2, 6, 4, 3, 5
    r = rng.standard_normal
    return {"input/M": r((B, S, H)), "input/y": r((B, U, D)), "initial/q": 0.5 * r((B, H)), "param/Wy": 0.6 * r((D, H)), "param/Wq": 0.6 * r((H, H)),
            "param/Wc": 0.6 * r((H, H)), "param/b": 0.5 * r(H), "cotangent/q": r((B, U, H))}


def run(d):
    M, y = d["input/M"], d["input/y"]
    P = [d["param/" + k] for k in ("Wy", "Wq", "Wc", "b")]
    out, trace = decoder(M, y, d["initial/q"], *P)
    grads = decoder_grad(M, y, *P, trace, d["cotangent/q"])
    return {"output/q": out, "output/w": np.stack([s[1] for s in trace], 1)} | {"grad/" + k: g for k, g in zip(("M", "y", "q", "Wy", "Wq", "Wc", "b"), grads)}


MISTAKES = {
    "memory only as values": ([(" + dscore[:, :, None] * q[:, None, :]", "")], [("drop-path", "M e q score")]),
    "memory only as keys": ([("w[:, :, None] * dctx[:, None, :] + ", "")], [("drop-path", "M ctx w")]),
    "query gets nothing": ([("gq = da @ Wq.T + dq", "gq = da @ Wq.T")], [("drop-path", "q e w M"), ("cut-recurrence", "q e")]),
    "gM assigned": ([("gM += dM", "gM = dM")], [("not-accumulated", "M"), ("first-step-only", "M")]),
    "softmax without its sum": ([("w * (dw - (w * dw).sum(1, keepdims=True))", "w * dw")], [("drop-path", "w e"), ("missing-derivative", "w e"), ("misplaced-factor", "w e")]),
    "scale of the scores forgotten": ([("    dscore = dscore / np.sqrt(q.shape[1])\n", "")], [("misplaced-factor", "e w M q score"), ("scale", "e w M q score"), ("missing-derivative", "e w")]),
    "Wc not transposed": ([("attend_grad(q, M, w, da @ Wc.T)", "attend_grad(q, M, w, da @ Wc)")], [("transpose", "Wc")]),
    "Wq with the new query": ([("gWq += q.T @ da", "gWq += q_new.T @ da")], [("time-shift", "Wq q")]),
}
STACKS = {
    "memory only as values + Wq with the new query": [],
    "query gets nothing + gM assigned": [],
    "Wc not transposed + Wq with the new query": [],
    "scale of the scores forgotten + Wc not transposed + Wq with the new query": [],
}
