"""Products with inputs inside the loop, and coefficients where their products are written: found, right, refused."""

import re
from dataclasses import replace

import numpy as np
import pytest
import sympy

import derive
from derive.library import load
from derive.networks import stack
from numeric import draws
from numeric.emit import emit
from numeric.emit_coefficients import lodged
from numeric.instructions import Call, Spot
from numeric.kernel import Kernel, compile
from numeric.native.assemble import Assembled
from numeric.options import options
from numeric.passes import optimise
from numeric.schedule import schedule
from tests.numeric.agreement import worst_difference

TOLERANCE = 1e-11
H = sympy.Symbol("H", integer=True, positive=True)
MADE = {
    "lstm": lambda: load("lstm"),
    "rnn": lambda: load("rnn"),
    "backward in time": lambda: derive.parse("h[t] = tanh(W @ h[t+1] + U @ x[t] + b)"),
    "two layers": lambda: stack(load("lstm"), 2),
    "two inputs, no bias": lambda: derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + V @ y[t])"),
    "two biases": lambda: derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b + c)"),
    "of a product": lambda: derive.parse("h[t] = tanh(A @ B @ h[t-1] + C @ D @ x[t] + b)"),
}


def kernel_with(system, edit):
    """A kernel whose source was changed."""
    plan = optimise(schedule(system))
    module = emit(plan, "float64")
    source = edit(module.source)
    assert source != module.source
    return Kernel(system, Assembled(plan, replace(module, source=source), {}), options("float64", False))


def worst(kernel):
    return max(worst_difference(kernel, case) for case in draws.cases(kernel.system, 2))


@pytest.mark.parametrize("name", MADE)
def test_few_weights_and_many_give_the_same(name):
    system = MADE[name]()
    for choice in ("True", "False"):
        kernel = kernel_with(system, lambda source, c=choice: re.sub(r"(few_weights\w* = ).*", rf"\g<1>{c}", source))
        assert worst(kernel) <= TOLERANCE


@pytest.mark.parametrize(
    ("found", "wrong"),
    [(r"(_and_inputs\w*\[\.\.\., -1\] =) 1", r"\1 2"), (r"multiplier\((W_all\w*)", r"multiplier(2 * \1")],
)
def test_faults_are_noticed(found, wrong):
    assert not worst(kernel_with(load("lstm"), lambda source: re.sub(found, wrong, source))) <= TOLERANCE


@pytest.mark.parametrize(
    "text",
    [
        "h[t] = tanh(W @ h[t-1] + U @ x[t] + x[t])",  # an input as it is
        "h[t] = tanh(W @ h[t-2] + U @ x[t] + b)",  # two boundary values
        "h[t] = tanh(W @ x[t]) * h[t-1]",  # no product with a state
        "z[t] = U @ x[t]\nh[t] = tanh(W @ h[t-1] + z[t])\ny[t] = z[t] * h[t]",  # the summand is read elsewhere
    ],
)
def test_what_stays_outside(text):
    system = derive.parse(text)
    assert "few_weights" not in compile(system).source
    assert worst(compile(system)) <= TOLERANCE


def test_sizes_decide():
    """Many weights: no room for inputs beside the states."""
    kernel, rng, wide = compile(load("rnn"), "float32"), np.random.default_rng(0), []
    for size in (8, 600):
        parameters = {"W_h": rng.standard_normal((size, 2 * size)), "b_h": np.zeros(size)}
        run = kernel.forward(parameters, {"x": rng.standard_normal((2, 1, size))})
        states = next(a for a in run.saved if isinstance(a, np.ndarray) and a.shape == (3, 1, size))
        wide.append(states.strides[0] // states.itemsize - size)
    assert wide == [9, 0]


# --- coefficients ----------------------------------------------------------------------------------------------------


def rows(base, low, high, *, moves=True):
    return Spot(base, low * H, high * H, moves)


BY, OUT, DC = rows("by", 0, 1), rows("dz", 1, 2), rows("dc", 0, 1, moves=False)
PRODUCT = Call("multiply", (DC, BY), OUT)


def test_a_coefficient_lies_where_its_product_is_written():
    assert lodged([PRODUCT], [BY]) == {BY: OUT}


@pytest.mark.parametrize(
    "calls",
    {
        "read twice": [PRODUCT, Call("add", (BY, DC), rows("other", 0, 1))],
        "written before": [Call("tanh", (DC,), OUT), PRODUCT],
        "read before": [Call("tanh", (OUT,), DC), PRODUCT],
        "read by the product": [Call("multiply", (OUT, BY), OUT)],
        "an array of one step": [Call("multiply", (DC, BY), rows("part", 0, 1, moves=False))],
        "a product of matrices": [Call("dot", (Spot("W"), BY), OUT)],
        "another number of rows": [Call("multiply", (DC, BY), rows("dz", 1, 3))],
        "its own square": [Call("multiply", (BY, BY), OUT)],
    }.values(),
)
def test_a_coefficient_that_needs_room(calls):
    assert lodged(calls, [BY]) == {}


def test_two_coefficients_do_not_share_a_place():
    other = rows("other", 0, 1)
    assert lodged([PRODUCT, Call("multiply", (DC, other), OUT)], [BY, other]) == {BY: OUT}


@pytest.mark.parametrize(
    "text",
    [
        "h[t] = (a - x[t] * b) * h[t-1] * x[t]",
        "h[t] = (-x[t] - 0.5) * (2 - x[t]) * h[t-1]",
        "h[t] = -(x[t]**2 - s[t]) * (s[t] - x[t]) * tanh(W @ h[t-1])",
        "h[t] = (1 - x[t]) * h[t-1] + (x[t] - 1) * (x[t] - 2) * tanh(W @ h[t-1])",
        "g[t] = sigmoid(W @ h[t-1] + x[t])\nh[t] = -g[t] * (g[t] - b) * h[t-1] + (b - g[t]) * g[t]",
    ],
)
def test_signs_and_orders(text):
    kernel = kernel_with(derive.parse(text), lambda source: re.sub(r"(block\w* = )max.*", r"\g<1>2", source) + "\n")
    assert worst(kernel) <= TOLERANCE
