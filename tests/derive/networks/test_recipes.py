"""Every named network: its text, its gradient, its proof; and networks that only a user would build."""

from __future__ import annotations

import doctest

import pytest

import derive
from derive import networks, proof
from derive.networks import NAMED, build, encoder_decoder, loss, masked, stack
from derive.proof import prove
from derive.setting import default_sizes, setting


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


@pytest.mark.parametrize("name", [name for name in NAMED if name not in ("one-to-one", "tagger")])
def test_gradients_with_padding_along_every_axis_are_autograds(name, gradient_error):
    """One-to-one has no axis, and the tagger is padded already."""
    net = build(name)
    outputs, axes = ("L",) if "L" in net.variables else None, net.axes
    for axis in axes:
        net = masked(net, axis, mask=f"m_{axis}")
    assert gradient_error(net, outputs, [f"m_{axis}" for axis in axes]) <= 1e-12


@pytest.mark.parametrize("name", NAMED)
def test_every_rule_is_sympys_and_the_adjoint_is_the_derivative_modulo_a_prime(name):
    """Layers (a) and (b) of the proof at T = 3; layer (c) as polynomials takes seconds for an LSTM, so not for all."""
    net = build(name)
    sizes = default_sizes(net)
    for evidence in (proof._rules(net, sizes), proof._residues(net, setting(net, sizes, 3), 1, 0)):
        assert evidence.holds, str(evidence)
        assert evidence.cases


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
