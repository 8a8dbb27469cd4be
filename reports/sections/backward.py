"""Section 5: the backward recursion with its boundary conditions, and where each δ comes from.

Read next: `reports.sections.parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping

from derive.equation import Equation
from derive.expr import Ref
from derive.typeset import typeset
from reports.context import Context, label_of
from reports.document import Block, Heading, Prose, Row, Rows
from reports.parts import Part
from reports.rows import brief_reason, equation_rows, group_names, how, unfolding
from reports.sections.headings import heading
from reports.skeleton import folds


def backward(context: Context) -> list[Block]:
    """The recursion part by part, each with its boundary conditions; then the steps that lead to every line of it."""
    blocks: list[Block] = [Heading(1, "Backward recursion", "backward"), Prose(_order(context))]
    folded = {} if context.detail == "brief" else folds(context)
    for part in context.parts((*context.recursion, *context.zeros, *context.computed_starts)):
        blocks += heading(context, part, backward=True)
        blocks.append(Rows(_recursion_rows(context, part, folded)))
    return blocks if context.detail == "brief" else [*blocks, *_steps(context, folded)]


def _recursion_rows(context: Context, part: Part, folded: Mapping[Ref, Equation]) -> tuple[Row, ...]:
    once = [e for e in part.equations if e.axis is None and not e.is_boundary and part.direction]  # of an initial value
    core = [e for e in part.equations if not e.is_boundary and e not in once]
    rows = equation_rows(context, core, lambda equation: _reason(context, equation, folded))
    zeros = [e for e in part.equations if e.is_boundary and e.expr == 0]
    rows += equation_rows(context, zeros, lambda equation: _nothing(context, equation))
    starts = [e for e in part.equations if e.is_boundary and e.expr != 0]
    rows += equation_rows(context, starts, lambda equation: _start(context, equation))
    return rows + equation_rows(context, once, lambda equation: _reason(context, equation, folded))


def _reason(context: Context, equation: Equation, folded: Mapping[Ref, Equation]) -> str:
    if context.detail == "brief":
        return brief_reason(context, equation)
    if equation.out in folded:
        return f"the steps from {{eq:{how(folded[equation.out])}}}, with other names"
    if context.readings.edges(context.of(equation.name)):
        return f"steps from {{eq:{how(equation)}}}"
    return "this is the loss" if context.of(equation.name) == context.loss else "only the loss reads it"


def _start(context: Context, equation: Equation) -> str:
    value = next(
        e for e in context.forward if e.name == context.of(equation.name) and e.out.index == equation.out.index
    )
    return f"reaches the value that {{eq:{label_of(value)}}} computes"


def _steps(context: Context, folded: Mapping[Ref, Equation]) -> list[Block]:
    """Where every line of the recursion comes from; what repeats another with other names is not unfolded again."""
    blocks: list[Block] = [
        Heading(2, "Where each δ comes from" if _is_delta(context) else "Where each gradient comes from")
    ]
    blocks.append(
        Prose(
            "Who reads the quantity? Every reader adds a term to the total derivative, by the chain rule. Then the "
            "local derivatives stand in for the fractions, as rows from the left. Transposed, the row is the column "
            "that the recursion computes."
        )
    )
    if folded:
        blocks.append(Prose("Steps that differ from others in names alone, or in the direction of time, are left out."))
    for part in context.parts(context.recursion):
        for found in context.groups(part.equations):
            equation = part.equations[found.first]
            if equation.out in folded or not context.readings.edges(context.of(equation.name)):
                continue  # only the loss reads it: nothing to unfold
            names = group_names(context.names, found)
            blocks += [Heading(3, f"${typeset(equation.out, names)}$"), Rows(unfolding(context, equation, names))]
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
