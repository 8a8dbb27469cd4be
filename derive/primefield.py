"""Arithmetic modulo the prime 2⁶¹ − 1, and the degrees that bound its error.

A wrong polynomial identity of degree d holds at a random point modulo p with probability at most d/p
(Schwartz 1980, "Fast probabilistic algorithms for verification of polynomial identities"; Zippel 1979).  `Degrees`
computes such a d by running the same lines on degrees.

Read next: `derive.polynomials`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from derive.arithmetic import Field

P = 2**61 - 1


class Residues(Field[int]):
    """Numbers modulo P; every function value is drawn at random and remembered."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.drawn: dict[tuple[str, int], int] = {}
        self.asked: dict[int, set[str]] = {}

    def random(self) -> int:
        """A random number that is not zero."""
        return self.source.randrange(1, P)

    def number(self, value: sympy.Rational) -> int:
        """A rational number modulo P."""
        return int(value.p) * pow(int(value.q), -1, P) % P if value.q != 1 else int(value.p) % P

    def add(self, a: int, b: int) -> int:
        """a + b."""
        return (a + b) % P

    def mul(self, a: int, b: int) -> int:
        """a · b."""
        return a * b % P

    def inverse(self, a: int) -> int:
        """1 / a.

        Raises:
            ZeroDivisionError: if a is zero.
        """
        if a == 0:
            raise ZeroDivisionError("division by zero modulo P")
        return pow(a, -1, P)

    def is_negative(self, a: int) -> bool:
        """Whether a lies in the upper half."""
        return a > P // 2

    def draw(self, kind: str, top: int, bottom: int) -> int:
        """The value of a generator; exp(x) = S/(1 − S) with S = 1/(1 + exp(−x))."""
        argument = top * self.inverse(bottom) % P
        self.asked.setdefault(argument, set()).add(kind)
        if kind == "exp":
            s = self._known("sigmoid", argument)
            return self.mul(s, self.inverse(1 - s))
        return self._known(kind, argument)

    @property
    def mixed(self) -> bool:
        """Whether exp and σ of one argument were drawn."""
        return any({"exp", "sigmoid"} <= kinds for kinds in self.asked.values())

    def _known(self, kind: str, argument: int) -> int:
        if argument == 0 and kind in ("tanh", "sin", "sign", "cos", "sigmoid"):
            at_zero = {"cos": sympy.Integer(1), "sigmoid": sympy.Rational(1, 2)}
            return self.number(at_zero.get(kind, sympy.Integer(0)))
        if (kind, argument) not in self.drawn:
            self.drawn[kind, argument] = self.random()
        return self.drawn[kind, argument]


@dataclass(frozen=True)
class Fraction:
    """A rational function at a random point, with degrees.

    Attributes:
        top: the numerator modulo P.
        degree: a bound of its degree.
        bottom: the factors of the denominator, modulo P, with (degree, exponent) of each.
    """

    top: int
    degree: int
    bottom: Mapping[int, tuple[int, int]]

    @property
    def below(self) -> int:
        """The degree of the denominator."""
        return sum(degree * exponent for degree, exponent in self.bottom.values())


class Degrees(Field[Fraction]):
    """Bounds for the degrees of rational functions, over common denominators.

    Denominators are recognised by their value at the random point: without that, every sum of two softmax terms
    would double the degree and the bound would say nothing.

    Args:
        source: of the random point.
        mixed: whether exp and σ of one argument occur; else exp(x) counts as a generator itself.
    """

    def __init__(self, source: random.Random, mixed: bool) -> None:
        self.residues, self.mixed = Residues(source), mixed

    def unknown(self) -> Fraction:
        """An independent leaf."""
        return Fraction(self.residues.random(), 1, {})

    def number(self, value: sympy.Rational) -> Fraction:
        """A constant."""
        return Fraction(self.residues.number(value), 0, {})

    def add(self, a: Fraction, b: Fraction) -> Fraction:
        """A sum, over the least common denominator."""
        if not a.bottom and not b.bottom:
            return Fraction((a.top + b.top) % P, max(a.degree, b.degree), {})
        common = {**a.bottom, **b.bottom}
        for factor in a.bottom.keys() & b.bottom.keys():
            degree, exponent = a.bottom[factor]
            common[factor] = degree, max(exponent, b.bottom[factor][1])
        left, right = self._over(a, common), self._over(b, common)
        return Fraction((left[0] + right[0]) % P, max(left[1], right[1]), common)

    def _over(self, a: Fraction, common: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
        top, degree = a.top, a.degree
        for factor, (size, exponent) in common.items():
            missing = exponent - a.bottom.get(factor, (size, 0))[1]
            top, degree = top * pow(factor, missing, P) % P, degree + size * missing
        return top, degree

    def mul(self, a: Fraction, b: Fraction) -> Fraction:
        """A product."""
        bottom = dict(a.bottom)
        for factor, (degree, exponent) in b.bottom.items():
            bottom[factor] = degree, exponent + bottom.get(factor, (degree, 0))[1]
        return Fraction(a.top * b.top % P, a.degree + b.degree, bottom)

    def inverse(self, a: Fraction) -> Fraction:
        """The inverse: the denominator becomes the numerator."""
        top = 1
        for factor, (_, exponent) in a.bottom.items():
            top = top * pow(factor, exponent, P) % P
        if a.degree == 0:
            return Fraction(top * self.residues.inverse(a.top) % P, a.below, {})
        return Fraction(top, a.below, {a.top: (a.degree, 1)})

    def is_negative(self, a: Fraction) -> bool:
        """As for residues."""
        return self.residues.is_negative(self._value(a))

    def draw(self, kind: str, top: Fraction, bottom: Fraction) -> Fraction:
        """A generator has degree 1; exp(x) = S/(1 − S) where σ(x) occurs too."""
        argument = self._value(self.mul(top, self.inverse(bottom)))
        if kind == "exp" and self.mixed:
            s = self.draw("sigmoid", top, bottom)
            return self.mul(s, self.inverse(self.add(self.number(sympy.Integer(1)), self.neg(s))))
        return Fraction(self.residues.draw(kind, argument, 1), 1, {})

    def _value(self, a: Fraction) -> int:
        value = a.top
        for factor, (_, exponent) in a.bottom.items():
            value = value * pow(factor, -exponent, P) % P
        return value
