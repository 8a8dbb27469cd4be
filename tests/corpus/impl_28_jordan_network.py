import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Jordan:
    def __init__(self, Wx, Wy, b, V, c):
        self.Wx, self.Wy, self.b, self.V, self.c = Wx, Wy, b, V, c

    def forward(self, xs):
        self.xs, self.hs, self.ys = xs, [], [np.zeros(len(self.c))]
        for x in xs:
            h = np.tanh(self.Wx @ x + self.Wy @ self.ys[-1] + self.b)
            self.hs.append(h)
            self.ys.append(sigmoid(self.V @ h + self.c))
        return self.ys[1:]

    def backward(self, targets):
        """Half the squared error of every output."""
        self.grads = {k: np.zeros_like(getattr(self, k)) for k in ("Wx", "Wy", "b", "V", "c")}
        g = self.grads
        back = np.zeros(len(self.c))
        for t in range(len(self.xs) - 1, -1, -1):
            y, h = self.ys[t + 1], self.hs[t]
            dy = y - targets[t] + back
            do = dy * y * (1 - y)
            g["V"] += np.outer(do, h)
            g["c"] += do
            dh = self.V.T @ do
            dz = dh * (1 - h**2)
            g["Wx"] += np.outer(dz, self.xs[t])
            g["Wy"] += np.outer(dz, self.ys[t])
            g["b"] += dz
            back = self.Wy.T @ dz
        return 0.5 * sum(np.sum((y - d) ** 2) for y, d in zip(self.ys[1:], targets))


# ---- corpus
CELL = "jordan"
STYLE = "object, lists of 1-D vectors, sigmoid output fed back, half squared error"
HELD_OUT = True
CALL = {"object": "Jordan", "forward": "forward", "backward": "backward", "how": "Jordan(Wx, Wy, b, V, c); forward(xs); backward(targets) -> loss; .grads"}
NAMES = ("Wx", "Wy", "b", "V", "c")


def draw(rng):
    D, H, O, T = 5, 4, 3, 6
    r = rng.standard_normal
    shapes = ((H, D), (H, O), (H,), (O, H), (O,))
    return {"input/x": r((T, D)), "target/y": rng.random((T, O))} | {"param/" + k: 0.9 * r(s) for k, s in zip(NAMES, shapes)}


def run(d):
    net = Jordan(*(d["param/" + k] for k in NAMES))
    y = net.forward(list(d["input/x"]))
    loss = net.backward(d["target/y"])
    return {"output/y": np.array(y), "output/h": np.array(net.hs), "loss": loss} | {"grad/" + k: g for k, g in net.grads.items()}


MISTAKES = {
    "teacher forcing in the gradient": ([(" + back", "")], [("cut-recurrence", "y back Wy")]),
    "Wy with this step's output": ([("np.outer(dz, self.ys[t])", "np.outer(dz, y)")], [("time-shift", "Wy y ys")]),
    "linear output": ([("do = dy * y * (1 - y)", "do = dy")], [("missing-derivative", "y do")]),
    "derivative only of the error": ([("dy = y - targets[t] + back\n            do = dy * y * (1 - y)", "do = (y - targets[t]) * y * (1 - y) + back")], [("misplaced-factor", "y do back Wy")]),
    "c of one step": ([('g["c"] += do', 'g["c"] = do')], [("not-accumulated", "c"), ("first-step-only", "c")]),
    "error negative": ([("dy = y - targets[t] + back", "dy = targets[t] - y + back")], [("sign", "*")]),
    "h: sigmoid's derivative": ([("dz = dh * (1 - h**2)", "dz = dh")], [("missing-derivative", "h dz")]),
}
STACKS = {
    "linear output + Wy with this step's output": [],
    "error negative + c of one step": [],
    "h: sigmoid's derivative + Wy with this step's output + c of one step": [],
}
