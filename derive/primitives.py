"""The table of primitives: everything about an operation is one record in one place.

A record holds the shape rule, the meaning, the derivative, and how the operation is printed in LaTeX and NumPy.
Elementwise records (`derive.elementwise`) state only their scalar meaning; their derivatives are *derived* by
`sympy.diff`.  Structural records (`derive.structural`: sums, products, concatenation, gather …) carry a written
rule, in the language of equations, so that it can be differentiated again.

A shape is always a pair (rows, columns) here: a scalar is 1 × 1, a column n × 1.  A rule receives the operand
shapes and a `Dims` that knows how to equate and add dimensions; the same rule serves rank inference, size
inference and the check of a finished system (`derive.shapes`).

Kinks, decided once: ``step(0) = 0`` and ``sign(0) = 0``, hence relu′(0) = 0, |·|′(0) = 0, and at a tie the
gradient of ``max`` and ``min`` is shared half and half, as in PyTorch (``torch.maximum``).

Read next: `derive.elementwise`, then `derive.structural`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sympy

from derive.expr import Op

Shape = tuple[sympy.Expr, sympy.Expr]
Entries = list[list[sympy.Expr]]
ShapeOf = Callable[[sympy.Expr], Shape]


class Dims(Protocol):
    """What a shape rule may do with dimensions."""

    def same(self, *dims: sympy.Expr) -> sympy.Expr:
        """The one dimension that all of these are; a contradiction is an error."""
        ...

    def join(self, *dims: sympy.Expr) -> sympy.Expr:
        """The dimension after broadcasting: like `same`, but a 1 gives way."""
        ...

    def within(self, part: sympy.Expr, whole: sympy.Expr) -> None:
        """`part` is nowhere larger than `whole`; anything else is an error."""
        ...

    def add(self, *dims: sympy.Expr) -> sympy.Expr:
        """The sum."""
        ...


ShapeRule = Callable[[Dims, Sequence[Shape], tuple[Any, ...]], Shape]
Vjp = Callable[[Op, sympy.Expr, sympy.Expr, int, ShapeOf], sympy.Expr | None]
Jvp = Callable[[Op, Sequence[sympy.Expr | None], ShapeOf], sympy.Expr | None]


@dataclass(frozen=True, kw_only=True)
class Primitive:
    """One operation of the language.

    Attributes:
        name: how it is written.
        arity: number of operands; None for any number.
        static: kinds of the arguments that are no values: "axis", "slice", "dim", "position", "exponent".
        shape: the shape rule.
        meaning: elementwise only: the scalar function, as a SymPy expression of its arguments.
        scalar: elementwise only: the same function kept opaque (``tanh``, not quotients of ``exp``).
        vjp: structural only: (call, its value y, cotangent of y, i, shape_of) → cotangent of operand i, or None.
        jvp: structural only: "linear" in all operands together, "multilinear", or a rule for the tangent.
        entries: structural only: entries of the result from the entries of the operands.
        binds: whether it binds its axis (``sum[t]``, ``stack[t]``): the operand is taken at every step.
        latex: template with {0}, {1} … for the operands; "" if the typesetter has its own way (sums, products).
        numpy: elementwise only: NumPy text with {0}, {1} ….
        domain: open interval from which tests draw arguments.
        slope: largest absolute value of the derivative, where that is finite and known (gamma in bounds).
        source: where the definition or the written rule comes from.
    """

    name: str
    arity: int | None = 1
    static: tuple[str, ...] = ()
    shape: ShapeRule
    meaning: Callable[..., sympy.Expr] | None = None
    scalar: Callable[..., sympy.Expr] | None = None
    vjp: Vjp | None = None
    jvp: str | Jvp | None = None
    entries: Callable[[tuple[Any, ...], Sequence[Entries]], Entries] | None = None
    binds: bool = False
    latex: str = ""
    numpy: str = ""
    domain: tuple[float, float] = (-2.0, 2.0)
    slope: sympy.Expr | None = None
    source: str = ""

    @property
    def is_elementwise(self) -> bool:
        """Whether it acts on each entry by itself, broadcasting its operands."""
        return self.meaning is not None


TABLE: dict[str, Primitive] = {}


def register(*records: Primitive) -> None:
    """Enter records into the table.

    Raises:
        ValueError: if a name is taken, or the record lacks what its kind needs.
    """
    for record in records:
        if record.name in TABLE:
            raise ValueError(f"primitive {record.name!r} is already defined")
        if not record.is_elementwise and (record.entries is None and not record.static):
            raise ValueError(f"primitive {record.name!r} has neither a scalar meaning nor entries")
        TABLE[record.name] = record


def broadcast(dims: Dims, shapes: Sequence[Shape], static: tuple[Any, ...] = ()) -> Shape:
    """Shape rule of everything elementwise."""
    return dims.join(*(rows for rows, _ in shapes)), dims.join(*(columns for _, columns in shapes))
