"""Linear recurrences: all steps at once are the steps one by one, and are found whatever the equations are called.

The bound: every term of ``out[t]`` is a product of at most 2 t + 1 rounded factors and summands in either order of
computation, so both differ from the exact value by at most (2 T + 1) eps times the sum of the terms' sizes.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derive
from numeric import draws
from numeric.emit import emit
from numeric.emit_helpers import HELPERS
from numeric.kernel import Kernel, compile
from numeric.native.assemble import Assembled
from numeric.options import options
from numeric.passes import optimise
from numeric.schedule import schedule
from tests.numeric.agreement import worst_difference

TOLERANCE = 1e-12
FACTORS = [0.0, 1e-200, 1e-30, 0.5, 0.999, -0.7, 1.0, 1.01, -1.02]
RULE = re.compile(r"if T < 300 or out\[0\]\.nbytes > 512:.*")
FOUND = ["mingru", "minlstm", "qrnn-fo", "sru-2017", "hgrn", "rg-lru", "scrn-learned", "mlstm"]
TYPED = {
    "forward": "a[t] = sigmoid(A @ x[t])\ns[t] = a[t] * s[t-1] + U @ x[t]\ny[t] = tanh(s[t])",
    "reversed": "a[t] = tanh(A @ x[t])\ns[t] = x[t] + s[t+1] * a[t]\ny[t] = s[t]**2",
    "one factor": "s[t] = a * s[t-1] + x[t]\na : H\ny[t] = s[t]**2",
}
NONE = ["rnn", "lstm", "gru", "sru", "indrnn", "indrnn-tanh"]


def helpers(dtype, rule="if T < 2:"):
    namespace = {"np": np, "empty": lambda shape: np.empty(shape, dtype)}
    for name in ("recurrence", "adjoint_recurrence"):
        text, count = RULE.subn(rule, HELPERS[name])
        assert count == (name == "recurrence")
        exec(text, namespace)
    return namespace["recurrence"], namespace["adjoint_recurrence"]


def step_by_step(a, b, start):
    found, last = [], start
    for factor, summand in zip(a, b, strict=True):
        last = factor * last + summand
        found.append(last)
    return np.array(found)


def bound_of(a, b, start):
    terms = step_by_step(*(np.abs(array).astype(float) for array in (a, b, start)))
    number = np.finfo(a.dtype)
    return 2 * (2 * len(a) + 1) * number.eps * terms + number.smallest_normal * len(a)


@given(
    st.integers(3, 700),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(FACTORS), min_size=1, max_size=9),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_all_steps_at_once_are_the_steps_one_by_one(steps, rows, seed, factors, dtype, strided):
    rng = np.random.default_rng(seed)
    shape = (steps, rows, 2)
    a = (rng.choice(factors, shape) * rng.uniform(0.9, 1, shape)).astype(dtype)
    b, start = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape[1:]).astype(dtype)
    if strided:
        a, b = a[::-1], np.concatenate((b, b), axis=1)[:, :rows]
    forward, adjoint = helpers(dtype)
    out = np.full(shape, np.nan, dtype)
    kept = a.copy()
    assert forward(a, b, start, out)
    assert (np.abs(out - step_by_step(a, b, start)) <= bound_of(a, b, start)).all()
    assert np.array_equal(a, kept)
    carry = start.copy()
    ahead = np.concatenate((np.ones_like(a[:1]), a[:-1]))
    assert adjoint(a, b, carry, out)
    wanted, bound = step_by_step(ahead, b, start), bound_of(ahead, b, start)
    assert (np.abs(out - wanted) <= bound).all()
    assert (np.abs(carry - a[-1] * wanted[-1]) <= 2 * bound[-1] * np.maximum(np.abs(a[-1]), 1)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("b", [0.0, 1.0, np.nan, np.inf])
def test_what_overflows_is_left_to_the_loop(b):
    forward, _ = helpers(np.float64)
    out = np.full((400, 2, 1), 7.0)
    assert not forward(np.full(out.shape, 1e200), np.full(out.shape, b), np.zeros((2, 1)), out)
    assert (out == 7).all()


@pytest.mark.parametrize("name", [*FOUND, *TYPED])
def test_they_are_found_and_change_nothing(name):
    """Forward and backward, against the slow evaluator, with the rule that says when it pays taken out."""
    system = derive.parse(TYPED[name]) if name in TYPED else derive.load(name)
    plan = optimise(schedule(system))
    module = emit(plan, "float64")
    for helper in ("recurrence", "adjoint_recurrence"):
        assert f"if not {helper}(" in module.source.partition("\ndef forward")[2]
    source = RULE.sub("if T < 2:", module.source)
    kernel = Kernel(system, Assembled(plan, replace(module, source=source), {}), options("float64", False))
    for case in draws.cases(system, 4):
        assert worst_difference(kernel, case) <= TOLERANCE


@pytest.mark.parametrize("name", NONE)
def test_what_is_none_keeps_its_loop(name):
    assert "recurrence" not in compile(derive.load(name)).source


def test_a_long_sequence_is_its_chunks():
    """At a length where it pays: one sequence, and the same in parts that a loop computes."""
    kernel = compile(derive.load("mingru"))
    rng = np.random.default_rng(0)
    parameters = {"W_z": rng.standard_normal((3, 2)), "W_n": rng.standard_normal((3, 2))}
    x = rng.standard_normal((600, 2, 2))
    whole, state, parts = kernel.forward(parameters, {"x": x}), None, []
    for low in range(0, 600, 100):
        run = kernel.forward(parameters, {"x": x[low : low + 100]}, state)
        state = run.final
        parts.append(run.outputs["h"])
    assert np.allclose(whole.outputs["h"], np.concatenate(parts), rtol=0, atol=1e-13)
