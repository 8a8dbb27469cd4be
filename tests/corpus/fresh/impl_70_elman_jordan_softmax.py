# Jordan network: the softmax output of the step before is fed back.  Rows (T, B, D), one-hot targets.
import numpy as np


def norm_exp(a):
    a = np.exp(a - a.max(1)[:, None])
    return a / a.sum(1)[:, None]


def jordan(x, y0, A, F, b, V, c):
    ys, hs = [y0], []
    for xt in x:
        hs.append(np.tanh(xt @ A + ys[-1] @ F + b))
        ys.append(norm_exp(hs[-1] @ V + c))
    return np.array(hs), np.array(ys)


def xent(ys, target):
    return -(target * np.log(ys[1:])).sum() / target.shape[1]


def jordan_grad(x, target, hs, ys, A, F, b, V, c):
    gA, gF, gb, gV, gc = (np.zeros_like(p) for p in (A, F, b, V, c))
    fed = np.zeros_like(ys[0])
    N = target.shape[1]
    for t in reversed(range(len(x))):
        p = ys[t + 1]
        du = (p - target[t]) / N + p * (fed - (p * fed).sum(1)[:, None])
        gV += hs[t].T @ du
        gc += du.sum(0)
        da = du @ V.T * (1 - hs[t] ** 2)
        gA += x[t].T @ da
        gF += ys[t].T @ da
        gb += da.sum(0)
        fed = da @ F.T
    return gA, gF, gb, gV, gc


# ---- corpus
CELL = """
h[t] = tanh(A @ x[t] + F @ y[t-1] + b)
y[t] = softmax(V @ h[t] + c)
"""
STYLE = "Jordan network with softmax fed back, rows (T, B, D), T + 1 outputs, cross-entropy averaged over B"
HELD_OUT = True


def draw(rng):
    T, B, D, H, O = 6, 2, 3, 5, 4
    r = rng.standard_normal
    shapes = {"A": (D, H), "F": (O, H), "b": (H,), "V": (H, O), "c": (O,)}
    y0 = np.full((B, O), 0.25)
    return {"input/x": r((T, B, D)), "initial/y0": y0, "target/y": np.eye(O)[rng.integers(0, O, (T, B))]} | {"param/" + k: (1.5 if k == "F" else 0.8) * r(s) for k, s in shapes.items()}


def run(d):
    P = [d["param/" + k] for k in "AFbVc"]
    hs, ys = jordan(d["input/x"], d["initial/y0"], *P)
    grads = jordan_grad(d["input/x"], d["target/y"], hs, ys, *P)
    return {"output/y": ys[1:], "output/h": hs, "loss": np.array(xent(ys, d["target/y"]))} | {"grad/" + k: g for k, g in zip("AFbVc", grads)}


MISTAKES = {
    "feedback forgotten": ([(" + p * (fed - (p * fed).sum(1)[:, None])", "")], [("cut-recurrence", "y h F"), ("drop-path", "y h F")]),
    "feedback past the softmax": ([("p * (fed - (p * fed).sum(1)[:, None])", "fed")], [("missing-derivative", "y")]),
    "diagonal of the softmax": ([("p * (fed - (p * fed).sum(1)[:, None])", "p * fed")], [("drop-path", "y"), ("missing-derivative", "y"), ("misplaced-factor", "y")]),
    "softmax like a sigmoid": ([("p * (fed - (p * fed).sum(1)[:, None])", "p * (1 - p) * fed")], [("missing-derivative", "y"), ("drop-path", "y"), ("misplaced-factor", "y"), ("derivative-of-activated", "y")]),
    "F with this step's output": ([("gF += ys[t].T", "gF += ys[t + 1].T")], [("time-shift", "F y")]),
    "h without slope": ([(" * (1 - hs[t] ** 2)", "")], [("missing-derivative", "h")]),
    "gV set": ([("gV += ", "gV = ")], [("not-accumulated", "V"), ("first-step-only", "V")]),
    "sign of the error": ([("(p - target[t]) / N", "(target[t] - p) / N")], [("sign", "y c V h")]),
}
STACKS = {
    "feedback forgotten + F with this step's output": [],
    "h without slope + gV set": [],
    "diagonal of the softmax + gV set": [],
}
