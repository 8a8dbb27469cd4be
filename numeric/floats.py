"""Floating-point numbers as a field, so that what `derive` computes exactly can be looked at as numbers too.

`derive.chain` multiplies direct Jacobians over any field: modulo 2⁶¹ − 1 to compare, over floats to see how much each
word of a sentence contributes.

Read next: `numeric.stability`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import sympy

from derive.arithmetic import Field
from derive.terms import Point

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "sigmoid": lambda x: 1.0 / (1.0 + math.exp(-x)) if x >= 0 else 1.0 - 1.0 / (1.0 + math.exp(x)),
    "tanh": math.tanh,
    "sin": math.sin,
    "cos": math.cos,
    "log": math.log,
    "sign": lambda x: float((x > 0) - (x < 0)),
}  # of `derive.generators.Generator`, besides roots


class Floats(Field[float]):
    """Double precision; functions have their values."""

    def number(self, value: sympy.Rational) -> float:
        """A rational number, rounded."""
        return float(value)

    def add(self, a: float, b: float) -> float:
        """a + b."""
        return a + b

    def mul(self, a: float, b: float) -> float:
        """a · b."""
        return a * b

    def inverse(self, a: float) -> float:
        """1 / a.

        Raises:
            ZeroDivisionError: if a is zero.
        """
        return 1.0 / a

    def is_negative(self, a: float) -> bool:
        """Whether a < 0."""
        return a < 0.0

    def draw(self, kind: str, top: float, bottom: float) -> float:
        """The value of the function."""
        if kind.startswith("root "):
            return math.pow(top / bottom, 1.0 / int(kind.removeprefix("root ")))
        return FUNCTIONS[kind](top / bottom)


def gaussian(seed: int = 0, scale: float = 0.5) -> Point[float]:
    """A point whose leaves are normally distributed."""
    source = random.Random(f"gaussian.{seed}")
    return Point(Floats(), lambda: source.gauss(0.0, scale))
