"""What a traced function computes with: a value that remembers how it was computed, and behaves as a NumPy array.

NumPy hands its functions and operators over to such a value (NEP 13 and NEP 18), so this module needs no NumPy: it
goes by the names of what is called. Shapes are dimensions (``(H,)``, ``(4*H, D)``), not numbers, so that ``z[:H]`` and
``z.shape[0] // 4`` mean what they do with arrays, for every size at once.

Read next: `derive.traced_functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import sympy

from derive.expr import apply, matmul, neg, plus, power, ref, times, transpose

Shape = tuple[sympy.Expr, ...]
UNARY = {
    "tanh": "tanh", "exp": "exp", "log": "log", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "absolute": "abs",
    "fabs": "abs", "abs": "abs", "sign": "sign", "expit": "sigmoid",
}  # fmt: skip
ARRAY_FUNCTIONS: dict[str, Callable[[Sequence[Any], dict[str, Any]], Any]] = {}  # filled by `derive.traced_functions`
KNOWN = "tanh exp log sqrt sin cos abs sign maximum minimum square concatenate split dot outer sum"


class TraceError(ValueError):
    """What a traced function does that has no meaning in an equation; one line."""


@dataclass
class Recorder:
    """Everything that was computed, in order: the expression of each value, under a name that nobody else has."""

    found: dict[str, sympy.Expr] = field(default_factory=dict)

    def record(self, expr: sympy.Expr, shape: Shape) -> Traced:
        """A new value."""
        name = f"·{len(self.found)}"
        self.found[name] = expr
        return Traced(self, ref(name), shape)


def shown(shape: Shape) -> str:
    """``(4*H, D)``."""
    return f"({', '.join(map(str, shape))})"


class Traced:
    """A value of one example: a number, a vector, or a matrix.

    Args:
        recorder: who keeps what is computed.
        expr: a read of this value.
        shape: its dimensions.
    """

    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __init__(self, recorder: Recorder, expr: sympy.Expr, shape: Shape) -> None:
        self.recorder, self.expr, self.shape = recorder, expr, shape

    # --- what NumPy asks ------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Traced:
        if method != "__call__" or options:
            raise TraceError(f"np.{ufunc.__name__} with {method if method != '__call__' else ', '.join(options)}: "
                             "only plain calls can be traced")  # fmt: skip
        return self._call(ufunc.__name__, inputs)

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], options: dict[str, Any]) -> Any:
        if function.__name__ not in ARRAY_FUNCTIONS:
            raise TraceError(f"np.{function.__name__} has no meaning in an equation; there are {KNOWN}")
        return ARRAY_FUNCTIONS[function.__name__](args, options)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TraceError("a traced value was to become an array of numbers; build vectors with np.concatenate")

    def _call(self, name: str, inputs: Sequence[Any]) -> Traced:
        if name in UNARY:
            return self.recorder.record(apply(UNARY[name], _expr(inputs[0])), self.shape)
        binary: dict[str, Callable[[Any, Any], Traced]] = {
            "add": self._add, "subtract": lambda a, b: self._add(a, -b), "multiply": self._times,
            "divide": self._divide, "true_divide": self._divide, "matmul": self._matmul,
            "maximum": lambda a, b: self._extreme("max", a, b), "minimum": lambda a, b: self._extreme("min", a, b),
            "power": lambda a, b: lift(self, a) ** b,
        }  # fmt: skip
        if name in binary:
            return binary[name](*inputs)
        if name == "negative":
            return -self
        if name == "square":
            return self**2
        if name == "reciprocal":
            return 1 / self
        if name == "log1p":
            return self._call("log", (1 + self,))
        raise TraceError(f"np.{name} has no meaning in an equation; there are {KNOWN}")

    # --- operators ------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Traced:
        return self._add(self, other)

    def __radd__(self, other: Any) -> Traced:
        return self._add(other, self)

    def __sub__(self, other: Any) -> Traced:
        return self._add(self, -other)

    def __rsub__(self, other: Any) -> Traced:
        return self._add(other, -self)

    def __mul__(self, other: Any) -> Traced:
        return self._times(self, other)

    def __rmul__(self, other: Any) -> Traced:
        return self._times(other, self)

    def __truediv__(self, other: Any) -> Traced:
        return self._divide(self, other)

    def __rtruediv__(self, other: Any) -> Traced:
        return self._divide(other, self)

    def __matmul__(self, other: Any) -> Traced:
        return self._matmul(self, other)

    def __rmatmul__(self, other: Any) -> Traced:
        return self._matmul(other, self)

    def __neg__(self) -> Traced:
        return self.recorder.record(neg(self.expr), self.shape)

    def __pos__(self) -> Traced:
        return self

    def __abs__(self) -> Traced:
        return self._call("absolute", (self,))

    def __pow__(self, exponent: Any) -> Traced:
        if isinstance(exponent, Traced):
            raise TraceError("a power of two computed values; an exponent is a number")
        return self.recorder.record(power(self.expr, number(exponent)), self.shape)

    def _add(self, left: Any, right: Any) -> Traced:
        left, right, shape = _aligned(self, left, right)
        return self.recorder.record(plus(left, right), shape)

    def _times(self, left: Any, right: Any) -> Traced:
        left, right, shape = _aligned(self, left, right)
        return self.recorder.record(times(left, right), shape)

    def _divide(self, left: Any, right: Any) -> Traced:
        left, right, shape = _aligned(self, left, right)
        return self.recorder.record(times(left, power(right, -1)), shape)

    def _extreme(self, name: str, left: Any, right: Any) -> Traced:
        a, b, shape = _aligned(self, left, right)
        if name == "max" and 0 in (a, b):
            return self.recorder.record(apply("relu", b if a == 0 else a), shape)
        return self.recorder.record(apply(name, a, b), shape)

    def _matmul(self, left: Any, right: Any) -> Traced:
        left, right = lift(self, left), lift(self, right)
        a, b = left.shape, right.shape
        if not a or not b:
            raise TraceError("@ with a number; write *")
        if a[-1] != b[0]:
            raise TraceError(f"{shown(a)} @ {shown(b)}: {a[-1]} is not {b[0]}; the function is traced for one example")
        if len(a) == 1 and len(b) == 2:  # a row times a matrix is a column of its transpose
            return self.recorder.record(matmul(transpose(right.expr), left.expr), b[1:])
        first = transpose(left.expr) if len(a) == 1 else left.expr
        return self.recorder.record(matmul(first, right.expr), (*a[:-1], *b[1:]))

    # --- arrays ---------------------------------------------------------------------------------------------------

    @property
    def T(self) -> Traced:
        """The transpose; of a vector, as in NumPy, the vector."""
        if len(self.shape) < 2:
            return self
        return self.recorder.record(transpose(self.expr), self.shape[::-1])

    @property
    def ndim(self) -> int:
        """How many dimensions."""
        return len(self.shape)

    def dot(self, other: Any) -> Traced:
        """As ``@``."""
        return self._matmul(self, other)

    def sum(self, axis: Any = None) -> Traced:
        """The sum of all entries."""
        if axis is not None and len(self.shape) > 1:
            raise TraceError("a sum along one axis of a matrix; write a product with a vector of ones")
        return self.recorder.record(apply("reduce_to", self.expr, static=(sympy.Integer(1),) * 2), ())

    def __getitem__(self, place: Any) -> Traced:
        if isinstance(place, tuple):
            place = tuple(part for part in place if part is not Ellipsis)
            place = place[0] if len(place) == 1 else place
        if len(self.shape) == 1 and place in ((slice(None), None), (None, slice(None))):
            column = place[1] is None
            shape = (*self.shape, sympy.Integer(1)) if column else (sympy.Integer(1), *self.shape)
            return self.recorder.record(self.expr if column else transpose(self.expr), shape)
        if not isinstance(place, slice) or place.step is not None or not self.shape:
            raise TraceError(f"[{place}] of a traced value: slices of rows, as in z[:H], can be traced")
        low, high = (
            _bound(place.start, sympy.Integer(0), self.shape[0]),
            _bound(place.stop, self.shape[0], self.shape[0]),
        )
        return self.recorder.record(
            apply("rows", self.expr, static=(sympy.Tuple(low, high),)), (high - low, *self.shape[1:])
        )

    def __setitem__(self, place: Any, value: Any) -> NoReturn:
        raise TraceError("an assignment into a part of an array; build vectors with np.concatenate")

    def __iter__(self) -> NoReturn:
        raise TraceError("a loop over a traced value; slice it, or use np.split")

    def __len__(self) -> NoReturn:
        raise TraceError("len() of a traced value is no number; use .shape[0]")

    def __bool__(self) -> NoReturn:
        raise TraceError("a decision (if, while, and, or) by a computed value; an equation has none")

    def __float__(self) -> NoReturn:
        raise TraceError("a traced value was to become a number")

    __int__ = __index__ = __float__

    def _compare(self, other: object) -> NoReturn:
        raise TraceError("a comparison of computed values; for 0 where negative there is np.maximum(0, x)")

    __lt__ = __le__ = __gt__ = __ge__ = _compare

    def __repr__(self) -> str:
        return f"Traced{shown(self.shape)}"


def _bound(given: Any, default: sympy.Expr, rows: sympy.Expr) -> sympy.Expr:
    if given is None:
        return default
    bound = sympy.expand(number(given))
    return rows + bound if bound.is_negative else bound


def number(value: Any) -> sympy.Expr:
    """A plain number as SymPy's.

    Raises:
        TraceError: if it is none.
    """
    if isinstance(value, sympy.Expr):
        return value
    try:
        return sympy.Rational(str(value.item() if hasattr(value, "item") else value))
    except (TypeError, ValueError, AttributeError):
        raise TraceError(
            f"an array of numbers inside the function ({type(value).__name__}); pass it as an argument"
        ) from None


def _expr(value: Any) -> sympy.Expr:
    return value.expr if isinstance(value, Traced) else number(value)


def lift(like: Traced, value: Any) -> Traced:
    """A number among traced values."""
    return value if isinstance(value, Traced) else Traced(like.recorder, number(value), ())


def _aligned(like: Traced, left: Any, right: Any) -> tuple[sympy.Expr, sympy.Expr, Shape]:
    """Both as expressions, and the shape of the result, by NumPy's rule: a vector beside a matrix is a row."""
    first, second = lift(like, left), lift(like, right)
    a, b = first.shape, second.shape
    if a == b or not a or not b:
        return first.expr, second.expr, a or b
    if len(a) != len(b):
        if (len(a) == 2 and a[1] == b[0]) or (len(b) == 2 and b[1] == a[0]):
            wide = a if len(a) == 2 else b
            return (first.expr if len(a) == 2 else transpose(first.expr),
                    second.expr if len(b) == 2 else transpose(second.expr), wide)  # fmt: skip
    elif all(x == y or 1 in (x, y) for x, y in zip(a, b, strict=True)):
        shape = tuple(y if x == 1 else x for x, y in zip(a, b, strict=True))
        if (a == (shape[0], 1) and b == (1, shape[1])) or (b == (shape[0], 1) and a == (1, shape[1])):
            column, row = (first, second) if a[1] == 1 else (second, first)
            return matmul(column.expr, row.expr), sympy.Integer(1), shape
        return first.expr, second.expr, shape
    raise TraceError(f"shapes do not fit: {shown(a)} and {shown(b)}")
