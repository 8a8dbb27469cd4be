"""Forward-mode arithmetic over any field: what the exact proof computes with.

A `Field` says how to add, multiply and invert, and gives a value to every function value that it meets: the same
value for the same argument, else an independent one.  `Duals` puts tangents on top: sums, products and powers by the
product rule, functions by the derivative of their meaning (`derive.generators`).  No rule of `derive.adjoint` is used.

Read next: `derive.primefield` and `derive.polynomials`, the two fields, then `derive.proof`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import sympy

from derive.generators import Form, form
from derive.unroll import Line

S = TypeVar("S")
Terms = tuple[tuple[tuple[int, ...], sympy.Rational], ...]


class Field(ABC, Generic[S]):
    """Numbers of some kind, and independent values for functions of them."""

    @abstractmethod
    def number(self, value: sympy.Rational) -> S:
        """A rational number."""

    @abstractmethod
    def add(self, a: S, b: S) -> S:
        """a + b."""

    @abstractmethod
    def mul(self, a: S, b: S) -> S:
        """a · b."""

    @abstractmethod
    def inverse(self, a: S) -> S:
        """1 / a."""

    @abstractmethod
    def draw(self, kind: str, top: S, bottom: S) -> S:
        """The generator `kind` of the argument top / bottom; the same for the same argument."""

    @abstractmethod
    def is_negative(self, a: S) -> bool:
        """True for exactly one of a and −a (for none if a = 0)."""

    def neg(self, a: S) -> S:
        """−a."""
        return self.mul(self.number(sympy.Integer(-1)), a)

    def generator(self, kind: str, top: S, bottom: S) -> S:
        """The generator, with tanh(−x) = −tanh(x), σ(−x) = 1 − σ(x), exp(−x) = 1/exp(x) and the like."""
        if kind not in ("tanh", "sin", "sign", "cos", "sigmoid", "exp") or not self.is_negative(top):
            return self.draw(kind, top, bottom)
        value = self.draw(kind, self.neg(top), bottom)
        if kind == "cos":
            return value
        if kind == "exp":
            return self.inverse(value)
        return self.neg(value) if kind != "sigmoid" else self.add(self.number(sympy.Integer(1)), self.neg(value))


@dataclass(frozen=True)
class Dual(Generic[S]):
    """A value with its tangents, by direction; a direction that is absent is zero."""

    value: S
    moved: Mapping[Any, S]


class Duals(Generic[S]):
    """Arithmetic of values with tangents."""

    def __init__(self, field: Field[S]) -> None:
        self.field = field
        self.zero = field.number(sympy.Integer(0))
        self.one = field.number(sympy.Integer(1))

    def run(self, lines: Iterable[Line], known: dict[sympy.Expr, Dual[S]]) -> None:
        """Evaluate assignments in order, entering every symbol into `known`."""
        for line in lines:
            known[line.symbol] = self.evaluate(line.expr, known)

    def evaluate(self, expr: sympy.Expr, known: Mapping[sympy.Expr, Dual[S]]) -> Dual[S]:
        """One scalar expression.

        Raises:
            TypeError: for a function that is no primitive.
        """
        if expr.is_Symbol:
            return known[expr]
        if expr.is_Rational:
            return Dual(self.field.number(expr), {})
        operands = [self.evaluate(arg, known) for arg in expr.args]
        if expr.is_Add:
            return self.add(operands)
        if expr.is_Mul:
            return self.mul(operands)
        if expr.is_Pow and expr.exp.is_Rational:
            base = operands[0]
            return self.power(base if expr.exp.is_Integer else self._root(base, expr.exp.q), expr.exp.p)
        name = expr.func.__name__.rstrip("_").lower()
        return Dual(operands[0].value, {}) if name == "stop" else self.function(form(name), operands)

    def add(self, terms: Sequence[Dual[S]]) -> Dual[S]:
        """Sum."""
        value, moved = terms[0].value, dict(terms[0].moved)
        for term in terms[1:]:
            value = self.field.add(value, term.value)
            for direction, tangent in term.moved.items():
                moved[direction] = self.field.add(moved[direction], tangent) if direction in moved else tangent
        return Dual(value, moved)

    def mul(self, factors: Sequence[Dual[S]]) -> Dual[S]:
        """Product."""
        result = factors[0]
        for factor in factors[1:]:
            left = self._scaled(result.moved, factor.value)
            right = self._scaled(factor.moved, result.value)
            result = self._with(self.field.mul(result.value, factor.value), (left, right))
        return result

    def power(self, base: Dual[S], exponent: int) -> Dual[S]:
        """Integer power."""
        if exponent < 0:
            inverse = self.field.inverse(base.value)
            square = self.field.neg(self.field.mul(inverse, inverse))
            return self.power(Dual(inverse, self._scaled(base.moved, square)), -exponent)
        below = self.one
        for _ in range(exponent - 1):
            below = self.field.mul(below, base.value)
        slope = self.field.mul(self.field.number(sympy.Integer(exponent)), below)
        return Dual(self.field.mul(below, base.value), self._scaled(base.moved, slope))

    def function(self, shape: Form, operands: Sequence[Dual[S]]) -> Dual[S]:
        """A primitive: its value and derivatives are rational in the operands and in generators."""
        values = [operand.value for operand in operands]
        for generator in shape.generators:
            gens = shape.value[0].gens[: len(values)]
            top, bottom = (self._polynomial(terms, values) for terms in _fraction_terms(generator.argument, gens))
            values.append(self.field.generator(generator.kind, top, bottom))
        moves = [
            self._scaled(operand.moved, self._fraction(slope, values))
            for operand, slope in zip(operands, shape.slopes, strict=True)
            if operand.moved and not slope[0].is_zero
        ]
        return self._with(self._fraction(shape.value, values), moves)

    def _root(self, base: Dual[S], q: int) -> Dual[S]:
        root = self.field.generator(f"root {q}", base.value, self.one)
        slope = self.field.inverse(self._polynomial((((q - 1,), sympy.Integer(q)),), [root]))
        return Dual(root, self._scaled(base.moved, slope))

    def _scaled(self, moved: Mapping[Any, S], factor: S) -> dict[Any, S]:
        return {direction: self.field.mul(tangent, factor) for direction, tangent in moved.items()}

    def _with(self, value: S, moves: Iterable[Mapping[Any, S]]) -> Dual[S]:
        parts = [Dual(self.zero, moved) for moved in moves if moved]
        return Dual(value, self.add(parts).moved) if parts else Dual(value, {})

    def _fraction(self, fraction: tuple[sympy.Poly, sympy.Poly], values: Sequence[S]) -> S:
        top, bottom = fraction
        value = self._polynomial(_terms(top), values)
        if bottom.is_one:
            return value
        return self.field.mul(value, self.field.inverse(self._polynomial(_terms(bottom), values)))

    def _polynomial(self, terms: Terms, values: Sequence[S]) -> S:
        total = self.zero
        for exponents, coefficient in terms:
            term = self.field.number(coefficient)
            for value, exponent in zip(values, exponents, strict=False):
                for _ in range(exponent):
                    term = self.field.mul(term, value)
            total = self.field.add(total, term)
        return total


@cache
def _terms(polynomial: sympy.Poly) -> Terms:
    return tuple(polynomial.terms())


@cache
def _fraction_terms(argument: sympy.Expr, gens: tuple[sympy.Symbol, ...]) -> tuple[Terms, Terms]:
    top, bottom = sympy.fraction(sympy.together(argument))
    return _terms(sympy.Poly(top, *gens)), _terms(sympy.Poly(bottom, *gens))
