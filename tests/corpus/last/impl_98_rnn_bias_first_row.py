"""A recurrent layer with a single matrix: first row bias, then the input, then the state before."""
import numpy as np


class OneMatrixRNN:
    @staticmethod
    def forward(X, Wall, h0=None):
        """X: (steps, batch, inputs), Wall: (1 + inputs + units, units)"""
        n, b, wid = X.shape
        d = Wall.shape[1]
        if h0 is None:
            h0 = np.zeros((b, d))
        joined = np.zeros((n, b, Wall.shape[0]))
        H = np.zeros((n, b, d))
        for t in range(n):
            before = H[t - 1] if t > 0 else h0
            joined[t, :, 0] = 1
            joined[t, :, 1 : 1 + wid] = X[t]
            joined[t, :, 1 + wid :] = before
            H[t] = np.tanh(joined[t].dot(Wall))
        cache = {"Wall": Wall, "joined": joined, "H": H, "h0": h0}
        return H, H[-1], cache

    @staticmethod
    def backward(dH_in, cache, dlast=None):
        Wall, joined, H = cache["Wall"], cache["joined"], cache["H"]
        n, b, d = H.shape
        wid = Wall.shape[0] - d - 1

        dWall = np.zeros(Wall.shape)
        djoined = np.zeros(joined.shape)
        dX = np.zeros((n, b, wid))
        dh0 = np.zeros((b, d))
        dH = dH_in.copy()
        if dlast is not None:
            dH[n - 1] += dlast
        for t in reversed(range(n)):
            dA = (1 - H[t] ** 2) * dH[t]
            dWall += np.dot(joined[t].transpose(), dA)
            djoined[t] = dA.dot(Wall.transpose())
            dX[t] = djoined[t, :, 1 : 1 + wid]
            if t > 0:
                dH[t - 1] += djoined[t, :, 1 + wid :]
            else:
                dh0 += djoined[t, :, 1 + wid :]
        return dX, dWall, dh0


# ---- corpus
CELL = None
STYLE = "static methods with a cache dict, [1, x, h] with the bias as first row, (T, B, D), cotangents of all states and of the last"
HELD_OUT = True


def draw(rng):
    n, b, i, d = 5, 3, 6, 4
    r = rng.standard_normal
    return {"input/X": r((n, b, i)), "initial/h0": r((b, d)), "param/Wall": 0.5 * r((1 + i + d, d)), "cotangent/H": r((n, b, d)), "cotangent/H_last": r((b, d))}


def run(d):
    H, last, cache = OneMatrixRNN.forward(d["input/X"], d["param/Wall"], d["initial/h0"])
    dX, dWall, dh0 = OneMatrixRNN.backward(d["cotangent/H"], cache, d["cotangent/H_last"])
    return {"output/H": H, "output/H_last": last, "grad/X": dX, "grad/Wall": dWall, "grad/h0": dh0}


MISTAKES = {
    "the tick before is assigned": ([("dH[t - 1] += djoined", "dH[t - 1] = djoined")], [("cotangent-missing", "H h")]),
    "nothing for the tick before": ([("                dH[t - 1] += djoined[t, :, 1 + wid :]\n", "                pass\n")], [("cut-recurrence", "H h Wall joined H_last h0"), ("drop-path", "H h joined Wall")]),
    "dlast forgotten": ([("            dH[n - 1] += dlast\n", "            pass\n")], [("cotangent-missing", "H_last h")]),
    "slope of the tick before": ([("(1 - H[t] ** 2)", "(1 - joined[t, :, 1 + wid :] ** 2)")], [("time-shift", "H h joined H_last")]),
    "no slope": ([("dA = (1 - H[t] ** 2) * dH[t]", "dA = dH[t]")], [("missing-derivative", "H h H_last")]),
    "dh0 not carried": ([("                dh0 += djoined[t, :, 1 + wid :]\n", "                pass\n")], [("zero-gradient", "h0 h")]),
    "weights of the last tick": ([("            dWall += np.dot(joined[t].transpose(), dA)\n", "            if t == n - 1:\n                dWall += np.dot(joined[t].transpose(), dA)\n")], [("last-step-only", "Wall")]),
    "recurrent block the other way": ([("dH[t - 1] += djoined[t, :, 1 + wid :]", "dH[t - 1] += dA.dot(Wall[1 + wid :])"), ("dh0 += djoined[t, :, 1 + wid :]", "dh0 += dA.dot(Wall[1 + wid :])")], [("transpose", "Wall h")]),
    "halved": ([("            dX[t] = djoined", "            dX[t] = 0.5 * djoined")], [("scale", "X x")]),
}
STACKS = {
    "dlast forgotten + dh0 not carried": [],
    "recurrent block the other way + weights of the last tick": [],
    "slope of the tick before + halved": [],
    "nothing for the tick before + dlast forgotten": [],
}
