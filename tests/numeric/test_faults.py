"""Planted faults: wrong derivatives that people really write, each of which every oracle that sees it must reject.

Three kinds.  A fault in a *rule* (a record's VJP, a derived slope) makes a wrong adjoint of everything; the proof
must reject it too.  A fault in an *adjoint* is a wrong equation, as a hand-written backward pass has it.  A fault in
a *tangent* or in second derivatives is seen by one oracle only, and the others must not object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import sympy

import derive
import derive.adjoint
from derive import System
from derive.expr import Op, apply, neg, times
from derive.primitives import TABLE
from derive.proof import prove
from derive.system import Equation
from numeric.draws import cases
from numeric.oracles import NotDone, Subject
from numeric.verify import ORACLES, check

GRADIENT_ORACLES = ("autograd", "complex step", "dot test", "Taylor slope", "torch")
LSTM = derive.load("lstm")
RNN = derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)")
SQUARE = derive.parse("x[t] : H\nh[t] = tanh(W @ h[t-1] + x[t])")
GATED = derive.parse("f[t] = sigmoid(A @ x[t])\nh[t] = f[t] * h[t-1] + (1 - f[t]) * tanh(U @ x[t])")
ATTENTION = derive.parse(
    "h[t] = tanh(W @ h[t-1] + U @ x[t])\ns[u] = tanh(V @ s[u-1] + h[:] @ softmax(h[:].T @ s[u-1]))\ns[0] = B @ h[T]"
)
READER = derive.parse(
    "j[t] : index V\nE : D, V\nh[t] = tanh(W @ h[t-1] + U @ take(E, j[t]))\n"
    "z[t] = Q @ [h[t], take(E, j[t])]\nlog_z[t] = logsumexp(z[t])\ncost = sum[t](log_z[t]**3)"
)
BROADCAST = derive.parse("b : scalar\nh[t] : H\nx[t] : D\nh[t] = tanh(W @ h[t-1] + U @ x[t] + b)")
SLICED = derive.parse("h[t] = tanh(rows(W @ h[t-1], 0:H) + rows(W @ h[t-1], H:2*H) * x[t])\nW : 2*H, H\nx[t] : H")


def setup_cases(system: System) -> list[Any]:
    """Four regimes, final cotangents in three of them."""
    return list(cases(system, 4, seed=3))


def verdicts(subject: Subject) -> dict[str, bool]:
    """What every oracle says about a subject."""
    drawn, found = setup_cases(subject.primal), {}
    for name, oracle in ORACLES.items():
        try:
            found[name] = oracle(subject, drawn).holds
        except NotDone as reason:
            assert str(reason) == "torch is not installed"  # noqa: PT017: nothing else may be left out
    return found


# --- faults in rules --------------------------------------------------------------------------------------------

Vjp = Callable[[Op, sympy.Expr, sympy.Expr, int, Any], sympy.Expr]


@dataclass(frozen=True)
class RuleFault:
    """A wrong VJP of one primitive, and a system in which it matters."""

    title: str
    primitive: str
    system: System
    vjp: Vjp

    def __str__(self) -> str:
        return self.title


def _right(name: str) -> Vjp:
    rule = TABLE[name].vjp
    assert rule is not None
    return rule  # type: ignore[return-value]


def _product_without_transpose(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> sympy.Expr:
    return apply("matmul", call.operands[0], ybar) if i == 1 else _right("matmul")(call, y, ybar, i, shape_of)


def _outer_product_transposed(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> sympy.Expr:
    return apply("matmul", call.operands[1], ybar.T) if i == 0 else _right("matmul")(call, y, ybar, i, shape_of)


def _parts_exchanged(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> sympy.Expr:
    first = shape_of(call.operands[0])[0]
    last = sum(shape_of(part)[0] for part in call.operands)
    wrong = [(last - first, last), (0, last - first)][i]
    return apply("rows", ybar, static=(sympy.Tuple(*wrong),))


RULE_FAULTS = (
    RuleFault("product: missing transpose", "matmul", SQUARE, _product_without_transpose),
    RuleFault("product: gradient of the matrix transposed", "matmul", SQUARE, _outer_product_transposed),
    RuleFault("product: other factors forgotten", "times", GATED, lambda call, y, ybar, i, shape_of: ybar),
    RuleFault(
        "product: the wrong gate",
        "times",
        GATED,
        lambda call, y, ybar, i, shape_of: times(ybar, call.operands[i]),
    ),
    RuleFault(
        "sum: second term with the wrong sign",
        "plus",
        RNN,
        lambda call, y, ybar, i, shape_of: neg(ybar) if i == 1 else ybar,
    ),
    RuleFault(
        "power: exponent not taken down",
        "power",
        READER,
        lambda call, y, ybar, i, shape_of: times(ybar, call.operands[0] ** (call.static[0] - 1)),
    ),
    RuleFault(
        "softmax: only the diagonal of the Jacobian",
        "softmax",
        ATTENTION,
        lambda call, y, ybar, i, shape_of: times(y, 1 - y, ybar),
    ),
    RuleFault(
        "logsumexp: weights not normalised",
        "logsumexp",
        READER,
        lambda call, y, ybar, i, shape_of: times(ybar, apply("exp", call.operands[0])),
    ),
    RuleFault("concatenation: parts exchanged", "concat", derive.parse("x[t] : H\nW : H, 2*H\nh[t] = tanh(W @ [h[t-1], x[t]])"), _parts_exchanged),
    RuleFault(
        "rows: put back at the wrong place",
        "rows",
        SLICED,
        lambda call, y, ybar, i, shape_of: apply("embed", ybar, static=(sympy.Tuple(0, shape_of(call)[0]), shape_of(call.operands[0])[0])),
    ),
    RuleFault("gather: gradient with the wrong sign", "take", READER, lambda call, y, ybar, i, shape_of: None if i else neg(_right("take")(call, y, ybar, i, shape_of))),
    RuleFault("stack: gradient doubled", "stack", ATTENTION, lambda call, y, ybar, i, shape_of: times(sympy.Integer(2), _right("stack")(call, y, ybar, i, shape_of))),
    RuleFault("sum over time: gradient forgotten but for a part", "sum", READER, lambda call, y, ybar, i, shape_of: times(sympy.Rational(1, 2), ybar)),
)  # fmt: skip


@pytest.mark.parametrize("fault", RULE_FAULTS, ids=str)
def test_a_wrong_rule_is_rejected_by_every_oracle_and_by_the_proof(
    fault: RuleFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Subject.of(fault.system)
    monkeypatch.setitem(TABLE, fault.primitive, replace(TABLE[fault.primitive], vjp=fault.vjp))
    adjoint = Subject.of(fault.system).adjoint
    assert adjoint != right.adjoint, "the fault changes nothing"
    found = verdicts(replace(right, adjoint=adjoint))
    assert {name for name in GRADIENT_ORACLES if found.get(name)} == set()
    assert not prove(fault.system, steps=2).holds


@dataclass(frozen=True)
class SlopeFault:
    """A wrong derivative of an elementwise function."""

    title: str
    primitive: str
    system: System
    slope: Callable[..., sympy.Expr]

    def __str__(self) -> str:
        return self.title


SLOPE_FAULTS = (
    SlopeFault("tanh: derivative of the activated value", "tanh", RNN, lambda y, x: 1 - apply("tanh", y) ** 2),
    SlopeFault("tanh: forgotten", "tanh", RNN, lambda y, x: sympy.Integer(1)),
    SlopeFault("tanh: 1 - y", "tanh", RNN, lambda y, x: 1 - y),
    SlopeFault("sigmoid: 1 - y forgotten", "sigmoid", LSTM, lambda y, x: y),
    SlopeFault("sigmoid: of the tanh", "sigmoid", LSTM, lambda y, x: 1 - y**2),
)


@pytest.mark.parametrize("fault", SLOPE_FAULTS, ids=str)
def test_a_wrong_slope_is_rejected_by_every_oracle_and_by_the_proof(
    fault: SlopeFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, partial = Subject.of(fault.system), derive.adjoint.partial

    def wrong(name: str, operand: int = 0) -> Callable[..., sympy.Expr]:
        return fault.slope if name == fault.primitive else partial(name, operand)

    monkeypatch.setattr(derive.adjoint, "partial", wrong)
    found = verdicts(replace(right, adjoint=Subject.of(fault.system).adjoint))
    assert {name for name in GRADIENT_ORACLES if found.get(name)} == set()
    assert not prove(fault.system, steps=2).holds


# --- faults in equations ----------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class EquationFault:
    """A wrong equation in an adjoint (of an adjoint that is right otherwise)."""

    title: str
    system: System
    old: str
    new: str | None

    def __str__(self) -> str:
        return self.title


EQUATION_FAULTS = (
    EquationFault("recurrence dropped", RNN, "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)", "dh[t] = up_h[t] + place[t](end_h, T)"),
    EquationFault("term duplicated", RNN, "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)", "dh[t] = up_h[t] + g_h[t+1] + g_h[t+1] + place[t](end_h, T)"),
    EquationFault("upstream gradient forgotten", RNN, "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)", "dh[t] = g_h[t+1] + place[t](end_h, T)"),
    EquationFault("gradient of the last state forgotten", RNN, "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)", "dh[t] = up_h[t] + g_h[t+1]"),
    EquationFault("gradient of the last state at the first step", RNN, "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)", "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, 1)"),
    EquationFault("shifted by one step too many", RNN, "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)", "dh[t] = up_h[t] + g_h[t+2] + place[t](end_h, T)"),
    EquationFault("boundary is not zero", RNN, "g_h[T+1] = 0", "g_h[T+1] = 1"),
    EquationFault("gradient of the initial state forgotten", RNN, "dh[0] = g_h[1]", "dh[0] = 0"),
    EquationFault("gradient of the initial state not passed through W", RNN, "dh[0] = g_h[1]", "dh[0] = dh[1]"),
    EquationFault("weights: last step only", RNN, "dW = sum[t](dz_h[t] @ h[t-1].T)", "dW = dz_h[T] @ h[T-1].T"),
    EquationFault("weights: state of the wrong step", RNN, "dW = sum[t](dz_h[t] @ h[t-1].T)", "dW = sum[t](dz_h[t] @ h[t].T)"),
    EquationFault("weights: before the nonlinearity", RNN, "dU = sum[t](dz_h[t] @ x[t].T)", "dU = sum[t](dh[t] @ x[t].T)"),
    EquationFault("bias: wrong sign", RNN, "db = sum[t](dz_h[t])", "db = -sum[t](dz_h[t])"),
    EquationFault("broadcast: not summed over the rows", BROADCAST, "db = sum[t](reduce_to(dz_h[t], 1, 1))", "db = sum[t](rows(dz_h[t], 0:1))"),
    EquationFault("gate: c[t] for c[t-1]", LSTM, "df[t] = dc[t] * c[t-1]", "df[t] = dc[t] * c[t]"),
    EquationFault("gate: f and i exchanged", LSTM, "g_c[t] = dc[t] * f[t]", "g_c[t] = dc[t] * i[t]"),
    EquationFault("gate: a recurrent path dropped", LSTM, "dc[t] = dh[t] * o[t] * (1 - tanh(c[t])**2) + g_c[t+1] + place[t](end_c, T)", "dc[t] = dh[t] * o[t] * (1 - tanh(c[t])**2) + place[t](end_c, T)"),
)  # fmt: skip


@cache
def subject_of(system: System) -> Subject:
    return Subject.of(system)


@pytest.mark.parametrize("fault", EQUATION_FAULTS, ids=str)
def test_a_wrong_equation_is_rejected_by_every_oracle(fault: EquationFault) -> None:
    right = subject_of(fault.system)
    found = verdicts(replace(right, adjoint=changed(right.adjoint, fault.old, fault.new)))
    # the kernel derives an adjoint of its own, and so contradicts this one
    assert {name for name in (*GRADIENT_ORACLES, "kernel") if found.get(name)} == set()


@pytest.mark.parametrize("system", [RNN, LSTM, SQUARE, GATED, ATTENTION, READER, BROADCAST, SLICED], ids=str)
def test_nothing_is_rejected_where_nothing_is_wrong(system: System) -> None:
    assert {name for name, holds in verdicts(subject_of(system)).items() if not holds} == set()


def test_a_wrong_tangent_is_rejected_by_the_dot_test_alone() -> None:
    right = subject_of(RNN)
    old = "h_dot[t] = z_h_dot[t] * (1 - tanh(z_h[t])**2)"
    if old not in str(right.tangent):
        old = next(str(e) for e in right.tangent.equations if str(e).startswith("h_dot[t]"))
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
    assert isinstance(infinite.equation("db"), Equation)
    found = verdicts(replace(right, adjoint=infinite))
    assert {name for name in GRADIENT_ORACLES if found.get(name)} == set()
