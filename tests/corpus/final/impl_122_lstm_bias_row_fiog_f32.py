import numpy as np


class BatchedLSTM:
    """X is (n, b, input_size); WLSTM is (1 + input_size + d, 4d): the first row is the bias, columns forget, input, output, write."""

    @staticmethod
    def forward(X, WLSTM, c0, h0):
        n, b, input_size = X.shape
        d = WLSTM.shape[1] // 4
        dt = X.dtype
        Hin = np.zeros((n, b, WLSTM.shape[0]), dt)
        Hout, C, Ct = np.zeros((n, b, d), dt), np.zeros((n, b, d), dt), np.zeros((n, b, d), dt)
        IFOGf = np.zeros((n, b, 4 * d), dt)
        for t in range(n):
            prevh = Hout[t - 1] if t > 0 else h0
            prevc = C[t - 1] if t > 0 else c0
            Hin[t, :, 0] = 1
            Hin[t, :, 1:1 + input_size] = X[t]
            Hin[t, :, 1 + input_size:] = prevh
            raw = Hin[t].dot(WLSTM)
            IFOGf[t, :, :3 * d] = 1 / (1 + np.exp(-raw[:, :3 * d]))
            IFOGf[t, :, 3 * d:] = np.tanh(raw[:, 3 * d:])
            C[t] = IFOGf[t, :, :d] * prevc + IFOGf[t, :, d:2 * d] * IFOGf[t, :, 3 * d:]
            Ct[t] = np.tanh(C[t])
            Hout[t] = IFOGf[t, :, 2 * d:3 * d] * Ct[t]
        return Hout, C, (X, WLSTM, Hin, IFOGf, C, Ct, c0)

    @staticmethod
    def backward(dHout_in, dcn, cache):
        X, WLSTM, Hin, IFOGf, C, Ct, c0 = cache
        n, b, d = dHout_in.shape
        dX = np.zeros_like(X)
        dW = np.zeros_like(WLSTM)
        dHout = dHout_in.copy()
        dC = np.zeros_like(C)
        dC[n - 1] += dcn
        for t in reversed(range(n)):
            f, i, o, g = (IFOGf[t, :, k * d:(k + 1) * d] for k in range(4))
            prevc = C[t - 1] if t > 0 else c0
            do = Ct[t] * dHout[t]
            dC[t] += (1 - Ct[t] ** 2) * (o * dHout[t])
            df = prevc * dC[t]
            di = g * dC[t]
            dg = i * dC[t]
            if t > 0:
                dC[t - 1] += f * dC[t]
            else:
                dc0 = f * dC[t]
            draw = np.hstack([df * f * (1 - f), di * i * (1 - i), do * o * (1 - o), dg * (1 - g ** 2)])
            dW += np.dot(Hin[t].T, draw)
            dHin = draw.dot(WLSTM.T)
            dX[t] = dHin[:, 1:1 + X.shape[2]]
            if t > 0:
                dHout[t - 1] += dHin[:, 1 + X.shape[2]:]
            else:
                dh0 = dHin[:, 1 + X.shape[2]:]
        return dX, dW, dc0, dh0


# ---- corpus
CELL = "lstm"
STYLE = "float32 batched LSTM, one matrix on [1, x, h] with the bias as first row, columns fiog, (T, B, D), cotangents of h and of the last c"
HELD_OUT = True
CALL = None


def draw(rng):
    def r(*s):
        return rng.standard_normal(s).astype(np.float32)

    n, b, D, d = 5, 2, 3, 4
    half = np.float32(0.6)
    return {"input/X": r(n, b, D), "initial/c0": half * r(b, d), "initial/h0": half * r(b, d), "param/WLSTM": half * r(1 + D + d, 4 * d), "cotangent/Hout": r(n, b, d), "cotangent/c_last": r(b, d)}


def run(d):
    Hout, C, cache = BatchedLSTM.forward(d["input/X"], d["param/WLSTM"], d["initial/c0"], d["initial/h0"])
    g = BatchedLSTM.backward(d["cotangent/Hout"], d["cotangent/c_last"], cache)
    return {"output/Hout": Hout, "output/C": C, "output/c_last": C[-1]} | {"grad/" + k: v for k, v in zip(("X", "WLSTM", "c0", "h0"), g)}


MISTAKES = {
    "last cell's gradient forgotten": ([("        dC[n - 1] += dcn\n", "")], [("cotangent-missing", "c_last C c c0 dcn")]),
    "h not passed back": ([("                dHout[t - 1] += dHin[:, 1 + X.shape[2]:]\n", "                pass\n")], [("cut-recurrence", "Hout h h0 WLSTM Hin")]),
    "output gate missing in dC": ([("(1 - Ct[t] ** 2) * (o * dHout[t])", "(1 - Ct[t] ** 2) * dHout[t]")], [("misplaced-factor", "C o Hout c Ct"), ("missing-derivative", "C o Hout c Ct")]),
    "dC assigned": ([("dC[t] += (1 - Ct[t] ** 2)", "dC[t] = (1 - Ct[t] ** 2)")], [[("cut-recurrence", "C c c0"), ("cotangent-missing", "c_last C c dcn")]]),
    "squared cell in tanh'": ([("(1 - Ct[t] ** 2)", "(1 - C[t] ** 2)")], [("derivative-of-activated", "C Ct c Hout"), ("missing-derivative", "C Ct c Hout")]),
    "g and i exchanged": ([("di = g * dC[t]", "di = i * dC[t]"), ("dg = i * dC[t]", "dg = g * dC[t]")], [("swap-gates", "i g di dg C WLSTM"), ("misplaced-factor", "i g di dg C")]),
    "f without 1 - f": ([("df * f * (1 - f)", "df * f")], [("missing-derivative", "f df WLSTM IFOGf"), ("misplaced-factor", "f df IFOGf")]),
    "dW of the first step": ([("dW += np.dot", "dW = np.dot")], [("not-accumulated", "WLSTM"), ("first-step-only", "WLSTM")]),
}
STACKS = {
    "h not passed back + f without 1 - f": [],
    "last cell's gradient forgotten + dW of the first step": [],
    "output gate missing in dC + g and i exchanged": [],
    "squared cell in tanh' + f without 1 - f + h not passed back": [],
}
