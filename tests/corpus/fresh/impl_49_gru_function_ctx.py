import numpy as np


class Ctx:
    def save_for_backward(self, *tensors):
        self.saved_tensors = tensors


def sigmoid(v):
    return 1.0 / (1.0 + np.exp(-v))


class GRUFunction:
    """x: (B, T, I); the reset gate multiplies the state, u = 1 keeps it."""

    @staticmethod
    def forward(ctx, x, hx, W_xu, W_hu, b_u, W_xr, W_hr, b_r, W_xc, W_hc, b_c):
        hs, us, rs, cs = [hx], [], [], []
        for t in range(x.shape[1]):
            u = sigmoid(x[:, t] @ W_xu.T + hs[-1] @ W_hu.T + b_u)
            r = sigmoid(x[:, t] @ W_xr.T + hs[-1] @ W_hr.T + b_r)
            c = np.tanh(x[:, t] @ W_xc.T + (r * hs[-1]) @ W_hc.T + b_c)
            us.append(u), rs.append(r), cs.append(c)
            hs.append(u * hs[-1] + (1 - u) * c)
        ctx.save_for_backward(x, W_xu, W_hu, W_xr, W_hr, W_xc, W_hc)
        ctx.steps = list(zip(us, rs, cs, hs[:-1]))
        return np.stack(hs[1:], axis=1)

    @staticmethod
    def backward(ctx, grad_output):
        x, W_xu, W_hu, W_xr, W_hr, W_xc, W_hc = ctx.saved_tensors
        grad_x = np.zeros_like(x)
        g_xu, g_hu, g_xr, g_hr, g_xc, g_hc = [np.zeros_like(w) for w in ctx.saved_tensors[1:]]
        g_bu, g_br, g_bc = np.zeros((3, W_hu.shape[0]))
        grad_h = 0.0
        for t in reversed(range(x.shape[1])):
            u, r, c, h = ctx.steps[t]
            grad_h = grad_h + grad_output[:, t]
            grad_u = grad_h * (h - c) * u * (1 - u)
            grad_c = grad_h * (1 - u) * (1 - c * c)
            grad_rh = grad_c @ W_hc
            grad_r = grad_rh * h * r * (1 - r)
            g_xu += grad_u.T @ x[:, t]
            g_hu += grad_u.T @ h
            g_bu += grad_u.sum(0)
            g_xr += grad_r.T @ x[:, t]
            g_hr += grad_r.T @ h
            g_br += grad_r.sum(0)
            g_xc += grad_c.T @ x[:, t]
            g_hc += grad_c.T @ (r * h)
            g_bc += grad_c.sum(0)
            grad_x[:, t] = grad_u @ W_xu + grad_r @ W_xr + grad_c @ W_xc
            grad_h = grad_h * u + grad_u @ W_hu + grad_r @ W_hr + grad_rh * r
        return grad_x, grad_h, g_xu, g_hu, g_bu, g_xr, g_hr, g_br, g_xc, g_hc, g_bc


# ---- corpus
CELL = "gru"
STYLE = "autograd function with ctx, (B, T, D), nine separate arrays, keep polarity, reset before"
HELD_OUT = True
NAMES = [f"{k}_{g}" if k == "b" else f"W_{k}{g}" for g in "urc" for k in ("x", "h", "b")]


def draw(rng):
    D, H, B, T = 5, 4, 2, 6
    r = rng.standard_normal
    shapes = {"x": (H, D), "h": (H, H), "b": (H,)}
    d = {"input/x": r((B, T, D)), "initial/hx": 0.5 * r((B, H)), "cotangent/out": r((B, T, H))}
    return d | {"param/" + n: 0.5 * r(shapes["b" if n[0] == "b" else n[2]]) for n in NAMES}


def run(d):
    ctx = Ctx()
    out = GRUFunction.forward(ctx, d["input/x"], d["initial/hx"], *(d["param/" + n] for n in NAMES))
    return {"output/out": out} | {"grad/" + n: g for n, g in zip(["x", "hx", *NAMES], GRUFunction.backward(ctx, d["cotangent/out"]))}


MISTAKES = {
    "candidate without r": ([("g_hc += grad_c.T @ (r * h)", "g_hc += grad_c.T @ h")], [("misplaced-factor", "W_hc r h"), ("drop-path", "W_hc r h")]),
    "r missing on the way back": ([(" + grad_rh * r", " + grad_rh")], [("misplaced-factor", "r h c W_hc"), ("missing-derivative", "r h c")]),
    "way through r forgotten": ([(" + grad_r @ W_hr + ", " + ")], [("drop-path", "r h W_hr"), ("cut-recurrence", "r h W_hr")]),
    "way through u forgotten": ([(" + grad_u @ W_hu", "")], [("drop-path", "u h W_hu"), ("cut-recurrence", "u h W_hu")]),
    "polarity": ([("grad_h * (h - c) * u", "grad_h * (c - h) * u")], [("sign", "u")]),
    "x without the candidate": ([(" + grad_c @ W_xc", "")], [("drop-path", "x c W_xc")]),
    "W_hr as it is": ([("grad_r @ W_hr", "grad_r @ W_hr.T")], [("transpose", "W_hr")]),
    "polarity of the candidate": ([("grad_h * (1 - u) * (1 - c * c)", "grad_h * u * (1 - c * c)")], [("swap-gates", "u c"), ("misplaced-factor", "u c"), ("sign", "u c")]),
}
STACKS = {
    "candidate without r + way through r forgotten": [],
    "polarity + x without the candidate": [],
    "W_hr as it is + r missing on the way back": [],
    "candidate without r + W_hr as it is + x without the candidate": [],
}
