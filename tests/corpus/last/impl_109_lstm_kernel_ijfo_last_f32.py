import numpy as np

# Row classifier for images, after an old tutorial: rows of pixels are steps, one kernel for [inputs, h] with
# i, j, f, o side by side, the last output goes through a dense layer and softmax.  float32 throughout.

f32 = np.float32


def sigmoid(x):
    return f32(1) / (f32(1) + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def static_rnn(images, kernel, bias, keep):
    """images (batch, rows, columns)"""
    batch, n_steps, _ = images.shape
    n_hidden = len(bias) // 4
    c = np.zeros((batch, n_hidden), f32)
    h = np.zeros((batch, n_hidden), f32)
    for inputs in np.transpose(images, (1, 0, 2)):
        args = np.concatenate([inputs, h], 1)
        i, j, f, o = np.split(args @ kernel + bias, 4, axis=1)
        i, j, f, o = sigmoid(i), np.tanh(j), sigmoid(f), sigmoid(o)
        new_c = c * f + i * j
        new_h = np.tanh(new_c) * o
        keep.append((args, c, i, j, f, o, new_c))
        c, h = new_c, new_h
    return h


def cost_and_gradients(images, labels, kernel, bias, w_out, b_out):
    keep = []
    h = static_rnn(images, kernel, bias, keep)
    pred = softmax(h @ w_out + b_out)
    cost = -np.mean(np.sum(labels * np.log(pred), axis=1))

    d_logits = (pred - labels) / f32(len(labels))
    d_w_out, d_b_out = h.T @ d_logits, d_logits.sum(0)
    d_h = d_logits @ w_out.T
    d_c = np.zeros_like(h)
    d_kernel, d_bias = np.zeros_like(kernel), np.zeros_like(bias)
    d_images = np.zeros_like(images)
    n_input = images.shape[2]
    for t, (args, c, i, j, f, o, new_c) in reversed(list(enumerate(keep))):
        th = np.tanh(new_c)
        d_c = d_c + d_h * o * (1 - th * th)
        d_pre = np.concatenate([d_c * j * i * (1 - i), d_c * i * (1 - j * j), d_c * c * f * (1 - f), d_h * th * o * (1 - o)], 1)
        d_kernel += args.T @ d_pre
        d_bias += d_pre.sum(0)
        d_args = d_pre @ kernel.T
        d_images[:, t] = d_args[:, :n_input]
        d_h = d_args[:, n_input:]
        d_c = d_c * f
    return pred, cost, {"images": d_images, "kernel": d_kernel, "bias": d_bias, "w_out": d_w_out, "b_out": d_b_out}


# ---- corpus
CELL = "lstm"
STYLE = "float32 script, one kernel on [x, h] with ijfo, (B, T, D), one-hot labels, mean softmax loss of the last state"
HELD_OUT = True
SHAPES = {"kernel": (7, 16), "bias": (16,), "w_out": (4, 5), "b_out": (5,)}


def draw(rng):
    r = lambda k, s: (k * rng.standard_normal(s)).astype(np.float32)
    labels = np.eye(5, dtype=np.float32)[rng.integers(0, 5, 6)]
    return {"input/images": r(1, (6, 8, 3)), "target/labels": labels} | {"param/" + k: r(0.7, s) for k, s in SHAPES.items()}


def run(d):
    pred, cost, grads = cost_and_gradients(d["input/images"], d["target/labels"], *(d["param/" + k] for k in SHAPES))
    return {"output/pred": pred, "loss": np.array(cost)} | {"grad/" + k: v for k, v in grads.items()}


MISTAKES = {
    "order i f j o": ([("d_c * i * (1 - j * j), d_c * c * f * (1 - f),", "d_c * c * f * (1 - f), d_c * i * (1 - j * j),")], [("swap-gates", "j f g")]),
    "loss summed over the batch": ([("(pred - labels) / f32(len(labels))", "pred - labels")], [("scale", "*")], "loss"),
    "the loss heard at every step": ([("d_h = d_args[:, n_input:]", "d_h = d_args[:, n_input:] + d_logits @ w_out.T")], [("cotangent-at-every-step", "*")]),
    "d_c never decays": ([("        d_c = d_c * f\n", "")], [("misplaced-factor", "c f d_c"), ("missing-derivative", "c f d_c")]),
    "new_h from the bare cell, there and back": ([("new_h = np.tanh(new_c) * o", "new_h = new_c * o"), ("th = np.tanh(new_c)", "th = new_c"), ("d_h * o * (1 - th * th)", "d_h * o")], [("wrong-forward", "h c o new_h new_c tanh")], "correct"),
    "forget gate times new_c": ([("d_c * c * f * (1 - f)", "d_c * new_c * f * (1 - f)")], [("time-shift", "f c new_c")]),
    "recurrent kernel untransposed": ([("d_h = d_args[:, n_input:]", "d_h = sum(d @ k for d, k in zip(np.split(d_pre, 4, 1), np.split(kernel[n_input:], 4, 1)))")], [("transpose", "kernel h")]),
    "bias of the first step": ([("d_bias += d_pre.sum(0)", "d_bias = d_pre.sum(0)")], [("not-accumulated", "bias b"), ("first-step-only", "bias b")]),
    "output gate without tanh(c)": ([("d_h * th * o * (1 - o)], 1)", "d_h * o * (1 - o)], 1)")], [("misplaced-factor", "o c h th"), ("missing-derivative", "o c h th")]),
}
STACKS = {
    "order i f j o + loss summed over the batch": [],
    "d_c never decays + bias of the first step": [],
    "forget gate times new_c + output gate without tanh(c)": [],
    "the loss heard at every step + recurrent kernel untransposed + bias of the first step": [],
}
