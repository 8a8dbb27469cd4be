"""Scalar SymPy expressions as NumPy text: the one printer of `numeric.lambdify` and of the generated kernels.

Elementwise primitives stay names in SymPy (`Primitive.scalar`: ``tanh``, an opaque ``sigmoid``) and are printed by
their own NumPy template, so what a kernel computes is what the record says.  Sums and products keep the order of
their terms; SymPy's own printers re-sort them.

>>> from derive.expr import ref
>>> Printer().doprint(scalar((1 - ref("f")) * ref("g") / ref("h"), lambda leaf: sympy.Symbol(leaf.name)))
'(1 - f) * g / h'

Read next: `numeric.schedule`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sympy
from sympy.printing.numpy import NumPyPrinter

from derive.expr import Op, is_op
from derive.primitives import TABLE, Primitive

ELEMENTWISE = ("plus", "times", "power")
LARGEST = 10**6  # larger whole numbers are printed as floats: Python's do not fit into every dtype


def is_elementwise(expr: sympy.Basic) -> bool:
    """Whether `expr` is an operation on each entry by itself."""
    return isinstance(expr, Op) and (expr.primitive in ELEMENTWISE or TABLE[expr.primitive].is_elementwise)


def scalar(expr: sympy.Expr, leaf: Callable[[sympy.Expr], sympy.Expr]) -> sympy.Expr:
    """An elementwise expression as a SymPy expression of scalars, in the author's order and without evaluation.

    Args:
        expr: nodes of `derive.expr`.
        leaf: gives the scalar that stands for what is not elementwise.
    """
    if not is_elementwise(expr):
        return expr if expr.is_number else leaf(expr)
    operands = [scalar(operand, leaf) for operand in expr.operands]
    if all(operand.is_number for operand in operands):
        return _folded(expr, operands)
    if is_op(expr, "plus"):
        return sympy.Add(*operands, evaluate=False)
    if is_op(expr, "times"):
        return sympy.Mul(*operands, evaluate=False)
    if is_op(expr, "power"):
        return sympy.Pow(operands[0], expr.static[0], evaluate=False)
    function = TABLE[expr.primitive].scalar
    assert function is not None
    return function(*operands, evaluate=False)


def _folded(expr: Op, operands: list[sympy.Expr]) -> sympy.Expr:
    """The value of a function of numbers; NumPy's would be a float64, to which a float32 array gives way."""
    meaning = TABLE[expr.primitive].meaning
    if is_op(expr, "plus"):
        return sympy.Add(*operands)
    if is_op(expr, "times"):
        return sympy.Mul(*operands)
    value = operands[0] ** expr.static[0] if meaning is None else meaning(*operands)
    return value if value.is_Rational else value.evalf(17)


def number(value: sympy.Expr) -> str:
    """A number as Python text."""
    if value.is_Integer and abs(value) <= LARGEST:
        return str(value)
    return repr(float(value)) if value.is_real else "np.nan"


class Printer(NumPyPrinter):
    """NumPy text for scalar expressions; functions of the primitive table by their templates."""

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        super().__init__({**(settings or {}), "fully_qualified_modules": False})

    def _print(self, expr: Any, **options: Any) -> str:
        record = _record(type(expr)) if isinstance(expr, sympy.Function) else None
        if record is not None:
            return self._fill(record.numpy, [self._print(argument) for argument in expr.args])
        return str(super()._print(expr, **options))

    def _fill(self, template: str, arguments: list[str]) -> str:
        """A template with its arguments, in parentheses where they are not the whole argument of a call."""

        def put(match: re.Match[str]) -> str:
            text = arguments[int(match[1])]
            before, after = template[: match.start()], template[match.end() :]
            alone = before.endswith(("(", ", ")) and after.startswith((")", ","))
            return text if alone or is_atom(text) else f"({text})"

        return re.sub(r"\{(\d)\}", put, template)

    def _print_Add(self, expr: sympy.Add, order: str | None = None) -> str:
        text = ""
        for term in expr.args:
            piece = f"({self._print(term)})" if isinstance(term, sympy.Add) else self._print(term)
            if not text:
                text = piece
            else:
                text += f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
        return text

    def _print_Mul(self, expr: sympy.Mul) -> str:
        factors = list(expr.args)
        sign = "-" if factors[0].is_number and factors[0].is_negative else ""
        if sign:
            factors = [-factors[0], *factors[1:]] if factors[0] != -1 else factors[1:]
        text = ""
        for factor in factors:
            if isinstance(factor, sympy.Pow) and factor.exp.is_negative:
                text = f"{text or '1'} / {self._power(factor.base, -factor.exp)}"
            else:
                text += (" * " if text else "") + self._factor(factor)
        return sign + text

    def _factor(self, factor: sympy.Expr) -> str:
        """A factor; in parentheses if it is a sum, a negative, or a product inside the product."""
        text = self._print(factor)
        loose = isinstance(factor, sympy.Add | sympy.Mul) or text.startswith("-") or " / " in text.partition("(")[0]
        return f"({text})" if loose else text

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:
        if expr.exp.is_negative:
            return f"1 / {self._power(expr.base, -expr.exp)}"
        return self._power(expr.base, expr.exp)

    def _power(self, base: sympy.Expr, exponent: sympy.Rational) -> str:
        """A positive power, closed enough to be a factor or a divisor."""
        text = self._print(base)
        if exponent == 2:
            return f"np.square({text})"
        if exponent == sympy.Rational(1, 2):
            return f"np.sqrt({text})"
        text = text if is_atom(text) else f"({text})"
        return text if exponent == 1 else f"{text}**{number(exponent)}"

    def _print_Integer(self, expr: sympy.Integer) -> str:
        return number(expr)

    def _print_Rational(self, expr: sympy.Rational) -> str:
        return number(expr)

    _print_Half = _print_Float = _print_Rational


def _record(function: type) -> Primitive | None:
    for record in TABLE.values():
        if record.scalar is function:
            return record
    return None


def bare(text: str) -> str:
    """Text without parentheses around the whole of it."""
    while text.startswith("(") and text.endswith(")") and is_atom(text):
        inner, depth = text[1:-1], 0
        for character in inner:
            depth += (character in "([") - (character in ")]")
            if depth < 0 or (character == "," and depth == 0):
                return text
        text = inner
    return text


def is_atom(text: str) -> bool:
    """Whether text can stand anywhere without parentheses: a name, a number, a call, an indexed name."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and not (character.isalnum() or character in "._)]"):
            return False
        if depth == 0 and character in ")" and text[0] == "(" and position + 1 < len(text):
            return False
    return True
