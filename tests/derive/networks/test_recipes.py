"""Every named network: its text, its gradient, its proof; and networks that only a user would build."""

from __future__ import annotations

import doctest

import pytest

import derive
from derive import networks
from derive.networks import NAMED, build, encoder_decoder, loss, stack
from derive.proof import prove


@pytest.mark.parametrize("name", NAMED)
def test_a_recipe_is_a_system_with_a_text_and_a_source(name):
    net = build(name)
    assert (net.name, net.title, net.source) == (name, NAMED[name].title, NAMED[name].source)
    assert derive.parse(str(net), strict=True) == net
    assert str(derive.parse(str(net))) == str(net)
    assert not any(len(str(equation)) > 110 for equation in net.equations)


@pytest.mark.parametrize("name", NAMED)
def test_gradients_are_autograds(name, gradient_error):
    net = build(name)
    assert gradient_error(net, ("L",) if "L" in net.variables else None, ("m",) if "m" in net.inputs else ()) <= 1e-12


RNN = derive.load("rnn")
PROVED = {
    "deep": lambda: stack(networks.bidirectional(RNN), 2),
    "masked": lambda: networks.masked(loss(networks.head(networks.bidirectional(RNN), "softmax"))),
    "additive": lambda: loss(encoder_decoder(networks.bidirectional(RNN), RNN, "additive"), "cross-entropy-onehot"),
    "free running": lambda: encoder_decoder(RNN, RNN, "dot", feeding="own"),
    "transformer": lambda: networks.transformer_block(causal=True),
}


@pytest.mark.parametrize("name", PROVED)
def test_gradients_are_proved(name):
    assert prove(PROVED[name]()).holds


def test_a_users_cell_goes_everywhere(gradient_error):
    mine = derive.parse("a[t] = relu(P @ inp[t] + R @ s[t-1])\ns[t] = 0.5 * s[t-1] + a[t]", name="mine")
    net = encoder_decoder(networks.bidirectional(stack(mine, 2)), stack([mine, derive.load("lstm")]), "concat")
    assert gradient_error(loss(net, "cross-entropy-onehot"), ("L",)) <= 1e-12


def test_an_unknown_name_gets_the_closest_one():
    with pytest.raises(derive.EquationError, match=r"^no network is called 'taggr'; did you mean 'tagger'\?$"):
        build("taggr")
    with pytest.raises(derive.EquationError, match="there are rnn-deep, lstm-deep"):
        build("zzz")


def test_the_example_of_the_package_runs():
    assert doctest.testmod(networks) == doctest.TestResults(0, 3)
