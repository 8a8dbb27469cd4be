"""Calls on adjacent rows become one, and only where nothing can see it."""

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from numeric.instructions import Call, Spot, merged

H = sympy.Symbol("H", integer=True, positive=True)


def rows(base, low, high, *, moves=False):
    return Spot(base, low * H if low else sympy.Integer(0), high * H, moves)


def tanh(low, high, source="z", out="a"):
    return Call("tanh", (rows(source, low, high),), rows(out, low, high), (low,))


def test_adjacent_rows_are_one_call():
    (call,) = merged([tanh(0, 1), tanh(1, 2), tanh(2, 4)])
    assert call == Call("tanh", (rows("z", 0, 4),), rows("a", 0, 4), (0, 1, 2))


def test_what_has_one_row_is_the_same_for_all():
    half = Spot("half")
    calls = [Call("multiply", (rows("a", i, i + 1), half), rows("a", i, i + 1)) for i in range(2)]
    assert merged(calls) == [Call("multiply", (rows("a", 0, 2), half), rows("a", 0, 2))]


APART = {
    "a gap": [tanh(0, 1), tanh(2, 3)],
    "another function": [tanh(0, 1), Call("exp", (rows("z", 1, 2),), rows("a", 1, 2))],
    "another array": [tanh(0, 1), tanh(1, 2, out="b")],
    "products": [Call("dot", (Spot("W"), rows("z", i, i + 1)), rows("a", i, i + 1)) for i in range(2)],
    "the same column twice": [
        Call("multiply", (rows("a", i, i + 1), rows("c", 0, 1)), rows("b", i, i + 1)) for i in range(2)
    ],
    "what the second reads is not there yet": [
        tanh(0, 1),
        Call("exp", (rows("x", 0, 1),), rows("z", 1, 2)),
        tanh(1, 2),
    ],
    "what the second writes is still read": [
        tanh(0, 1),
        Call("exp", (rows("a", 1, 2),), rows("b", 0, 1)),
        tanh(1, 2),
    ],
    "the second reads what the first writes": [
        Call("tanh", (rows("a", 1, 2),), rows("a", 2, 3)),
        Call("tanh", (rows("a", 2, 3),), rows("a", 3, 4)),
    ],
}


@pytest.mark.parametrize("calls", APART.values(), ids=APART.keys())
def test_these_stay_apart(calls):
    assert merged(calls) == calls


SIZE = 5
SPOTS = st.builds(
    lambda base, low, width: Spot(base, sympy.Integer(low), sympy.Integer(min(SIZE, low + width))),
    st.sampled_from("ab"),
    st.integers(0, SIZE - 1),
    st.integers(1, 2),
)


@st.composite
def calls(draw):
    out = draw(SPOTS)
    width = int(out.high - out.low)
    spot = st.builds(
        lambda base, low: Spot(base, sympy.Integer(low), sympy.Integer(low + width)),
        st.sampled_from("ab"),
        st.integers(0, SIZE - width),
    )
    function = draw(st.sampled_from(["add", "subtract"]))
    return Call(function, (draw(spot), draw(st.one_of(spot, st.just(Spot("s"))))), out)


def run(program):
    arrays = {"a": np.arange(1.0, SIZE + 1), "b": -(np.arange(2.0, SIZE + 2) ** 2), "s": np.array(0.5)}

    def view(spot):
        return arrays[spot.base] if spot.low is None else arrays[spot.base][int(spot.low) : int(spot.high)]

    for call in program:
        view(call.out)[...] = getattr(np, call.function)(*(view(spot).copy() for spot in call.inputs))
    return arrays


@given(st.lists(calls(), max_size=6))
def test_merged_programs_compute_the_same(program):
    one, other = run(program), run(merged(program))
    assert all(np.array_equal(one[name], other[name]) for name in one)
