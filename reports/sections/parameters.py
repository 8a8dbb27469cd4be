"""Section 6: gradients of parameters through the per-step copies, of inputs and of initial values.

Read next: `reports.sections.paths`.
"""

from __future__ import annotations

from derive.equation import Equation
from derive.expr import is_op
from derive.latex import shape_latex
from derive.typeset import typeset
from reports.context import Context
from reports.document import Block, Heading, Prose, Row, Rows
from reports.forms import rule_text
from reports.grouping import Group, grouped_terms, range_of
from reports.notation import LOSS, SystemNames
from reports.rows import equation_rows, group_names, readers_text


def parameters(context: Context) -> list[Block]:
    """One unfolding for every parameter, or group of parameters."""
    if not context.of_parameters:
        return []
    blocks: list[Block] = [Heading(1, "Parameter gradients", "parameters")]
    example = context.of_parameters[0]
    name = context.names.written(context.of(example.name))
    blocks.append(
        Prose(
            f"A parameter is used at every step. Give every step a copy of its own, ${_copy(name, 't')}$: "
            "all copies are equal, a small change of the parameter changes all of them, so the gradients of the "
            "copies add up. What reaches one copy comes from the equation of its step alone."
        )
    )
    rows: list[Row] = []
    for found in context.groups(context.of_parameters):
        equation = context.of_parameters[found.first]
        names = group_names(context.names, found)
        tail = range_of(context.names, found) if found.keys else ""
        rows += _through_copies(context, equation, names, tail)
    blocks.append(Rows(tuple(rows)))
    return blocks


def inputs(context: Context) -> list[Block]:
    """Gradients of inputs and of values before the first or after the last step."""
    rows = equation_rows(context, context.of_inputs)
    rows += equation_rows(context, context.at_start, lambda equation: "gradient of the initial value")
    return [Heading(2, "Inputs and initial values"), Rows(rows)] if rows else []


def _copy(name: str, axis: str) -> str:
    return rf"{{{name}}}^{{({axis})}}" if "^" in name else rf"{name}^{{({axis})}}"


def _through_copies(context: Context, equation: Equation, names: SystemNames, tail: str) -> list[Row]:
    of = context.of(equation.name)
    paths = context.readings.paths(of)
    name = names.written(of)
    axes = list(dict.fromkeys(path.edges[-1].reader.axis for path in paths))
    shape = shape_latex(context.adjoint.variables[of].shape)
    left = names.derivative(LOSS, name) if context.notation.cotangent == "partial" else typeset(equation.out, names)
    label = context.labels[equation.name]
    terms = grouped_terms(equation.expr, names)
    alone = [Group((position,)) for position in range(len(paths))]
    rules = dict.fromkeys(rule_text(edge.rules, names) for path in paths for edge in path.edges)
    reason = f"{readers_text(context, of, paths, alone, names, loss=False)}: {', '.join(rules)}"
    if axes == [None] or None in axes or not is_op(equation.expr, "sum"):
        return [Row(left, terms, shape=shape, label=label, reason=reason, tail=tail)]
    (axis,) = axes[:1]
    total = rf"\sum_{{{axis}=1}}^{{{str(axis).upper()}}} {names.derivative(LOSS, _copy(name, str(axis)))}"
    return [
        Row(left, (total,), reason="the gradients of the copies add up", tail=tail),
        Row("", terms, shape=shape, label=label, reason=reason),
    ]
