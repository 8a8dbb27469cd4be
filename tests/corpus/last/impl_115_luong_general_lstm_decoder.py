import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class LuongDecoder:
    """LSTM decoder with global attention, score 'general'.  Batch first: memory (B, S, E), inputs (B, T, D)."""

    def __init__(self, kernel, bias, W_score, W_combine):
        self.kernel, self.bias = kernel, bias  # (D + H, 4H) with f | i | o | g
        self.W_score = W_score  # (H, E)
        self.W_combine = W_combine  # (E + H, A)

    def __call__(self, inputs, memory, state):
        self.inputs, self.memory = inputs, memory
        h, c = state
        H = h.shape[1]
        self.saved, outputs, alignments = [], [], []
        for t in range(inputs.shape[1]):
            xh = np.hstack((inputs[:, t], h))
            a = xh @ self.kernel + self.bias
            f, i, o = (sigmoid(a[:, k * H : (k + 1) * H]) for k in range(3))
            g = np.tanh(a[:, 3 * H :])
            c_prev, c = c, f * c + i * g
            h = o * np.tanh(c)
            query = h @ self.W_score
            score = np.einsum("be,bse->bs", query, memory)
            align = np.exp(score - score.max(axis=1, keepdims=True))
            align /= align.sum(axis=1, keepdims=True)
            context = np.einsum("bs,bse->be", align, memory)
            both = np.hstack((context, h))
            out = np.tanh(both @ self.W_combine)
            self.saved.append((xh, f, i, o, g, c_prev, c, h, query, align, both, out))
            outputs.append(out)
            alignments.append(align)
        return np.stack(outputs, axis=1), np.stack(alignments, axis=1)

    def backward(self, d_outputs):
        memory = self.memory
        E, D = memory.shape[2], self.inputs.shape[2]
        self.d_kernel, self.d_bias = np.zeros_like(self.kernel), np.zeros_like(self.bias)
        self.d_W_score, self.d_W_combine = np.zeros_like(self.W_score), np.zeros_like(self.W_combine)
        d_memory, d_inputs = np.zeros_like(memory), np.zeros_like(self.inputs)
        dh_next = dc_next = 0
        for t in reversed(range(len(self.saved))):
            xh, f, i, o, g, c_prev, c, h, query, align, both, out = self.saved[t]
            d_pre = d_outputs[:, t] * (1 - out**2)
            self.d_W_combine += both.T @ d_pre
            d_both = d_pre @ self.W_combine.T
            d_context, dh = d_both[:, :E], d_both[:, E:] + dh_next
            # alignment
            d_align = np.einsum("be,bse->bs", d_context, memory)
            d_score = align * (d_align - np.sum(align * d_align, axis=1, keepdims=True))
            d_query = np.einsum("bs,bse->be", d_score, memory)
            d_memory += np.einsum("bs,be->bse", align, d_context) + np.einsum("bs,be->bse", d_score, query)
            self.d_W_score += h.T @ d_query
            dh = dh + d_query @ self.W_score.T
            # cell
            tc = np.tanh(c)
            dc = dc_next + dh * o * (1 - tc**2)
            da = np.hstack((dc * c_prev * f * (1 - f), dc * g * i * (1 - i), dh * tc * o * (1 - o), dc * i * (1 - g**2)))
            self.d_kernel += xh.T @ da
            self.d_bias += da.sum(axis=0)
            d_xh = da @ self.kernel.T
            d_inputs[:, t], dh_next = d_xh[:, :D], d_xh[:, D:]
            dc_next = dc * f
        return d_inputs, d_memory, dh_next, dc_next


# ---- corpus
CELL = """
f[t] = sigmoid(Wf @ [inputs[t], h[t-1]] + bf)
i[t] = sigmoid(Wi @ [inputs[t], h[t-1]] + bi)
o[t] = sigmoid(Wo @ [inputs[t], h[t-1]] + bo)
g[t] = tanh(Wg @ [inputs[t], h[t-1]] + bg)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
score[t] = memory.T @ (W_score @ h[t])
align[t] = softmax(score[t])
context[t] = memory @ align[t]
out[t] = tanh(W_combine @ [context[t], h[t]])
input memory : E, S
"""
STYLE = "decoder object over a given memory, (B, T, D) rows, LSTM with fiog in one kernel on [x, h], general score, combined output without bias"
HELD_OUT = True
SHAPES = {"kernel": (7, 16), "bias": (16,), "W_score": (4, 5), "W_combine": (9, 6)}


def draw(rng):
    B, T, S, D, H, E = 2, 6, 8, 3, 4, 5
    r = rng.standard_normal
    d = {"input/inputs": r((B, T, D)), "input/memory": r((B, S, E)), "initial/h": 0.5 * r((B, H)), "initial/c": 0.5 * r((B, H)), "cotangent/out": r((B, T, 6))}
    return d | {"param/" + k: 0.6 * r(s) for k, s in SHAPES.items()}


def run(d):
    net = LuongDecoder(*(d["param/" + k] for k in SHAPES))
    out, align = net(d["input/inputs"], d["input/memory"], (d["initial/h"], d["initial/c"]))
    grads = dict(zip(("inputs", "memory", "h", "c"), net.backward(d["cotangent/out"]))) | {k: getattr(net, "d_" + k) for k in SHAPES}
    return {"output/out": out, "output/align": align} | {"grad/" + k: v for k, v in grads.items()}


MISTAKES = {
    "memory only as values": ([(" + np.einsum(\"bs,be->bse\", d_score, query)", "")], [("drop-path", "memory score query W_score")]),
    "memory only as keys": ([("d_memory += np.einsum(\"bs,be->bse\", align, d_context) + np", "d_memory += np")], [("drop-path", "memory context align")]),
    "state not heard through the score": ([("            dh = dh + d_query @ self.W_score.T\n", "")], [("drop-path", "h W_score score query")]),
    "state not heard beside the context": ([("d_both[:, :E], d_both[:, E:] + dh_next", "d_both[:, :E], dh_next")], [("drop-path", "h W_combine out both")]),
    "alignment's own sum forgotten": ([("align * (d_align - np.sum(align * d_align, axis=1, keepdims=True))", "align * d_align")], [("drop-path", "align score"), ("missing-derivative", "align score"), ("misplaced-factor", "align score")]),
    "memory of the step visited last": ([("d_memory += np", "d_memory = np")], [("not-accumulated", "memory"), ("first-step-only", "memory")]),
    "c not carried": ([("            dc_next = dc * f\n", "            dc_next = 0 * dc\n")], [("cut-recurrence", "c f"), ("drop-path", "c f")]),
    "gates f o i g": ([("dc * g * i * (1 - i), dh * tc * o * (1 - o),", "dh * tc * o * (1 - o), dc * g * i * (1 - i),")], [("swap-gates", "i o")]),
    "output without its tanh'": ([("d_outputs[:, t] * (1 - out**2)", "d_outputs[:, t]")], [("missing-derivative", "out")]),
}
STACKS = {
    "memory only as values + c not carried": [],
    "state not heard through the score + gates f o i g": [],
    "alignment's own sum forgotten + output without its tanh'": [],
    "memory only as keys + c not carried + output without its tanh'": [],
}
