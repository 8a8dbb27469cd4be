"""What a finished system promises about its quantities and shapes.

Read next: `derive.system`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import sympy

from derive.equation import Equation, Var
from derive.errors import EquationError
from derive.expr import Op, Ref, Step
from derive.order import contextual_calls, contextual_refs
from derive.primitives import TABLE
from derive.shapes import ShapeOf, show
from derive.text import to_text
from derive.words import FUNCTIONS


def check_bindings(equations: Sequence[Equation], variables: Mapping[str, Var]) -> None:
    """Every quantity is bound once, exists, and is read along its own axis.

    Raises:
        EquationError: where one is not.
    """
    seen: set[Ref] = set()
    for equation in equations:
        var = variables.get(equation.name)
        if var is None or (var.is_leaf and not equation.is_boundary):
            raise EquationError(f"{equation.name} has an equation but is not a defined quantity", equation.span)
        if equation.out in seen:
            raise EquationError(f"{to_text(equation.out)} is defined twice", equation.span)
        seen.add(equation.out)
        for call in calls(equation.expr, "take", "scatter"):
            index = call.operands[1]
            if not isinstance(index, Ref) or variables[index.name].classes is None:
                raise EquationError(
                    f"{to_text(index)} is no integer input: declare one, as in 'j[t] : index V'",
                    call.span or equation.span,
                )
        _check_numbers(equation, variables)
        _check_contexts(equation)
        for read in _all_refs(equation):
            known = variables.get(read.name)
            if known is None:
                raise EquationError(f"{read.name} is not defined", read.span or equation.span)
            axis = read.index.axis if read.index is not None else None
            if axis != known.axis:
                raise EquationError(_axis_reason(read, known), read.span or equation.span)
    computed = {equation.name for equation in equations if not equation.is_boundary}
    for name, var in variables.items():
        if not var.is_leaf and name not in computed:
            raise EquationError(f"{name} has a boundary value but no equation")


def _axis_reason(read: Ref, known: Var) -> str:
    if known.axis is None:
        return f"{read.name} has no time; it is read as {to_text(read)}"
    if read.index is None:
        return f"{read.name} is a sequence along {known.axis}; read one step, as in {read.name}[{known.axis}]"
    return f"{read.name} is a sequence along {known.axis}, but is read along {read.index.axis}"


def _check_contexts(equation: Equation) -> None:
    """``place[t]`` and ``unstack[t]`` mean something only at a step t."""
    for call, axes in contextual_calls(equation.expr):
        if call.primitive in ("place", "unstack"):
            axis = call.static[0].axis if call.primitive == "place" else str(call.static[0])
            if axis not in (*axes, equation.axis):
                raise EquationError(
                    f"{call.primitive}[{axis}] needs a step {axis}, but {to_text(equation.out)} has none",
                    call.span or equation.span,
                )
            if call.primitive == "unstack" and _varies(call.operands[0], axis):
                shown = to_text(call.operands[0])
                raise EquationError(
                    f"unstack[{axis}] takes columns of one matrix, but {shown} is another one at every step",
                    call.span or equation.span,
                )


def _varies(expr: sympy.Basic, axis: str) -> bool:
    """Whether an expression differs from step to step of an axis."""
    if isinstance(expr, Ref):
        return isinstance(expr.index, Step) and expr.index.axis == axis
    if not isinstance(expr, Op) or (TABLE[expr.primitive].binds and str(expr.static[0]) == axis):
        return False
    return any(_varies(operand, axis) for operand in expr.operands)


def _check_numbers(equation: Equation, variables: Mapping[str, Var]) -> None:
    """Indices are no numbers: they only say which column is meant."""
    for read in _as_values(equation.expr):
        var = variables.get(read.name)
        if var is not None and var.classes is not None:
            raise EquationError(
                f"{to_text(read)} is an index, not a number: read a column with take(E, {to_text(read)}), "
                f"or write one with scatter(v, {to_text(read)}, {var.classes})",
                read.span or equation.span,
            )


def _as_values(expr: sympy.Basic) -> Iterator[Ref]:
    """Every read but those that say which column `take` and `scatter` mean."""
    if isinstance(expr, Ref):
        yield expr
    elif isinstance(expr, Op):
        for operand in expr.operands[:1] if expr.primitive in ("take", "scatter") else expr.operands:
            yield from _as_values(operand)


def _all_refs(equation: Equation) -> Iterator[Ref]:
    yield equation.out
    for read, axes in contextual_refs(equation.expr):
        yield read
        if isinstance(read.index, Step) and read.index.axis not in (*axes, equation.axis):
            raise EquationError(
                f"{to_text(read)} needs a step {read.index.axis}, but {to_text(equation.out)} has none",
                read.span or equation.span,
            )


def calls(expr: sympy.Basic, *primitives: str) -> Iterator[Op]:
    """Every application of one of these primitives in an expression."""
    if isinstance(expr, Op):
        if expr.primitive in primitives:
            yield expr
        for operand in expr.operands:
            yield from calls(operand, *primitives)


def check_shapes(equations: Sequence[Equation], variables: Mapping[str, Var], shape_of: ShapeOf) -> None:
    """Both sides of every equation have one shape, and tables have a column for every class.

    Raises:
        EquationError: where they differ, with both.
    """
    for equation in equations:
        for call in calls(equation.expr, "take", "scatter"):
            index = variables[call.operands[1].name]
            columns = shape_of(call.operands[0])[1] if call.primitive == "take" else call.static[0]
            if columns != index.classes:
                raise EquationError(
                    f"{index.name} has {index.classes} classes, but {to_text(call)} has {columns} columns", call.span
                )
        wanted, found = shape_of(equation.out), shape_of(equation.expr)
        if wanted != found and not (equation.is_boundary and equation.expr.is_number):
            raise EquationError(
                f"{to_text(equation.out)} is {show(wanted)} but its equation gives {show(found)}",
                equation.span,
            )


def check_functions(expressions: Iterable[sympy.Expr]) -> None:
    """What came from SymPy by its name is a function of the language, with as many arguments.

    Raises:
        TypeError: where it is not.
    """
    for expr in expressions:
        for call, _ in contextual_calls(expr):
            _check_function(call)


def _check_function(call: Op) -> None:
    record = TABLE.get(call.primitive)
    if record is None:
        raise TypeError(f"{call.primitive} is no function of the language; there are {', '.join(sorted(FUNCTIONS))}")
    if len(call.static) != len(record.static):
        raise TypeError(f"{call.primitive} takes more than expressions: write the equation as text, or use Sequence[:]")
    if record.arity is not None and len(call.operands) != record.arity:
        wanted = f"{record.arity} argument{'s' * (record.arity != 1)}"
        raise TypeError(f"{call.primitive} takes {wanted}, not {len(call.operands)}")
