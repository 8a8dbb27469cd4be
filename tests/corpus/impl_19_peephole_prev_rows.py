import numpy as np

sigm = lambda a: 1 / (1 + np.exp(-a))


class PeepholeLSTM:
    """Gates f, i, o see the old cell state; rows; x is (T, B, D); W stacked [x; h] by 4H in the order f, i, o, g."""

    def __init__(self, W, b, p):
        self.W, self.b, self.p = W, b, p  # p: (3, H)

    def __call__(self, x, h0, c0):
        T, B, D = x.shape
        H = h0.shape[1]
        self.x = x
        self.h, self.c = [h0], [c0]
        self.gates = []
        for t in range(T):
            h, c = self.h[-1], self.c[-1]
            a = np.hstack((x[t], h)) @ self.W + self.b
            f = sigm(a[:, :H] + self.p[0] * c)
            i = sigm(a[:, H : 2 * H] + self.p[1] * c)
            o = sigm(a[:, 2 * H : 3 * H] + self.p[2] * c)
            g = np.tanh(a[:, 3 * H :])
            self.c.append(f * c + i * g)
            self.h.append(o * np.tanh(self.c[-1]))
            self.gates.append((f, i, o, g))
        return np.array(self.h[1:])

    def backprop(self, dH):
        T, B, H = dH.shape
        D = self.x.shape[2]
        self.dW, self.db, self.dp = np.zeros_like(self.W), np.zeros_like(self.b), np.zeros_like(self.p)
        self.dx = np.zeros_like(self.x)
        dh, dc = np.zeros((B, H)), np.zeros((B, H))
        for t in reversed(range(T)):
            f, i, o, g = self.gates[t]
            c_old, c_new = self.c[t], self.c[t + 1]
            dh += dH[t]
            tc = np.tanh(c_new)
            dc += dh * o * (1 - tc**2)
            da_f = dc * c_old * f * (1 - f)
            da_i = dc * g * i * (1 - i)
            da_o = dh * tc * o * (1 - o)
            da_g = dc * i * (1 - g**2)
            da = np.hstack((da_f, da_i, da_o, da_g))
            self.dW += np.hstack((self.x[t], self.h[t])).T @ da
            self.db += da.sum(0)
            self.dp[0] += (da_f * c_old).sum(0)
            self.dp[1] += (da_i * c_old).sum(0)
            self.dp[2] += (da_o * c_old).sum(0)
            dxh = da @ self.W.T
            self.dx[t], dh = dxh[:, :D], dxh[:, D:]
            dc = dc * f + da_f * self.p[0] + da_i * self.p[1] + da_o * self.p[2]
        self.dh0, self.dc0 = dh, dc


# ---- corpus
CELL = "lstm-peephole"
STYLE = "object, rows, [x, h] stacked fiog, peepholes of the old state in one array, lists of states"
HELD_OUT = True
CALL = {"object": "PeepholeLSTM", "forward": "__call__", "backward": "backprop", "how": "PeepholeLSTM(W, b, p); net(x, h0, c0); gradients in .dW, .db, .dp, .dx, .dh0, .dc0"}


def draw(rng):
    D, H, B, T = 5, 4, 3, 6
    r = rng.standard_normal
    return {"input/x": r((T, B, D)), "initial/h0": 0.5 * r((B, H)), "initial/c0": 0.5 * r((B, H)), "param/W": 0.5 * r((D + H, 4 * H)),
            "param/b": 0.5 * r(4 * H), "param/p": 0.8 * r((3, H)), "cotangent/h": r((T, B, H))}


def run(d):
    net = PeepholeLSTM(d["param/W"], d["param/b"], d["param/p"])
    h = net(d["input/x"], d["initial/h0"], d["initial/c0"])
    net.backprop(d["cotangent/h"])
    return {"output/h": h, "output/c": np.array(net.c)} | {"grad/" + k: getattr(net, "d" + k) for k in ("W", "b", "p", "x", "h0", "c0")}


MISTAKES = {
    "peephole of o not sent back": ([(" + da_o * self.p[2]", "")], [("drop-path", "p o da_o c")]),
    "peephole of f not sent back": ([(" + da_f * self.p[0]", "")], [("drop-path", "p f da_f c")]),
    "p of o with the new state": ([("(da_o * c_old)", "(da_o * c_new)")], [("time-shift", "p o c da_o")]),
    "states of c not carried": ([("dc += dh * o", "dc = dh * o")], [("cut-recurrence", "c dc")]),
    "W with the new h": ([("np.hstack((self.x[t], self.h[t])).T", "np.hstack((self.x[t], self.h[t + 1])).T")], [("time-shift", "W h dW")]),
    "p summed over everything": ([("(da_i * c_old).sum(0)", "(da_i * c_old).sum()")], [("wrong-axis", "p i da_i")]),
    "only the last output counts": ([("dh += dH[t]", "dh += dH[t] if t == T - 1 else 0")], [("cotangent-missing", "h dH")]),
}
STACKS = {
    "peephole of o not sent back + p of o with the new state": [],
    "states of c not carried + W with the new h": [],
    "peephole of f not sent back + p summed over everything + W with the new h": [],
}
