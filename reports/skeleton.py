r"""What a derivation is apart from names, so that a network does not repeat the steps of one layer for the next.

Two cotangents have one skeleton if their terms are built of the same operations on quantities of the same kind and
shape of reading, in the same order. Reading the past in one and the future in the other makes no difference: the second
direction of a network is the first with time reversed.

Read next: `reports.rows`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import sympy

from derive.equation import Equation
from derive.expr import Fixed, Op, Ref, Step
from reports.context import Context

MANY = 16  # groups of equations in the recursion, from which on repetitions are folded


def skeleton(context: Context, equation: Equation) -> str:
    """Of the steps that lead to a cotangent: its readers one by one, and the equation itself."""
    paths = context.readings.paths(context.of(equation.name))
    rules = [rule for path in paths for edge in path.edges for rule in edge.rules]
    columns = [expr for path in paths for edge in path.edges for expr in (edge.reader.out, edge.contribution)]
    return " ".join((*rules, of_expressions(context, [equation.out, equation.expr, *columns])))


def of_expressions(context: Context, expressions: Iterable[sympy.Basic], inside: Collection[str] | None = None) -> str:
    """Expressions with numbers for names; with `inside`, all that matters of other quantities is their shape."""
    numbers: dict[str, int] = {}
    signs: list[int] = []
    words = (word for expr in expressions for word in _walk(context, expr, numbers, signs, inside))
    return " ".join(words)


def _walk(
    context: Context,
    expr: sympy.Basic,
    numbers: dict[str, int],
    signs: list[int],
    inside: Collection[str] | None,
) -> Iterator[str]:
    if isinstance(expr, Ref):
        var = context.adjoint.variables[expr.name]
        number = numbers.setdefault(expr.name, len(numbers))
        kind = f"{var.role}{context.kind(expr.name)}" if inside is None else str(expr.name in inside)
        yield f"{kind}{len(var.shape)}-{number}{_time(expr, numbers, signs)}"
    elif isinstance(expr, Op):
        yield f"({expr.primitive}"
        if expr.primitive in ("rows", "embed"):
            yield "first" if expr.static[0].args[0] == 0 else "later"
        for operand in expr.operands:
            yield from _walk(context, operand, numbers, signs, inside)
        yield ")"
    else:
        yield str(expr)


def _time(read: Ref, numbers: dict[str, int], signs: list[int]) -> str:
    index = read.index
    if isinstance(index, Step):
        if index.shift and not signs:
            signs.append(1 if index.shift > 0 else -1)
        axis = numbers.setdefault(f"axis {index.axis}", len(numbers))
        return f"@{axis}+{index.shift * (signs or [1])[0]}"
    return "@end" if isinstance(index, Fixed) else ""


def folds(context: Context) -> dict[Ref, Equation]:
    """For a cotangent whose steps are those of an earlier one with other names, that one; none in a small system."""
    groups = [(part, found) for part in context.parts(context.recursion) for found in context.groups(part.equations)]
    if len(groups) < MANY:
        return {}
    seen: dict[str, Equation] = {}
    found: dict[Ref, Equation] = {}
    for part, alike in groups:
        equation = part.equations[alike.first]
        like = seen.setdefault(skeleton(context, equation), equation)
        if like is not equation:
            found[equation.out] = like
    return found
