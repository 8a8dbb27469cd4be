import numpy as np

UNITS, SYMBOLS = 5, 8
V_rows = UNITS + SYMBOLS


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_slope(y):
    return y * (1 - y)


def tanh(x):
    return np.tanh(x)


def tanh_slope(y):
    return 1 - y * y


class Weight:
    def __init__(self, name, value):
        self.name = name
        self.v = value
        self.d = np.zeros_like(value)


class Weights:
    def __init__(self, values):
        for name in ("W_f", "b_f", "W_i", "b_i", "W_C", "b_C", "W_o", "b_o", "W_y", "b_y"):
            setattr(self, name, Weight(name, values[name]))

    def all(self):
        return list(self.__dict__.values())


def forward(x, h_prev, C_prev, p):
    z = np.vstack((h_prev, x))
    f = sigmoid(np.dot(p.W_f.v, z) + p.b_f.v)
    i = sigmoid(np.dot(p.W_i.v, z) + p.b_i.v)
    cand = tanh(np.dot(p.W_C.v, z) + p.b_C.v)
    C = f * C_prev + i * cand
    o = sigmoid(np.dot(p.W_o.v, z) + p.b_o.v)
    h = o * tanh(C)
    v = np.dot(p.W_y.v, h) + p.b_y.v
    y = np.exp(v) / np.sum(np.exp(v))
    return z, f, i, cand, C, o, h, v, y


def backward(target, dh_next, dC_next, C_prev, step, p):
    z, f, i, cand, C, o, h, v, y = step

    dlogit = np.copy(y)
    dlogit[target] -= 1
    p.W_y.d += np.dot(dlogit, h.T)
    p.b_y.d += dlogit

    dh = np.dot(p.W_y.v.T, dlogit)
    dh += dh_next
    do = sigmoid_slope(o) * dh * tanh(C)
    p.W_o.d += np.dot(do, z.T)
    p.b_o.d += do

    dC = np.copy(dC_next)
    dC += dh * o * tanh_slope(tanh(C))
    dcand = tanh_slope(cand) * dC * i
    p.W_C.d += np.dot(dcand, z.T)
    p.b_C.d += dcand

    di = sigmoid_slope(i) * dC * cand
    p.W_i.d += np.dot(di, z.T)
    p.b_i.d += di

    df = sigmoid_slope(f) * dC * C_prev
    p.W_f.d += np.dot(df, z.T)
    p.b_f.d += df

    dz = np.dot(p.W_f.v.T, df) + np.dot(p.W_i.v.T, di) + np.dot(p.W_C.v.T, dcand) + np.dot(p.W_o.v.T, do)
    return dz[:UNITS, :], f * dC


def forward_backward(inputs, targets, h_prev, C_prev, parameters):
    steps, C_s, loss = [], [C_prev], 0
    h = h_prev
    for t in range(len(inputs)):
        x = np.zeros((SYMBOLS, 1))
        x[inputs[t]] = 1
        step = forward(x, h, C_s[t], parameters)
        h = step[6]
        C_s.append(step[4])
        steps.append(step)
        loss += -np.log(step[8][targets[t], 0])

    for p in parameters.all():
        p.d.fill(0)
    dh_next, dC_next = np.zeros_like(h), np.zeros_like(h)
    for t in reversed(range(len(inputs))):
        dh_next, dC_next = backward(targets[t], dh_next, dC_next, C_s[t], steps[t], parameters)
    for p in parameters.all():
        np.clip(p.d, -50, 50, out=p.d)
    return loss, steps


# ---- corpus
CELL = "lstm"
STYLE = "parameter objects with .v and .d, one step a function, columns [h; x], integers in and out, summed softmax loss"
HELD_OUT = True
NAMES = ("W_f", "b_f", "W_i", "b_i", "W_C", "b_C", "W_o", "b_o")


def draw(rng):
    r = rng.standard_normal
    d = {"input/inputs": rng.integers(0, 8, 7), "target/targets": rng.integers(0, 8, 7), "initial/h_prev": 0.5 * r((5, 1)), "initial/C_prev": 0.5 * r((5, 1))}
    d |= {"param/" + k: 0.6 * r((5, 13 if k[0] == "W" else 1)) for k in NAMES}
    return d | {"param/W_y": 0.6 * r((8, 5)), "param/b_y": 0.6 * r((8, 1))}


def run(d):
    p = Weights({k[6:]: v for k, v in d.items() if k.startswith("param/")})
    loss, steps = forward_backward(d["input/inputs"], d["target/targets"], d["initial/h_prev"], d["initial/C_prev"], p)
    out = {"loss": np.array(loss), "output/h": np.array([s[6] for s in steps]), "output/C": np.array([s[4] for s in steps]), "output/y": np.array([s[8] for s in steps])}
    return out | {"grad/" + q.name: q.d for q in p.all()}


MISTAKES = {
    "dC_next ignored": ([("dC = np.copy(dC_next)", "dC = np.zeros_like(dC_next)")], [("cut-recurrence", "C C_prev dC_next c"), ("drop-path", "C c")]),
    "h without the tanh of C": ([("    h = o * tanh(C)\n", "    h = o * C\n")], [("wrong-forward", "h o C c tanh")]),
    "tanh' of C itself": ([("tanh_slope(tanh(C))", "tanh_slope(C)")], [("derivative-of-activated", "C h dC tanh c"), ("misplaced-factor", "C h dC c")]),
    "sigmoid' of sigmoid(f)": ([("df = sigmoid_slope(f) *", "df = sigmoid_slope(sigmoid(f)) *")], [("derivative-of-activated", "f df W_f b_f")]),
    "df with the new C": ([("dC * C_prev\n", "dC * C\n")], [("time-shift", "f C df C_prev W_f b_f c")]),
    "W_o of one step": ([("p.W_o.d += np.dot", "p.W_o.d = np.dot")], [("not-accumulated", "W_o o"), ("first-step-only", "W_o o")]),
    "dz without the output gate": ([(" + np.dot(p.W_o.v.T, do)\n", "\n")], [("drop-path", "o W_o do"), ("cut-recurrence", "o W_o do")]),
    "dz pairs f with W_i": ([("np.dot(p.W_f.v.T, df) + np.dot(p.W_i.v.T, di)", "np.dot(p.W_i.v.T, df) + np.dot(p.W_f.v.T, di)")], [("swap-gates", "f i W_f W_i")]),
    "clip at 1": ([("np.clip(p.d, -50, 50,", "np.clip(p.d, -1, 1,")], [("clip", "*")]),
}
STACKS = {
    "dC_next ignored + W_o of one step": [],
    "sigmoid' of sigmoid(f) + dz without the output gate": [],
    "df with the new C + clip at 1": [],
    "tanh' of C itself + df with the new C + W_o of one step": [],
}
