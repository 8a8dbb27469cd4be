"""One change of one equation, and expressions taken apart by the place of their parts.

A path is the operand numbers from the root of a right side: in ``dc[t] = dh[t] * o[t] + g_c[t+1]``, (0, 1) is
``o[t]``.  Several edits of one equation go together unless one lies inside another.

Read next: `numeric.check.variants.compute`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import sympy

from derive.expr import Fixed, Op, Ref, Step, apply, is_op, neg, plus

Path = tuple[int, ...]
ZERO, ONE = sympy.Integer(0), sympy.Integer(1)


@dataclass(frozen=True)
class Edit:
    """What stands at one place of one equation instead.

    Attributes:
        out: the left side of the equation.
        path: the place; () is the whole right side.
        expr: the new expression.
    """

    out: Ref
    path: Path
    expr: sympy.Expr


def edited(expr: sympy.Expr, edits: Iterable[Edit]) -> sympy.Expr:
    """The expression with all edits made.

    Raises:
        ValueError: if one lies inside another.
    """
    return _edited(expr, [(edit.path, edit.expr) for edit in edits])


def _edited(expr: sympy.Expr, edits: Sequence[tuple[Path, sympy.Expr]]) -> sympy.Expr:
    if not edits:
        return expr
    if any(not path for path, _ in edits):
        if len({new for _, new in edits}) > 1 or any(path for path, _ in edits):
            raise ValueError("two edits of one place")
        return edits[0][1]
    assert isinstance(expr, Op)
    operands = [
        _edited(operand, [(path[1:], new) for path, new in edits if path[0] == number])
        for number, operand in enumerate(expr.operands)
    ]
    return Op(*expr.args[:2], *operands)  # as it is: normal form would move the places of other edits


def parts(expr: sympy.Expr, path: Path = ()) -> Iterator[tuple[Path, sympy.Expr]]:
    """Every part of an expression with its place, the whole first."""
    yield path, expr
    if isinstance(expr, Op):
        for number, operand in enumerate(expr.operands):
            yield from parts(operand, (*path, number))


def terms(expr: sympy.Expr) -> list[tuple[Path, sympy.Expr]]:
    """The summands, with their places; those of a sum over time too."""
    if is_op(expr, "sum"):
        return [((0, *path), term) for path, term in terms(expr.operands[0])]
    if is_op(expr, "plus"):
        return [((number,), term) for number, term in enumerate(expr.operands)]
    return [((), expr)]


def factors(expr: sympy.Expr) -> list[tuple[Path, sympy.Expr]]:
    """The factors of an elementwise product, numbers left out; an expression that is no product is its own factor."""
    if is_op(expr, "times"):
        return [((number,), factor) for number, factor in enumerate(expr.operands) if not factor.is_number]
    return [((), expr)]


def but_first(new: sympy.Expr, old: Ref) -> sympy.Expr:
    """`new`, but at the first step `old`."""
    assert old.index is not None
    first = Fixed(old.index.args[0], ZERO, ONE)
    return plus(new, apply("place", plus(old, neg(new)), static=(first,)))


def wrapped(read: Ref, by: int) -> sympy.Expr:
    """A value of an earlier step, where the first step reads the last one: a negative index of an array."""
    assert isinstance(read.index, Step)
    axis = read.index.args[0]
    last = Ref(read.args[0], Fixed(axis, ONE, ZERO))
    return but_first(Ref(read.args[0], Step(axis, sympy.Integer(read.index.shift + by))), last)


def mapped(expr: sympy.Expr, change: Callable[[Ref], sympy.Expr]) -> sympy.Expr:
    """The expression with every read changed, in no normal form."""
    if isinstance(expr, Ref):
        return change(expr)
    if not isinstance(expr, Op):
        return expr
    return Op(*expr.args[:2], *(mapped(operand, change) for operand in expr.operands))


def at_end(read: Ref, axis: str, from_end: bool) -> Ref:
    """A read at the last step, or at the first."""
    if not isinstance(read.index, Step) or read.index.axis != axis:
        return read
    shift = read.index.shift
    return Ref(read.args[0], Fixed(read.index.args[0], sympy.Integer(from_end), sympy.Integer(shift + (not from_end))))
