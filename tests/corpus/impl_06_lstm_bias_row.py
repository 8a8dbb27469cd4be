"""Batched LSTM in one class of static functions. X is (T, B, D); a single WLSTM of (1 + D + H, 4H) whose first row is
the bias; the gates stand in the order i, f, o, g."""
import numpy as np


class LSTM:
    @staticmethod
    def forward(X, WLSTM, c0=None, h0=None):
        n, b, input_size = X.shape
        d = WLSTM.shape[1] // 4
        c0 = np.zeros((b, d)) if c0 is None else c0
        h0 = np.zeros((b, d)) if h0 is None else h0
        xphpb = WLSTM.shape[0]
        Hin = np.zeros((n, b, xphpb))  # the rows [1, x, h]
        Hout, IFOG, IFOGf = np.zeros((n, b, d)), np.zeros((n, b, d * 4)), np.zeros((n, b, d * 4))
        C, Ct = np.zeros((n, b, d)), np.zeros((n, b, d))
        for t in range(n):
            prevh = Hout[t - 1] if t > 0 else h0
            Hin[t, :, 0] = 1
            Hin[t, :, 1 : input_size + 1] = X[t]
            Hin[t, :, input_size + 1 :] = prevh
            IFOG[t] = Hin[t].dot(WLSTM)
            IFOGf[t, :, : 3 * d] = 1.0 / (1.0 + np.exp(-IFOG[t, :, : 3 * d]))
            IFOGf[t, :, 3 * d :] = np.tanh(IFOG[t, :, 3 * d :])
            prevc = C[t - 1] if t > 0 else c0
            C[t] = IFOGf[t, :, :d] * IFOGf[t, :, 3 * d :] + IFOGf[t, :, d : 2 * d] * prevc
            Ct[t] = np.tanh(C[t])
            Hout[t] = IFOGf[t, :, 2 * d : 3 * d] * Ct[t]
        cache = dict(WLSTM=WLSTM, Hout=Hout, IFOGf=IFOGf, C=C, Ct=Ct, Hin=Hin, c0=c0, h0=h0, D=input_size)
        return Hout, C[-1], Hout[-1], cache

    @staticmethod
    def backward(dHout_in, cache, dcn=None, dhn=None):
        WLSTM, Hout, IFOGf, C, Ct, Hin, c0 = (cache[k] for k in ("WLSTM", "Hout", "IFOGf", "C", "Ct", "Hin", "c0"))
        n, b, d = Hout.shape
        dIFOG, dIFOGf = np.zeros(IFOGf.shape), np.zeros(IFOGf.shape)
        dWLSTM, dHin, dC = np.zeros(WLSTM.shape), np.zeros(Hin.shape), np.zeros(C.shape)
        dX, dh0, dc0 = np.zeros((n, b, cache["D"])), np.zeros((b, d)), np.zeros((b, d))
        dHout = dHout_in.copy()
        if dcn is not None:
            dC[n - 1] += dcn
        if dhn is not None:
            dHout[n - 1] += dhn
        for t in reversed(range(n)):
            dIFOGf[t, :, 2 * d : 3 * d] = Ct[t] * dHout[t]
            dC[t] += (1 - Ct[t] ** 2) * (IFOGf[t, :, 2 * d : 3 * d] * dHout[t])
            if t > 0:
                dIFOGf[t, :, d : 2 * d] = C[t - 1] * dC[t]
                dC[t - 1] += IFOGf[t, :, d : 2 * d] * dC[t]
            else:
                dIFOGf[t, :, d : 2 * d] = c0 * dC[t]
                dc0 = IFOGf[t, :, d : 2 * d] * dC[t]
            dIFOGf[t, :, :d] = IFOGf[t, :, 3 * d :] * dC[t]
            dIFOGf[t, :, 3 * d :] = IFOGf[t, :, :d] * dC[t]
            dIFOG[t, :, 3 * d :] = (1 - IFOGf[t, :, 3 * d :] ** 2) * dIFOGf[t, :, 3 * d :]
            y = IFOGf[t, :, : 3 * d]
            dIFOG[t, :, : 3 * d] = (y * (1.0 - y)) * dIFOGf[t, :, : 3 * d]
            dWLSTM += Hin[t].T.dot(dIFOG[t])
            dHin[t] = dIFOG[t].dot(WLSTM.T)
            dX[t] = dHin[t, :, 1 : 1 + dX.shape[2]]
            if t > 0:
                dHout[t - 1] += dHin[t, :, 1 + dX.shape[2] :]
            else:
                dh0 += dHin[t, :, 1 + dX.shape[2] :]
        return dX, dWLSTM, dc0, dh0


# ---- corpus
CELL = "lstm"
STYLE = "[1, x, h] with a bias row, one matrix, ifog, (T, B, D), final cotangents"
HELD_OUT = False
CALL = {"forward": "LSTM.forward", "backward": "LSTM.backward",
        "how": "static methods; (X, WLSTM, c0, h0) -> Hout, cn, hn, cache; (dHout, cache, dcn, dhn) -> dX, dWLSTM, dc0, dh0"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/X": r((T, B, D)), "initial/c0": 0.5 * r((B, H)), "initial/h0": 0.5 * r((B, H)), "param/WLSTM": 0.5 * r((1 + D + H, 4 * H)),
            "cotangent/Hout": r((T, B, H)), "cotangent/cn": r((B, H)), "cotangent/hn": r((B, H))}


def run(d):
    Hout, cn, hn, cache = LSTM.forward(d["input/X"], d["param/WLSTM"], d["initial/c0"], d["initial/h0"])
    grads = LSTM.backward(d["cotangent/Hout"], cache, d["cotangent/cn"], d["cotangent/hn"])
    return {"output/Hout": Hout, "output/cn": cn, "output/hn": hn} | {"grad/" + k: g for k, g in zip(("X", "WLSTM", "c0", "h0"), grads)}


MISTAKES = {
    "final c ignored": ([("dC[n - 1] += dcn", "pass")], [("cotangent-missing", "cn C c c0")]),
    "c overwritten": ([("dC[t] += (1 - Ct[t]", "dC[t] = (1 - Ct[t]")], [[("cut-recurrence", "C c cn c0"), ("cotangent-missing", "cn C c")]]),
    "h overwritten": ([("dHout[t - 1] += dHin[t, :, 1 + dX.shape[2] :]", "pass")], [("cut-recurrence", "h Hout h0 hn")]),
    "C of the same step": ([("= C[t - 1] * dC[t]", "= C[t] * dC[t]")], [("time-shift", "C f c")]),
    "WLSTM of the first step": ([("dWLSTM += Hin[t]", "dWLSTM = Hin[t]")], [("not-accumulated", "WLSTM"), ("first-step-only", "WLSTM")]),
    "c0 without f": ([("dc0 = IFOGf[t, :, d : 2 * d] * dC[t]", "dc0 = dC[t]")], [("misplaced-factor", "c0 c f"), ("missing-derivative", "c0 c f")]),
    "tanh of an already squashed c": ([("(1 - Ct[t] ** 2)", "(1 - np.tanh(Ct[t]) ** 2)")], [("derivative-of-activated", "C Ct c h Hout")]),
}
STACKS = {
    "final c ignored + tanh of an already squashed c": [],
    "h overwritten + WLSTM of the first step": [],
    "h overwritten + C of the same step + c0 without f": [],
}
