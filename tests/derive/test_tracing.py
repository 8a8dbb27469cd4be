"""Python functions over arrays as systems: the same numbers, and a reason for whatever is no equation."""

import numpy as np
import pytest

import derive
import numeric
from derive.dimensions import dimension
from derive.tracing import trace


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(a):
    e = np.exp(a - np.max(a))
    return e / e.sum()


def lstm(x, h, c, W, b):
    z = W @ np.concatenate([h, x]) + b
    i, f, g, o = np.split(z, 4)
    i, f, o = sigmoid(i), sigmoid(f), sigmoid(o)
    g = np.tanh(g)
    c = f * c + i * g
    h = o * np.tanh(c)
    return h, c


def gru(x, h, Wz, Uz, W, U):
    z = sigmoid(x @ Wz + h @ Uz)
    n = np.tanh(np.dot(x, W) + (z * h).dot(U))
    return (1 - z) * h + z * n


def attention(x, S, Wk, Wv, Wq, gamma):
    k, v, q = Wk @ x, Wv @ x, Wq @ x
    S = gamma * S + np.outer(v, k)
    return {"y": S @ q, "S": S}


def sliced(x, h, W):
    H = W.shape[0] // 2
    z = W @ np.hstack((x, h))
    gate, rest = sigmoid(z[:H]), z[H:]
    return gate * np.maximum(0, rest) + (1 - gate) ** 2 * abs(h) / np.sqrt(1 + np.square(h))


def broadcast(x, h, W):
    M = np.tanh(W * x + W.T)  # a vector beside a matrix is a row
    return (M @ h) + 0.5 * np.log1p(np.exp(x)) - (x[:, None] * h[None, :]) @ x + h.sum()


def summed(x, h):
    return h / (1 + np.sum(h**2)) + np.minimum(x, h) - np.sign(x)


CASES = [
    (lstm, "x[t] : D; h[t-1], c[t-1] : H; W : 4*H, H + D; b : 4*H", ""),
    (gru, "x[t] : D; h[t-1] : H; Wz, W : D, H; Uz, U : H, H", ""),
    (attention, "x[t] : D; S[t-1] : V, K; Wk, Wq : K, D; Wv : V, D; gamma : scalar", ""),
    (sliced, "x[t] : D; h[t-1] : H; W : 2*H, D + H", ""),
    (broadcast, "x[t], h[t-1] : H; W : H, H", ""),
    (summed, "x[t], h[t-1] : H", ""),
]
SIZES = {dimension(name): size for name, size in {"D": 3, "H": 4, "K": 2, "V": 5}.items()}


@pytest.mark.parametrize(("function", "shapes", "returns"), CASES, ids=[case[0].__name__ for case in CASES])
def test_the_system_computes_what_the_function_computes(function, shapes, returns):
    system = trace(function, shapes, returns=returns)
    rng = np.random.default_rng(0)
    numbers = {
        name: rng.normal(size=[int(dim.subs(SIZES)) for dim in system.shapes[name]])
        for name in (*system.parameters, *system.states)
    }
    steps = 4
    x = rng.normal(size=(steps, *(int(dim.subs(SIZES)) for dim in system.shapes["x"])))
    run = numeric.compile(system).forward(
        {name: numbers[name] for name in system.parameters},
        {"x": x[:, None]},
        initial={name: numbers[name][None] for name in system.states},
    )
    state = {name: numbers[name] for name in system.states}
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    for step in range(steps):
        result = function(**{n: x[step] if n == "x" else state.get(n, numbers.get(n)) for n in arguments})
        values = (
            list(result.values()) if isinstance(result, dict) else result if isinstance(result, tuple) else [result]
        )
        names = list(result) if isinstance(result, dict) else list(system.states)
        state = {name: value for name, value in zip(names, values, strict=True) if name in system.states}
    for name in system.states:
        assert run.final[name][0] == pytest.approx(state[name], rel=1e-12, abs=1e-13)


def test_local_variables_name_the_equations():
    system = trace(lstm, CASES[0][1])
    assert [equation.name for equation in system.equations] == ["z", "o", "f", "i", "g", "c", "h"]
    assert str(system.equation("h").expr) == "o[t] * tanh(c[t])"
    assert system.name == "lstm"


def test_a_logistic_is_recognised():
    assert "sigmoid(" in str(trace(gru, CASES[1][1]))
    assert "exp" not in str(trace(gru, CASES[1][1]))


def test_a_traced_cell_has_a_right_gradient():
    assert all(evidence.holds for evidence in numeric.verify(trace(lstm, CASES[0][1])))


def test_helpers_can_be_taken_as_functions():
    def read(x, h, W):
        return softmax(W @ h) + x

    closure = "x[t], h[t-1] : H; W : H, H"
    with pytest.raises(derive.EquationError, match=r"softmax|max"):
        trace(read, closure)
    system = trace(read, closure, functions={"softmax": "softmax"})
    assert str(system.equation("h").expr) == "softmax(W @ h[t-1]) + x[t]"
    assert softmax(np.zeros(2)) == pytest.approx([0.5, 0.5])  # the helper itself is as it was


def branches(x, h):
    return h if x > 0 else x


def fills(x, h):
    h[0:1] = x
    return h


def counts(x, h):
    return np.cumsum(x) + h


def batched(x, h, W):
    return x @ W.T + h


def loops(x, h):
    return sum(entry for entry in x) + h


def converts(x, h):
    return float(x) + h


def mixes(x, h):
    return np.ones(3) * x + h


def forgets(x, h):
    return np.tanh(x), h, x + h


REFUSED = [
    (branches, "x[t], h[t-1] : H", "comparison"),
    (fills, "x[t], h[t-1] : H", "assignment into a part"),
    (counts, "x[t], h[t-1] : H", "np.cumsum has no meaning"),
    (batched, "x[t] : D; h[t-1] : H; W : H, H", r"\(D\) @ \(H, H\): D is not H"),
    (loops, "x[t], h[t-1] : H", "a loop over a traced value"),
    (converts, "x[t], h[t-1] : H", "become a number"),
    (mixes, "x[t], h[t-1] : H", "an array of numbers inside the function"),
    (forgets, "x[t], h[t-1] : H", "returns 3 values, and 1"),
    (gru, "x[t] : D", "the function takes x, h, Wz"),
    (summed, "x[t], h[t+1] : H", r"read at \[t\], at \[t-1\]"),
    (summed, "x[t], h : H", "no state|returns 1 values, and none"),
    (summed, "x[t], lambda[t-1] : H", "reserved"),
    (summed, "x[t], h[t-1] : H/0", "no dimension"),
    (summed, "x and h", "declares nothing"),
]


@pytest.mark.parametrize(("function", "shapes", "reason"), REFUSED, ids=[case[2][:24] for case in REFUSED])
def test_what_is_no_equation_is_refused_in_one_line(function, shapes, reason):
    with pytest.raises(derive.EquationError, match=reason) as info:
        trace(function, shapes)
    assert "\n" not in info.value.reason
