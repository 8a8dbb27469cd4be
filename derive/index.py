"""When a quantity is read: at the current step, shifted (``h[t-1]``), or at one position (``h[0]``, ``h[T]``).

Read next: `derive.expr`.
"""

from __future__ import annotations

import sympy


class Index(sympy.Basic):
    """When a quantity is read: `Step` or `Fixed`."""

    @property
    def axis(self) -> str:
        """Name of the time axis, such as ``t``."""
        return self.args[0].name


class Step(Index):
    """The current step of an axis, shifted: ``[t-1]`` is ``Step(t, -1)``."""

    @property
    def shift(self) -> int:
        """How many steps later (positive) or earlier (negative) the quantity is read."""
        return int(self.args[1])


class Fixed(Index):
    """One position: ``[0]``, ``[2]`` count from the start (position 1 is the first step), ``[T-1]`` from the end."""

    @property
    def from_end(self) -> bool:
        """Whether the position is relative to the last step T."""
        return bool(int(self.args[1]))

    @property
    def offset(self) -> int:
        """The position itself, or its distance from T."""
        return int(self.args[2])

    @property
    def is_boundary(self) -> bool:
        """True outside 1…T whatever the length: ``[0]``, ``[-1]``, ``[T+1]``."""
        return self.offset >= 1 if self.from_end else self.offset <= 0

    def position(self, length: int) -> int:
        """The position as a number, for a sequence of `length` steps."""
        return length + self.offset if self.from_end else self.offset


def axis_symbol(name: str) -> sympy.Symbol:
    """The SymPy symbol of a time axis."""
    return sympy.Symbol(name, integer=True)


def step(axis: str, shift: int = 0) -> Step:
    """``[t+shift]``."""
    return Step(axis_symbol(axis), sympy.Integer(shift))


def fixed(axis: str, offset: int, from_end: bool = False) -> Fixed:
    """``[offset]``, or ``[T+offset]`` if `from_end`."""
    return Fixed(axis_symbol(axis), sympy.Integer(int(from_end)), sympy.Integer(offset))
