"""The adjoint and the tangent as texts: what a reader sees, and what they promise."""

from __future__ import annotations

import pytest

import derive
from tests.texts import RNN


def backward(system: derive.System, **arguments: object) -> list[str]:
    forward = {equation.out for equation in system.equations}
    adjoint = system.adjoint(**arguments)  # type: ignore[arg-type]
    return [str(e) for e in adjoint.equations if e.out not in forward and not e.name.startswith(("z_", "v_"))]


def test_the_rnn_reads_as_in_a_textbook() -> None:
    assert backward(derive.parse(RNN)) == [
        "dh[t] = up_h[t] + g_h[t+1]",
        "dh[0] = g_h[1]",
        "g_h[t] = W.T @ dz_h[t]",
        "g_h[T+1] = 0",
        "dz_h[t] = dh[t] * (1 - h[t]**2)",
        "dx[t] = U.T @ dz_h[t]",
        "dW = sum[t](dz_h[t] @ h[t-1].T)",
        "dU = sum[t](dz_h[t] @ x[t].T)",
        "db = sum[t](dz_h[t])",
    ]


def test_a_sequence_that_runs_backward_has_its_gradient_run_forward() -> None:
    lines = backward(derive.parse("q[t] = tanh(W @ q[t+1] + U @ x[t])"))
    assert lines[:4] == ["dq[t] = up_q[t] + g_q[t-1]", "dq[T+1] = g_q[T]", "g_q[t] = W.T @ dz_q[t]", "g_q[0] = 0"]


def test_two_lags_have_two_contributions_and_two_initial_gradients() -> None:
    lines = backward(derive.parse("h[t] = A @ h[t-2] + B @ h[t-1] + x[t]"))
    assert lines[:3] == [
        "dh[t] = up_h[t] + g_h[t+2] + g_h_2[t+1]",
        "dh[-1] = g_h[1]",
        "dh[0] = g_h[2] + g_h_2[1]",
    ]


def test_an_initial_value_with_an_equation_passes_its_gradient_on() -> None:
    lines = backward(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])\nh[0] = V @ s\ninput s : S\n"))
    assert "ds = V.T @ dh[0]" in lines
    assert "dV = dh[0] @ s.T" in lines


def test_a_read_of_the_last_step_is_placed_there() -> None:
    assert "dh[t] = g_h[t+1] + place[t](Q.T @ dy, T)" in backward(derive.parse(RNN + "\ny = Q @ h[T]"))


def test_a_read_before_the_last_step_is_a_shifted_read_of_the_last() -> None:
    lines = backward(derive.parse(RNN + "\ny = Q @ h[T-1]"))
    assert lines[1:3] == ["dh[t] = g_h[t+1]", "dh[0] = g_h[1]"]
    assert "g_h[t] = W.T @ dz_h[t] + place[t](Q.T @ dy, T)" in lines


def test_cotangents_of_final_values_are_inputs() -> None:
    adjoint = derive.parse(RNN).adjoint(final=("h",))
    assert str(adjoint.equation("dh")) == "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)"
    assert adjoint.variables["end_h"].role == "input"
    assert adjoint.variables["end_h"].axis is None


def test_only_what_is_wanted_is_derived() -> None:
    adjoint = derive.parse(RNN).adjoint(wrt=("b",))
    assert "db" in adjoint.variables
    assert not {"dW", "dU", "dx"} & set(adjoint.variables)


def test_behind_a_stop_gradients_are_zero_and_constants_have_none() -> None:
    adjoint = derive.parse("const A : H, H\nh[t] = tanh(A @ h[t-1] + stop(U @ x[t]) + b)").adjoint()
    assert "dA" not in adjoint.variables
    assert str(adjoint.equation("dU")) == "dU = broadcast_to(0, H, D)"
    assert str(adjoint.equation("dx")) == "dx[t] = broadcast_to(0, D, 1)"


def test_a_parameter_gradient_is_shared_by_all_examples_an_input_gradient_is_not() -> None:
    adjoint = derive.parse(RNN).adjoint()
    assert {"dx", "dh", "h"} <= adjoint.batched
    assert not {"dW", "db", "W"} & adjoint.batched
    again = adjoint.adjoint(outputs=("dW",))
    assert again.variables["up_dW"].role == "parameter"
    assert "ddW" not in again.batched


def test_a_declared_single_row_keeps_its_shape() -> None:
    adjoint = derive.parse("b : 1\nx[t] : scalar\ny[t] = b * x[t]").adjoint()
    assert adjoint.shapes["db"] == adjoint.shapes["b"] == (1,)
    assert derive.parse(str(adjoint)) == adjoint


def test_names_of_the_user_are_never_taken() -> None:
    system = derive.parse("p[t] = tanh(d_p * p[t-1] + dp[t] + z_p)")
    adjoint = system.adjoint()
    assert {"d_p", "dp", "z_p"} <= set(system.variables)
    cotangent = adjoint.find("cotangent", "p")
    assert cotangent is not None
    assert cotangent.name not in system.variables
    assert derive.parse(str(adjoint)) == adjoint


def test_what_does_not_exist_or_does_not_depend_is_refused() -> None:
    system = derive.parse(RNN + "\ny[t] = x[t]")
    with pytest.raises(ValueError, match="q is no quantity"):
        system.adjoint(outputs=("q",))
    with pytest.raises(ValueError, match="y does not depend on W"):
        system.adjoint(outputs=("y",), wrt=("W",))
    with pytest.raises(ValueError, match="q is no quantity"):
        system.tangent(wrt=("q",))


def test_the_tangent_reads_line_by_line() -> None:
    tangent = derive.parse("h[t] = a * h[t-1] + x[t]\nh[0] = 0").tangent()
    assert [str(e) for e in tangent.equations if "_dot" in e.name] == [
        "h_dot[t] = a_dot * h[t-1] + a * h_dot[t-1] + x_dot[t]",
        "h_dot[0] = 0",
    ]
