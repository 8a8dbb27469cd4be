import numpy as np


class Gates:
    """An LSTM's parameters and their gradients; rows o, i, f, g on [1; h; x]."""

    def __init__(self, W):
        self.W = W
        self.dW = np.zeros_like(W)

    def step(self, x, h, c):
        n = len(h)
        v = np.concatenate(([1.0], h, x))
        a = self.W @ v
        o, i, f = 1 / (1 + np.exp(-a[: 3 * n].reshape(3, n)))
        g = np.tanh(a[3 * n :])
        c_new = f * c + i * g
        return o * np.tanh(c_new), c_new, (v, c, o, i, f, g, c_new)

    def unstep(self, dh, dc, saved):
        v, c, o, i, f, g, c_new = saved
        n = len(c)
        t = np.tanh(c_new)
        dc = dc + dh * o * (1 - t**2)
        da = np.concatenate((dh * t * o * (1 - o), dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2)))
        self.dW += np.outer(da, v)
        dv = self.W.T @ da
        return dv[1 : n + 1], dc * f, dv[n + 1 :]


def seq2seq(source, words_in, words_out, enc, dec, Wy, by):
    """source, words_in: lists of vectors; words_out: list of numbers."""
    n = len(enc.W) // 4
    h, c = np.zeros(n), np.zeros(n)
    saved_enc, saved_dec, hs, probs = [], [], [], []
    for x in source:
        h, c, s = enc.step(x, h, c)
        saved_enc.append(s)
    for x in words_in:
        h, c, s = dec.step(x, h, c)
        saved_dec.append(s)
        y = Wy @ h + by
        e = np.exp(y - y.max())
        hs.append(h)
        probs.append(e / e.sum())
    loss = -sum(np.log(p[k]) for p, k in zip(probs, words_out))

    dWy, dby = np.zeros_like(Wy), np.zeros_like(by)
    dsource, dwords = [None] * len(source), [None] * len(words_in)
    dh, dc = np.zeros(n), np.zeros(n)
    for t in reversed(range(len(words_in))):
        dy = probs[t].copy()
        dy[words_out[t]] -= 1
        dWy += np.outer(dy, hs[t])
        dby += dy
        dh, dc, dwords[t] = dec.unstep(dh + Wy.T @ dy, dc, saved_dec[t])
    for t in reversed(range(len(source))):
        dh, dc, dsource[t] = enc.unstep(dh, dc, saved_enc[t])
    return loss, probs, dWy, dby, dsource, dwords


# ---- corpus
CELL = """
o_enc[t] = sigmoid(Wo_enc @ [h_enc[t-1], source[t]] + bo_enc)
i_enc[t] = sigmoid(Wi_enc @ [h_enc[t-1], source[t]] + bi_enc)
f_enc[t] = sigmoid(Wf_enc @ [h_enc[t-1], source[t]] + bf_enc)
g_enc[t] = tanh(Wg_enc @ [h_enc[t-1], source[t]] + bg_enc)
c_enc[t] = f_enc[t] * c_enc[t-1] + i_enc[t] * g_enc[t]
h_enc[t] = o_enc[t] * tanh(c_enc[t])
h_dec[0] = h_enc[T]
c_dec[0] = c_enc[T]
o_dec[u] = sigmoid(Wo_dec @ [h_dec[u-1], words_in[u]] + bo_dec)
i_dec[u] = sigmoid(Wi_dec @ [h_dec[u-1], words_in[u]] + bi_dec)
f_dec[u] = sigmoid(Wf_dec @ [h_dec[u-1], words_in[u]] + bf_dec)
g_dec[u] = tanh(Wg_dec @ [h_dec[u-1], words_in[u]] + bg_dec)
c_dec[u] = f_dec[u] * c_dec[u-1] + i_dec[u] * g_dec[u]
h_dec[u] = o_dec[u] * tanh(c_dec[u])
y[u] = Wy @ h_dec[u] + by
"""
STYLE = "two parameter objects and one loop each, lists of 1-D vectors, [1; h; x] with oifg in rows, both states handed over, summed softmax loss"
HELD_OUT = True
SHAPES = {"W_enc": (16, 8), "W_dec": (16, 7), "Wy": (6, 4), "by": (6,)}


def draw(rng):
    r = rng.standard_normal
    d = {"input/source": r((7, 3)), "input/words_in": r((5, 2)), "target/words_out": rng.integers(0, 6, 5)}
    return d | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    enc, dec = Gates(d["param/W_enc"]), Gates(d["param/W_dec"])
    loss, probs, dWy, dby, dsource, dwords = seq2seq(list(d["input/source"]), list(d["input/words_in"]), list(d["target/words_out"]), enc, dec, d["param/Wy"], d["param/by"])
    grads = {"W_enc": enc.dW, "W_dec": dec.dW, "Wy": dWy, "by": dby, "source": np.array(dsource), "words_in": np.array(dwords)}
    return {"loss": np.array(loss), "output/probs": np.array(probs)} | {"grad/" + k: v for k, v in grads.items()}


ENC, DEC = (" ".join(f"W{k}_{s}" for k in "oifg") + f" W_{s}" for s in ("enc", "dec"))
MISTAKES = {
    "encoder hears h only": ([("    for t in reversed(range(len(source))):", "    dc = np.zeros(n)\n    for t in reversed(range(len(source))):")], [("drop-path", "c_enc c_dec"), ("cut-recurrence", "c_enc c_dec")]),
    "encoder hears c only": ([("    for t in reversed(range(len(source))):", "    dh = np.zeros(n)\n    for t in reversed(range(len(source))):")], [("drop-path", "h_enc h_dec"), ("cut-recurrence", "h_enc h_dec")]),
    "encoder hears nothing": ([("    for t in reversed(range(len(source))):", "    dh, dc = np.zeros(n), np.zeros(n)\n    for t in reversed(range(len(source))):")], [[("zero-gradient", ENC + " source")], [("zero-gradient", ENC), ("zero-gradient", "source")], ("drop-path", "h_enc c_enc h_dec c_dec"), [("drop-path", "h_enc h_dec"), ("drop-path", "c_enc c_dec")], ("cut-recurrence", "h_enc c_enc h_dec c_dec"), [("cut-recurrence", "h_dec"), ("cut-recurrence", "c_dec")]]),
    "decoder's h not carried": ([("dec.unstep(dh + Wy.T @ dy, dc", "dec.unstep(Wy.T @ dy, dc")], [("cut-recurrence", "h_dec " + DEC), ("drop-path", "h_dec " + DEC)]),
    "f of the new cell": ([("dc * c * f * (1 - f)", "dc * c_new * f * (1 - f)")], [("time-shift", "f_enc f_dec c_enc c_dec"), [("time-shift", "f_enc c_enc"), ("time-shift", "f_dec c_dec")]]),
    "o and i exchanged": ([("np.concatenate((dh * t * o * (1 - o), dc * g * i * (1 - i),", "np.concatenate((dc * g * i * (1 - i), dh * t * o * (1 - o),")], [("swap-gates", "o_enc i_enc o_dec i_dec"), [("swap-gates", "o_enc i_enc"), ("swap-gates", "o_dec i_dec")]]),
    "dW of one step": ([("self.dW += np", "self.dW = np")], [("not-accumulated", f"{ENC} {DEC} enc dec"), [("not-accumulated", ENC), ("not-accumulated", DEC)], ("first-step-only", f"{ENC} {DEC}"), [("first-step-only", ENC), ("first-step-only", DEC)]]),
    "dc not through f": ([("return dv[1 : n + 1], dc * f,", "return dv[1 : n + 1], dc,")], [("misplaced-factor", "c_enc c_dec f_enc f_dec"), ("missing-derivative", "c_enc c_dec f_enc f_dec"), [("misplaced-factor", "c_enc f_enc"), ("misplaced-factor", "c_dec f_dec")], [("missing-derivative", "c_enc f_enc"), ("missing-derivative", "c_dec f_dec")]]),
    "words averaged": ([("dy[words_out[t]] -= 1\n", "dy[words_out[t]] -= 1\n        dy /= len(words_in)\n")], [("scale", "*")], "loss"),
}
STACKS = {
    "encoder hears h only + f of the new cell": [],
    "decoder's h not carried + dW of one step": [],
    "words averaged + o and i exchanged": [],
    "encoder hears c only + dc not through f": [],
}
