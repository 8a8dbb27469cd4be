"""Public arrays: their shapes, how sizes follow from them, and what is wrong with those that do not fit.

Parameters and constants are ``()``, ``(n,)`` or ``(n, m)``; sequences ``(T, B, …)``; time-free inputs ``(B, …)``;
initial values ``(B, …)`` for one given position, ``(k, B, …)`` for k of them, oldest first.  All errors are
`ValueError` with one line that shows the expected shape in symbols and numbers.

Read next: `numeric.arithmetic`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy
import sympy

from derive.dimensions import length
from derive.system import System, Var

Arrays = Mapping[str, Any]
BATCH = sympy.Symbol("B")  # without assumptions, so that it is no dimension of that name


@dataclass(frozen=True)
class Sizes:
    """What the symbols are in one evaluation.

    Attributes:
        dimensions: number of every dimension, axis lengths (``T``) among them.
        batch: number of examples.
    """

    dimensions: Mapping[sympy.Symbol, int]
    batch: int
    _known: dict[Any, int] = field(default_factory=dict, repr=False, compare=False)

    def steps(self, axis: str) -> int:
        """Number of steps of a time axis."""
        if axis not in self._known:
            self._known[axis] = self.dimensions[length(sympy.Symbol(axis))]
        return self._known[axis]

    def number(self, dim: sympy.Expr) -> int:
        """A dimension as a number."""
        if dim not in self._known:
            self._known[dim] = number_of(sympy.sympify(dim), self.dimensions)
        return self._known[dim]


def number_of(dim: sympy.Expr, known: Mapping[sympy.Symbol, int]) -> int:
    """A dimension, sums and products of symbols, as a number; ``subs`` does the same a hundred times slower."""
    if dim.is_Symbol:
        return known[dim]
    if dim.is_Integer:
        return int(dim)
    parts = [number_of(argument, known) for argument in dim.args]
    return sum(parts) if dim.is_Add else math.prod(parts)


@dataclass(frozen=True)
class Given:
    """One array with the symbolic shape that it should have."""

    name: str
    kind: str
    array: Any
    shape: tuple[sympy.Expr, ...]  # starts with T and BATCH where it has them


def public_shape(var: Var, batched: bool, *, steps: bool = True) -> tuple[sympy.Expr, ...]:
    """Symbolic shape of the array of a quantity: ``(T, B, H)``, ``(B, O)``, ``(H, D)``."""
    time = (length(sympy.Symbol(var.axis)),) if var.axis is not None and steps else ()
    return (*time, *((BATCH,) if batched else ()), *var.shape)


def shape_text(var: Var, batched: bool, shape: tuple[int, ...]) -> str:
    """``(T, B, H) = (6, 2, 8)``: a public shape, in symbols where it has as many axes, and in numbers."""
    symbols = ", ".join(map(str, public_shape(var, batched)))
    said = len(public_shape(var, batched))
    return f"({symbols}{',' if said == 1 else ''}) = {shape}" if said == len(shape) else f"{shape}"


def converted(value: Any, var: Var, dtype: numpy.dtype[Any], *, copy: bool) -> numpy.ndarray:
    """An array in a kernel's dtype; the given one itself if it has that dtype and need not be copied.

    Raises:
        ValueError: for numbers that are not real, or indices that are no integers.
    """
    array = numpy.asarray(value)
    if var.classes is not None:
        if array.dtype.kind not in "iu":
            raise ValueError(f"{var.name} holds indices: integers, not {array.dtype}")
        return numpy.array(array, numpy.int64)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{var.name} holds {array.dtype}, not real numbers")
    return numpy.array(array, dtype, order="C", copy=copy or None)


def gradient_shape(system: System, name: str, kind: str, sizes: Sizes) -> tuple[int, ...]:
    """The shape of the gradient of a "parameter", an "input" or an "initial" value."""
    var = system.variables[name]
    lead = [sizes.batch] if kind != "parameter" else []
    if kind == "input" and var.axis is not None:
        lead.insert(0, sizes.steps(var.axis))
    if kind == "initial" and len(system.boundaries[name]) > 1:
        lead.insert(0, len(system.boundaries[name]))
    return (*lead, *map(sizes.number, var.shape))


def sizes_of(
    system: System,
    parameters: Arrays,
    inputs: Arrays,
    initial: Arrays | None = None,
    steps: Mapping[str, int] | None = None,
) -> Sizes:
    """The size of everything, from the arrays.

    Args:
        system: whose quantities they are.
        parameters: parameters and constants by name.
        inputs: inputs by name.
        initial: given boundary values by name; missing ones are zero.
        steps: lengths of axes, needed where no input has one.

    Raises:
        ValueError: for an array that is missing, unknown, of the wrong shape, or an index out of range.
    """
    given = list(_given(system, parameters, inputs, initial or {}))
    known: dict[sympy.Symbol, int] = {length(sympy.Symbol(axis)): int(n) for axis, n in (steps or {}).items()}
    for entry in given:
        if len(entry.array.shape) != len(entry.shape):
            raise ValueError(_wrong_shape(system, entry, known))
    for axis in system.axes:
        _one_length(axis, given, known)
    pairs = [pair for entry in given for pair in zip(entry.shape, entry.array.shape, strict=True)]
    while any(_learn(dim, number, known) for dim, number in pairs):
        continue
    _check_lengths(system, known)
    _check_all_known(system, known)
    for entry in given:
        if tuple(number_of(dim, known) for dim in entry.shape) != tuple(entry.array.shape):
            raise ValueError(_wrong_shape(system, entry, known))
    _check_indices(system, given, known)
    return Sizes(known, known.get(BATCH, 1))


def _given(system: System, parameters: Arrays, inputs: Arrays, initial: Arrays) -> Iterator[Given]:
    kinds = (
        ("parameter", parameters, system.parameters + system.constants),
        ("input", inputs, system.inputs),
        ("initial value", initial, tuple(system.boundaries)),
    )
    for kind, arrays, names in kinds:
        for name in arrays:
            if name not in names:
                there = f"there are {', '.join(names)}" if names else "there are none"
                raise ValueError(f"{name} is no {kind} of {system.name}; {there}")
        for name in names:
            var = system.variables[name]
            if name not in arrays:
                if kind == "initial value":
                    continue
                shape = _symbols(public_shape(var, kind == "input"))
                raise ValueError(f"{kind} {name} {shape} of {system.name} is missing")
            array = arrays[name] if hasattr(arrays[name], "shape") else _even(kind, name, arrays[name])
            shape_ = public_shape(var, kind != "parameter", steps=kind == "input")
            positions = system.boundaries[name] if kind == "initial value" else ()
            yield Given(name, kind, array, ((sympy.Integer(len(positions)),) if len(positions) > 1 else ()) + shape_)


def _even(kind: str, name: str, given: Any) -> Any:
    """An array from nested lists."""
    try:
        return numpy.asarray(given)
    except ValueError:
        raise ValueError(
            f"{kind} {name} has parts of unequal length: pad them to (T, B, …), then lengths={{'t': (B,)}} or a mask"
        ) from None


def _learn(dim: sympy.Expr, number: int, known: dict[sympy.Symbol, int]) -> bool:
    """Whether a dimension had one unknown symbol, which is known now."""
    unknown = dim.free_symbols - known.keys()
    if len(unknown) != 1:
        return False
    (symbol,) = unknown
    rest, slope = dim.subs(known).as_independent(symbol, as_Add=True)
    value = (number - rest) / (slope / symbol)
    known[symbol] = int(value) if value.is_Integer and value >= 0 else 0
    return True


def _one_length(axis: str, given: list[Given], known: dict[sympy.Symbol, int]) -> None:
    """All sequences along an axis have one length."""
    symbol = length(sympy.Symbol(axis))
    first = next((entry for entry in given if entry.kind == "input" and entry.shape[:1] == (symbol,)), None)
    if first is not None and known.setdefault(symbol, first.array.shape[0]) != first.array.shape[0]:
        raise ValueError(f"{first.name} has {first.array.shape[0]} steps, but {axis} is to have {known[symbol]}")
    for entry in given:
        if entry.kind == "input" and entry.shape[:1] == (symbol,) and entry.array.shape[0] != known[symbol]:
            other = first.name if first is not None else axis
            raise ValueError(
                f"sequences along {axis} differ in length: {other} has {known[symbol]} steps, "
                f"{entry.name} has {entry.array.shape[0]}"
            )


def _check_lengths(system: System, known: Mapping[sympy.Symbol, int]) -> None:
    for axis in system.axes:
        symbol = length(sympy.Symbol(axis))
        if symbol not in known:
            raise ValueError(f"no input runs along {axis}: give its length, as in steps={{{axis!r}: 5}}")
        if known[symbol] < 1:
            raise ValueError(f"a sequence along {axis} is empty: at least one step is needed")


def _check_indices(system: System, given: list[Given], known: Mapping[sympy.Symbol, int]) -> None:
    for entry in given:
        classes = system.variables[entry.name].classes
        if classes is None:
            continue
        values = numpy.asarray(entry.array)
        if values.dtype.kind not in "iu":
            raise ValueError(f"{entry.kind} {entry.name} holds indices: integers, not {values.dtype}")
        count = number_of(classes, known)
        if values.size and not (values.min() >= 0 and values.max() < count):
            raise ValueError(
                f"{entry.kind} {entry.name} holds indices 0…{classes} - 1 = {count - 1}, "
                f"got {values.min()}…{values.max()}"
            )


def _check_all_known(system: System, known: Mapping[sympy.Symbol, int]) -> None:
    for symbol in system.dimensions:
        if symbol not in known:
            raise ValueError(f"the size {symbol} does not follow from the arrays given to {system.name}")


def _symbols(shape: tuple[sympy.Expr, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _wrong_shape(system: System, entry: Given, known: Mapping[sympy.Symbol, int]) -> str:
    numbers = tuple(dim.subs(known) for dim in entry.shape)
    expected = _symbols(entry.shape)
    if numbers != entry.shape:
        expected += f" = {_symbols(numbers)}"
    return f"{entry.kind} {entry.name} of {system.name}: expected {expected}, got {tuple(entry.array.shape)}"
