"""Section 6: gradients of parameters through the per-step copies, of inputs and of initial values.

Read next: `reports.sections.paths`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.equation import Equation
from derive.expr import axis_symbol, is_op, plus
from derive.latex import shape_latex
from derive.typeset import typeset
from reports.context import Context
from reports.derivation import Path
from reports.document import Block, Heading, Prose, Row, Rows
from reports.forms import rule_text
from reports.grouping import Group, grouped_terms, range_of
from reports.notation import LOSS, SystemNames
from reports.rows import brief_reason, equation_rows, group_names, readers_text
from reports.sections.headings import heading
from reports.sections.paths import added
from reports.skeleton import MANY, of_expressions


def parameters(context: Context) -> list[Block]:
    """One unfolding for every parameter, or group of parameters."""
    if not context.of_parameters:
        return []
    blocks: list[Block] = [Heading(1, "Parameter gradients", "parameters")]
    blocks.append(Prose(_copies(context)))
    groups = [(part, context.groups(part.equations)) for part in context.parts(context.of_parameters)]
    many = sum(len(found) for _, found in groups) >= MANY
    seen: set[str] = set()
    for part, alike in groups:
        blocks += heading(context, part)
        rows: list[Row] = []
        for found in alike:
            equation = part.equations[found.first]
            form = of_expressions(context, [equation.expr])
            shown = not many or form not in seen
            seen.add(form)
            names = group_names(context.names, found)
            tail = range_of(context.names, found) if found.keys else ""
            rows += _through_copies(context, equation, names, tail, in_full=shown and context.detail == "full")
        blocks.append(Rows(tuple(rows)))
    if many and context.detail == "full":
        blocks.append(Prose("Sums over copies are written out once for every form that they take."))
    return blocks


def inputs(context: Context) -> list[Block]:
    """Gradients of inputs and of values before the first or after the last step."""
    rows = equation_rows(context, context.of_inputs, lambda equation: brief_reason(context, equation))
    rows += equation_rows(context, context.at_start, lambda equation: "gradient of the initial value")
    return [Heading(2, "Inputs and initial values"), Rows(rows)] if rows else []


def _copies(context: Context) -> str:
    """The argument by copies, with the first parameter that is used at every step as its example."""
    for equation in context.of_parameters:
        of = context.of(equation.name)
        axis = next((path.edges[-1].reader.axis for path in context.readings.paths(of)), None)
        if axis is not None:
            copy = _copy(context.names.written(of), axis)
            return (
                f"A parameter is used at every step. Give every step a copy of its own, ${copy}$: all copies are "
                "equal, a small change of the parameter changes all of them, so the gradients of the copies add up. "
                "What reaches one copy comes from the equation of its step alone."
            )
    return "Every parameter is used once, so what its readers pass back is its gradient."


def _copy(name: str, axis: str) -> str:
    return rf"{{{name}}}^{{({axis})}}" if "^" in name else rf"{name}^{{({axis})}}"


def _through_copies(context: Context, equation: Equation, names: SystemNames, tail: str, *, in_full: bool) -> list[Row]:
    of = context.of(equation.name)
    paths = context.readings.paths(of)
    shape = shape_latex(context.adjoint.variables[of].shape)
    name = names.written(of)
    left = names.derivative(LOSS, name) if context.notation.cotangent == "partial" else typeset(equation.out, names)
    label, terms = context.labels[equation.name], grouped_terms(equation.expr, names)
    steps: dict[str, list[sympy.Expr]] = {}
    for path in paths:
        if not is_op(path.column, "sum"):
            return [Row(left, terms, shape=shape, label=label, reason=_readers(context, of, paths, names), tail=tail)]
        steps.setdefault(str(path.column.static[0]), []).append(path.column.operands[0])
    if not in_full or not steps:
        return [Row(left, terms, shape=shape, label=label, reason=_readers(context, of, paths, names), tail=tail)]
    copies = {axis: names.derivative(LOSS, _copy(name, axis)) for axis in steps}
    sums = [rf"\sum_{{{axis}=1}}^{{{axis.upper()}}} {copy}" for axis, copy in copies.items()]
    rows = [Row(left, added(sums), reason="the gradients of the copies add up", tail=tail)]
    for axis, columns in steps.items():
        mine = [path for path in paths if path.column.static[0] == axis_symbol(axis)]
        reason = f"one copy: {_readers(context, of, mine, names)}"
        rows.append(Row(copies[axis], grouped_terms(plus(*columns), names), reason=reason))
    return [*rows, Row(left, terms, shape=shape, label=label, reason="over all steps", tail=tail)]


def _readers(context: Context, of: str, paths: Sequence[Path], names: SystemNames) -> str:
    """Who reads a parameter, and by which rules."""
    alone = [Group((position,)) for position in range(len(paths))]
    rules = dict.fromkeys(rule_text(edge.rules, names) for path in paths for edge in path.edges)
    return f"{readers_text(context, of, paths, alone, names, loss=False)}: {', '.join(rules)}"
