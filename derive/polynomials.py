"""Arithmetic in a ring of polynomials: the proof as an identity between polynomials.

`sympy.polys.rings` holds them as sparse dictionaries.  They grow fast (T = 3: 46 thousand terms for an LSTM, 1.4
million for a GRU that resets after the product), so the work is limited, by counting and not by the clock, to keep
the outcome the same on every machine.

Read next: `derive.rules`.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy.polys.rings import ring

from derive.arithmetic import Field

WORK = 1_000_000  # products of terms


class NotDone(Exception):
    """The proof by polynomials cannot be done; the message says why."""


class Polynomials(Field[Any]):
    """Polynomials in a fixed number of generators, handed out as they are needed.

    Args:
        number: of generators.
        domain: of the coefficients, ``ZZ`` or ``QQ``; integers are several times faster.
        work: how many products of terms are allowed.
    """

    def __init__(self, number: int, domain: Any = sympy.QQ, work: int = WORK) -> None:
        self.ring, *self.free = ring([f"k{i}" for i in range(number)], domain)
        self.free.reverse()
        self.work = work
        self.drawn: dict[tuple[str, Any, Any], Any] = {}

    def fresh(self) -> Any:
        """A generator that was not used before."""
        return self.free.pop()

    def number(self, value: sympy.Rational) -> Any:
        """A constant.

        Raises:
            CoercionFailed: if the domain does not contain it.
        """
        return self.ring(self.ring.domain.from_sympy(value))

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return a + b

    def mul(self, a: Any, b: Any) -> Any:
        """a · b.

        Raises:
            NotDone: if the polynomials have become too large.
        """
        self.work -= len(a) * len(b)
        if self.work < 0:
            raise NotDone("the polynomials are too large")
        return a * b

    def inverse(self, a: Any) -> Any:
        """1 / a for a constant.

        Raises:
            NotDone: for anything else.
        """
        if not a.is_ground:
            raise NotDone("it has divisions")
        return self.number(1 / self.ring.domain.to_sympy(a.coeff(1)))

    def is_negative(self, a: Any) -> bool:
        """The sign of the leading coefficient."""
        return bool(a.LC < 0)

    def draw(self, kind: str, top: Any, bottom: Any) -> Any:
        """A generator for every function of every argument.

        Raises:
            NotDone: if exp and σ of one argument meet; they are not independent.
        """
        other = {"exp": "sigmoid", "sigmoid": "exp"}.get(kind, "")
        if (other, top, bottom) in self.drawn:
            raise NotDone("exp and sigmoid of one argument are not independent")
        if (kind, top, bottom) not in self.drawn:
            self.drawn[kind, top, bottom] = self._at_zero(kind) if top == 0 else self.fresh()
        return self.drawn[kind, top, bottom]

    def _at_zero(self, kind: str) -> Any:
        values = {"tanh": 0, "sin": 0, "sign": 0, "cos": 1, "exp": 1, "sigmoid": sympy.Rational(1, 2)}
        return self.number(sympy.sympify(values[kind])) if kind in values else self.fresh()
