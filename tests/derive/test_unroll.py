"""The unrolled level against a hand-rolled LSTM, and its shape: a list that grows linearly."""

import math

import numpy as np
import pytest
import sympy

import derive
from derive.unroll import unroll

LSTM = """
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
"""


def evaluated(unrolled, leaf):
    """Values of all lines, from a function that gives the value of a leaf by its key."""
    known = {symbol: sympy.Float(leaf(*key), 30) for symbol, key in unrolled.leaves.items()}
    for line in unrolled.lines:
        known[line.symbol] = line.expr.xreplace(known).evalf(30)
    return {key: float(known[symbol]) for key, symbol in unrolled.symbols.items()}


def value(name, position, entry):
    """Some number for every leaf."""
    return math.sin(sum(map(ord, name)) + 3 * (position or 0) + 5 * entry[0] + 7 * entry[1])


def array(name, position, *shape):
    return np.array([value(name, position, (i, j)) for i in range(shape[0]) for j in range(shape[1])]).reshape(shape)


def test_scalar_lines_compute_the_lstm():
    steps, d, h = 3, 3, 2
    found = evaluated(unroll(derive.parse(LSTM), steps, {"D": d, "H": h}), value)
    hidden, cell = array("h", 0, h, 1), array("c", 0, h, 1)
    for t in range(1, steps + 1):
        both = np.vstack([hidden, array("x", t, d, 1)])
        z = {gate: array(f"W_{gate}", None, h, d + h) @ both + array(f"b_{gate}", None, h, 1) for gate in "figo"}
        s = {gate: 1 / (1 + np.exp(-z[gate])) for gate in "fio"}
        cell = s["f"] * cell + s["i"] * np.tanh(z["g"])
        hidden = s["o"] * np.tanh(cell)
        for row in range(h):
            assert found["h", t, (row, 0)] == pytest.approx(hidden[row, 0], rel=1e-12)
            assert found["c", t, (row, 0)] == pytest.approx(cell[row, 0], rel=1e-12)


def test_attention_over_two_axes_and_backward_sequences():
    text = """
    q[t] = tanh(A @ q[t+1] + x[t])
    a[u] = softmax(q[:].T @ s[u-1])
    s[u] = tanh(q[:] @ a[u])
    s[0] = B @ q[1]
    """
    system = derive.parse(text)
    (size,) = {str(d) for d in system.dimensions} - {"T", "U"}
    found = evaluated(unroll(system, {"t": 3, "u": 2}, {size: 2}), value)
    q = {4: array("q", 4, 2, 1)}
    for t in (3, 2, 1):
        q[t] = np.tanh(array("A", None, 2, 2) @ q[t + 1] + array("x", t, 2, 1))
    every = np.hstack([q[1], q[2], q[3]])
    s = array("B", None, 2, 2) @ q[1]
    for u in (1, 2):
        e = np.exp(every.T @ s)
        s = np.tanh(every @ (e / e.sum()))
        assert [found["s", u, (row, 0)] for row in (0, 1)] == pytest.approx(s[:, 0].tolist(), rel=1e-12)


def test_vector_lines_read_like_the_equations_at_fixed_positions():
    lines = list(map(str, unroll(derive.parse(LSTM), 2).lines))
    assert lines[4] == "c[1] = f[1] * c[0] + i[1] * g[1]"
    assert lines[11] == "h[2] = o[2] * tanh(c[2])"
    assert len(lines) == 12


def test_vector_lines_write_sums_and_placed_values_out():
    adjoint = derive.parse("h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ h[T]").adjoint()
    lines = list(map(str, unroll(adjoint, 2).lines))
    assert "dW = dz_h[1] @ h[0].T + dz_h[2] @ h[1].T" in lines
    assert "g_h[3] = 0" in lines
    assert "dh[2] = g_h[3] + V.T @ dy" in lines
    assert "dh[1] = g_h[2] + broadcast_to(0, H, 1)" in lines


def test_stacked_steps_are_columns():
    lines = list(map(str, unroll(derive.parse("h[t] = tanh(W @ x[t])\nk = h[:] @ v"), 2).lines))
    assert lines[-1] == "k = [h[1].T, h[2].T].T @ v"


def test_every_line_uses_leaves_and_earlier_lines_only():
    system = derive.parse(LSTM).adjoint(final=("h", "c"))
    for unrolled in (unroll(system, 3, {"D": 2, "H": 3}), unroll(system, 3, {"D": 2, "H": 3}, opaque=True)):
        known = set(unrolled.leaves)
        for line in unrolled.lines:
            assert line.symbol not in known
            assert line.expr.free_symbols <= known
            known.add(line.symbol)


def test_lines_are_no_nested_expressions():
    """Every line at t = 6 is as long as its like at t = 2; a nested expression would be 8.8 ** 4 times as long."""
    unrolled = unroll(derive.parse(LSTM), 6, {"D": 2, "H": 2})
    size = {(line.name, line.position, line.entry): line.expr.count_ops() for line in unrolled.lines}
    assert all(size[name, 6, entry] == size[name, 2, entry] for name, _, entry in size)


@pytest.mark.parametrize("make", [lambda s: s, lambda s: s.adjoint()])
def test_lines_grow_linearly(make):
    system = make(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])"))
    numbers = [len(unroll(system, steps, {"D": 1, "H": 2}).lines) for steps in (5, 10, 20)]
    assert numbers[2] - numbers[1] == 2 * (numbers[1] - numbers[0])


def test_names_do_not_collide():
    unrolled = unroll(derive.parse("S[t] : N, N\nS_1[t] : N\nS[t] = S[t-1] * 2\nS_1[t] = S[t] @ S_1[t-1]"), 3, {"N": 3})
    names = [str(symbol) for symbol in unrolled.symbols.values()]
    assert len(set(names)) == len(names)


def test_missing_sizes_are_named_in_one_line():
    with pytest.raises(ValueError, match=r"needs a size for H$"):
        unroll(derive.parse(LSTM), 2, {"D": 2})


@pytest.mark.parametrize("steps", [0, -1, {"u": 2}])
def test_steps_that_are_not_there(steps):
    with pytest.raises(ValueError, match="positive number of steps along t"):
        unroll(derive.parse(LSTM), steps, {"D": 2, "H": 2})


def test_too_short_a_sequence_is_an_error():
    with pytest.raises(derive.EquationError, match=r"too short: h\[3\] is position 3, and T = 2"):
        unroll(derive.parse("h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ h[3]"), 2)


def test_the_last_but_one_step_of_one_is_the_initial_value():
    lines = list(map(str, unroll(derive.parse("h[t] = tanh(W @ h[t-1])\ny = V @ h[T-1]"), 1).lines))
    assert lines[-1] == "y = V @ h[0]"


def test_integer_inputs_are_concrete():
    system = derive.parse("E : H, V\nj[t] : index V\nh[t] = tanh(take(E, j[t]) + W @ h[t-1])")
    default = unroll(system, 2, {"H": 1, "V": 3}, classes={"j": [2, 0]})
    assert [str(line) for line in default.lines] == [
        "h_1_0 = tanh(E_0_2 + W_0_0*h_0_0)",
        "h_2_0 = tanh(E_0_0 + W_0_0*h_1_0)",
    ]
