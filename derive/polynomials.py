"""Arithmetic in a ring of polynomials: the proof as an identity between polynomials.

A monomial is one integer, 16 bits for the exponent of each generator, so that monomials are multiplied by one addition
(Kronecker 1882's substitution): several times faster here than tuples of exponents, as `sympy.polys.rings` has them.
Coefficients are integers over one common denominator.

Polynomials grow fast (T = 3: 46 thousand terms for an LSTM, 1.4 million for a GRU that resets after the product), so
the work is limited, by counting and not by the clock, to keep the outcome the same on every machine.

Read next: `derive.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, lcm

import sympy

from derive.arithmetic import Field

WORK = 1_000_000  # products of terms
BITS = 16  # of an exponent
HALF = sympy.Rational(1, 2)
AT_ZERO = {"tanh": 0, "sin": 0, "sign": 0, "cos": 1, "exp": 1, "sigmoid": HALF}


class NotDone(Exception):
    """The proof by polynomials cannot be done; the message says why."""


class Polynomial:
    """A polynomial, in lowest terms, so that equal ones have equal parts; nobody changes it.

    Attributes:
        terms: integers, none of them zero, by monomial.
        below: the common denominator, positive.
        degree: a bound of its total degree, and so of every exponent.
    """

    __slots__ = ("_hash", "below", "degree", "terms")

    def __init__(self, terms: Mapping[int, int], below: int, degree: int) -> None:
        shared = gcd(below, *terms.values()) if below != 1 else 1
        self.terms = terms if shared == 1 else {monomial: c // shared for monomial, c in terms.items()}
        self.below, self.degree = below // shared, degree
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.below == other.below and self.terms == other.terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.below, frozenset(self.terms.items())))
        return self._hash


class Polynomials(Field[Polynomial]):
    """Polynomials in as many generators as are asked for.

    Args:
        work: how many products of terms are allowed.
    """

    def __init__(self, work: int = WORK) -> None:
        self.work, self.generators = work, 0
        self.drawn: dict[tuple[str, Polynomial, Polynomial], Polynomial] = {}

    def fresh(self) -> Polynomial:
        """A generator that was not used before."""
        self.generators += 1
        return Polynomial({1 << BITS * (self.generators - 1): 1}, 1, 1)

    def number(self, value: sympy.Rational) -> Polynomial:
        """A constant."""
        return Polynomial({0: int(value.p)} if value.p else {}, int(value.q), 0)

    def add(self, a: Polynomial, b: Polynomial) -> Polynomial:
        """a + b."""
        if len(a.terms) < len(b.terms):
            a, b = b, a
        below = lcm(a.below, b.below)
        left, right = below // a.below, below // b.below
        total = dict(a.terms) if left == 1 else {monomial: left * c for monomial, c in a.terms.items()}
        for monomial, c in b.terms.items():
            found = total.get(monomial, 0) + right * c
            if found:
                total[monomial] = found
            else:
                del total[monomial]
        return Polynomial(total, below, max(a.degree, b.degree))

    def mul(self, a: Polynomial, b: Polynomial) -> Polynomial:
        """a · b.

        Raises:
            NotDone: if the polynomials have become too large.
        """
        self.work -= len(a.terms) * len(b.terms)
        degree = a.degree + b.degree
        if self.work < 0 or degree >= 1 << BITS:
            raise NotDone("the polynomials are too large")
        few, many = (a.terms, b.terms) if len(a.terms) < len(b.terms) else (b.terms, a.terms)
        total: dict[int, int] = {}
        for monomial, c in few.items():
            for other, d in many.items():
                key = monomial + other
                total[key] = total.get(key, 0) + c * d
        terms = {monomial: c for monomial, c in total.items() if c} if len(few) > 1 else total
        return Polynomial(terms, a.below * b.below, degree)

    def inverse(self, a: Polynomial) -> Polynomial:
        """1 / a for a constant.

        Raises:
            NotDone: for anything else.
        """
        if a.terms.keys() != {0}:
            raise NotDone("it has divisions")
        return self.number(sympy.Rational(a.below, a.terms[0]))

    def is_negative(self, a: Polynomial) -> bool:
        """The sign of the coefficient of the largest monomial."""
        return bool(a.terms) and a.terms[max(a.terms)] < 0

    def draw(self, kind: str, top: Polynomial, bottom: Polynomial) -> Polynomial:
        """A generator for every function of every argument.

        Raises:
            NotDone: if exp and σ of one argument meet; they are not independent.
        """
        other = {"exp": "sigmoid", "sigmoid": "exp"}.get(kind, "")
        if (other, top, bottom) in self.drawn:
            raise NotDone("exp and sigmoid of one argument are not independent")
        if (kind, top, bottom) not in self.drawn:
            constant = kind in AT_ZERO and not top.terms
            value = self.number(sympy.sympify(AT_ZERO[kind])) if constant else self.fresh()
            self.drawn[kind, top, bottom] = value
        return self.drawn[kind, top, bottom]
