"""The chain rule per word: the sum over all paths is the derived gradient, exactly, and every term has its place."""

import re
from dataclasses import replace

import autograd.numpy as np
import numpy
import pytest
from autograd import grad

import derive
import derive.unroll
from derive.chain import chain, chain_at, default_nodes, scalar_losses
from derive.networks import bidirectional, build, head, loss, stack
from derive.primefield import P
from numeric.floats import gaussian

CELLS = ("rnn", "gru", "lstm")
MANY_TO_ONE = {name: loss(head(derive.load(name), at="last"), "squared") for name in CELLS}
PER_STEP = {name: loss(head(derive.load(name), "softmax")) for name in CELLS}
APART = "a, b : scalar\nW : H, H\nL = a * b\nh[t] = W @ h[t-1]"
NETWORKS = {
    "deep": loss(head(stack(derive.load("rnn"), 2), at="last"), "squared"),
    "bidirectional": loss(head(bidirectional(derive.load("gru")), "sigmoid", width="1"), "binary"),
    "reads its own output": build("one-to-many"),
    "tagger": build("tagger"),
    "attention": build("attention-bahdanau"),
    "without time": build("one-to-one"),
}


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("kind", ["many to one", "per step"])
@pytest.mark.parametrize("name", CELLS)
def test_the_sum_over_all_paths_is_the_derived_gradient_exactly(name, kind, steps):
    system = (MANY_TO_ONE if kind == "many to one" else PER_STEP)[name]
    for parameter in system.parameters:
        found = chain(system, "L", parameter, steps)
        assert any(found.derived.values()), parameter
        assert found.holds, parameter


@pytest.mark.parametrize("name", NETWORKS)
def test_the_sum_is_exact_for_networks(name):
    system = NETWORKS[name]
    for parameter in (system.parameters[0], system.parameters[-1]):
        found = chain(system, "L", parameter, {axis: 3 - place for place, axis in enumerate(system.axes)})
        assert any(found.derived.values())
        assert found.holds


@pytest.mark.parametrize("nodes", [(), ("h",), ("h", "c", "f", "i", "g", "o", "y", "l", "p")])
def test_the_sum_does_not_depend_on_what_paths_are_written_in(nodes):
    found = chain(PER_STEP["lstm"], "L", "W_f", 3, nodes=nodes)
    assert found.holds
    if len(nodes) <= 1:  # to one word each; through h alone f(t) = t + f(1) + … + f(t−1): 1 + 3 + 7
        assert len(found.terms) == {0: 3, 1: 11}[len(nodes)]


def test_no_term_is_superfluous():
    """Leaving any one path out, or taking one twice, is noticed."""
    found = chain(MANY_TO_ONE["lstm"], "L", "W_f", 3)
    for place, term in enumerate(found.terms):
        assert not replace(found, terms=found.terms[:place] + found.terms[place + 1 :]).holds
        assert not replace(found, terms=(*found.terms, term)).holds


def test_one_term_per_word_as_the_notes_write_it():
    found = chain(MANY_TO_ONE["rnn"], "L", "W_h", 3)
    assert str(found).splitlines() == [
        "∂L/∂W_h = the sum of 3 paths",
        "word 3: 1 path",
        "  ∂L/∂y · ∂y/∂h_3 · ∂⁺h_3/∂W_h",
        "word 2: 1 path",
        "  ∂L/∂y · ∂y/∂h_3 · ∂h_3/∂h_2 · ∂⁺h_2/∂W_h",
        "word 1: 1 path",
        "  ∂L/∂y · ∂y/∂h_3 · ∂h_3/∂h_2 · ∂h_2/∂h_1 · ∂⁺h_1/∂W_h",
    ]


def test_with_a_loss_at_every_step_a_word_counts_for_all_that_follow():
    found = chain(PER_STEP["rnn"], "L", "W_h", 4)
    assert {use: len(terms) for use, terms in found.words.items()} == {4: 1, 3: 2, 2: 3, 1: 4}


def test_a_read_out_is_used_once_in_all_or_once_a_step():
    assert chain(MANY_TO_ONE["rnn"], "L", "W_y", 3).words.keys() == {None}
    assert chain(PER_STEP["rnn"], "L", "W_y", 3).words.keys() == {1, 2, 3}


def test_paths_of_an_lstm_go_through_the_cell_and_through_the_gates():
    texts = [str(term) for term in chain(MANY_TO_ONE["lstm"], "L", "W_f", 2).words[1]]
    assert texts == [
        "∂L/∂y · ∂y/∂h_2 · ∂h_2/∂c_2 · ∂c_2/∂c_1 · ∂⁺c_1/∂W_f",
        "∂L/∂y · ∂y/∂h_2 · ∂h_2/∂c_2 · ∂c_2/∂h_1 · ∂h_1/∂c_1 · ∂⁺c_1/∂W_f",
        "∂L/∂y · ∂y/∂h_2 · ∂h_2/∂h_1 · ∂h_1/∂c_1 · ∂⁺c_1/∂W_f",
    ]
    assert default_nodes(MANY_TO_ONE["lstm"], "L") == ("h", "c", "y", "L")


def test_the_part_of_each_word_equals_autograd():
    """A copy of W for every word, in floating point: its gradient is what the paths to that word add up to."""
    system, sizes = MANY_TO_ONE["rnn"], {"D": 2, "H": 3, "O": 1}
    at = gaussian(1)
    drawn = []
    recording = replace(at, draw=lambda: drawn.append(at.draw()) or drawn[-1])
    found = chain_at(recording, system, "L", "W_h", 3, sizes=sizes)
    keys = derive.unroll.unroll(system, 3, sizes, opaque=True).leaves.values()
    leaves = dict(zip(keys, drawn, strict=True))

    def array(name, rows, columns, position=None):
        return numpy.array([[leaves[name, position, (i, j)] for j in range(columns)] for i in range(rows)])

    rest = [array(*key) for key in (("b_h", 3, 1), ("W_y", 1, 3), ("b_y", 1, 1), ("target", 1, 1))]
    words = [array("x", 2, 1, t) for t in (1, 2, 3)]
    start = array("h", 3, 1, 0)

    def run(*copies):
        b, read, bias, target = rest
        h = start
        for weight, x in zip(copies, words, strict=True):
            h = np.tanh(weight @ np.concatenate([h, x]) + b)
        return 0.5 * np.sum((read @ h + bias - target) ** 2)

    weight = array("W_h", 3, 5)
    for t in (1, 2, 3):
        truth = grad(run, t - 1)(weight, weight, weight)
        part = found.total(found.words[t])
        values = numpy.array([[part[i, j] for j in range(5)] for i in range(3)])
        numpy.testing.assert_allclose(values, truth, rtol=1e-12, atol=1e-15)


def test_values_lie_in_the_field():
    found = chain(PER_STEP["gru"], "L", "W_n", 2)
    assert all(0 <= value < P for term in found.terms for value in term.value.values())


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda: chain(PER_STEP["rnn"], "L", "x"), "x is no parameter of .*; there are W_h"),
        (lambda: chain(PER_STEP["rnn"], "M", "W_h"), "M is not computed by"),
        (lambda: chain(PER_STEP["rnn"], "l", "W_h"), "l is no loss: a loss is one number"),
        (lambda: chain(PER_STEP["rnn"], "L", "W_h", nodes=("q",)), "q is not computed by"),
        (
            lambda: chain(derive.parse("a, b : scalar\nW : H, H\nL = a * b\nh[t] = W @ h[t-1]"), "L", "W"),
            "L does not depend on W",
        ),
        (lambda: chain(PER_STEP["lstm"], "L", "W_f", 9), r"there are \d{4,} paths from L to W_f, at most 1000"),
        (lambda: chain(PER_STEP["rnn"], "L", "W_h", 0), "a positive number of steps"),
    ],
)
def test_bad_input_is_refused_in_one_line(act, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        act()
    assert "\n" not in str(caught.value)


def test_the_number_of_too_many_paths_is_the_true_one():
    system = PER_STEP["lstm"]
    with pytest.raises(ValueError, match="paths") as caught:
        chain(system, "L", "W_f", 5, limit=10)
    assert int(re.search(r"there are (\d+)", str(caught.value))[1]) == len(chain(system, "L", "W_f", 5).terms)


def test_losses_are_numbers_without_time():
    assert scalar_losses(PER_STEP["lstm"]) == ("L",)
    assert scalar_losses(derive.load("lstm")) == ()
