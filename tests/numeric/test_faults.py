"""Planted faults: wrong derivatives that people really write, each of which every oracle that sees it must reject.

Three kinds.  A fault in a *rule* (a record's VJP, a derived slope) makes a wrong adjoint of everything; the proof
must reject it too.  A fault in an *adjoint* is a wrong equation, as a hand-written backward pass has it.  A fault in
a *tangent* or in second derivatives is seen by one oracle only, and the others must not object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy
import pytest
import sympy

import derive
import derive.adjoint
from derive import System
from derive.primitives import TABLE
from derive.proof import prove
from numeric.draws import cases
from numeric.oracles import NotDone, Subject
from numeric.verify import ORACLES, check
from tests.numeric.faults import (
    EQUATION_FAULTS,
    RNN,
    RULE_FAULTS,
    SLOPE_FAULTS,
    SYSTEMS,
    EquationFault,
    RuleFault,
    SlopeFault,
)

GRADIENT_ORACLES = ("autograd", "complex step", "dot test", "Taylor slope", "torch")


def setup_cases(system: System) -> list[Any]:
    """Four regimes, final cotangents in three of them."""
    return list(cases(system, 4, seed=3))


def repr_short(system: System) -> str:
    return str(system.equations[-1])


def verdicts(subject: Subject, names: Iterable[str] = ORACLES) -> dict[str, bool]:
    """What every oracle says about a subject."""
    drawn, found = setup_cases(subject.primal), {}
    for name in names:
        try:
            with numpy.errstate(all="ignore"):
                found[name] = ORACLES[name](subject, drawn).holds
        except NotDone as reason:
            if str(reason) != "torch is not installed":  # nothing else may be left out
                raise
    return found


@pytest.mark.parametrize("fault", RULE_FAULTS, ids=str)
def test_a_wrong_rule_is_rejected_by_every_oracle_and_by_the_proof(
    fault: RuleFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Subject.of(fault.system)
    monkeypatch.setitem(TABLE, fault.primitive, replace(TABLE[fault.primitive], vjp=fault.vjp))
    adjoint = Subject.of(fault.system).adjoint
    assert adjoint != right.adjoint, "the fault changes nothing"
    found = verdicts(replace(right, adjoint=adjoint), GRADIENT_ORACLES)
    assert {name for name, holds in found.items() if holds} == set()
    assert not prove(fault.system, steps=2).holds


@pytest.mark.parametrize("fault", SLOPE_FAULTS, ids=str)
def test_a_wrong_slope_is_rejected_by_every_oracle_and_by_the_proof(
    fault: SlopeFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, partial = Subject.of(fault.system), derive.adjoint.partial

    def wrong(name: str, operand: int = 0) -> Callable[..., sympy.Expr]:
        return fault.slope if name == fault.primitive else partial(name, operand)

    monkeypatch.setattr(derive.adjoint, "partial", wrong)
    found = verdicts(replace(right, adjoint=Subject.of(fault.system).adjoint), GRADIENT_ORACLES)
    assert {name for name, holds in found.items() if holds} == set()
    assert not prove(fault.system, steps=2).holds


def changed(system: System, old: str, new: str | None) -> System:
    """A system with one equation replaced, or left out if `new` is None; origins stay."""
    lines = [str(equation) for equation in system.equations]
    assert lines.count(old) == 1, f"{old} is not among\n" + "\n".join(lines)
    equations = list(system.equations)
    place = lines.index(old)
    if new is None:
        del equations[place]
    else:
        leaves = [line for line in str(system).splitlines() if line not in lines]
        again = derive.parse("\n".join([*leaves, *lines[:place], new, *lines[place + 1 :]]))
        equations[place] = again.equations[place]
    assert tuple(equations) != system.equations
    return System(tuple(equations), system.variables, system.name)


@cache
def subject_of(system: System) -> Subject:
    return Subject.of(system)


@pytest.mark.parametrize("fault", EQUATION_FAULTS, ids=str)
def test_a_wrong_equation_is_rejected_by_every_oracle(fault: EquationFault) -> None:
    right = subject_of(fault.system)
    wrong = replace(right, adjoint=changed(right.adjoint, fault.old, fault.new))
    found = verdicts(wrong, (*GRADIENT_ORACLES, "kernel"))  # the kernel has an adjoint of its own
    assert {name for name, holds in found.items() if holds} == set()


@pytest.mark.parametrize("system", SYSTEMS, ids=repr_short)
def test_nothing_is_rejected_where_nothing_is_wrong(system: System) -> None:
    assert {name for name, holds in verdicts(subject_of(system)).items() if not holds} == set()


def test_a_wrong_tangent_is_rejected_by_the_dot_test_alone() -> None:
    right = subject_of(RNN)
    old = str(right.tangent.equation("h_dot"))
    found = verdicts(replace(right, tangent=changed(right.tangent, old, "h_dot[t] = z_h_dot[t]")))
    assert {name for name, holds in found.items() if not holds} == {"dot test"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("g_h_dot[t] = W_dot.T @ dz_h[t] + W.T @ dz_h_dot[t]", "g_h_dot[t] = W.T @ dz_h_dot[t]"),
        ("dU_dot = sum[t](dz_h_dot[t] @ x[t].T + dz_h[t] @ x_dot[t].T)", "dU_dot = sum[t](dz_h_dot[t] @ x[t].T)"),
        ("db_dot = sum[t](dz_h_dot[t])", "db_dot = 2 * sum[t](dz_h_dot[t])"),
    ],
    ids=["product rule cut short", "one factor held constant", "factor two"],
)
def test_a_wrong_second_derivative_is_rejected_by_that_oracle_alone(old: str, new: str) -> None:
    right = subject_of(RNN)
    found = verdicts(replace(right, second=changed(right.second, old, new)))
    assert {name for name, holds in found.items() if not holds} == {"second derivatives"}


def test_a_rejection_says_where() -> None:
    right = subject_of(RNN)
    faulty = changed(right.adjoint, "db = sum[t](dz_h[t])", "db = -sum[t](dz_h[t])")
    evidence = next(e for e in check(replace(right, adjoint=faulty), cases=4, seed=3) if "autograd" in e.method)
    assert evidence.where.startswith("gradient of b,")
    assert evidence.worst is not None
    assert evidence.tolerance is not None
    assert evidence.worst > 0.1 > evidence.tolerance


def test_a_value_that_is_not_a_number_equals_nothing() -> None:
    right = subject_of(RNN)
    infinite = changed(right.adjoint, "db = sum[t](dz_h[t])", "db = sum[t](dz_h[t] * exp(1000 + 0 * dz_h[t]) * 0)")
    found = verdicts(replace(right, adjoint=infinite), GRADIENT_ORACLES)
    assert {name for name, holds in found.items() if holds} == set()
