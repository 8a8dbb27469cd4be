"""A quantity, where it comes from, and the equation that defines it.

Relations between quantities are fields, never name prefixes: a user's bias called ``d_p`` once collided with the
cotangent of ``p``.

Read next: `derive.order`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import sympy

from derive.errors import Span
from derive.expr import Fixed, Ref, Step
from derive.text import to_text

Role = Literal["parameter", "constant", "input", "defined"]
COPIES = ("layer", "forward", "backward", "decoder", "truncated")  # the author's equation, renamed
PRIMAL = ("pre-activation", "operand", *COPIES)  # kinds of origin that are no part of a gradient


@dataclass(frozen=True)
class Origin:
    """Why a derived quantity exists.

    Attributes:
        kind: "pre-activation", "cotangent", "contribution", "upstream", "final", "tangent" or "gathered"; in a
            network also "layer", "forward", "backward" or "decoder", for the copy of a quantity of a cell; "truncated"
            for a copy with a gradient of its own (`derive.policies`).
        of: the quantity it belongs to; of a copy, what it is called in the cell.
        at: for a contribution, the shift k of the reads that it collects; for a layer, its number from 1; for the
            cotangent of a final value, its place among them, oldest first; for a truncated copy, how many steps its
            gradient goes back.
    """

    kind: str
    of: str
    at: int = 0


@dataclass(frozen=True)
class Var:
    """A quantity.

    Attributes:
        name: as the author wrote it.
        shape: SymPy dimensions of one example: () a scalar, (n,) a column, (n, m) a matrix.
        axis: the time axis of a sequence; None for a quantity without time.
        role: a parameter is shared by all examples, an input differs between them; constants have no gradient.
        classes: for an integer input, how many values it can take; else None.
        declared: whether its shape was declared; no part of its identity.
        origin: why it exists, if it was derived; no part of its identity.
    """

    name: str
    shape: tuple[sympy.Expr, ...]
    axis: str | None = None
    role: Role = "defined"
    classes: sympy.Expr | None = None
    origin: Origin | None = field(default=None, compare=False)
    declared: bool = field(default=False, compare=False)

    @property
    def is_leaf(self) -> bool:
        """Whether it is given from outside."""
        return self.role != "defined"


@dataclass(frozen=True)
class Equation:
    """``out = expr``.

    Attributes:
        out: what is defined: ``h[t]``, ``h[0]``, or a quantity without time.
        expr: the right side.
        span: where it was written.
    """

    out: Ref
    expr: sympy.Expr
    span: Span | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The quantity that is defined."""
        return self.out.name

    @property
    def axis(self) -> str | None:
        """The axis along which it holds at every step; None for a boundary or time-free equation."""
        return self.out.index.axis if isinstance(self.out.index, Step) else None

    @property
    def is_boundary(self) -> bool:
        """Whether it gives a value outside the steps 1…T."""
        return isinstance(self.out.index, Fixed)

    def __str__(self) -> str:
        return f"{to_text(self.out)} = {to_text(self.expr)}"

    def _repr_latex_(self) -> str:
        return f"${sympy.latex(self.out)} = {sympy.latex(self.expr)}$"
