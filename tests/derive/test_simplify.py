"""Simplification for reading: what it says, and that it keeps every value."""

from __future__ import annotations

import numpy
import pytest
import sympy

import derive
from derive.expr import fixed, plus, ref, step, times
from derive.rewrite import replace
from derive.simplify import for_reading, inline_contributions, inline_once, tidied, tidy, with_equations
from numeric.draws import cases
from numeric.reference import evaluate
from tests.texts import ATTENTION

SYSTEMS = {
    "lag 2": "h[t] = tanh(A @ h[t-1] + B @ h[t-2] + U @ x[t])",
    "division": "h[t] = (W @ h[t-1] + U @ x[t]) / (1 + exp(V @ h[t-1]))",
    "against each other": "q[t] = q[t+1] + p[t-1]\np[t] = tanh(W @ p[t-1] + U @ x[t])",
    "both directions": "p[t] = tanh(W @ p[t-1] + x[t])\nq[t] = tanh(V @ q[t+1] + p[t+1])",
    "input read later": "y[t] = tanh(A @ x[t-1] + B @ x[t] + C @ x[t+1])",
    "without time": "h[t] = tanh(W @ h[t-1] + U @ x[t])\ny = V @ h[T] + U @ h[1]\nz[t] = h[t] * h[T-1]",
    "matrix state": "S[t] : K, V\nk[t] : K\nv[t] : V\nS[t] = 0.9 * S[t-1] + k[t] @ v[t].T\ny[t] = S[t].T @ k[t]",
    "attention": ATTENTION,
}
LIBRARY = [*derive.names()]


def system_of(name: str) -> derive.System:
    return derive.parse(SYSTEMS[name], name=name) if name in SYSTEMS else derive.load(name)


def values(system: derive.System, case):
    """Every quantity of a system at a case, the cotangents of its outputs included."""
    given = {**case.parameters, **case.inputs}
    for name, var in system.variables.items():
        if var.origin is not None and var.origin.kind == "upstream":
            given[name] = case.cotangents[var.origin.of]
    leaves = (*system.parameters, *system.constants)
    initial = {name: array for name, array in case.initial.items() if name in system.boundaries}
    return evaluate(system, {n: given[n] for n in leaves}, {n: given[n] for n in system.inputs}, initial, case.steps)


@pytest.mark.parametrize("name", [*SYSTEMS, *LIBRARY])
def test_values_are_kept(name):
    adjoint = system_of(name).adjoint()
    known = {equation.out for equation in adjoint.equations}
    wholes = [(case, values(adjoint, case)) for case in cases(system_of(name), 2)]
    for transformation in (tidy, inline_contributions, inline_once, for_reading):
        simple = transformation(adjoint)
        compared = 0
        for case, whole in wholes:
            short = values(simple, case)
            for equation in simple.equations:
                if equation.out not in known:
                    assert equation.expr == 0  # what vanishes outside 1…T
                    continue
                if equation.is_boundary:
                    expected = whole.at(equation.name, equation.out.index)
                    found = short.at(equation.name, equation.out.index)
                else:
                    expected, found = whole[equation.name], short[equation.name]
                numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13, err_msg=str(equation))
                compared += 1
        assert compared >= 10, transformation


def test_lstm_reads_as_in_papers():
    shown = [str(equation) for equation in for_reading(derive.load("lstm").adjoint()).equations]
    for wanted in (
        "dh[t] = up_h[t] + rows(W_f.T, 0:H) @ dz_f[t+1] + rows(W_i.T, 0:H) @ dz_i[t+1]"
        " + rows(W_g.T, 0:H) @ dz_g[t+1] + rows(W_o.T, 0:H) @ dz_o[t+1]",
        "dc[t] = dh[t] * o[t] * (1 - tanh(c[t])**2) + dc[t+1] * f[t+1]",
        "dz_o[t] = dh[t] * tanh(c[t]) * o[t] * (1 - o[t])",
        "dz_f[t] = dc[t] * c[t-1] * f[t] * (1 - f[t])",
        "dc[T+1] = 0",
    ):
        assert wanted in shown


def test_a_sum_with_a_common_factor_becomes_one_product():
    d, a, b = (ref(name, step("t")) for name in "dab")
    assert tidied(plus(times(d, a), times(sympy.Integer(-1), d, b))) == times(d, a - b)
    assert tidied(plus(times(d, a), b)) == plus(times(d, a), b)


def test_a_state_keeps_its_cotangent():
    """δh of a plain recurrence is read once, but has two terms: it is what the text is about."""
    simple = for_reading(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])").adjoint())
    assert simple.find("cotangent", "h") is not None


def test_the_gradient_of_a_boundary_value_forbids_inlining():
    """dq[T+1] is no zero: q's boundary value gets a gradient, and g_p[t+1] must not read it."""
    simple = for_reading(derive.parse(SYSTEMS["against each other"]).adjoint())
    assert any(var.origin and var.origin.kind == "contribution" for var in simple.variables.values())


def test_a_division_forbids_inlining():
    simple = inline_contributions(derive.parse(SYSTEMS["division"]).adjoint())
    assert any(var.origin and var.origin.kind == "contribution" for var in simple.variables.values())


def test_the_check_is_able_to_fail():
    """Inlining a primal quantity through a time shift, which no transformation here does, changes values."""
    system = derive.parse("e[t] = tanh(x[t])\ne[0] = b\nh[t] = h[t-1] + e[t-1]")
    wrong = with_equations(
        system,
        [
            derive.Equation(e.out, replace(e.expr, lambda r: _shifted_e(system, r))) if e.name == "h" else e
            for e in system.equations
        ],
    )
    case = next(cases(system, 1))
    assert abs(values(wrong, case)["h"] - values(system, case)["h"]).max() > 1e-3


def _shifted_e(system, read):
    if read != ref("e", step("t", -1)):
        return read
    return replace(system.equation("e").expr, lambda r: ref(r.name, step("t", -1)))


def test_boundary_positions_are_zero_only_beyond_the_end():
    simple = for_reading(derive.load("lstm").adjoint())
    zeros = [e.out.index for e in simple.equations if e.is_boundary and e.expr == 0]
    assert zeros
    assert all(index == fixed("t", 1, from_end=True) for index in zeros)
