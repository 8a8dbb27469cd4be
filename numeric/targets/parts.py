"""Pieces that the files for PyTorch and JAX share: sizes that follow from arguments, shapes in docstrings, right sides.

Read next: `numeric.targets.torch`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import sympy

from derive.expr import Op, is_op, refs
from derive.shapes import pair
from derive.system import Equation
from numeric.arrays import BATCH
from numeric.targets.plan import Plan
from numeric.targets.spelling import Speller


def size_lines(plan: Plan, lines: Sequence[str]) -> list[str]:
    """``H = W.shape[0]`` for every size that the lines mention."""
    found: list[str] = []
    for text, value in reversed(plan.known_sizes()[0]):
        if mentioned(text, [*lines, *(line.partition("=")[2] for line in found)]):
            found.insert(0, f"    {text} = {value}")
    return found


def right_side(plan: Plan, speller: Speller, equation: Equation, time: str, shared: Callable[[sympy.Expr], str]) -> str:
    """The right side of an equation, of the full shape of what it defines.

    Args:
        plan: the system.
        speller: prints expressions.
        equation: to be printed.
        time: ``"T, "`` where all steps are computed at once.
        shared: the text of a summand of what all examples share.
    """
    name, expr, batched = equation.name, equation.expr, plan.whole.batched
    shape = pair(plan.whole.variables[name].shape)
    batch = [plan.sizes[BATCH]] if name in batched else []
    zeros = f"zeros({speller.like}, {time}{', '.join([*batch, *map(plan.size, shape)])})"
    if expr == 0 or (is_op(expr, "broadcast_to") and expr.operands[0] == 0):
        return zeros
    if name not in batched:
        terms = expr.operands if isinstance(expr, Op) and expr.primitive == "plus" else (expr,)
        text = " + ".join(shared(term) for term in terms)
        return text if any(refs(expr)) else f"{zeros} + {text}"
    same = plan.whole.shape_of(expr) == shape and any(read.name in batched for read in refs(expr))
    if time:
        same = same and any(plan.whole.variables[r.name].axis == equation.axis for r in refs(expr))
    return speller.text(expr) if same else f"{zeros} + {speller.text(expr, 1)}"


def shape_lines(plan: Plan) -> list[str]:
    """``x: (T, B, D)`` of every argument."""
    lines = []
    for name in plan.leaves:
        var = plan.system.variables[name]
        lead = [plan.length(var.axis)] if var.axis else []
        lead += [plan.sizes[BATCH]] if var.role == "input" else []
        shape = [*lead, *map(plan.size, var.shape)]
        kind = f", integers below {plan.size(var.classes)}" if var.classes is not None else ""
        lines.append(f"{plan.names[name]}: ({', '.join(shape)}{',' if len(shape) == 1 else ''}){kind}.")
    for name, positions in plan.initial.items():
        many = [str(len(positions))] if len(positions) > 1 else []
        shape = [*many, plan.sizes[BATCH], *map(plan.size, plan.system.variables[name].shape)]
        lines.append(f"{plan.given[name]}: ({', '.join(shape)}{',' if len(shape) == 1 else ''}), zero if absent.")
    _, keywords = plan.known_sizes()
    return lines + [f"{plan.sizes[symbol]}: a number." for symbol in keywords]


def narrow(text: str, rank: int) -> str:
    """The array without the axes of one row or column that were added."""
    return text + ("", "[..., 0, 0]", "[..., 0]")[{0: 1, 1: 2, 2: 0}[rank]]


def mentioned(name: str, lines: Iterable[str]) -> bool:
    """Whether a name occurs."""
    return any(re.search(rf"\b{name}\b", line) for line in lines)


def arguments(plan: Plan) -> tuple[list[str], list[str]]:
    """Identifiers of array arguments, and of sizes that follow from none of them."""
    _, free = plan.known_sizes()
    return [*(plan.names[n] for n in plan.leaves), *plan.given.values()], [plan.sizes[s] for s in free]


def cotangents(plan: Plan, by_step: bool) -> tuple[list[str], list[str]]:
    """Arguments for the cotangents of all results, and the lines that widen them.

    Args:
        plan: the system.
        by_step: whether a sequence is a dictionary of its steps.
    """
    names = plan.names
    found: list[str] = []
    lines: list[str] = []

    def given(name: str, value: str, rank: int, form: str = "widened") -> None:
        if form == "by_step" or rank < 2 or names[name] != value:
            lines.append(f"    {names[name]} = {form}({value}, {rank})")

    for name in plan.outputs:
        up = plan.upstream.get(name)
        if up is None or up not in names:
            found.append(f"_{name}")
            continue
        var = plan.whole.variables[name]
        found.append(names[up])
        given(up, names[up], len(var.shape), "by_step" if by_step and var.axis else "widened")
    for name, positions in plan.final.items():
        rank = len(plan.system.variables[name].shape)
        ends = [end for end in plan.ends.get(name, ()) if end in names]
        if not ends:
            found.append(f"_end_{name}")
        elif len(positions) == 1:
            found.append(names[ends[0]])
            given(ends[0], names[ends[0]], rank)
        else:
            found.append(f"{names[ends[0]]}_all")
            for number, end in enumerate(plan.ends[name]):
                given(end, f"{names[ends[0]]}_all[{number}]", rank)
    return found, lines
