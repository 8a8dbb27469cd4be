"""The evaluator: what systems mean in numbers, conventions of arrays, and its one-line errors."""

from __future__ import annotations

import autograd.numpy
import numpy
import pytest

import derive
import numeric
from derive.primitives import TABLE
from numeric.arithmetic import AUTOGRAD, COMPLEX, NUMPY, Arithmetic, meaning
from numeric.draws import Regime, draw
from numeric.gradients import gradient
from numeric.oracles import Subject
from numeric.reference import evaluate
from numeric.rounding import BOUNDED, Bounded
from tests import laws

RNN = derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)")
ELEMENTWISE = sorted(name for name, record in TABLE.items() if record.is_elementwise)


def rnn_arrays(hidden: int = 3, size: int = 4, steps: int = 5, batch: int = 2) -> tuple[dict, dict]:
    rng = numpy.random.default_rng(1)
    parameters = {
        "W": rng.standard_normal((hidden, hidden)),
        "U": rng.standard_normal((hidden, size)),
        "b": rng.standard_normal(hidden),
    }
    return parameters, {"x": rng.standard_normal((steps, batch, size))}


def ones(*shape: int) -> numpy.ndarray:
    return numpy.ones(shape)


# --- meaning ----------------------------------------------------------------------------------------------------


def test_an_rnn_is_the_loop_that_everybody_writes() -> None:
    parameters, inputs = rnn_arrays()
    h = numpy.full((2, 3), 0.5)
    values = evaluate(RNN, parameters, inputs, {"h": h})
    for t in range(5):
        h = numpy.tanh(h @ parameters["W"].T + inputs["x"][t] @ parameters["U"].T + parameters["b"])
        numpy.testing.assert_allclose(values["h"][t], h, rtol=1e-14)


def test_the_cell_state_of_an_lstm_keeps_halves_or_forgets() -> None:
    cell = derive.parse("f : scalar\nc[t] : N\nc[t] = f * c[t-1]")
    start = numpy.array([[4.0, 5.0, 6.0]])
    for f, last in ((1.0, [4, 5, 6]), (0.5, [2, 2.5, 3]), (0.0, [0, 0, 0])):
        values = evaluate(cell, {"f": numpy.array(f)}, {}, {"c": start}, {"t": 1})
        numpy.testing.assert_array_equal(values.at("c", 1), [last])


def test_lags_read_the_initial_values_oldest_first() -> None:
    system = derive.parse("h[t] = 10 * h[t-2] + h[t-1]\nh[t] : scalar")
    values = evaluate(system, {}, {}, {"h": numpy.array([[1.0], [2.0]])}, {"t": 3})
    numpy.testing.assert_array_equal(values["h"][:, 0], [12, 32, 152])
    assert values.boundary("h").keys() == {-1, 0}


def test_a_backward_sequence_starts_at_the_end() -> None:
    system = derive.parse("x[t] : scalar\nq[t] = 0.5 * q[t+1] + x[t]")
    values = evaluate(system, {}, {"x": ones(3, 1)}, {"q": numpy.array([8.0])})
    numpy.testing.assert_array_equal(values["q"][:, 0], [2.75, 3.5, 5.0])


def test_initial_values_can_have_an_equation() -> None:
    system = derive.parse("input s : scalar\nh[t] : scalar\nh[t] = h[t-1] + 1\nh[0] = 2 * s")
    values = evaluate(system, {}, {"s": numpy.array([1.0, 5.0])}, steps={"t": 2})
    numpy.testing.assert_array_equal(values["h"], [[3, 11], [4, 12]])
    numpy.testing.assert_array_equal(values.at("h", 0), [2, 10])


def test_steps_are_picked_summed_and_stacked() -> None:
    system = derive.parse(
        "x[t] : D\nfirst = x[1]\nlast = x[T]\nbefore = x[T-1]\ntotal = sum[t](x[t])\n"
        "a[t] = softmax(0 * (x[:].T @ x[t]))\nmean[t] = x[:] @ a[t]"
    )
    x = numpy.arange(12.0).reshape(3, 2, 2)
    values = evaluate(system, {}, {"x": x})
    numpy.testing.assert_array_equal(values["first"], x[0])
    numpy.testing.assert_array_equal(values["last"], x[2])
    numpy.testing.assert_array_equal(values["before"], x[1])
    numpy.testing.assert_array_equal(values["total"], x.sum(0))
    numpy.testing.assert_allclose(values["mean"], numpy.broadcast_to(x.mean(0), x.shape), rtol=1e-15)


def test_gather_takes_columns_and_duplicates_add_in_its_gradient() -> None:
    system = derive.parse("j[t] : index V\nE : D, V\ny[t] = take(E, j[t])")
    table, j = numpy.arange(6.0).reshape(2, 3), numpy.array([[0, 2], [2, 2]])
    numpy.testing.assert_array_equal(evaluate(system, {"E": table}, {"j": j})["y"], table.T[j])
    up = numpy.arange(8.0).reshape(2, 2, 2)
    values = evaluate(system.adjoint(), {"E": table}, {"j": j, "up_y": up})
    expected = numpy.zeros((2, 3))
    for t, b in numpy.ndindex(2, 2):
        expected[:, j[t, b]] += up[t, b]
    numpy.testing.assert_array_equal(values["dE"], expected)


def test_a_second_axis_has_a_length_of_its_own() -> None:
    system = derive.parse("x[t] : D\ns[u] = 0.5 * s[u-1] + sum[t](x[t])")
    values = evaluate(system, {}, {"x": ones(3, 2, 4)}, steps={"u": 2})
    assert values["s"].shape == (2, 2, 4)
    numpy.testing.assert_array_equal(values["s"][1], numpy.full((2, 4), 4.5))


def test_public_shapes() -> None:
    system = derive.parse(
        "S[t] : K, D\nx[t] : D\nv[t] : K\nm[t] : scalar\ninput z : D\ninput w : scalar\ng : scalar\nQ : K, D\n"
        "S[t] = m[t] * S[t-1] + v[t] @ x[t].T\ny[t] = (S[t] @ z) * w\ne = g * Q\nr[t] = e @ x[t]"
    )
    case = draw(system, numpy.random.default_rng(0), Regime(3))
    values = evaluate(system, case.parameters, case.inputs, case.initial)
    shapes = {name: values[name].shape for name in system.variables}
    batch, (rows, columns) = case.inputs["w"].shape, case.parameters["Q"].shape
    assert shapes["S"] == (3, *batch, rows, columns)
    assert shapes["m"] == (3, *batch)
    assert shapes["z"] == (*batch, columns)
    assert shapes["g"] == ()
    assert shapes["e"] == (rows, columns)
    assert set(values) == set(system.variables)
    assert len(values) == len(system.variables)


def test_gradients_of_shared_values_are_summed_over_the_examples_each_term_once() -> None:
    """v reaches the loss through what all examples share, and through what each has; the first counts once."""
    system = derive.parse("v : scalar\nshared = 3 * v\nx[t] : scalar\ny[t] = v * x[t]")
    x, up = numpy.array([[1.0, 2.0], [3.0, 4.0]]), numpy.array([[1.0, 1.0], [1.0, 10.0]])
    adjoint = system.adjoint()
    values = evaluate(adjoint, {"v": numpy.array(2.0), "up_shared": numpy.array(5.0)}, {"x": x, "up_y": up})
    assert values["dv"] == 3 * 5 + (x * up).sum()


def test_the_precision_of_the_arrays_is_kept() -> None:
    parameters, inputs = ({n: a.astype("float32") for n, a in arrays.items()} for arrays in rnn_arrays())
    assert evaluate(RNN, parameters, inputs)["h"].dtype == numpy.float32
    assert evaluate(RNN, parameters, {"x": inputs["x"].astype(float)})["h"].dtype == numpy.float64
    counting = derive.parse("h[t] : scalar\nx[t] : scalar\nh[t] = 0.5 * h[t-1] + x[t]")
    assert evaluate(counting, {}, {"x": [[1], [2]]})["h"].tolist() == [[1.0], [2.5]]


def test_values_that_are_not_finite_are_computed_with() -> None:
    parameters, inputs = rnn_arrays()
    inputs["x"][0, 0, 0] = numpy.nan
    values = evaluate(RNN, parameters, inputs)["h"]
    assert numpy.isnan(values[:, 0]).all()
    assert numpy.isfinite(values[:, 1]).all()


# --- arithmetics ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_arithmetic_means_the_same(name: str) -> None:
    """The scalar meaning agrees with the NumPy text that kernels print."""
    record = TABLE[name]
    assert record.arity is not None
    xs = numpy.random.default_rng(2).uniform(*record.domain, (record.arity, 7))
    printed = eval(record.numpy.format(*(f"xs[{i}]" for i in range(record.arity))), {"np": numpy, "xs": xs})
    for xp in (NUMPY, AUTOGRAD, COMPLEX):
        numpy.testing.assert_allclose(meaning(name)(xp, list(xs)), printed, rtol=1e-14, atol=1e-15, err_msg=xp.name)
    bounded = meaning(name)(BOUNDED, [Bounded(x) for x in xs])
    numpy.testing.assert_allclose(bounded.value, printed, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("xp", [NUMPY, COMPLEX], ids=lambda xp: xp.name)
def test_kinks_are_where_the_policy_puts_them(xp: Arithmetic) -> None:
    zero = numpy.zeros(1)
    assert xp.functions["step"](zero) == 0
    assert xp.functions["sign"](zero) == 0
    for name in ("relu", "abs"):
        slope = meaning(name)(COMPLEX, [zero + 1e-30j]).imag / 1e-30
        assert slope == 0, name
    for name in ("max", "min"):
        slope = meaning(name)(COMPLEX, [zero + 1e-30j, zero + 0j]).imag / 1e-30
        assert slope == 0.5, name


@pytest.mark.parametrize("name", derive.names())
def test_the_running_error_bounds_the_error(name: str) -> None:
    """Against extended precision; for cells without division by small numbers it bounds without being absurd."""
    subject = Subject.of(derive.load(name))
    case = draw(subject.primal, numpy.random.default_rng(3), Regime(4))
    bounded = gradient(subject.primal, subject.adjoint, case, BOUNDED)
    long = {
        field: {n: a.astype(numpy.longdouble) for n, a in getattr(case, field).items()}
        for field in ("parameters", "inputs", "initial", "cotangents", "final")
    }
    exact = gradient(subject.primal, subject.adjoint, type(case)(**long, steps=case.steps, label=""))
    for leaf, array in bounded.items():
        assert exact[leaf].dtype == numpy.longdouble
        error = abs(array.value - exact[leaf])
        assert (error <= array.error).all(), leaf
        if name in laws.FIRST:
            assert array.error.max() < 1e4 * numpy.finfo(float).eps * max(1.0, abs(array.value).max()), leaf


def test_a_loop_over_traced_arrays_keeps_its_gradient() -> None:
    """autograd can silently lose track of what plain NumPy concatenates; then it warns, and here that is an error."""
    parameters, inputs = rnn_arrays()
    slope = autograd.grad(lambda w: evaluate(RNN, {**parameters, "W": w}, inputs)["h"].sum())(parameters["W"])
    assert (slope != 0).all()


# --- errors -----------------------------------------------------------------------------------------------------


def test_errors_are_one_line_with_the_shape_in_symbols_and_numbers() -> None:
    parameters, inputs = rnn_arrays()
    wrong = {**parameters, "W": ones(3, 4)}
    bad = [
        (wrong, inputs, {}, r"parameter W of system: expected \(H, H\) = \(3, 3\), got \(3, 4\)"),
        ({"W": ones(3, 3), "U": ones(3, 4)}, inputs, {}, r"parameter b \(H,\) of system is missing"),
        ({**parameters, "V": ones(1)}, inputs, {}, "V is no parameter of system; there are W, U, b"),
        (parameters, {}, {}, r"input x \(T, B, D\) of system is missing"),
        (parameters, {"x": ones(5, 4)}, {}, r"input x of system: expected \(T, B, D\), got \(5, 4\)"),
        (parameters, {"x": ones(5, 2, 3)}, {}, r"expected \(T, B, D\) = \(5, 2, 4\), got \(5, 2, 3\)"),
        (parameters, {"x": ones(0, 2, 4)}, {}, "a sequence along t is empty"),
        (parameters, inputs, {"h": ones(3)}, r"initial value h of system: expected \(B, H\), got \(3,\)"),
        (parameters, inputs, {"h": ones(3, 3)}, r"expected \(B, H\) = \(2, 3\), got \(3, 3\)"),
        (parameters, inputs, {"c": ones(2, 3)}, "c is no initial value of system; there are h"),
    ]
    for given, sequences, initial, message in bad:
        with pytest.raises(ValueError, match=message) as caught:
            evaluate(RNN, given, sequences, initial)
        assert "\n" not in str(caught.value)


def test_lengths_must_agree_and_be_known() -> None:
    two = derive.parse("x[t] : D\ny[t] : D\nz[t] = x[t] + y[t]")
    with pytest.raises(ValueError, match="sequences along t differ in length: x has 5 steps, y has 4"):
        evaluate(two, {}, {"x": ones(5, 1, 2), "y": ones(4, 1, 2)})
    free = derive.parse("h[t] = 0.5 * h[t-1]\nh[t] : scalar")
    with pytest.raises(ValueError, match=r"no input runs along t: give its length, as in steps=\{'t': 5\}"):
        evaluate(free, {}, {}, {"h": ones(1)})
    with pytest.raises(ValueError, match="x has 5 steps, but t is to have 3"):
        evaluate(two, {}, {"x": ones(5, 1, 2), "y": ones(5, 1, 2)}, steps={"t": 3})


def test_indices_are_integers_in_range() -> None:
    system = derive.parse("j[t] : index V\nE : D, V\ny[t] = take(E, j[t])")
    for j, message in (
        (numpy.array([[3]]), "input j holds indices 0…V - 1 = 2, got 3…3"),
        (numpy.array([[-1]]), "got -1…-1"),
        (ones(1, 1), "input j holds indices: integers, not float64"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate(system, {"E": ones(2, 3)}, {"j": j})


def test_a_gradient_that_is_zero_has_the_axis_of_the_examples_too() -> None:
    """What stands behind ``stop`` differs between examples, so its cotangent does; that of a parameter does not."""
    system = derive.parse("input v : D\nw : D\nx[t] : D\ny[t] = stop(v * w) * x[t]")
    data = {"v": ones(2, 3), "x": ones(4, 2, 3), "up_y": ones(4, 2, 3)}
    found = evaluate(system.adjoint(), {"w": ones(3)}, data)
    assert (found["dv"].shape, found["dw"].shape) == ((2, 3), (3,))
    assert not found["dv"].any()
    assert all(evidence.holds for evidence in numeric.verify(system, cases=2))


def test_the_class_before_the_first_step_is_given_or_0() -> None:
    system = derive.parse("j[t] : index V\nE : D, V\ny[t] = take(E, j[t-1])")
    table, j = numpy.arange(6.0).reshape(2, 3), numpy.array([[2], [1]])
    for start, first in (({}, 0), ({"j": numpy.array([1])}, 1)):
        found = evaluate(system, {"E": table}, {"j": j}, start)["y"][:, 0]
        assert numpy.array_equal(found, table[:, [first, 2]].T)
        run = numeric.compile(system).forward({"E": table}, {"j": j}, start)
        assert numpy.array_equal(run.outputs["y"][:, 0], found)
        assert run.final["j"].tolist() == [1]
    with pytest.raises(ValueError, match="initial value j holds indices 0…V - 1 = 2, got 3…3"):
        evaluate(system, {"E": table}, {"j": j}, {"j": numpy.array([3])})


def test_a_sequence_can_be_too_short_for_what_is_read() -> None:
    system = derive.parse("x[t] : D\ny = x[3] - x[T-1]")
    with pytest.raises(ValueError, match=r"reads x\[3\], which has no value: the sequence is too short \(T = 2\)"):
        evaluate(system, {}, {"x": ones(2, 1, 2)})


def test_sizes_that_do_not_follow_are_asked_for() -> None:
    system = derive.parse("W : H + K, D\nx[t] : D\nh[t] = tanh(rows(W @ x[t], 0:H))")
    with pytest.raises(ValueError, match=r"the size [HK] does not follow from the arrays given to system"):
        evaluate(system, {"W": ones(5, 2)}, {"x": ones(1, 1, 2)})
