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
    if expr == 0 or (is_op(expr, "broadcast_to") and expr.operands[0] == 0):  # type: ignore[attr-defined]
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
