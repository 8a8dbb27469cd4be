"""Other names, another axis, another direction of time; joining and wiring."""

from __future__ import annotations

import pytest

import derive
from derive.expr import ref, step
from derive.networks.connect import apart, connect, feed_back, joined, last, only_input, wired
from derive.networks.layers import bidirectional, stack
from derive.networks.rename import renamed, reverse

RNN = "h[t] = tanh(W @ h[t-1] + U @ x[t] + b)"


def test_names_dimensions_and_axes_are_renamed_everywhere():
    net = derive.parse("x[t] : D\nU : H, D\nh[t] = tanh(W @ h[t-1] + U @ x[t])\ny = Q @ h[:] @ a\na : T\nQ : 2, H")
    other = renamed(net, {"h": "s", "x": "inp"}, {"D": "2*E", "H": "S"}, {"t": "u"})
    assert other == derive.parse(
        "inp[u] : 2*E\nU : S, 2*E\ns[u] = tanh(W @ s[u-1] + U @ inp[u])\ny = Q @ s[:] @ a\na : U\nQ : 2, S"
    )


def test_renaming_to_itself_and_back_changes_nothing():
    for name in derive.names():
        cell = derive.load(name)
        there = {old: f"{old}_x" for old in cell.variables}
        assert renamed(renamed(cell, there), {new: old for old, new in there.items()}) == cell
        assert renamed(cell) == cell


@pytest.mark.parametrize("name", derive.names())
def test_reversing_twice_is_nothing(name):
    cell = derive.load(name)
    assert reverse(reverse(cell)) == cell
    assert reverse(cell) != cell
    assert derive.parse(str(reverse(cell))) == reverse(cell)


def test_reversal_moves_every_index():
    text = (
        "x[t] : H\nh[t] = tanh(W @ h[t-2] + V @ h[t-1] + x[t])\nh[0] = v\n"
        "y = h[T] + h[T-1] + sum[t](place[t](h[1], 2) + h[t])"
    )
    assert reverse(derive.parse(text)) == derive.parse(
        "x[t] : H\nh[t] = tanh(W @ h[t+2] + V @ h[t+1] + x[t])\nh[T+1] = v\n"
        "y = h[1] + h[2] + sum[t](place[t](h[T], T-1) + h[t])"
    )


def test_a_wired_input_takes_the_size_of_its_source():
    net = connect(derive.parse(RNN), {"x": "h"}, derive.load("lstm"))
    assert net.shapes["U"] == (net.shapes["h_2"][0], net.shapes["h"][0])
    assert str(net.equation("h_2")) == "h_2[t] = tanh(W @ h_2[t-1] + U @ h[t] + b)"
    assert derive.parse(str(net)) == net


def test_an_input_that_is_read_at_other_steps_keeps_its_boundary():
    upper = derive.parse("y[t] = A @ x[t] + B @ x[t-1]")
    net = connect(upper, {"x": "h"}, derive.parse(RNN))
    assert [str(e) for e in net.equations[1:]] == ["x_2[t] = h[t]", "y[t] = A @ x_2[t] + B @ x_2[t-1]"]
    assert set(net.boundaries) == {"h", "x_2"}


def test_an_input_read_at_an_end_is_its_source_at_that_end():
    net = connect(derive.parse("x[t] : D\ny = A @ x[T] + B @ x[1] + sum[t](x[t])"), {"x": "h"}, derive.parse(RNN))
    assert str(net.equation("y")) == "y = A @ h[T] + B @ h[1] + sum[t](h[t])"


def test_names_never_collide():
    lower = derive.parse("h[t] = tanh(W @ h[t-1] + h_2[t])")
    net = connect(derive.parse(RNN), {"x": "h"}, lower)
    assert str(net.equation("h_3")) == "h_3[t] = tanh(W_2 @ h_3[t-1] + U @ h[t] + b)"
    deep = stack(derive.parse("h[t] = tanh(W @ h[t-1] + U @ h_1[t] + b_1)"), 2)
    assert len(set(deep.variables)) == len(deep.variables)
    assert derive.parse(str(deep)) == deep


def test_an_output_is_fed_back_in_the_direction_of_the_recurrence():
    text = "h[t] = tanh(W @ h[t-1] + U @ x[t])\ny[t] = Q @ h[t]"
    net = feed_back(derive.parse(text), "y")
    assert str(net.equation("h")) == "h[t] = tanh(W @ h[t-1] + U @ y[t-1])"
    assert set(net.boundaries) == {"h", "y"}
    assert str(feed_back(reverse(derive.parse(text)), "y").equation("h")) == "h[t] = tanh(W @ h[t+1] + U @ y[t+1])"


def test_the_last_value_is_where_the_recurrence_ends():
    cell = derive.load("rnn")
    assert str(last(cell, "h")) == "h[T]"
    assert str(last(reverse(cell), "h")) == "h[1]"
    assert str(last(stack(bidirectional(cell), 2), "h_2")) == "[h_fwd_2[T], h_bwd_2[1]]"
    assert str(last(bidirectional(cell, "ave"), "h")) == "0.5 * (h_fwd[T] + h_bwd[1])"
    assert str(last(derive.load("rnn-readout"), "o")) == "o[T]"


THREE = derive.parse("x[t] : 3\n" + RNN, name="rnn")
BAD = [
    (lambda: renamed(derive.load("rnn"), {"q": "r"}), "q is no quantity of rnn"),
    (lambda: renamed(derive.load("rnn"), {"x": "h"}), "two quantities would be called h"),
    (lambda: renamed(derive.load("rnn"), {"x": "tanh"}), "'tanh' is no name"),
    (lambda: renamed(derive.load("rnn"), {}, {"Q": "R"}), "Q is no dimension of rnn"),
    (lambda: renamed(derive.load("rnn"), {}, {"D": "a b"}), "'a b' is no dimension"),
    (lambda: renamed(derive.load("rnn"), {}, {}, {"t": "h"}), "H would be the length of an axis"),
    (lambda: reverse(derive.parse("x[t] : D\ny[t] = x[:] @ b[t]")), "the columns of [:] have an order"),
    (lambda: reverse(derive.load("rnn"), "u"), "rnn has the time axes t; say which, not u"),
    (lambda: connect(derive.load("rnn"), {"q": "h"}, derive.load("lstm")), "q is no input of rnn; its inputs are x"),
    (lambda: connect(derive.load("rnn"), {"x": "q"}, derive.load("lstm")), "q is no quantity of lstm"),
    (lambda: connect(THREE, {"x": "y"}, derive.parse("A : 4, 4\ny[t] = A @ x[t]")),
     "x of rnn is 3 × 1, but y[t] is 4 × 1"),
    (lambda: feed_back(derive.load("rnn"), "q"), "q is no sequence of rnn"),
    (lambda: joined(derive.load("rnn"), derive.load("lstm")), "h is something else in lstm"),
    (lambda: wired(derive.load("rnn"), {"x": ref("W_h")}), "x of rnn is D × 1, but W_h is H × D + H"),
    (lambda: wired(derive.load("rnn"), {"x": ref("h", step("t"))}), "cycle at the same step"),
    (lambda: only_input(derive.parse("y[t] = x[t] + z[t]")), "inputs x, z; say which one is meant"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "reason"), BAD)
def test_what_cannot_be_gets_one_line(build, reason):
    with pytest.raises(derive.EquationError) as caught:
        build()
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


def test_apart_leaves_shared_quantities_alone():
    cell = derive.load("rnn")
    assert set(apart(cell, cell, {"x"}).variables) == {"x", "h_2", "W_h_2", "b_h_2"}


def test_a_size_of_one_is_no_dimension():
    """``W : H, 1`` is a column and ``b : 1`` a number: so says inference, and gradients have such shapes."""
    net = renamed(derive.parse(RNN), {}, {"D": "1"})
    assert (str(net.shapes["U"]), net.shapes["x"]) == ("(H,)", ())
    assert derive.parse(str(net.adjoint())) == net.adjoint()
