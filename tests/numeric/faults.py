"""Faults to plant: wrong derivatives that people really write.

A `RuleFault` or `SlopeFault` is a wrong rule and makes a wrong adjoint of everything; an `EquationFault` is one
wrong equation in an adjoint that is right otherwise, as a backward pass written by hand has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

import derive
from derive import System
from derive.expr import Op, apply, neg, times
from derive.primitives import TABLE

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
SWAPPED = derive.parse("x[t] : H\nW : H, 2*H\nh[t] = tanh(W @ [h[t-1], x[t]])")
SYSTEMS = (RNN, LSTM, SQUARE, GATED, ATTENTION, READER, BROADCAST, SLICED, SWAPPED)


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


RIGHT = {name: record.vjp for name, record in TABLE.items()}  # the rules before any fault is planted


def _right(name: str, *arguments: Any) -> Any:
    rule = RIGHT[name]
    assert rule is not None
    return rule(*arguments)


def _product_without_transpose(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> sympy.Expr:
    return apply("matmul", call.operands[0], ybar) if i == 1 else _right("matmul", call, y, ybar, i, shape_of)


def _outer_product_transposed(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> sympy.Expr:
    return apply("matmul", call.operands[1], ybar.T) if i == 0 else _right("matmul", call, y, ybar, i, shape_of)


def _parts_exchanged(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> sympy.Expr:
    first = shape_of(call.operands[0])[0]
    last = sum(shape_of(part)[0] for part in call.operands)
    wrong = [(last - first, last), (0, last - first)][i]
    return apply("rows", ybar, static=(sympy.Tuple(*wrong),))


def _rows_at_the_top(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> sympy.Expr:
    return apply("embed", ybar, static=(sympy.Tuple(0, shape_of(call)[0]), shape_of(call.operands[0])[0]))


def scaled(name: str, factor: sympy.Expr) -> Vjp:
    """The right rule times a number."""

    def rule(call: Op, y: sympy.Expr, ybar: sympy.Expr, i: int, shape_of: Any) -> Any:
        right = _right(name, call, y, ybar, i, shape_of)
        return None if right is None else times(factor, right)

    return rule


RULE_FAULTS = (
    RuleFault("product: missing transpose", "matmul", SQUARE, _product_without_transpose),
    RuleFault("product: gradient of the matrix transposed", "matmul", SQUARE, _outer_product_transposed),
    RuleFault("product: other factors forgotten", "times", GATED, lambda call, y, ybar, i, shape_of: ybar),
    RuleFault("product: wrong gate", "times", GATED, lambda call, y, ybar, i, of: times(ybar, call.operands[i])),
    RuleFault("sum: wrong sign", "plus", RNN, lambda call, y, ybar, i, shape_of: neg(ybar) if i == 1 else ybar),
    RuleFault("power: exponent not taken down", "power", READER, scaled("power", sympy.Rational(1, 3))),
    RuleFault("softmax: diagonal only", "softmax", ATTENTION, lambda call, y, ybar, i, of: times(y, 1 - y, ybar)),
    RuleFault("logsumexp: not normalised", "logsumexp", READER, lambda call, y, ybar, i, of: ybar * call.operands[0]),
    RuleFault("concatenation: parts exchanged", "concat", SWAPPED, _parts_exchanged),
    RuleFault("rows: put back at the wrong place", "rows", SLICED, _rows_at_the_top),
    RuleFault("gather: wrong sign", "take", READER, scaled("take", sympy.Integer(-1))),
    RuleFault("stack: doubled", "stack", ATTENTION, scaled("stack", sympy.Integer(2))),
    RuleFault("sum over time: a part of it", "sum", READER, scaled("sum", sympy.Rational(1, 2))),
)


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


@dataclass(frozen=True)
class EquationFault:
    """A wrong equation in an adjoint (of an adjoint that is right otherwise)."""

    title: str
    system: System
    old: str
    new: str | None

    def __str__(self) -> str:
        return self.title


STATE = "dh[t] = up_h[t] + g_h[t+1] + place[t](end_h, T)"
CELL = "dc[t] = dh[t] * o[t] * (1 - tanh(c[t])**2) + g_c[t+1] + place[t](end_c, T)"
WEIGHT, INPUT, BIAS = "dW = sum[t](dz_h[t] @ h[t-1].T)", "dU = sum[t](dz_h[t] @ x[t].T)", "db = sum[t](dz_h[t])"
ALL_ROWS = "db = sum[t](reduce_to(dz_h[t], 1, 1))"

EQUATION_FAULTS = (
    EquationFault("recurrence dropped", RNN, STATE, STATE.replace(" + g_h[t+1]", "")),
    EquationFault("term duplicated", RNN, STATE, STATE.replace("g_h[t+1]", "g_h[t+1] + g_h[t+1]")),
    EquationFault("upstream gradient forgotten", RNN, STATE, STATE.replace("up_h", "0 * up_h")),
    EquationFault("gradient of the last state forgotten", RNN, STATE, STATE.replace("place", "0 * place")),
    EquationFault("gradient of the last state at the first step", RNN, STATE, STATE.replace("T)", "1)")),
    EquationFault("shifted by one step too many", RNN, STATE, STATE.replace("t+1", "t+2")),
    EquationFault("boundary is not zero", RNN, "g_h[T+1] = 0", "g_h[T+1] = 1"),
    EquationFault("gradient of the initial state forgotten", RNN, "dh[0] = g_h[1]", "dh[0] = 0"),
    EquationFault("initial state: not passed through W", RNN, "dh[0] = g_h[1]", "dh[0] = dh[1]"),
    EquationFault("weights: last step only", RNN, WEIGHT, "dW = dz_h[T] @ h[T-1].T"),
    EquationFault("weights: state of the wrong step", RNN, WEIGHT, WEIGHT.replace("t-1", "t")),
    EquationFault("weights: after the nonlinearity", RNN, INPUT, INPUT.replace("dz_h", "dh")),
    EquationFault("bias: wrong sign", RNN, BIAS, BIAS.replace("= ", "= -")),
    EquationFault("broadcast: not summed over the rows", BROADCAST, ALL_ROWS, "db = sum[t](rows(dz_h[t], 0:1))"),
    EquationFault("gate: c[t] for c[t-1]", LSTM, "df[t] = dc[t] * c[t-1]", "df[t] = dc[t] * c[t]"),
    EquationFault("gate: i for f", LSTM, "g_c[t] = dc[t] * f[t]", "g_c[t] = dc[t] * i[t]"),
    EquationFault("cell: recurrence dropped", LSTM, CELL, CELL.replace(" + g_c[t+1]", "")),
)
