"""`verify`: every check that can be done is done and named, and what cannot be done is named too."""

from __future__ import annotations

import json
import sys

import pytest

import derive
from numeric.verify import ORACLES, as_json, verify
from tests import laws

RNN = derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)")


@pytest.mark.parametrize("name", derive.names())
def test_every_architecture_is_verified(name: str) -> None:
    evidence = verify(derive.load(name), cases=4)
    assert len(evidence) > len(ORACLES) - 1
    for found in evidence:
        laws.holds(found)
    assert "autograd" in evidence[0].method
    assert evidence[0].worst is not None
    assert evidence[0].worst <= 1e-11


@pytest.mark.needs("torch")
def test_checks_are_announced_in_order_and_all_are_done() -> None:
    announced: list[str] = []
    evidence = verify(RNN, cases=2, progress=announced.append)
    assert announced == [*ORACLES, "proof"]
    methods = " ".join(found.method for found in evidence)
    for word in ("autograd", "complex step", "dot test", "Taylor", "torch", "twice", "evaluator"):
        assert word in methods
    assert "not done" not in " ".join(found.detail for found in evidence)


def test_what_is_not_done_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    evidence = verify(RNN, cases=1)
    assert not any("torch" in found.method for found in evidence)
    assert "not done: torch: torch is not installed" in evidence[0].detail


def test_the_json_form() -> None:
    evidence = verify(RNN, cases=1)
    form = json.loads(json.dumps(as_json("rnn", evidence), allow_nan=False))
    assert form.keys() == {"name", "holds", "evidence"}
    assert form["name"] == "rnn"
    assert form["holds"] is True
    assert all(e.keys() == {"claim", "method", "cases", "worst", "tolerance", "holds"} for e in form["evidence"])


def test_two_runs_give_the_same_evidence() -> None:
    assert verify(RNN, cases=2) == verify(RNN, cases=2)
    assert verify(RNN, cases=2, seed=1) != verify(RNN, cases=2)


@pytest.mark.parametrize("text", ["h[t] = stop(x[t])", "h[t] = 1"])
def test_nothing_to_verify_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="does not depend on any parameter"):
        verify(derive.parse(text))


def test_a_system_without_gradient_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not depend on"):
        verify(derive.parse("j[t] : index V\nconst E : D, V\ny[t] = take(E, j[t])"))
