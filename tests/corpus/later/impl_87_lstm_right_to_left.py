import numpy as np


class ReversedLSTM:
    """go_backwards=True: the sequence is flipped, run through an ordinary LSTM, and the outputs are flipped back.

    Rows, (T, B, D); f, i, o, c side by side in Wx (D, 4H), Wh (H, 4H) and b (4H,).
    """

    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b
        self.H = len(Wh)

    def __call__(self, x):
        self.x = x[::-1]
        T, B, H = len(x), x.shape[1], self.H
        self.h, self.c = np.zeros((T + 1, B, H)), np.zeros((T + 1, B, H))
        self.gates = np.zeros((T, B, 4 * H))
        for k in range(T):
            a = self.x[k] @ self.Wx + self.h[k] @ self.Wh + self.b
            s = 1 / (1 + np.exp(-a[:, : 3 * H]))
            g = np.tanh(a[:, 3 * H :])
            f, i, o = s[:, :H], s[:, H : 2 * H], s[:, 2 * H :]
            self.c[k + 1] = f * self.c[k] + i * g
            self.h[k + 1] = o * np.tanh(self.c[k + 1])
            self.gates[k] = np.hstack([s, g])
        return self.h[1:][::-1]

    def backward(self, dy):
        dy = dy[::-1]
        T, H = len(dy), self.H
        self.dWx, self.dWh, self.db = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.b)
        dx = np.zeros_like(self.x)
        dh_next, dc_next = np.zeros_like(dy[0]), np.zeros_like(dy[0])
        for k in reversed(range(T)):
            f, i, o, g = np.hsplit(self.gates[k], 4)
            dh = dy[k] + dh_next
            t = np.tanh(self.c[k + 1])
            dc = dc_next + dh * o * (1 - t**2)
            df, di, do, dg = dc * self.c[k], dc * g, dh * t, dc * i
            da = np.hstack([df * f * (1 - f), di * i * (1 - i), do * o * (1 - o), dg * (1 - g**2)])
            self.dWx += self.x[k].T @ da
            self.dWh += self.h[k].T @ da
            self.db += np.sum(da, axis=0)
            dx[k] = da @ self.Wx.T
            dh_next = da @ self.Wh.T
            dc_next = dc * f
        return dx[::-1]


# ---- corpus
CELL = """
f[t] = sigmoid(Wf @ x[t] + Uf @ h[t+1] + bf)
i[t] = sigmoid(Wi @ x[t] + Ui @ h[t+1] + bi)
o[t] = sigmoid(Wo @ x[t] + Uo @ h[t+1] + bo)
g[t] = tanh(Wg @ x[t] + Ug @ h[t+1] + bg)
c[t] = f[t] * c[t+1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
"""
STYLE = "layer object that reads from right to left by flipping, rows (T, B, D), fioc in columns"
HELD_OUT = True


def draw(rng):
    T, B, D, H = 6, 2, 3, 4
    r = rng.standard_normal
    return {"input/x": r((T, B, D)), "cotangent/y": r((T, B, H)), "param/Wx": 0.6 * r((D, 4 * H)), "param/Wh": 0.6 * r((H, 4 * H)), "param/b": 0.5 * r(4 * H)}


def run(d):
    layer = ReversedLSTM(d["param/Wx"], d["param/Wh"], d["param/b"])
    y = layer(d["input/x"])
    dx = layer.backward(d["cotangent/y"])
    return {"output/y": y, "grad/x": dx, "grad/Wx": layer.dWx, "grad/Wh": layer.dWh, "grad/b": layer.db}


MISTAKES = {
    "dx left flipped": ([("return dx[::-1]", "return dx")], [("wrong-axis", "x dx"), ("time-shift", "x dx")]),
    "h of the next position cut": ([("dh = dy[k] + dh_next", "dh = dy[k]")], [("cut-recurrence", "h y Wh dh_next"), ("drop-path", "h y Wh")]),
    "f without (1 - f)": ([("df * f * (1 - f)", "df * f")], [("missing-derivative", "f df Wf"), ("misplaced-factor", "f df Wf")]),
    "c_next with the input gate": ([("dc_next = dc * f", "dc_next = dc * i")], [("swap-gates", "f i c"), ("misplaced-factor", "f i c")]),
    "dWh from the new states": ([("self.h[k].T @ da", "self.h[k + 1].T @ da")], [("time-shift", "Wh h Uf Ui Uo Ug")]),
    "Wh square and untransposed": ([("dh_next = da @ self.Wh.T", "dh_next = sum(d @ W for d, W in zip(np.hsplit(da, 4), np.hsplit(self.Wh, 4)))")], [("transpose", "Wh Uf Ui Uo Ug")]),
    "db of the first position": ([("self.db += np.sum", "self.db = np.sum")], [("not-accumulated", "b bf bi bo bg"), ("last-step-only", "b bf bi bo bg")]),
    "old cell in the output gate": ([("df, di, do, dg = dc * self.c[k], dc * g, dh * t, dc * i", "df, di, do, dg = dc * self.c[k], dc * g, dh * np.tanh(self.c[k]), dc * i")], [("time-shift", "o c do")]),
    "di with i, dg with g": ([("dc * self.c[k], dc * g, dh * t, dc * i", "dc * self.c[k], dc * i, dh * t, dc * g")], [("swap-gates", "i g"), ("misplaced-factor", "i g"), [("misplaced-factor", "i"), ("misplaced-factor", "g")]]),
}
STACKS = {
    "dx left flipped + f without (1 - f)": [],
    "dWh from the new states + db of the first position": [],
    "h of the next position cut + old cell in the output gate": [],
    "c_next with the input gate + dx left flipped + db of the first position": [],
}
