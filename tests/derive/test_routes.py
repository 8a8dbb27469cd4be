"""Routes: where a loss enters a network, and along which paths its gradient goes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import derive
from derive.networks import NAMED, build
from derive.routes import routes
from numeric.draws import Regime, draw
from numeric.gradients import point
from numeric.oracles import autograd_gradient

SHAPES = {
    "one-to-one": ["p ← x, via y, h", "L ← x, via y, h"],
    "one-to-many": ["L ← h[t], every t, via l, y", "h[t] ← h[t-1]", "h[t] ← p[t-1]", "p[t] ← h[t], via y"],
    "many-to-one": ["p ← h[T], via y", "L ← h[T], via y", "c[t] ← h[t-1], via f, i, g", "c[t] ← c[t-1]",
                    "h[t] ← h[t-1], via o", "h[t] ← c[t]"],
    "many-to-many": ["p[t] ← h[t], via y", "L ← h[t], every t, via l, y", "h[t] ← h[t-1]"],
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_work_differ_in_where_the_loss_enters(name):
    assert [str(route) for route in routes(build(name))] == SHAPES[name]


def test_teacher_forcing_has_no_route_through_the_prediction():
    forced, free = (set(map(str, routes(build(name)))) for name in ("encoder-decoder", "encoder-decoder-free"))
    assert {"h_dec[0] ← h[T]", "c_dec[0] ← c[T]"} <= forced & free
    assert "h_dec[u] ← p[u-1], via o_dec" in free - forced
    assert not any("p[u-1]" in text for text in forced)


def test_a_gate_leaves_a_direct_route_and_a_window_none_through_its_positions():
    gru = list(map(str, routes(derive.load("gru"))))
    assert len(gru) == 1
    assert gru[0].startswith("h[t] ← h[t-1], directly and via ")
    assert not any("pos" in str(route).split(", via")[0] for route in routes(build("attention-luong-local")))


def test_steps_add_up_along_a_route():
    texts = {
        "y = g[T]\ng[t] = tanh(h[t-1])\nh[t] = h[t-1] + x[t]": "y ← h[T-1], via g",
        "y[t] = g[t-2]\ng[t] = tanh(h[t])\nh[t] = h[t-1] + x[t]": "y[t] ← h[t-2], via g",
        "y[t] = g[t] * stop(h[t])\ng[t] = x[t]\nh[t] = h[t-1] + x[t]": "h[t] ← h[t-1]",
    }
    for text, route in texts.items():
        assert str(routes(derive.parse(text))[0]) == route


@pytest.mark.parametrize("name", ["many-to-one", "encoder-decoder", "attention-bahdanau"])
def test_a_state_without_a_route_from_the_loss_has_no_gradient(name):
    """Initial values that the loss reaches have a gradient, by autograd; without the first edge, none is reached."""
    net = build(name)
    case = draw(net, np.random.default_rng(0), Regime(3), ("L",))
    case = replace(case, final={})
    found = autograd_gradient(net, case, point(net, case))
    edges = {}
    for route in routes(net):
        edges.setdefault(route.start.name, set()).add(route.end.name)
    reached, more = set(), {"L"}
    while more:
        reached |= more
        more = {end for start in more for end in edges.get(start, ())} - reached
    for kind, state in found:
        if kind == "initial" and state in net.states:
            assert (state in reached) == bool(abs(found[kind, state]).max() > 0)


def test_every_network_has_a_route_to_every_state():
    for name in NAMED:
        net = build(name)
        starts = {route.start.name for route in routes(net)}
        assert set(net.outputs) <= starts
