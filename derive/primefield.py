"""Arithmetic modulo the prime 2⁶¹ − 1, and the degrees that bound its error.

A wrong polynomial identity of degree d holds at a random point modulo p with probability at most d/p
(Schwartz 1980, "Fast probabilistic algorithms for verification of polynomial identities"; Zippel 1979).  `Degrees`
computes such a d by running the same lines on degrees.

Read next: `derive.polynomials`.
"""

from __future__ import annotations

import random

import sympy

from derive.arithmetic import Field

P = 2**61 - 1


class Residues(Field[int]):
    """Numbers modulo P; every function value is drawn at random and remembered."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.drawn: dict[tuple[str, int], int] = {}

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
        if kind == "exp":
            s = self.draw("sigmoid", top, bottom)
            return self.mul(s, self.inverse(1 - s))
        argument = top * self.inverse(bottom) % P
        if argument == 0 and kind in ("tanh", "sin", "sign", "cos", "sigmoid"):
            at_zero = {"cos": sympy.Integer(1), "sigmoid": sympy.Rational(1, 2)}
            return self.number(at_zero.get(kind, sympy.Integer(0)))
        if (kind, argument) not in self.drawn:
            self.drawn[kind, argument] = self.random()
        return self.drawn[kind, argument]


class Degrees(Field[tuple[int, int]]):
    """Bounds (degree of the numerator, degree of the denominator) of rational functions of generators."""

    def number(self, value: sympy.Rational) -> tuple[int, int]:
        """A constant."""
        return 0, 0

    def add(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        """A sum, over the product of the denominators."""
        return max(a[0] + b[1], b[0] + a[1]), a[1] + b[1]

    def mul(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        """A product."""
        return a[0] + b[0], a[1] + b[1]

    def inverse(self, a: tuple[int, int]) -> tuple[int, int]:
        """The inverse."""
        return a[1], a[0]

    def is_negative(self, a: tuple[int, int]) -> bool:
        """Signs do not matter for degrees."""
        return False

    def draw(self, kind: str, top: tuple[int, int], bottom: tuple[int, int]) -> tuple[int, int]:
        """A generator has degree 1; exp(x) = S/(1 − S)."""
        return (1, 1) if kind == "exp" else (1, 0)
