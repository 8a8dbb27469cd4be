"""Section 5: the backward recursion with its boundary conditions, and where each δ comes from.

Read next: `reports.sections.parameters`.
"""

from __future__ import annotations

from derive.equation import Equation
from derive.typeset import typeset
from reports.context import Context
from reports.document import Block, Heading, Prose, Rows
from reports.rows import equation_rows, group_names, unfolding


def backward(context: Context) -> list[Block]:
    """The recursion, then the steps that lead to every line of it."""
    blocks: list[Block] = [Heading(1, "Backward recursion", "backward"), Prose(_order(context))]
    rows = equation_rows(context, context.recursion)
    rows += equation_rows(context, context.zeros, lambda equation: _nothing(context, equation))
    blocks.append(Rows(rows))
    blocks.append(Heading(2, "Where each δ comes from" if _is_delta(context) else "Where each gradient comes from"))
    blocks.append(
        Prose(
            "Three steps each. Who reads the quantity? Every reader adds a term to the total derivative. Then the "
            "local derivatives stand in for the fractions, as rows from the left. Transposed, the row is the column "
            "that the recursion computes."
        )
    )
    for found in context.groups(context.recursion):
        equation = context.recursion[found.first]
        if not context.readings.edges(context.of(equation.name)):
            continue  # only the loss reads it: nothing to unfold
        names = group_names(context.names, found)
        blocks.append(Heading(3, f"${typeset(equation.out, names)}$"))
        blocks.append(Rows(unfolding(context, equation, names)))
    return blocks


def _is_delta(context: Context) -> bool:
    return context.notation.cotangent == "delta"


def _order(context: Context) -> str:
    """In which order the recursion runs, from the components of the adjoint."""
    parts = []
    for component in context.reading.components:
        names = {equation.name for equation in component.equations} & {e.name for e in context.recursion}
        if component.direction and component.axis and names:
            axis, last = component.axis, component.axis.upper()
            way = rf"{axis} = {last}, \dots, 1" if component.direction < 0 else rf"{axis} = 1, \dots, {last}"
            first = next(e for e in context.recursion if e.name in names)
            parts.append(f"${typeset(first.out, context.names)}$ and what depends on it for ${way}$")
    return f"Computed step by step: {'; '.join(parts)}." if parts else "Computed from the last equation to the first."


def _nothing(context: Context, equation: Equation) -> str:
    index = equation.out.index
    late = bool(getattr(index, "from_end", False))
    return "nothing comes after the last step" if late else "nothing comes before the first step"
