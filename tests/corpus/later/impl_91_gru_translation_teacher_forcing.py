import numpy as np

# Tiny translator: two GRUs with embeddings, teacher forcing, one sentence pair at a time, vectors as 1-D arrays.

START = 0


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru(x, h, P):
    z = sigmoid(P["Wz"] @ x + P["Uz"] @ h)
    r = sigmoid(P["Wr"] @ x + P["Ur"] @ h)
    c = np.tanh(P["Wc"] @ x + P["Uc"] @ (r * h))
    return h + z * (c - h), (x, h, z, r, c)


def gru_back(dh_new, cache, P, G):
    x, h, z, r, c = cache
    dc = dh_new * z * (1 - c * c)
    dz = dh_new * (c - h) * z * (1 - z)
    drh = P["Uc"].T @ dc
    dr = drh * h * r * (1 - r)
    for name, delta, state in (("z", dz, h), ("r", dr, h), ("c", dc, r * h)):
        G["W" + name] += np.outer(delta, x)
        G["U" + name] += np.outer(delta, state)
    dx = P["Wz"].T @ dz + P["Wr"].T @ dr + P["Wc"].T @ dc
    dh = dh_new * (1 - z) + drh * r + P["Uz"].T @ dz + P["Ur"].T @ dr
    return dx, dh


def translate_loss(source, target, src_emb, tgt_emb, enc, dec, V, bv):
    """Embeddings hold a word in a row.  Returns the summed loss, the probabilities, and all gradients."""
    h = np.zeros(enc["Uz"].shape[0])
    enc_tape, dec_tape, hidden, probs = [], [], [], []
    for w in source:
        h, cache = gru(src_emb[w], h, enc)
        enc_tape.append(cache)
    words_in = [START, *target[:-1]]
    loss = 0.0
    for w, y in zip(words_in, target):
        h, cache = gru(tgt_emb[w], h, dec)
        dec_tape.append(cache)
        hidden.append(h)
        s = V @ h + bv
        q = np.exp(s - s.max())
        q /= q.sum()
        probs.append(q)
        loss -= np.log(q[y])

    d_src, d_tgt, dV, dbv = np.zeros_like(src_emb), np.zeros_like(tgt_emb), np.zeros_like(V), np.zeros_like(bv)
    G_enc, G_dec = ({k: np.zeros_like(p) for k, p in P.items()} for P in (enc, dec))
    dh = np.zeros_like(h)
    for u in reversed(range(len(target))):
        ds = probs[u].copy()
        ds[target[u]] -= 1
        dV += np.outer(ds, hidden[u])
        dbv += ds
        dh = dh + V.T @ ds
        dx, dh = gru_back(dh, dec_tape[u], dec, G_dec)
        d_tgt[words_in[u]] += dx
    for t in reversed(range(len(source))):
        dx, dh = gru_back(dh, enc_tape[t], enc, G_enc)
        d_src[source[t]] += dx
    return loss, np.array(probs), d_src, d_tgt, G_enc, G_dec, dV, dbv


# ---- corpus
CELL = """
src_emb : D, M
tgt_emb : E, N
source[t] : index M
words[u] : index N
ze[t] = sigmoid(Wze @ take(src_emb, source[t]) + Uze @ he[t-1])
re[t] = sigmoid(Wre @ take(src_emb, source[t]) + Ure @ he[t-1])
ce[t] = tanh(Wce @ take(src_emb, source[t]) + Uce @ (re[t] * he[t-1]))
he[t] = he[t-1] + ze[t] * (ce[t] - he[t-1])
h[0] = he[T]
z[u] = sigmoid(Wz @ take(tgt_emb, words[u]) + Uz @ h[u-1])
r[u] = sigmoid(Wr @ take(tgt_emb, words[u]) + Ur @ h[u-1])
c[u] = tanh(Wc @ take(tgt_emb, words[u]) + Uc @ (r[u] * h[u-1]))
h[u] = h[u-1] + z[u] * (c[u] - h[u-1])
s[u] = V @ h[u] + bv
"""
STYLE = "encoder-decoder of GRU steps without biases, teacher forcing, word numbers, embeddings by rows, one pair, summed softmax loss"
HELD_OUT = True
GRU = ("Wz", "Uz", "Wr", "Ur", "Wc", "Uc")


def draw(rng):
    r = rng.standard_normal
    source, target = rng.integers(0, 6, 7), rng.integers(1, 5, 5)
    d = {"input/source": source, "input/words": np.array([START, *target[:-1]]), "target/target": target}
    d |= {"param/src_emb": r((6, 2)), "param/tgt_emb": r((5, 3)), "param/V": r((5, 4)), "param/bv": 0.5 * r(5)}
    for side, n in (("enc", 2), ("dec", 3)):
        d |= {f"param/{k}_{side}": 0.8 * r((4, n if k[0] == "W" else 4)) for k in GRU}
    return d


def run(d):
    enc, dec = ({k: d[f"param/{k}_{side}"] for k in GRU} for side in ("enc", "dec"))
    loss, probs, d_src, d_tgt, G_enc, G_dec, dV, dbv = translate_loss(
        d["input/source"], d["target/target"], d["param/src_emb"], d["param/tgt_emb"], enc, dec, d["param/V"], d["param/bv"]
    )
    grads = {"grad/src_emb": d_src, "grad/tgt_emb": d_tgt, "grad/V": dV, "grad/bv": dbv}
    return {"loss": np.array(loss), "output/probs": probs} | grads | {f"grad/{k}_{side}": v for side, G in (("enc", G_enc), ("dec", G_dec)) for k, v in G.items()}


BOTH = "r re rh Uc Uc_enc Uc_dec Uce h he c ce"
MISTAKES = {
    "encoder starts from nothing": ([("    for t in reversed(range(len(source))):", "    dh = np.zeros_like(dh)\n    for t in reversed(range(len(source))):")], [("drop-path", "h he"), ("cut-recurrence", "h he"), ("zero-gradient", "h he"), [("zero-gradient", "src_emb"), ("zero-gradient", "Wz_enc Wze ze"), ("zero-gradient", "Uz_enc Uze ze"), ("zero-gradient", "Wr_enc Wre re"), ("zero-gradient", "Ur_enc Ure re"), ("zero-gradient", "Wc_enc Wce ce"), ("zero-gradient", "Uc_enc Uce ce")]]),
    "decoder steps apart": ([("dh = dh + V.T @ ds\n        dx, dh = gru_back(dh, dec", "dx, dh = gru_back(V.T @ ds, dec")], [("cut-recurrence", "h"), ("drop-path", "h")]),
    "state unreset in Uc": ([('("c", dc, r * h)', '("c", dc, h)')], [("misplaced-factor", BOTH), ("drop-path", BOTH), ("missing-derivative", BOTH), [("misplaced-factor", "re Uc_enc Uce he ce"), ("misplaced-factor", "r Uc_dec Uc h c")], [("drop-path", "re Uc_enc Uce he ce"), ("drop-path", "r Uc_dec Uc h c")]]),
    "Uc as it stands": ([('drh = P["Uc"].T @ dc', 'drh = P["Uc"] @ dc')], [("transpose", "Uc Uc_enc Uc_dec Uce"), [("transpose", "Uc_enc Uce"), ("transpose", "Uc_dec Uc")]]),
    "V with the state before": ([("np.outer(ds, hidden[u])", "np.outer(ds, dec_tape[u][1])")], [("time-shift", "V h hidden")]),
    "divided by the length": ([("        ds[target[u]] -= 1\n", "        ds[target[u]] -= 1\n        ds /= len(target)\n")], [("scale", "*")], "loss"),
    "bv of the first word": ([("dbv += ds", "dbv = ds")], [("not-accumulated", "bv"), ("first-step-only", "bv")]),
    "source words overwritten": ([("d_src[source[t]] += dx", "d_src[source[t]] = dx")], [("not-accumulated", "src_emb")]),
}
STACKS = {
    "encoder starts from nothing + bv of the first word": [],
    "decoder steps apart + V with the state before": [],
    "divided by the length + Uc as it stands": [],
    "state unreset in Uc + V with the state before + bv of the first word": [],
}
