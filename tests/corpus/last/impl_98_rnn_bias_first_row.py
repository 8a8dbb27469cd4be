"""Vanilla RNN, batched over time and examples: one matrix for bias, input and recurrence."""
import numpy as np


class RNN:
    @staticmethod
    def forward(X, WRNN, h0=None):
        """X is n,b,d (n steps, batch b, d inputs); WRNN is (1 + d + h, h), the bias in its first row."""
        n, b, input_size = X.shape
        d = WRNN.shape[1]
        if h0 is None:
            h0 = np.zeros((b, d))
        Hin = np.zeros((n, b, WRNN.shape[0]))  # input [1, xt, ht-1] to each tick
        Hout = np.zeros((n, b, d))
        for t in range(n):
            prevh = Hout[t - 1] if t > 0 else h0
            Hin[t, :, 0] = 1
            Hin[t, :, 1 : 1 + input_size] = X[t]
            Hin[t, :, 1 + input_size :] = prevh
            Hout[t] = np.tanh(Hin[t].dot(WRNN))
        cache = {"WRNN": WRNN, "Hin": Hin, "Hout": Hout, "h0": h0}
        return Hout, Hout[-1], cache

    @staticmethod
    def backward(dHout_in, cache, dhn=None):
        WRNN, Hin, Hout = cache["WRNN"], cache["Hin"], cache["Hout"]
        n, b, d = Hout.shape
        input_size = WRNN.shape[0] - d - 1

        dWRNN = np.zeros(WRNN.shape)
        dHin = np.zeros(Hin.shape)
        dX = np.zeros((n, b, input_size))
        dh0 = np.zeros((b, d))
        dHout = dHout_in.copy()  # we will write into it
        if dhn is not None:
            dHout[n - 1] += dhn
        for t in reversed(range(n)):
            dA = (1 - Hout[t] ** 2) * dHout[t]
            dWRNN += np.dot(Hin[t].transpose(), dA)
            dHin[t] = dA.dot(WRNN.transpose())
            # inputs, then what goes to the tick before
            dX[t] = dHin[t, :, 1 : 1 + input_size]
            if t > 0:
                dHout[t - 1] += dHin[t, :, 1 + input_size :]
            else:
                dh0 += dHin[t, :, 1 + input_size :]
        return dX, dWRNN, dh0


# ---- corpus
CELL = None
STYLE = "static methods with a cache dict, [1, x, h] with the bias as first row, (T, B, D), cotangents of all states and of the last"
HELD_OUT = True


def draw(rng):
    n, b, i, d = 5, 3, 6, 4
    r = rng.standard_normal
    return {"input/X": r((n, b, i)), "initial/h0": r((b, d)), "param/WRNN": 0.5 * r((1 + i + d, d)), "cotangent/Hout": r((n, b, d)), "cotangent/hn": r((b, d))}


def run(d):
    Hout, hn, cache = RNN.forward(d["input/X"], d["param/WRNN"], d["initial/h0"])
    dX, dWRNN, dh0 = RNN.backward(d["cotangent/Hout"], cache, d["cotangent/hn"])
    return {"output/Hout": Hout, "output/hn": hn, "grad/X": dX, "grad/WRNN": dWRNN, "grad/h0": dh0}


MISTAKES = {
    "the tick before is assigned": ([("dHout[t - 1] += dHin", "dHout[t - 1] = dHin")], [("cotangent-missing", "Hout h")]),
    "nothing for the tick before": ([("                dHout[t - 1] += dHin[t, :, 1 + input_size :]\n", "                pass\n")], [("cut-recurrence", "Hout h WRNN Hin hn h0"), ("drop-path", "Hout h Hin WRNN")]),
    "dhn forgotten": ([("            dHout[n - 1] += dhn\n", "            pass\n")], [("cotangent-missing", "hn h")]),
    "slope of the tick before": ([("(1 - Hout[t] ** 2)", "(1 - Hin[t, :, 1 + input_size :] ** 2)")], [("time-shift", "Hout h Hin hn")]),
    "no slope": ([("dA = (1 - Hout[t] ** 2) * dHout[t]", "dA = dHout[t]")], [("missing-derivative", "Hout h hn")]),
    "dh0 not carried": ([("                dh0 += dHin[t, :, 1 + input_size :]\n", "                pass\n")], [("zero-gradient", "h0 h")]),
    "weights of the last tick": ([("            dWRNN += np.dot(Hin[t].transpose(), dA)\n", "            if t == n - 1:\n                dWRNN += np.dot(Hin[t].transpose(), dA)\n")], [("last-step-only", "WRNN")]),
    "recurrent block the other way": ([("dHout[t - 1] += dHin[t, :, 1 + input_size :]", "dHout[t - 1] += dA.dot(WRNN[1 + input_size :])"), ("dh0 += dHin[t, :, 1 + input_size :]", "dh0 += dA.dot(WRNN[1 + input_size :])")], [("transpose", "WRNN h")]),
    "halved": ([("            dX[t] = dHin", "            dX[t] = 0.5 * dHin")], [("scale", "X x")]),
}
STACKS = {
    "dhn forgotten + dh0 not carried": [],
    "recurrent block the other way + weights of the last tick": [],
    "slope of the tick before + halved": [],
    "nothing for the tick before + dhn forgotten": [],
}
