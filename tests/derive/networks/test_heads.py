"""Read-outs, embeddings and losses; that a gradient starts with p − y is derived."""

from __future__ import annotations

import numpy as np
import pytest

import derive
import numeric
from derive.networks import bidirectional, embedded, feed_back, head, loss, masked, maxout, stack
from derive.simplify import for_reading
from numeric.reference import evaluate

RNN = derive.load("rnn")
LSTM = derive.load("lstm")


def backward(net, name):
    return str(for_reading(net.adjoint(outputs=("L",))).equation(f"d{name}"))


def test_heads_read_as_the_notes_write_them():
    assert [str(e) for e in head(LSTM, "softmax").equations[-2:]] == ["y[t] = W_y @ h[t] + b_y", "p[t] = softmax(y[t])"]
    assert str(head(RNN, at="last").equations[-1]) == "y = W_y @ h[T] + b_y"
    assert str(head(bidirectional(RNN), at="last").equations[-1]) == "y = W_y @ [h_fwd[T], h_bwd[1]] + b_y"
    assert head(derive.load("jordan")).defined == ("h", "y", "y_2")
    assert head(RNN, width="2*D").shapes["W_y"] == derive.parse("W : 2*D, H\ny = W @ h\nh : H").shapes["W"]


def test_p_minus_y_is_derived():
    softmax, sigmoid, linear = (head(RNN, kind) for kind in ("softmax", "sigmoid", "linear"))
    assert backward(loss(softmax, "cross-entropy-onehot"), "y") == "dy[t] = dl[t] * (softmax(y[t]) - target[t])"
    assert backward(loss(softmax, "cross-entropy"), "y") == "dy[t] = dl[t] * softmax(y[t]) + scatter(-dl[t], k[t], O).T"
    spread = "dy[t] = broadcast_to(dl[t], O, 1)"
    assert backward(loss(sigmoid, "binary"), "y") == f"{spread} * (sigmoid(y[t]) - target[t])"
    assert backward(loss(linear, "squared"), "y") == f"{spread} * (y[t] - target[t])"


@pytest.mark.parametrize("kind", ["cross-entropy", "cross-entropy-onehot", "binary"])
def test_p_minus_y_in_numbers_and_the_loss_is_the_textbooks(kind):
    rng = np.random.default_rng(1)
    net = loss(head(RNN, "sigmoid" if kind == "binary" else "softmax"), kind)
    parameters = {"W_h": rng.standard_normal((2, 5)), "b_h": rng.standard_normal(2), "W_y": rng.standard_normal((4, 2)),
                  "b_y": rng.standard_normal(4)}  # fmt: skip
    classes = rng.integers(0, 4, (6, 3))
    goal = np.eye(4)[classes] if kind != "binary" else rng.integers(0, 2, (6, 3, 4)).astype(float)
    data = {"x": rng.standard_normal((6, 3, 3)), **({"k": classes} if kind == "cross-entropy" else {"target": goal})}
    values = evaluate(net.adjoint(outputs=("L",)), parameters, {**data, "up_L": np.ones(3)})
    p = values["p"]
    assert np.abs(values["dy"] - (p - goal)).max() <= 1e-15
    if kind == "binary":
        textbook = -(goal * np.log(p) + (1 - goal) * np.log(1 - p)).sum((0, 2))
    else:
        assert np.abs(p.sum(-1) - 1).max() <= 1e-15
        textbook = -np.log((p * goal).sum(-1)).sum(0)
    assert np.abs(values["L"] - textbook).max() <= 1e-13


def test_golden_losses_of_the_catalogue():
    """BCE(y = 1, p = 0.8) = 0.2231435513, y = 0: 1.6094379124; uniform over 10 000 classes: 9.2103403720."""
    net = loss(derive.parse("y = a\ninput a : scalar"), "binary", of="y")
    logit = np.log(0.8 / 0.2)
    values = evaluate(net, {}, {"a": np.full(2, logit), "target": np.array([1.0, 0.0])})["L"]
    assert values == pytest.approx([0.2231435513, 1.6094379124], abs=5e-11)
    net = loss(derive.parse("y = a\ninput a : V"), "cross-entropy", of="y")
    uniform = evaluate(net, {}, {"a": np.zeros((1, 10_000)), "k": np.array([7])})["L"]
    assert uniform == pytest.approx([9.2103403720], abs=5e-11)


def test_losses_stay_finite_where_a_logarithm_of_p_would_not():
    net = loss(derive.parse("y = a\ninput a : scalar"), "binary", of="y")
    data = {"a": np.array([800.0, -800.0]), "target": np.array([0.0, 1.0])}
    assert numeric.compile(net).forward({}, data).outputs["L"].tolist() == [800.0, 800.0]
    net = loss(derive.parse("y = a\ninput a : 2"), "cross-entropy", of="y")
    data = {"a": np.array([[800.0, -800.0]]), "k": np.array([1])}
    assert numeric.compile(net).forward({}, data).outputs["L"].tolist() == [1600.0]


def test_a_repeated_index_adds_up_and_an_absent_one_has_gradient_zero():
    net = embedded(RNN)
    assert str(net.equation("h")) == "h[t] = tanh(W_h @ [h[t-1], take(E, k[t])] + b_h)"
    adjoint = net.adjoint(outputs=("h",))
    rng = np.random.default_rng(2)
    parameters = {"W_h": rng.standard_normal((2, 5)), "b_h": np.zeros(2), "E": rng.standard_normal((3, 4))}
    data = {"k": np.array([[1], [3], [1]]), "up_h": np.ones((3, 1, 2))}
    table = evaluate(adjoint, parameters, data)["dE"]
    assert (abs(table[:, [1, 3]]) > 1e-3).all()
    assert (table[:, [0, 2]] == 0).all()


NETS = {
    "many to many": lambda: loss(head(stack(bidirectional(RNN), 2), "softmax")),
    "many to one": lambda: loss(head(bidirectional(LSTM), "sigmoid", at="last"), "binary"),
    "one to many": lambda: loss(feed_back(head(LSTM, "softmax"), "p"), "cross-entropy-onehot"),
    "one to many, linear": lambda: loss(feed_back(head(RNN), "y"), "squared"),
    "many to one, classes": lambda: loss(head(derive.load("gru"), "softmax", at="last")),
    "language model": lambda: loss(head(embedded(stack(LSTM, 2)), "softmax", width="V"), target="word"),
    "maxout": lambda: loss(head(maxout(bidirectional(RNN)), "softmax")),
    "one to one": lambda: loss(head(derive.parse("h = tanh(W @ x + b)\ninput x : D"), "softmax")),
}


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_autograds(name, gradient_error):
    net = NETS[name]()
    assert gradient_error(net, ("L",)) <= 1e-12
    if "one to one" not in name:
        assert gradient_error(masked(net), ("L",), ("m",)) <= 1e-12


BAD = [
    (lambda: head(RNN, "relu"), "head 'relu' is unknown; there are linear, sigmoid, softmax"),
    (lambda: head(RNN, at="first"), "a head reads 'every' step or the 'last', not 'first'"),
    (lambda: head(RNN, "softmax", width="1"), "a softmax head of width 1"),
    (lambda: head(RNN, width="0"), "a linear head of width 0"),
    (lambda: head(RNN, width="D H"), "'D H' is no dimension"),
    (lambda: head(RNN, of="x"), "x is nothing that rnn computes"),
    (lambda: head(derive.parse("S[t] = S[t-1] + x[t] @ x[t].T")), "a head reads a column, but S is H × H"),
    (lambda: maxout(RNN, width="0"), "a maxout layer of width 0: at least 1"),
    (lambda: maxout(RNN, of="z"), "z is no quantity of rnn; there are"),
    (lambda: maxout(derive.parse("h[t] = h[t-1] + x[t]\ns[u] = s[u-1] + h[T]"), of=("h", "s")),
     "s cannot be read with h: it runs along another axis"),
    (lambda: loss(RNN, "hinge"), "loss 'hinge' is unknown"),
    (lambda: loss(head(RNN, "softmax"), "binary"), "p is a softmax: its loss is 'cross-entropy', not 'binary'"),
    (lambda: loss(head(RNN, "sigmoid"), "cross-entropy"), "p is a sigmoid: its loss is 'binary'"),
    (lambda: loss(head(RNN, "sigmoid", width="1")), "its loss is 'binary'"),
    (lambda: loss(head(RNN, width="1")), "cross-entropy over one class: y has one row"),
    (lambda: loss(head(RNN), "squared", target="x"), "x is no target for y"),
    (lambda: feed_back(head(derive.parse("x[t] : 3\nU : 2, 3\nh[t] = tanh(U @ x[t] + W @ h[t-1])"), width="4"), "y"),
     "x of system is 3 × 1, but y[t-1] is 4 × 1"),
    (lambda: embedded(RNN, "h"), "h is no input of rnn"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "reason"), BAD)
def test_what_cannot_be_gets_one_line(build, reason):
    with pytest.raises(derive.EquationError) as caught:
        build()
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(("function", "kind"), [("softmax", "cross-entropy"), ("sigmoid", "binary")])
def test_probabilities_written_in_one_equation_have_logits_too(function, kind):
    """``y = softmax(V @ h + c)`` is no logit: the loss is that of the two equations it stands for."""
    cell = "h[t] = tanh(W @ h[t-1] + U @ x[t])\nV : O, H\n"
    one = loss(derive.parse(cell + f"y[t] = {function}(V @ h[t] + c)"), kind)
    two = loss(derive.parse(cell + f"z_y[t] = V @ h[t] + c\ny[t] = {function}(z_y[t])"), kind)
    assert str(one) == str(two)
