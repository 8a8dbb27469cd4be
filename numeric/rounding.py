"""Running error analysis: values that carry a bound of their own rounding error.

A tolerance is not guessed here: the evaluator runs once more over this arithmetic, and every operation adds what it
can have lost, to first order in ε = 2⁻⁵² (Higham 2002, "Accuracy and Stability of Numerical Algorithms", §3.3):

    a + b    e_a + e_b + ε|a + b|               f(a)    |f′(a)| e_a + 4ε|f(a)|
    a b      |b| e_a + |a| e_b + ε|a b|         A B     |A| E_B + E_A |B| + n ε |A||B|

So a tolerance counts the operations, and sees cancellation: a sum that nearly vanishes keeps the error of its
summands.  Four ε is what NumPy's vectorised functions may lose.

Read next: `numeric.draws`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy

from numeric.arithmetic import Arithmetic

EPS = float(numpy.finfo(float).eps)
FUNCTION_ULPS = 4.0


class Bounded:
    """An array and a bound of the absolute error of every entry, to first order."""

    __array_ufunc__ = None  # NumPy arrays on the left leave the operation to us
    __slots__ = ("error", "value")

    def __init__(self, value: numpy.ndarray, error: numpy.ndarray | None = None) -> None:
        self.value = value
        self.error = numpy.zeros_like(value) if error is None else error

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def dtype(self) -> Any:
        """dtype of the value."""
        return self.value.dtype

    def __getitem__(self, key: Any) -> Bounded:
        return Bounded(self.value[key], self.error[key])

    def __add__(self, other: Any) -> Bounded:
        other = _bounded(other)
        value = self.value + other.value
        return Bounded(value, self.error + other.error + EPS * abs(value))

    __radd__ = __add__

    def __mul__(self, other: Any) -> Bounded:
        other = _bounded(other)
        value = self.value * other.value
        carried = abs(self.value) * other.error + self.error * abs(other.value)
        return Bounded(value, carried + EPS * abs(value))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Bounded:
        return self * (1.0 / _bounded(other))

    def __rtruediv__(self, other: float) -> Bounded:
        value = other / self.value
        return Bounded(value, abs(value / self.value) * self.error + EPS * abs(value))

    def __matmul__(self, other: Bounded) -> Bounded:
        value, inner = self.value @ other.value, self.shape[-1]
        carried = abs(self.value) @ other.error + self.error @ abs(other.value)
        return Bounded(value, carried + inner * EPS * (abs(self.value) @ abs(other.value)))

    def __pow__(self, exponent: float) -> Bounded:
        value = self.value**exponent
        slope = abs(exponent * self.value ** (exponent - 1))
        return Bounded(value, slope * self.error + FUNCTION_ULPS * EPS * abs(value))

    def sum(self) -> Bounded:
        """The sum of all entries."""
        return Bounded(self.value.sum(), self.error.sum() + self.value.size * EPS * abs(self.value).sum())


def _bounded(value: Any) -> Bounded:
    return value if isinstance(value, Bounded) else Bounded(numpy.asarray(value, dtype=float))


def _function(
    f: Callable[[numpy.ndarray], numpy.ndarray], slope: Callable[[numpy.ndarray, numpy.ndarray], numpy.ndarray]
) -> Callable[[Bounded], Bounded]:
    def bounded(x: Bounded) -> Bounded:
        y = f(x.value)
        return Bounded(y, abs(slope(x.value, y)) * x.error + FUNCTION_ULPS * EPS * abs(y))

    return bounded


def _exact(f: Callable[[numpy.ndarray], numpy.ndarray]) -> Callable[[Bounded], Bounded]:
    return lambda x: Bounded(f(x.value))


def _total(x: Bounded, axis: int) -> Bounded:
    value = x.value.sum(axis=axis, keepdims=True)
    size = abs(x.value).sum(axis=axis, keepdims=True)
    return Bounded(value, x.error.sum(axis=axis, keepdims=True) + x.shape[axis] * EPS * size)


def _concat(parts: Sequence[Bounded], axis: int) -> Bounded:
    return Bounded(
        numpy.concatenate([part.value for part in parts], axis=axis),
        numpy.concatenate([part.error for part in parts], axis=axis),
    )


def _broadcast(x: Bounded, shape: tuple[int, ...]) -> Bounded:
    return x if x.shape == shape else Bounded(numpy.broadcast_to(x.value, shape), numpy.broadcast_to(x.error, shape))


BOUNDED = Arithmetic(
    name="running error",
    functions=MappingProxyType(
        {
            "exp": _function(numpy.exp, lambda x, y: y),
            "log": _function(numpy.log, lambda x, y: 1 / x),
            "sqrt": _function(numpy.sqrt, lambda x, y: 0.5 / y),
            "sin": _function(numpy.sin, lambda x, y: numpy.cos(x)),
            "cos": _function(numpy.cos, lambda x, y: numpy.sin(x)),
            "tanh": _function(numpy.tanh, lambda x, y: 1 - y * y),
            "abs": lambda x: Bounded(abs(x.value), x.error),
            "sign": _exact(numpy.sign),
            "step": _exact(lambda x: (x > 0).astype(x.dtype)),
        }
    ),
    concat=_concat,
    total=_total,
    swap=lambda x: Bounded(numpy.swapaxes(x.value, -1, -2), numpy.swapaxes(x.error, -1, -2)),
    broadcast=_broadcast,
    stop=lambda x: x,
    constant=lambda x, dtype: Bounded(x.astype(dtype)),
    dtype=lambda arrays: numpy.dtype(float),
)
