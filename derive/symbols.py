"""Building systems in Python: the same objects that the text form is parsed into.

>>> import sympy
>>> from derive.symbols import parameters, sequences, time
>>> t, T = time("t")
>>> h, x = sequences("h x", t)
>>> W, U = parameters("W U")
>>> from derive import define, parse
>>> define({h[t]: sympy.tanh(W @ h[t - 1] + U @ x[t])}) == parse("h[t] = tanh(W @ h[t-1] + U @ x[t])")
True

Read next: `derive.system`.
"""

from __future__ import annotations

import sympy

from derive.dimensions import length
from derive.expr import Op, Ref, apply, axis_symbol, fixed, ref, step


def time(name: str) -> tuple[sympy.Symbol, sympy.Symbol]:
    """The symbols of a time axis and of its last step: ``t, T = time("t")``."""
    return axis_symbol(name), length(axis_symbol(name))


class Sequence:
    """A quantity along a time axis; index it to read it: ``h[t-1]``, ``h[0]``, ``h[T]``, ``h[:]``.

    Args:
        name: of the quantity.
        axis: the symbol of its time axis.
    """

    def __init__(self, name: str, axis: sympy.Symbol) -> None:
        self.name, self.axis = name, axis

    def __getitem__(self, index: sympy.Expr | int | slice) -> Ref | Op:
        """Read it.

        Raises:
            IndexError: for anything but a step, a position, or ``[:]``.
        """
        axis = str(self.axis)
        if isinstance(index, slice):
            if index != slice(None):
                raise IndexError(f"{self.name}[{index}]: write {self.name}[:] for all steps")
            return apply("stack", ref(self.name, step(axis)), static=(self.axis,))
        place = sympy.sympify(index)
        for base, from_end in ((sympy.Integer(0), False), (length(self.axis), True)):
            if (place - base).is_Integer:
                return ref(self.name, fixed(axis, int(place - base), from_end=from_end))
        if (place - self.axis).is_Integer:
            return ref(self.name, step(axis, int(place - self.axis)))
        raise IndexError(f"{self.name}[{index}]: write {axis}, {axis}-1, 0, {length(self.axis)} or :")

    def __repr__(self) -> str:
        return f"Sequence({self.name!r}, {self.axis!r})"


def sequences(names: str, axis: sympy.Symbol) -> tuple[Sequence, ...]:
    """Several sequences along one axis: ``h, x = sequences("h x", t)``."""
    return tuple(Sequence(name, axis) for name in names.replace(",", " ").split())


def parameters(names: str) -> tuple[Ref, ...]:
    """Several quantities without time: ``W, b = parameters("W b")``."""
    return tuple(ref(name) for name in names.replace(",", " ").split())
