r"""How quantities are written: what `derive.typeset` asks, and the answer that leaves names as they are.

A notation may write one quantity as several: in PyTorch's, b_f is b_{if} + b_{hf}, and W_f [h; x] is
W_{hf} h + W_{if} x. Where it does, `Names.summands` says so.

Read next: `derive.typeset`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import sympy

from derive.expr import Ref
from derive.latex import index_latex
from derive.primitives import ShapeOf
from derive.spelling import compose, spell

Pair = tuple[sympy.Expr, sympy.Expr]


class Names(Protocol):
    """How quantities are written."""

    def read(self, read: Ref) -> str:
        """A quantity at its index: ``h_{t-1}``."""
        ...

    def whole(self, name: str, axis: str) -> str:
        """A sequence as a matrix of T columns: ``m_{1:T}``."""
        ...

    def part(self, expr: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> str | None:
        """Rows low…high−1 of an expression, if they have a name, as the columns of a matrix that multiply h."""
        ...

    def shape(self, expr: sympy.Expr) -> Pair | None:
        """Rows and columns, where known."""
        ...

    def summands(self, expr: sympy.Expr) -> tuple[str, ...] | None:
        """What a quantity, or the matrix before a concatenation, is written as, if it is written as several."""
        ...


@dataclass(frozen=True)
class PlainNames:
    """Names as the author spelled them; without shapes everything but a number counts as a column."""

    shape_of: ShapeOf | None = None

    def read(self, read: Ref) -> str:
        """``h_{t-1}``."""
        return compose(spell(read.name), index_latex(read.index))

    def whole(self, name: str, axis: str) -> str:
        """``m_{1:T}``."""
        return compose(spell(name), f"1:{axis.upper()}")

    def part(self, expr: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> None:
        """No part has a name of its own."""
        return

    def shape(self, expr: sympy.Expr) -> Pair | None:
        """As the system knows it."""
        return None if self.shape_of is None else self.shape_of(expr)

    def summands(self, expr: sympy.Expr) -> None:
        """Everything is written as one."""
        return
