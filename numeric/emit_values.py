"""Pieces of NumPy text with their meaning: which leading axes an array has, and which shape one example has.

An array is (time axes …, batch, rows, columns), each leading axis only where the value depends on it; a column has
no axis for its columns and a scalar none at all.  Which axes are there is known when the code is written, never
looked up when it runs: a size that happens to be 1 changes nothing.

Read next: `numeric.emit_products`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import sympy

from derive.expr import Fixed
from derive.primitives import Shape, ShapeOf
from numeric.printer import is_atom

ONE = sympy.Integer(1)
SCALAR: Shape = (ONE, ONE)


@dataclass(frozen=True)
class Value:
    """An expression of the generated code.

    Attributes:
        text: Python text.
        axes: time axes that lead, in the order of the layout.
        batch: whether the examples follow them.
        shape: (rows, columns) of one example.
        turned: whether the text is the transpose of the value.
        is_number: whether it is a literal, which takes the dtype of what it meets.
    """

    text: str
    axes: tuple[str, ...] = ()
    batch: bool = False
    shape: Shape = SCALAR
    turned: bool = False
    is_number: bool = False

    @property
    def atom(self) -> str:
        """The text, closed so that an index or an operator may follow."""
        return self.text if is_atom(self.text) else f"({self.text})"

    @property
    def lead(self) -> int:
        """Number of leading axes."""
        return len(self.axes) + self.batch

    @property
    def is_shared(self) -> bool:
        """Whether it is the same at every step and for every example."""
        return self.lead == 0

    def but(self, text: str) -> Value:
        """The same meaning with another text."""
        return replace(self, text=text)


def rank(shape: Shape) -> int:
    """Number of axes of one example: 0 for a scalar, 1 for a column, 2 for a matrix or row."""
    return 2 if shape[1] != 1 else 1 if shape[0] != 1 else 0


def turn(value: Value) -> Value:
    """The transpose; nothing is computed."""
    if rank(value.shape) == 0:
        return value
    return replace(value, shape=(value.shape[1], value.shape[0]), turned=not value.turned)


def plain(value: Value) -> Value:
    """The value with its axes in order, rows before columns."""
    if not value.turned:
        return value
    rows, columns = value.shape
    if rows == 1:  # a column is stored
        text = f"{value.atom}[..., None, :]"
    elif columns == 1:  # a row is stored
        text = f"{value.atom}[..., 0, :]"
    else:
        text = f"{value.atom}.T" if value.is_shared else f"{value.atom}.mT"
    return replace(value, text=text, turned=False)


def column_text(value: Value) -> str:
    """A column, or the column whose transpose a row is, as an array (…, n)."""
    if value.shape[0] == 1 and value.shape[1] != 1:
        value = turn(value)
    return plain(value).atom


def rows_of(value: Value, low: sympy.Expr, high: sympy.Expr, size: Callable[[sympy.Expr], str]) -> Value:
    """Rows low … high - 1; `size` writes a dimension as text."""
    rows, columns = value.shape
    count = sympy.expand(high - low)
    if count == rows:
        return value
    first = size(low)
    span = f"{'' if first == '0' else first}:{'' if sympy.expand(high - rows) == 0 else size(high)}"
    if value.turned and columns != 1:  # rows of a transpose are columns of what is stored
        pick = first if count == 1 else span
        index = f":, {pick}" if value.is_shared else f"..., {pick}"
        return replace(value, text=f"{value.atom}[{index}]", shape=(count, columns))
    value = plain(value)
    if columns == 1:
        pick = first if count == 1 else span
        index = pick if value.is_shared else f"..., {pick}"
    else:
        index = span if value.is_shared else f"..., {span}, :"
    return replace(value, text=f"{value.atom}[{index}]", shape=(count, columns))


def align(value: Value, axes: Sequence[str], batch: bool, shape: Shape) -> str:
    """The text with axes of length 1 where the target has one that the value lacks."""
    value = plain(value)
    wanted: list[object] = [*axes, *(["batch"] if batch else []), *range(rank(shape))]
    own = {*value.axes, *(["batch"] if value.batch else []), *range(rank(value.shape))}
    pattern = [":" if axis in own else "None" for axis in wanted]
    while pattern and pattern[0] == "None":
        pattern.pop(0)
    if "None" not in pattern:
        return value.atom
    new_at_end = len(pattern) - pattern.index("None")
    if pattern[-new_at_end:] == ["None"] * new_at_end:
        return f"{value.atom}[..., {', '.join(pattern[-new_at_end:])}]"
    return f"{value.atom}[{', '.join(pattern)}]"


def tuple_text(parts: Sequence[str]) -> str:
    """A tuple as Python text."""
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


class Place(Protocol):
    """Where in the code an expression stands: how its parts are written there (`numeric.emit_ops.Expressions`)."""

    @property
    def shape_of(self) -> ShapeOf:
        """Shape (rows, columns) of an expression."""
        ...

    @property
    def steps(self) -> Mapping[str, str]:
        """Loop variable of each axis that is computed step by step; other axes are computed whole."""
        ...

    @property
    def here(self) -> Fixed | None:
        """The boundary position that is being computed, if it is one."""
        ...

    def position(self, index: Fixed, offset: int = 0) -> str:
        """A fixed position plus an offset."""
        ...

    @property
    def time_axes(self) -> tuple[str, ...]:
        """All time axes."""
        ...

    @property
    def need(self) -> Callable[[str], None]:
        """Called with the name of a helper that the text uses."""
        ...

    @property
    def prepare(self) -> Callable[[str, str, str], str]:
        """Called with a wish for a name, a text to compute before the loop, and one where that is impossible."""
        ...

    def value(self, expr: sympy.Expr) -> Value:
        """The text of an expression."""
        ...

    def whole(self, axis: str) -> Place:
        """The same place with an axis bound."""
        ...

    def union(self, values: Iterable[Value]) -> tuple[tuple[str, ...], bool]:
        """Leading axes of a combination."""
        ...

    def rows(self, value: Value, low: sympy.Expr, high: sympy.Expr) -> Value:
        """Rows low … high - 1."""
        ...

    def full(self, value: Value, axes: tuple[str, ...], batch: bool, shape: Shape) -> str:
        """The text of an array that has all these axes at full length."""
        ...

    def size(self, dim: sympy.Expr) -> str:
        """A dimension."""
        ...

    def lead_sizes(self, axes: Iterable[str], batch: bool) -> list[str]:
        """Lengths of leading axes."""
        ...

    def for_loops(self, value: Value) -> str | None:
        """A sequence that lies feature-major, where products with it are C functions."""
        ...

    def side_by_side(self, value: Value) -> str | None:
        """The columns of a sequence that lies feature-major."""
        ...

    def steps_of(self, axis: str) -> str:
        """The length of an axis."""
        ...
