import numpy as np


def scan(f, carry, xs):
    ys = []
    for x in xs:
        carry, y = f(carry, x)
        ys.append(y)
    return carry, ys


def step(params):
    U, V, c = params

    def f(carry, x):
        (s,) = carry
        s2 = np.tanh(np.dot(U, x) + np.dot(V, s) + c)
        return (s2,), (s2, (x, s, s2))

    return f


def step_transpose(params):
    U, V, c = params

    def g(carry, inp):
        ct_s, ct_U, ct_V, ct_c = carry
        ct_y, (x, s, s2) = inp
        ct_a = (ct_s + ct_y) * (1.0 - s2 * s2)
        carry = (np.dot(V.T, ct_a), ct_U + np.multiply.outer(ct_a, x), ct_V + np.multiply.outer(ct_a, s), ct_c + ct_a)
        return carry, np.dot(U.T, ct_a)

    return g


def rnn_apply(params, s0, xs):
    final, ys = scan(step(params), (s0,), xs)
    return [y for y, _ in ys], final[0], [res for _, res in ys]


def rnn_vjp(params, residuals, ct_ys, ct_final):
    zero = tuple(np.zeros_like(p) for p in params)
    inputs = list(zip(ct_ys, residuals))[::-1]
    (ct_s0, *ct_params), ct_xs = scan(step_transpose(params), (ct_final, *zero), inputs)
    return ct_params, ct_s0, ct_xs[::-1]


# ---- corpus
CELL = "rnn"
STYLE = "scan with carry tuples and closures, one sequence of vectors, final-state cotangent"
HELD_OUT = True


def draw(rng):
    D, H, T = 3, 5, 7
    r = rng.standard_normal
    return {"input/xs": r((T, D)), "initial/s0": 0.5 * r(H), "param/U": 0.5 * r((H, D)), "param/V": 0.5 * r((H, H)), "param/c": 0.5 * r(H),
            "cotangent/ys": r((T, H)), "cotangent/s_final": r(H)}


def run(d):
    params = [d["param/" + k] for k in "UVc"]
    ys, final, res = rnn_apply(params, d["initial/s0"], d["input/xs"])
    cts, ct0, ctx = rnn_vjp(params, res, d["cotangent/ys"], d["cotangent/s_final"])
    return {"output/ys": np.array(ys), "output/s_final": final, "grad/s0": ct0, "grad/xs": np.array(ctx)} | {"grad/" + k: g for k, g in zip("UVc", cts)}


MISTAKES = {
    "V not transposed": ([("np.dot(V.T, ct_a)", "np.dot(V, ct_a)")], [("transpose", "V")]),
    "derivative of the old state": ([("(1.0 - s2 * s2)", "(1.0 - s * s)")], [("time-shift", "s ys h ct_a")]),
    "ct_V of one step": ([("ct_V + np.multiply.outer(ct_a, s)", "np.multiply.outer(ct_a, s)")], [("not-accumulated", "V"), ("first-step-only", "V")]),
    "carried bias lost": ([("ct_c + ct_a)", "ct_c)")], [("zero-gradient", "c")]),
    "no derivative": ([(" * (1.0 - s2 * s2)", "")], [("missing-derivative", "s ys h")]),
    "final state has no cotangent": ([("(ct_final, *zero)", "(0 * ct_final, *zero)")], [("cotangent-missing", "s_final s h")]),
    "squared once": ([("(1.0 - s2 * s2)", "(1.0 - s2)")], [("missing-derivative", "s ys h"), ("derivative-of-activated", "s ys h"), ("misplaced-factor", "s ys h")]),
    "not reversed in the end": ([("ct_s0, ct_xs[::-1]", "ct_s0, ct_xs")], [("time-shift", "xs x"), ("wrong-axis", "xs x")]),
}
STACKS = {
    "V not transposed + carried bias lost": [],
    "ct_V of one step + final state has no cotangent": [],
    "derivative of the old state + carried bias lost": [],
    "V not transposed + ct_V of one step + final state has no cotangent": [],
}
