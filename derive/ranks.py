"""The first phase of inference: which quantities have one row, or one column.

A least fixpoint.  Undeclared inputs are columns; an undeclared parameter is a matrix if it stands bare on the left of
``@`` (or in ``take``), else a column; what is defined starts at 1 × 1 and grows.

Read next: `derive.naming`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy

from derive.equation import Equation
from derive.errors import EquationError
from derive.expr import Op, Ref
from derive.primitives import TABLE, Shape
from derive.shapes import ONE, pair
from derive.text import to_text

MANY = sympy.Symbol("many")


@dataclass(frozen=True)
class Leaf:
    """What is known of a quantity before inference.

    Attributes:
        role: "parameter", "constant", "input" or "defined".
        shape: declared dimensions, or None.
        classes: for an integer input, how many values it can take.
    """

    role: str
    shape: tuple[sympy.Expr, ...] | None = None
    classes: sympy.Expr | None = None


class _Ranks:
    """`Dims` that knows only one or many."""

    def same(self, *dims: sympy.Expr) -> sympy.Expr:
        return self.join(*dims)

    def join(self, *dims: sympy.Expr) -> sympy.Expr:
        return ONE if all(dim == 1 for dim in dims) else MANY

    def within(self, part: sympy.Expr, whole: sympy.Expr) -> None:
        """Known only when all sizes are."""

    def add(self, *dims: sympy.Expr) -> sympy.Expr:
        return MANY


def infer_ranks(equations: Sequence[Equation], quantities: Mapping[str, Leaf]) -> dict[str, Shape]:
    """For every quantity whether it has one row, and one column: 1, or `MANY`.

    Raises:
        EquationError: where an undeclared leaf meets another rank, so that its own is a guess.
    """
    matrices = {name for equation in equations for name in _bare_left(equation.expr)}
    ranks: dict[str, Shape] = {}
    for name, leaf in quantities.items():
        if leaf.shape is not None:
            ranks[name] = tuple(ONE if dim == 1 else MANY for dim in pair(leaf.shape))
        elif leaf.role == "defined":
            ranks[name] = (ONE, ONE)
        else:
            matrix = leaf.role != "input" and name in matrices
            ranks[name] = (MANY, MANY if matrix else ONE)
    grew = True
    while grew:
        grew = False
        for equation in equations:
            found = _rank(equation.expr, ranks)
            old = ranks[equation.name]
            new = tuple(_Ranks().join(a, b) for a, b in zip(old, found, strict=True))
            if quantities[equation.name].shape is None and new != old:
                ranks[equation.name] = new
                grew = True
    for equation in equations:
        _ask_for_declaration(equation.expr, ranks, quantities)
    return ranks


def _bare_left(expr: sympy.Basic) -> Iterable[str]:
    if isinstance(expr, Op):
        bare = expr.operands[:-1] if expr.primitive == "matmul" else ()
        bare = expr.operands[:1] if expr.primitive == "take" else bare
        for operand in bare:
            yield from _through(operand)
        for operand in expr.operands:
            yield from _bare_left(operand)


def _through(operand: sympy.Basic) -> Iterable[str]:
    """The names that stand bare, seen through signs, numbers, sums and ``stop``."""
    if isinstance(operand, Ref):
        yield operand.name
    elif isinstance(operand, Op) and (operand.primitive in ("plus", "stop") or is_scaled(operand)):
        for inner in operand.operands:
            yield from _through(inner)


def is_scaled(expr: Op) -> bool:
    """Whether an expression is a number times one thing."""
    return expr.primitive == "times" and sum(not factor.is_number for factor in expr.operands) == 1


def _rank(expr: sympy.Basic, ranks: Mapping[str, Shape]) -> Shape:
    if isinstance(expr, Ref):
        return ranks[expr.name]
    if not isinstance(expr, Op):
        return ONE, ONE
    shapes = [_rank(operand, ranks) for operand in expr.operands]
    shape = TABLE[expr.primitive].shape(_Ranks(), shapes, expr.static)
    return tuple(ONE if dim == 1 else MANY for dim in shape)


def _ask_for_declaration(expr: sympy.Basic, ranks: Mapping[str, Shape], quantities: Mapping[str, Leaf]) -> None:
    if not isinstance(expr, Op):
        return
    if TABLE[expr.primitive].is_elementwise or expr.primitive in ("plus", "times"):
        for operand in expr.operands:
            if isinstance(operand, Ref) and is_guessed(quantities[operand.name]):
                others = {_rank(other, ranks) for other in expr.operands if not _is_free(other, quantities)}
                if expr.primitive == "times" and quantities[operand.name].role == "input":
                    others.discard((ONE, ONE))  # an input is a column, and a scalar may scale it
                if others - {ranks[operand.name]}:
                    raise EquationError(
                        f"{operand.name} would be broadcast in {to_text(expr)}: declare its shape, "
                        f"as in '{operand.name} : H' or '{operand.name} : scalar'",
                        operand.span,
                    )
    for operand in expr.operands:
        _ask_for_declaration(operand, ranks, quantities)


def is_guessed(leaf: Leaf) -> bool:
    """Whether the rank of a quantity is a guess: given from outside, and not declared."""
    return leaf.role != "defined" and leaf.shape is None


def _is_free(operand: sympy.Expr, quantities: Mapping[str, Leaf]) -> bool:
    """Whether an operand says nothing about the rank of another: a number, or a guess itself."""
    return operand.is_number or (isinstance(operand, Ref) and is_guessed(quantities[operand.name]))
