"""Lanes: each is the derivation with its edits, whatever the others do."""

from dataclasses import replace

import numpy as np
import pytest

import derive
import numeric
from derive.errors import EquationError
from derive.expr import Op
from derive.networks import bidirectional, build, head, loss, stack
from derive.rewrite import rebuild
from derive.truncation import truncate
from numeric.check.mistakes import mutants
from numeric.check.variants.edits import ONE, ZERO, Edit, edited, parts
from numeric.check.variants.lanes import Derivation
from numeric.check.variants.view import View
from tests.numeric.check.planted import bound_of, gradient

SYSTEMS = {
    "lstm": lambda: derive.load("lstm"),
    "gru-reset-after": lambda: derive.load("gru-reset-after"),
    "bidirectional": lambda: head(bidirectional(derive.load("rnn"))),
    "deep": lambda: stack(derive.load("gru"), 2),
    "classes": lambda: loss(head(derive.load("rnn"), "softmax")),
    "attention": lambda: build("attention-bahdanau"),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_lane_without_edits_is_the_kernels_gradient(name):
    bound = bound_of(SYSTEMS[name]())
    kernel = numeric.compile(bound.system, outputs=tuple(bound.cotangents))
    run = kernel.forward(bound.parameters, bound.inputs, bound.initial, bound.steps)
    found = kernel.backward(run, bound.cotangents)
    result = Derivation(bound).run([()])
    for part in (found.parameters, found.inputs, found.initial):
        for leaf, expected in part.items():
            address = f"{leaf}[0]" if part is found.initial else leaf
            if address in bound.space.shapes:
                np.testing.assert_allclose(gradient(result, address), expected, rtol=1e-11, atol=1e-13, err_msg=leaf)


def normal(expr):
    """The same expression in normal form, as a `System` wants it."""
    return rebuild(expr, [normal(operand) for operand in expr.operands]) if isinstance(expr, Op) else expr


@pytest.mark.parametrize("name", ["lstm", "gru-reset-after", "classes"])
def test_lane_is_the_edited_adjoint(name):
    """Against the slow evaluator on a system whose equations were changed one by one."""
    bound = bound_of(SYSTEMS[name](), steps=3, batch=2)
    view = View(Derivation(bound))
    whole = view.whole
    chosen = [m for m in mutants(view) if m.edits][::9]
    result = view.derivation.run([m.edits for m in chosen])
    upstream = {whole.find("upstream", of).name: value for of, value in bound.cotangents.items()}
    compared = 0
    for lane, mutant in enumerate(chosen):
        by_out = {out: [e for e in mutant.edits if e.out == out] for out in {e.out for e in mutant.edits}}
        equations = [
            replace(e, expr=normal(edited(e.expr, by_out[e.out]))) if e.out in by_out else e for e in whole.equations
        ]
        try:
            system = replace(whole, equations=tuple(equations))
            values = numeric.evaluate(system, bound.parameters, {**bound.inputs, **upstream}, bound.initial)
        except (EquationError, ValueError):  # it reads what nobody has: outside of its sequence
            continue
        for address, out in view.derivation.leaves.items():
            if out.index is None:
                shape = bound.space.shapes[address]
                expected = np.broadcast_to(np.asarray(values[out.name]), shape)
                np.testing.assert_allclose(
                    gradient(result, address, lane), expected, rtol=1e-10, atol=1e-12, err_msg=str(mutant)
                )
                compared += 1
    assert compared >= 25


def test_lanes_do_not_touch_each_other():
    bound = bound_of(derive.load("lstm"))
    view = View(Derivation(bound))
    some = [m.edits for m in mutants(view)[:40]]
    together = view.derivation.run([(), *some, ()])
    for lane, edits in ((0, ()), (7, some[6]), (41, ())):
        alone = view.derivation.run([edits])
        for name in bound.space.shapes:
            np.testing.assert_array_equal(gradient(together, name, lane), gradient(alone, name))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_windows_are_truncated_backpropagation(k):
    """Against the derivation of `derive.truncation`, which knows nothing of lanes."""
    bound = bound_of(derive.load("gru"))
    view = View(Derivation(bound))
    mutant = next(m for m in mutants(view) if m.tag == f"truncate:{k}" and len(m.windows) == 6)
    weights = {}
    for lane, window in enumerate(mutant.windows):
        for place in window:
            weights.setdefault(place, np.ones(6))[lane] = 0.0
    result = view.derivation.run([()] * 6, weights)
    kernel = numeric.compile(truncate(derive.load("gru"), k), outputs=("h",))
    run = kernel.forward(bound.parameters, bound.inputs, bound.initial)
    expected = kernel.backward(run, bound.cotangents)
    for name, value in expected.parameters.items():
        np.testing.assert_allclose(result.gradient(name).sum(0), value, rtol=1e-10, atol=1e-12, err_msg=name)


def test_edits_of_one_place_are_refused_and_others_go_together():
    bound = bound_of(derive.load("lstm"))
    derivation = Derivation(bound)
    equation = next(e for e in derivation.equations.values() if e.name == "dc" and e.axis)
    places = [path for path, _ in parts(equation.expr)]
    inner, outer = next((a, b) for a in places for b in places if b and len(a) > len(b) and a[: len(b)] == b)
    result = derivation.run([(Edit(equation.out, inner, ONE), Edit(equation.out, outer, ZERO)), ()])
    assert result.broken.tolist() == [True, False]
