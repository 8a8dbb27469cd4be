import numpy as np

# Translation of one sentence pair with additive attention (Bahdanau et al.).  Row vectors; the encoder's states are the
# rows of H (S, n); the decoder is a tanh RNN that reads the last word and the context.


def softmax(v):
    e = np.exp(v - v.max())
    return e / e.sum()


def encode(X, p):
    H = np.zeros((len(X) + 1, p["We"].shape[1]))  # the last row is the zero state
    for j in range(len(X)):
        H[j] = np.tanh(X[j] @ p["Ve"] + H[j - 1] @ p["We"] + p["be"])
    return H


def decode(Y_in, H, p):
    """H without the zero row; Y_in: embeddings of the words before"""
    s = np.tanh(H[-1] @ p["Ws0"])
    memory = []
    keys = H @ p["Ua"]
    for y in Y_in:
        e_hidden = np.tanh(s @ p["Wa"] + keys)
        alpha = softmax(e_hidden @ p["va"])
        context = alpha @ H
        s_new = np.tanh(y @ p["Vd"] + s @ p["Wd"] + context @ p["Cd"] + p["bd"])
        prob = softmax(s_new @ p["Wo"] + p["bo"])
        memory.append((s, e_hidden, alpha, context, s_new, prob))
        s = s_new
    return memory


def nll(memory, words):
    return -sum(np.log(m[-1][w]) for m, w in zip(memory, words)) / len(words)


def backward(X, Y_in, words, Hfull, memory, p):
    H = Hfull[:-1]
    d = {k: np.zeros_like(v) for k, v in p.items()}
    dH = np.zeros_like(H)
    dkeys = np.zeros((len(H), p["Ua"].shape[1]))
    dY = np.zeros_like(Y_in)
    ds = np.zeros(p["Wd"].shape[0])
    for t in range(len(words) - 1, -1, -1):
        s, e_hidden, alpha, context, s_new, prob = memory[t]
        do = prob.copy()
        do[words[t]] -= 1
        do /= len(words)
        d["Wo"] += np.outer(s_new, do)
        d["bo"] += do
        ds = ds + p["Wo"] @ do
        da = ds * (1 - s_new**2)
        d["Vd"] += np.outer(Y_in[t], da)
        d["Wd"] += np.outer(s, da)
        d["Cd"] += np.outer(context, da)
        d["bd"] += da
        dY[t] = p["Vd"] @ da
        dcontext = p["Cd"] @ da
        # attention
        dalpha = H @ dcontext
        dH += np.outer(alpha, dcontext)
        dscore = alpha * (dalpha - alpha @ dalpha)
        d["va"] += e_hidden.T @ dscore
        de = np.outer(dscore, p["va"]) * (1 - e_hidden**2)
        dkeys += de
        dquery = de.sum(axis=0)
        d["Wa"] += np.outer(s, dquery)
        ds = p["Wd"] @ da + p["Wa"] @ dquery
    d["Ua"] = H.T @ dkeys
    dH += dkeys @ p["Ua"].T
    s0 = memory[0][0]
    ds0 = ds * (1 - s0**2)
    d["Ws0"] = np.outer(H[-1], ds0)
    dH[-1] += p["Ws0"] @ ds0

    # through the encoder
    dX = np.zeros_like(X)
    dh = np.zeros(H.shape[1])
    for j in range(len(X) - 1, -1, -1):
        da = (dH[j] + dh) * (1 - H[j] ** 2)
        d["Ve"] += np.outer(X[j], da)
        d["We"] += np.outer(Hfull[j - 1], da)
        d["be"] += da
        dX[j] = p["Ve"] @ da
        dh = p["We"] @ da
    return d, dX, dY


# ---- corpus
CELL = """
H[t] = tanh(Ve @ X[t] + We @ H[t-1] + be)
s[0] = tanh(Ws0 @ H[T])
e[u] = tanh(Ua @ H[:] + Wa @ s[u-1]).T @ va
alpha[u] = softmax(e[u])
context[u] = H[:] @ alpha[u]
s[u] = tanh(Vd @ Y[u] + Wd @ s[u-1] + Cd @ context[u] + bd)
logits[u] = Wo @ s[u] + bo
va : A
"""
STYLE = "functions with a dict of parameters, one sentence pair, row vectors, additive attention, encoder states with the zero state last, softmax loss averaged over the words"
HELD_OUT = True
SHAPES = {
    "Ve": (3, 5), "We": (5, 5), "be": (5,), "Ws0": (5, 4), "Ua": (5, 6), "Wa": (4, 6), "va": (6,), "Vd": (2, 4), "Wd": (4, 4), "Cd": (5, 4), "bd": (4,),
    "Wo": (4, 7), "bo": (7,),
}


def draw(rng):
    r = rng.standard_normal
    return {"input/X": r((8, 3)), "input/Y": r((6, 2)), "target/words": rng.integers(0, 7, 6)} | {"param/" + k: 0.7 * r(s) for k, s in SHAPES.items()}


def run(d):
    p = {k: d["param/" + k] for k in SHAPES}
    H = encode(d["input/X"], p)
    memory = decode(d["input/Y"], H[:-1], p)
    g, dX, dY = backward(d["input/X"], d["input/Y"], d["target/words"], H, memory, p)
    out = {"output/H": H[:-1], "output/s": np.array([m[4] for m in memory]), "output/alpha": np.array([m[2] for m in memory]), "output/prob": np.array([m[5] for m in memory])}
    return out | {"loss": np.array(nll(memory, d["target/words"])), "grad/X": dX, "grad/Y": dY} | {"grad/" + k: v for k, v in g.items()}


MISTAKES = {
    "softmax's Jacobian cut short": ([("alpha * (dalpha - alpha @ dalpha)", "alpha * dalpha")], [("drop-path", "alpha e score dscore"), ("missing-derivative", "alpha e score dscore"), ("misplaced-factor", "alpha e score dscore")]),
    "query sends nothing to the state": ([("ds = p[\"Wd\"] @ da + p[\"Wa\"] @ dquery", "ds = p[\"Wd\"] @ da")], [("drop-path", "Wa s e query dquery"), ("cut-recurrence", "Wa e")]),
    "keys send nothing to the encoder": ([("    dH += dkeys @ p[\"Ua\"].T\n", "")], [("drop-path", "Ua H e keys dkeys")]),
    "encoder heard only through its last state": ([("        dH += np.outer(alpha, dcontext)\n", ""), ("    dH += dkeys @ p[\"Ua\"].T\n", "")], [("drop-path", "H context alpha Ua keys e"), [("drop-path", "H context alpha"), ("drop-path", "Ua e keys H")]]),
    "decoder's first state sends nothing": ([("    dH[-1] += p[\"Ws0\"] @ ds0\n", "")], [("drop-path", "Ws0 s H s0")]),
    "keys' gradient of one word": ([("dkeys += de", "dkeys = de")], [("not-accumulated", "Ua keys e dkeys H"), ("first-step-only", "Ua keys e dkeys H")]),
    "Wd the wrong way": ([("ds = p[\"Wd\"] @ da +", "ds = p[\"Wd\"].T @ da +")], [("transpose", "Wd")]),
    "We with the state of the step": ([("np.outer(Hfull[j - 1], da)", "np.outer(Hfull[j], da)")], [("time-shift", "We H")]),
    "tanh of the scores not differentiated": ([("np.outer(dscore, p[\"va\"]) * (1 - e_hidden**2)", "np.outer(dscore, p[\"va\"])")], [("missing-derivative", "e e_hidden de va Ua Wa")]),
}
STACKS = {
    "softmax's Jacobian cut short + We with the state of the step": [],
    "query sends nothing to the state + decoder's first state sends nothing": [],
    "keys' gradient of one word + Wd the wrong way": [],
    "keys send nothing to the encoder + tanh of the scores not differentiated + We with the state of the step": [],
}
