import numpy as np


def forward(X, P):
    """Columns: X (D, T). RNN states are pooled with additive attention; the pooled vector is classified."""
    D, T = X.shape
    H = P["U"].shape[0]
    S = np.zeros((H, T + 1))
    for t in range(T):
        S[:, t + 1] = np.tanh(P["W"] @ X[:, t] + P["U"] @ S[:, t] + P["b"])
    M = np.tanh(P["Wa"] @ S[:, 1:])
    e = P["va"] @ M
    alpha = np.exp(e - e.max())
    alpha /= alpha.sum()
    context = S[:, 1:] @ alpha
    y = P["Wy"] @ context + P["by"]
    return S, M, alpha, context, y


def backward(X, P, S, M, alpha, context, dy):
    D, T = X.shape
    G = {"Wy": np.outer(dy, context), "by": dy}
    dcontext = P["Wy"].T @ dy
    dalpha = S[:, 1:].T @ dcontext
    de = alpha * (dalpha - alpha @ dalpha)
    G["va"] = M @ de
    dM = np.outer(P["va"], de) * (1 - M**2)
    G["Wa"] = dM @ S[:, 1:].T
    dS = np.outer(dcontext, alpha) + P["Wa"].T @ dM
    G["W"], G["U"], G["b"] = np.zeros_like(P["W"]), np.zeros_like(P["U"]), np.zeros_like(P["b"])
    dX = np.zeros_like(X)
    carry = 0
    for t in reversed(range(T)):
        da = (dS[:, t] + carry) * (1 - S[:, t + 1] ** 2)
        G["W"] += np.outer(da, X[:, t])
        G["U"] += np.outer(da, S[:, t])
        G["b"] += da
        dX[:, t] = P["W"].T @ da
        carry = P["U"].T @ da
    return G, dX


# ---- corpus
CELL = """
s[t] = tanh(W @ x[t] + U @ s[t-1] + b)
m[t] = tanh(Wa @ s[t])
e = (va.T @ m[:]).T
alpha = softmax(e)
context = s[:] @ alpha
y = Wy @ context + by
va : A
"""
STYLE = "attention pooling over the states, one sequence, (D, T), equations of one's own"
HELD_OUT = True
CALL = {"forward": "forward", "backward": "backward", "how": "(X, P: dict) -> tuple; (X, P, *saved, dy) -> dict, dX"}


def draw(rng):
    D, H, T, A, O = 5, 4, 6, 3, 2
    r = rng.standard_normal
    shapes = {"W": (H, D), "U": (H, H), "b": (H,), "Wa": (A, H), "va": (A,), "Wy": (O, H), "by": (O,)}
    return {"input/X": r((D, T)), "cotangent/y": r(O)} | {"param/" + k: (1.5 if "a" in k else 0.6) * r(s) for k, s in shapes.items()}


def run(d):
    P = {k[6:]: v for k, v in d.items() if k.startswith("param/")}
    S, M, alpha, context, y = forward(d["input/X"], P)
    G, dX = backward(d["input/X"], P, S, M, alpha, context, d["cotangent/y"])
    return {"output/y": y, "output/alpha": alpha, "output/S": S[:, 1:], "grad/X": dX} | {"grad/" + k: v for k, v in G.items()}


MISTAKES = {
    "softmax like a sigmoid": ([("alpha * (dalpha - alpha @ dalpha)", "alpha * (1 - alpha) * dalpha")], [("drop-path", "alpha e de"), ("missing-derivative", "alpha e de"), ("misplaced-factor", "alpha e")]),
    "softmax without its sum": ([("alpha * (dalpha - alpha @ dalpha)", "alpha * dalpha")], [("drop-path", "alpha e de"), ("missing-derivative", "alpha e de"), ("misplaced-factor", "alpha e")]),
    "weights constant": ([("+ P[\"Wa\"].T @ dM", "")], [("drop-path", "Wa M m alpha e S s")]),
    "context constant": ([("dS = np.outer(dcontext, alpha) + ", "dS = ")], [("drop-path", "context alpha S s")]),
    "Wa with the states before": ([("dM @ S[:, 1:].T", "dM @ S[:, :-1].T")], [("time-shift", "Wa S s")]),
    "carry lost": ([("(dS[:, t] + carry)", "dS[:, t]")], [("cut-recurrence", "S s U carry")]),
    "M: derivative twice": ([("* (1 - M**2)", "* (1 - np.tanh(M) ** 2)")], [("derivative-of-activated", "M m Wa")]),
}
STACKS = {
    "weights constant + carry lost": [],
    "M: derivative twice + carry lost": [],
    "softmax without its sum + Wa with the states before": [],
    "context constant + Wa with the states before + M: derivative twice": [],
}
