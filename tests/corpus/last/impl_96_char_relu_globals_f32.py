# tiny character model with rectified units, single precision
import numpy as np

dtype = np.float32
n_in, n_hid, n_out = 6, 5, 6
Wih = (np.random.randn(n_in, n_hid) * 0.1).astype(dtype)
Whh = np.eye(n_hid, dtype=dtype)
Who = (np.random.randn(n_hid, n_out) * 0.1).astype(dtype)
bh = np.zeros(n_hid, dtype=dtype)
bo = np.zeros(n_out, dtype=dtype)


def one_hot(idx, n):
    v = np.zeros((len(idx), n), dtype=dtype)
    v[np.arange(len(idx)), idx] = 1
    return v


def forward(seq, h_init):
    x = one_hot(seq, n_in)
    h = np.zeros((len(seq) + 1, n_hid), dtype=dtype)
    h[0] = h_init
    for t in range(len(seq)):
        h[t + 1] = np.maximum(0, x[t] @ Wih + h[t] @ Whh + bh)
    scores = h[1:] @ Who + bo
    scores = scores - scores.max(axis=1, keepdims=True)
    e = np.exp(scores)
    return x, h, e / e.sum(axis=1, keepdims=True)


def loss_and_grads(seq, nxt, h_init):
    x, h, p = forward(seq, h_init)
    T = len(seq)
    loss = -np.log(p[np.arange(T), nxt]).mean()

    d_out = (p - one_hot(nxt, n_out)) / T
    g_Who = h[1:].T @ d_out
    g_bo = d_out.sum(0)
    g_Wih, g_Whh, g_bh = np.zeros_like(Wih), np.zeros_like(Whh), np.zeros_like(bh)
    carry = np.zeros(n_hid, dtype=dtype)
    for t in range(T, 0, -1):
        d_h = Who @ d_out[t - 1] + carry
        d_a = d_h * (h[t] > 0)
        g_Wih += np.outer(x[t - 1], d_a)
        g_Whh += np.outer(h[t - 1], d_a)
        g_bh += d_a
        carry = Whh @ d_a
    return loss, (g_Wih, g_Whh, g_Who, g_bh, g_bo), h[1:], p


# ---- corpus
CELL = "rnn-relu"
STYLE = "script with globals, float32, ReLU, one text as integers, states (T + 1, H) in rows, softmax loss averaged over the text"
HELD_OUT = True
NAMES = ("Wih", "Whh", "Who", "bh", "bo")
SHAPES = ((6, 5), (5, 5), (5, 6), (5,), (6,))


def draw(rng):
    r = lambda k, s: (k * rng.standard_normal(s)).astype(np.float32)
    d = {"input/seq": rng.integers(0, 6, 9), "target/nxt": rng.integers(0, 6, 9), "initial/h_init": np.abs(r(0.5, 5))}
    return d | {"param/" + k: r(0.6, s) for k, s in zip(NAMES, SHAPES)}


def run(d):
    globals().update({k: d["param/" + k] for k in NAMES})
    loss, grads, h, p = loss_and_grads(d["input/seq"], d["target/nxt"], d["initial/h_init"])
    return {"loss": np.array(loss), "output/h": h, "output/p": p} | {"grad/" + k: g for k, g in zip(NAMES, grads)}


MISTAKES = {
    "mask left out": ([("d_a = d_h * (h[t] > 0)", "d_a = d_h")], [("missing-derivative", "h d_a")]),
    "mask of the state before": ([("d_h * (h[t] > 0)", "d_h * (h[t - 1] > 0)")], [("time-shift", "h d_a")]),
    "tanh's slope on rectified units": ([("d_h * (h[t] > 0)", "d_h * (1 - h[t] ** 2)")], [("missing-derivative", "h d_a"), ("derivative-of-activated", "h d_a"), ("misplaced-factor", "h d_a")]),
    "carry through Whh.T": ([("carry = Whh @ d_a", "carry = Whh.T @ d_a")], [("transpose", "Whh")]),
    "carry with the loss's slope only": ([("carry = Whh @ d_a", "carry = Whh @ d_h")], [("misplaced-factor", "h d_h d_a Whh carry"), ("missing-derivative", "h d_h d_a Whh carry")]),
    "Who with the states before": ([("h[1:].T @ d_out", "h[:-1].T @ d_out")], [("time-shift", "Who h")]),
    "loss summed": ([("one_hot(nxt, n_out)) / T", "one_hot(nxt, n_out))")], [("scale", "*")], "loss"),
    "cut every three letters": ([("        carry = Whh @ d_a\n", "        carry = Whh @ d_a if t % 3 else np.zeros_like(carry)\n")], [("truncate", "*")]),
    "bh set": ([("g_bh += d_a", "g_bh = d_a")], [("not-accumulated", "bh"), ("first-step-only", "bh")]),
}
STACKS = {
    "mask left out + bh set": [],
    "carry through Whh.T + Who with the states before": [],
    "mask of the state before + loss summed": [],
    "carry through Whh.T + Who with the states before + bh set": [],
}
