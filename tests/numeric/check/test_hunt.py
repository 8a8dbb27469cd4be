"""The search: what is planted is found, what is right is right, and noise is never explained."""

import time
from dataclasses import replace

import numpy as np
import pytest

import derive
from derive.networks import head, loss, stack
from numeric.check.bound import Claim
from numeric.check.diagnosis import bench
from numeric.check.diagnosis.judge import judge
from numeric.check.mistakes import FAMILIES, mutants
from numeric.check.variants.lanes import Derivation
from numeric.check.variants.view import View
from tests.numeric.check.planted import bound_of, claimed, gradient, planted

MGU = """
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
n[t] = tanh(W_n @ [f[t] * h[t-1], x[t]] + b_n)
h[t] = (1 - f[t]) * h[t-1] + f[t] * n[t]
"""
SYSTEMS = {
    "lstm": lambda: derive.load("lstm"),
    "a cell of one's own": lambda: derive.parse(MGU),
    "two layers": lambda: stack(derive.load("rnn"), 2),
    "last step": lambda: loss(head(derive.load("rnn"), "sigmoid", at="last", width="1"), "binary"),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_right_is_right(name):
    bound = bound_of(SYSTEMS[name]())
    verdict = judge([planted(bound)])
    assert verdict.verdict == "correct"
    assert verdict.correct == set(bound.space.shapes)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@pytest.mark.parametrize("name", ["lstm", "a cell of one's own", "two layers"])
def test_one_mistake_of_every_family_is_found(name, family):
    bound = bound_of(SYSTEMS[name]())
    derivation = Derivation(bound)
    right = derivation.run([()])
    for mutant in list(family(View(derivation)))[3::17][: 2 if name == "lstm" else 1]:
        wrong = derivation.run([mutant.edits])
        same = all(np.allclose(gradient(right, n), gradient(wrong, n), rtol=1e-6) for n in bound.space.shapes)
        if wrong.broken.any() or same:
            continue
        verdict = judge([planted(bound, (mutant,))])
        assert verdict.verdict == ("policy" if mutant.kind == "clip" else "wrong")
        assert verdict.explained
        kinds = {finding.kind for group in (verdict.diagnosis, *verdict.alternatives) for finding in group}
        assert mutant.kind in kinds, mutant
        assert len(verdict.diagnosis) == 1


def test_two_mistakes_are_found_together():
    bound = bound_of(derive.load("lstm"))
    found = {(m.kind, m.detail): m for m in mutants(View(Derivation(bound)))}
    cut = next(m for m in found.values() if m.kind == "cut-recurrence" and m.where == "c, f")
    slope = next(m for m in found.values() if m.kind == "missing-derivative" and m.where == "f")
    verdict = judge([planted(bound, (cut, slope))])
    assert {f.kind for f in verdict.diagnosis} == {"cut-recurrence", "missing-derivative"}
    assert verdict.runner_up > 1e-3


def test_a_gradient_of_one_step_in_the_middle_is_compared() -> None:
    bound = bound_of(derive.load("rnn"))
    found = {name: gradient(Derivation(bound).run([()]), name) for name in ("x", "W_h")}
    middle = Claim("x", 2 * found["x"][2], bound.space.addresses("x")[2])
    weights = Claim("W_h", found["W_h"], bound.space.addresses("W_h"))
    assert [f.kind for f in judge([replace(bound, claims=(middle, weights))]).diagnosis] == ["scale"]


def test_a_trial_makes_no_more_products_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    view = View(Derivation(planted(bound_of(derive.load("lstm"), steps=6, batch=3))))
    for most, chunk in ((40_000, 4), (1, 1)):  # 3 products of 6 · 3 · 160 numbers
        monkeypatch.setattr(bench, "PRODUCTS", most)
        assert bench.Bench(view, {"given": 1.0}, {}, lambda: False).chunk == chunk


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("zero-gradient", lambda g: {**g, "b_f": 0 * g["b_f"]}),
        ("sign", lambda g: {name: -value for name, value in g.items()}),
        ("scale", lambda g: {name: value / 3 for name, value in g.items()}),
        ("scale", lambda g: {**g, "W_i": 0.37 * g["W_i"]}),
        ("wrong-axis", lambda g: {**g, "b_o": np.full(4, g["b_o"].sum())}),
        ("time-shift", lambda g: {**g, "x": g["x"][::-1]}),
    ],
)
def test_what_is_done_to_finished_gradients_is_found(kind, change):
    bound = bound_of(derive.load("lstm"))
    result = Derivation(bound).run([()])
    verdict = judge([claimed(bound, change({name: gradient(result, name) for name in bound.space.shapes}))])
    assert [finding.kind for finding in verdict.diagnosis] == [kind]


@pytest.mark.parametrize("how", ["value", "norm"])
def test_clipping_is_a_policy(how):
    bound = bound_of(derive.load("lstm"))
    result = Derivation(bound).run([()])
    found = {name: gradient(result, name) for name in bound.system.parameters}
    norm = np.sqrt(sum((value**2).sum() for value in found.values()))
    clipped = {n: np.clip(v, -0.5, 0.5) if how == "value" else v * (0.5 / norm) for n, v in found.items()}
    verdict = judge([claimed(bound, clipped)])
    assert (verdict.verdict, verdict.policies) == ("policy", (f"clip:{how}",))


def test_noise_is_wrong_and_not_explained():
    bound = bound_of(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)"))
    result = Derivation(bound).run([()])
    found = {name: gradient(result, name) for name in bound.space.shapes}
    found["W"] = found["W"] + np.random.default_rng(0).normal(0, 1e-3, found["W"].shape)
    start = time.monotonic()
    verdict = judge([claimed(bound, found)], budget=4)
    assert (verdict.verdict, verdict.explained, verdict.diagnosis) == ("wrong", False, ())
    assert verdict.stages[0].startswith(f"{len(found) - 1} of {len(found)} gradients agree (W")
    assert time.monotonic() - start < 10


def test_float32_is_no_mistake():
    bound = bound_of(derive.load("lstm"))
    result = Derivation(bound).run([()])
    rounded = {name: gradient(result, name).astype(np.float32) for name in bound.space.shapes}
    noisy = {n: v * (1 + 3e-7 * np.random.default_rng(1).normal(size=v.shape)) for n, v in rounded.items()}
    assert judge([claimed(bound, noisy, precision=1.2e-7)]).verdict == "correct"
