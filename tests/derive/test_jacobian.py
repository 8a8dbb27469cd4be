"""Jacobian blocks against autograd on hand-rolled steps, and paths against the product of step Jacobians."""

import autograd
import autograd.numpy as np
import numpy
import pytest
import sympy

import derive
from derive.expand import Expander
from derive.factors import product_text
from derive.jacobian import edge_jacobian, jacobian
from derive.paths import local_jacobian, path_count, paths
from tests.texts import LSTM

GRU = """
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]
"""
SIZES = {"D": 3, "H": 2}
SOURCE = numpy.random.default_rng(0)


def dense(system, block, values):
    """The block as an array, from arrays by text such as ``h[t-1]``."""
    dims = {symbol: sympy.Integer(SIZES[str(symbol)]) for symbol in system.dimensions}

    def read(ref, at):
        return [[sympy.Float(float(entry)) for entry in row] for row in values[str(ref)]]

    expander = Expander(system.shape_of, dims, {}, read)

    def array(expr):
        return numpy.array(expander.expand(expr, {"t": 1})).astype(float)

    def one(factor):
        if factor.kind == "matrix":
            return array(factor.expr)
        column = array(factor.expr)
        diagonal = numpy.diag(column[:, 0])
        return diagonal if factor.kind == "diag" else diagonal - column @ column.T

    rows, columns = (SIZES[str(system.variables[name].shape[0])] for name in (block.of, block.wrt))
    total = numpy.zeros((rows, columns))
    for term in block.terms:
        product = numpy.eye(rows)
        for factor in term:
            product = product @ one(factor)
        total = total + product
    return total


def weights(system):
    dims = {symbol: SIZES[str(symbol)] for symbol in system.dimensions}
    shapes = {n: [int(d.subs(dims)) for d in (*system.shapes[n], sympy.Integer(1))[:2]] for n in system.parameters}
    return {name: SOURCE.normal(size=shape) for name, shape in shapes.items()}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step(p, h, c, x):
    v = np.concatenate([h, x])
    f, i, o = (sigmoid(p[f"W_{k}"] @ v + p[f"b_{k}"]) for k in "fio")
    g = np.tanh(p["W_g"] @ v + p["b_g"])
    new = f * c + i * g
    return {"f[t]": f, "i[t]": i, "g[t]": g, "o[t]": o, "c[t]": new, "h[t]": o * np.tanh(new)}


def gru_step(p, h, x):
    z, r = (sigmoid(p[f"W_{k}"] @ np.concatenate([h, x]) + p[f"b_{k}"]) for k in "zr")
    n = np.tanh(p["W_n"] @ np.concatenate([r * h, x]) + p["b_n"])
    return {"z[t]": z, "r[t]": r, "n[t]": n, "h[t]": z * n + (1 - z) * h}


@pytest.mark.parametrize("of", ["h", "c"])
@pytest.mark.parametrize("wrt", ["h", "c", "x"])
def test_lstm_blocks_equal_autograd(of, wrt):
    system = derive.parse(LSTM)
    p = weights(system)
    h, c, x = (SOURCE.normal(size=(size, 1)) for size in (2, 2, 3))
    values = {**p, "h[t-1]": h, "c[t-1]": c, "x[t]": x, **lstm_step(p, h, c, x)}
    position = "hcx".index(wrt)
    truth = autograd.jacobian(lambda h, c, x: lstm_step(p, h, c, x)[f"{of}[t]"][:, 0], position)(h, c, x)[:, :, 0]
    found = dense(system, jacobian(system, wrt=("h", "c", "x"))[of, wrt], values)
    numpy.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-14)


def test_gru_block_equals_autograd():
    system = derive.parse(GRU)
    p = weights(system)
    h, x = SOURCE.normal(size=(2, 1)), SOURCE.normal(size=(3, 1))
    truth = autograd.jacobian(lambda h: gru_step(p, h, x)["h[t]"][:, 0])(h)[:, :, 0]
    values = {**p, "h[t-1]": h, "x[t]": x, **gru_step(p, h, x)}
    numpy.testing.assert_allclose(dense(system, jacobian(system)["h", "h"], values), truth, rtol=1e-12, atol=1e-14)


def test_softmax_in_the_loop_equals_autograd():
    """A Jordan network whose output is a distribution."""
    system = derive.parse("h[t] = tanh(W @ y[t-1] + x[t])\ny[t] = softmax(V @ h[t])\nW : H, D\nV : D, H")
    p = {"W": SOURCE.normal(size=(2, 3)), "V": SOURCE.normal(size=(3, 2))}
    y, x = SOURCE.normal(size=(3, 1)), SOURCE.normal(size=(2, 1))

    def step(y):
        h = np.tanh(p["W"] @ y + x)
        e = np.exp(p["V"] @ h)
        return {"h[t]": h, "y[t]": e / np.sum(e)}

    truth = autograd.jacobian(lambda y: step(y)["y[t]"][:, 0])(y)[:, :, 0]
    values = {**p, "y[t-1]": y, "x[t]": x, **step(y)}
    numpy.testing.assert_allclose(dense(system, jacobian(system)["y", "y"], values), truth, rtol=1e-12, atol=1e-14)


def test_lstm_blocks_read_as_in_papers():
    blocks = jacobian(derive.parse(LSTM))
    assert str(blocks["c", "c"]) == "diag(f[t])"
    assert str(blocks["c", "h"]).startswith("diag(c[t-1] * f[t] * (1 - f[t])) @ rows(W_f.T, 0:H).T + ")
    assert len(blocks["c", "h"].terms) == 3
    assert {key: blocks[key].is_diagonal for key in blocks} == {
        ("h", "h"): False, ("h", "c"): True, ("c", "h"): False, ("c", "c"): True,
    }  # fmt: skip


def test_direct_path_of_a_gru():
    block = jacobian(derive.parse(GRU))["h", "h"]
    assert [product_text(term) for term in block.direct] == ["diag(1 - z[t])"]
    assert not block.is_diagonal


def test_lags_and_zero_blocks():
    blocks = jacobian(derive.parse("h[t] = tanh(W @ h[t-1] + V @ h[t-2])\ns[t] = tanh(A @ s[t-1] + x[t])"))
    assert sorted(blocks.all_lags) == [("h", "h", 1), ("h", "h", 2), ("s", "s", 1)]
    assert blocks["h", "s"].is_zero
    assert str(blocks.all_lags["h", "h", 2]) == "diag(1 - h[t]**2) @ V"
    backward = jacobian(derive.parse("q[t] = tanh(W @ q[t+1] + x[t])"))
    assert list(backward.all_lags) == [("q", "q", -1)]


def test_a_matrix_state_has_no_such_jacobian():
    with pytest.raises(ValueError, match="S is a matrix"):
        jacobian(derive.parse("S[t] : K, V\nS[t] = f[t] * S[t-1]\nf[t] : scalar"))


def test_unknown_names():
    with pytest.raises(ValueError, match="k is no quantity"):
        jacobian(derive.parse(LSTM), of=("k",))
    with pytest.raises(ValueError, match="k is no quantity"):
        paths(derive.parse(LSTM), ("k", 1), ("h", 3))


# --- paths ----------------------------------------------------------------------------------------------------------


def test_paths_of_an_lstm_over_two_steps():
    texts = [str(path) for path in paths(derive.parse(LSTM), ("h", 1), ("h", 3))]
    assert texts == [
        "∂h_3/∂c_3 · ∂c_3/∂c_2 · ∂c_2/∂h_1",
        "∂h_3/∂c_3 · ∂c_3/∂h_2 · ∂h_2/∂c_2 · ∂c_2/∂h_1",
        "∂h_3/∂c_3 · ∂c_3/∂h_2 · ∂h_2/∂h_1",
        "∂h_3/∂h_2 · ∂h_2/∂c_2 · ∂c_2/∂h_1",
        "∂h_3/∂h_2 · ∂h_2/∂h_1",
    ]
    assert {path.lag for path in paths(derive.parse(LSTM), ("h", 1), ("h", 3))} == {2}


@pytest.mark.parametrize("nodes", [None, ("h", "c", "f", "i", "g", "o")])
@pytest.mark.parametrize("steps", [2, 3, 4])
def test_the_number_of_paths_equals_their_list(nodes, steps):
    system = derive.parse(LSTM)
    listed = paths(system, ("h", 1), ("h", steps), nodes=nodes)
    assert len(set(listed)) == len(listed) == path_count(system, ("h", 1), ("h", steps), nodes=nodes)


def test_a_weight_is_a_source_at_the_step_of_its_use():
    system = derive.parse(LSTM)
    assert [str(path) for path in paths(system, ("W_f", 3), ("h", 3))] == ["∂h_3/∂c_3 · ∂c_3/∂W_f_3"]
    assert paths(system, ("W_o", 3), ("c", 3)) == []
    assert path_count(system, ("h", 0), ("c", 1)) == 1


def test_paths_run_backward_where_the_recurrence_does():
    system = derive.parse("q[t] = tanh(W @ q[t+1] + x[t])")
    assert [str(path) for path in paths(system, ("q", 3), ("q", 1))] == ["∂q_1/∂q_2 · ∂q_2/∂q_3"]


def test_many_paths_are_counted_not_listed():
    system = derive.parse(LSTM)
    with pytest.raises(ValueError, match=r"there are [0-9]+ paths from h_1 to h_40, at most 1000 are listed"):
        paths(system, ("h", 1), ("h", 40))
    assert path_count(system, ("h", 1), ("h", 200)) > 10**80


def test_the_sum_over_paths_is_the_chain_through_time():
    """∂h_3/∂h_1 by autograd through two steps, and as the sum over five products of direct Jacobians."""
    system = derive.parse(LSTM)
    p = weights(system)
    start = {"h": SOURCE.normal(size=(2, 1)), "c": SOURCE.normal(size=(2, 1))}
    inputs = {t: SOURCE.normal(size=(3, 1)) for t in (2, 3)}

    def last(h):  # c_1 is held fixed: the paths start at h_1 alone
        two = lstm_step(p, h, start["c"], inputs[2])
        return lstm_step(p, two["h[t]"], two["c[t]"], inputs[3])["h[t]"][:, 0]

    truth = autograd.jacobian(last)(start["h"])[:, :, 0]
    h, c, values = start["h"], start["c"], {}
    for t in (2, 3):
        now = lstm_step(p, h, c, inputs[t])
        values[t] = {**p, "h[t-1]": h, "c[t-1]": c, "x[t]": inputs[t], **now}
        h, c = now["h[t]"], now["c[t]"]
    total = numpy.zeros((2, 2))
    for path in paths(system, ("h", 1), ("h", 3)):
        product = numpy.eye(2)
        for later, earlier in path.edges:
            product = product @ dense(system, local_jacobian(system, later, earlier), values[later[1]])
        total = total + product
    numpy.testing.assert_allclose(total, truth, rtol=1e-12, atol=1e-14)


def test_direct_jacobian_stops_at_the_nodes():
    system = derive.parse(LSTM)
    assert str(edge_jacobian(system, "h", "c", 0, ("h", "c"))) == "diag(o[t] * (1 - tanh(c[t])**2))"
    assert edge_jacobian(system, "h", "c", 1, ("h", "c")).is_zero
