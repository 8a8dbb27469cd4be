"""Expressions printed in the equation language, so that ``parse(print(x)) == x``.

Precedence, from loose to tight: sum, product (elementwise and matrix, never mixed without parentheses), sign,
power, transpose and calls.

Read next: `derive.language`, which reads what is printed here.
"""

from __future__ import annotations

import sympy

from derive.expr import PRINTERS, Fixed, Index, Op, Ref, Step, is_op, neg, step
from derive.primitives import TABLE

SUM, PRODUCT, ATOM = 1, 2, 3


def to_text(expr: sympy.Expr) -> str:
    """The expression as text of the equation language."""
    return _text(expr, 0)


def index_text(index: Index | None) -> str:
    """``[t-1]``, ``[0]``, ``[T+1]``, or nothing."""
    if index is None:
        return ""
    if isinstance(index, Step):
        base, offset = index.axis, index.shift
    elif isinstance(index, Fixed) and index.from_end:
        base, offset = index.axis.upper(), index.offset
    else:
        return f"[{index.offset}]"
    return f"[{base}{offset:+d}]" if offset else f"[{base}]"


def number_text(value: sympy.Expr) -> str:
    """A number, as a decimal where it is finite."""
    if value.is_Integer:
        return str(value)
    for digits in range(1, 16):
        if (value * 10**digits).is_Integer:
            sign, whole = "-" if value < 0 else "", int(abs(value) * 10**digits)
            return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d}"
    return f"{value.p}/{value.q}"


def _text(expr: sympy.Expr, tight: int) -> str:
    if isinstance(expr, Ref):
        return expr.name + index_text(expr.index)
    if not isinstance(expr, Op):
        text = number_text(expr)
        return f"({text})" if tight >= (PRODUCT if "/" in text else ATOM) and ("/" in text or text[0] == "-") else text
    if expr.primitive == "plus":
        return _wrap(_sum(expr), SUM, tight)
    if expr.primitive == "times" or (expr.primitive == "power" and expr.static[0].is_negative):
        return _wrap(_product(expr), PRODUCT, tight)
    if expr.primitive == "matmul":
        return _wrap(" @ ".join(_text(factor, ATOM) for factor in expr.operands), PRODUCT, tight)
    if expr.primitive == "power":
        return _wrap(f"{_text(expr.operands[0], ATOM)}**{_exponent(expr.static[0])}", PRODUCT, tight)
    if expr.primitive == "transpose":
        return _text(expr.operands[0], ATOM) + ".T"
    if expr.primitive == "concat":
        return "[" + ", ".join(_text(part, 0) for part in expr.operands) + "]"
    return _call(expr)


def _wrap(text: str, level: int, tight: int) -> str:
    return f"({text})" if tight >= level else text


def _sum(expr: Op) -> str:
    text = _text(expr.operands[0], 0)
    for term in expr.operands[1:]:
        if is_negative(term):
            text += " - " + _text(neg(term), SUM)
        else:
            text += " + " + _text(term, SUM)
    return text


def is_negative(term: sympy.Expr) -> bool:
    """Whether a summand is printed with a minus sign."""
    lead = term.operands[0] if is_op(term, "times") else term
    return bool(lead.is_number and lead.is_negative)


def _product(expr: Op) -> str:
    factors = list(expr.operands) if expr.primitive == "times" else [expr]
    text = ""
    if factors[0] == -1:
        factors = factors[1:]
        text = "-"
        if is_op(factors[0], "power") and factors[0].static[0].is_negative:
            text = "-1"
    for position, factor in enumerate(factors):
        if is_op(factor, "power") and factor.static[0].is_negative:
            base, exponent = factor.operands[0], -factor.static[0]
            divisor = _text(base, ATOM) if exponent == 1 else f"{_text(base, ATOM)}**{_exponent(exponent)}"
            text += ("1" if not text else "") + " / " + divisor
        else:
            inner = _text(factor, PRODUCT if not is_op(factor, "power") else SUM)
            text += (" * " if position else "") + inner
    return text


def _exponent(exponent: sympy.Expr) -> str:
    text = number_text(exponent)
    return f"({text})" if "/" in text or text[0] == "-" else text


def _call(expr: Op) -> str:
    record = TABLE[expr.primitive]
    if expr.primitive == "stack" and isinstance(expr.operands[0], Ref):
        operand = expr.operands[0]
        if operand.index == step(str(expr.static[0])):
            return f"{operand.name}[:]"
    arguments = [_text(operand, 0) for operand in expr.operands]
    name = expr.primitive
    for kind, value in zip(record.static, expr.static, strict=False):
        if kind == "axis":
            name = f"{name}[{value}]"
        elif kind == "slice":
            arguments.append(f"{value.args[0]}:{value.args[1]}")
        elif kind == "position":
            name = f"{name}[{value.axis}]"
            arguments.append(index_text(value)[1:-1])
        else:
            arguments.append(str(value))
    return f"{name}({', '.join(arguments)})"


PRINTERS["text"] = to_text
