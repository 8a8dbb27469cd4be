"""The equation language: text that reads as papers write it, turned into a `System`.

A small layer of our own splits statements (logical lines, comments, declarations, Unicode spellings); right sides
are Python expressions, read with `ast` and never evaluated: only the node types in `derive.grammar` mean anything.

>>> rnn = parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)")
>>> rnn.shapes["U"]
(H, D)
>>> parse(str(rnn)) == rnn
True

Read next: `derive.system`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from derive.checks import check_functions
from derive.dimensions import length, read_dimensions
from derive.errors import EquationError, Span
from derive.expr import Fixed, Ref, Step, coerce
from derive.grammar import Reader
from derive.inference import infer
from derive.order import contextual_refs
from derive.ranks import Leaf
from derive.slips import slips_of
from derive.statements import NAME, Statement, lines_of, split_statements
from derive.system import Equation, Role, System, Var
from derive.words import is_reserved, name_reason

INDEXED = re.compile(rf"({NAME})\s*\[\s*(\w+)\s*(?:[+-]\s*\d+\s*)?\]")


@dataclass(frozen=True)
class Declaration:
    """``name : shape``; shape None where only the role is declared."""

    shape: tuple[sympy.Expr, ...] | None
    role: Role | None = None
    axis: str | None = None
    classes: sympy.Expr | None = None
    span: Span | None = None


def parse(text: str, *, name: str = "system", strict: bool = False) -> System:
    """Read a system of equations.

    Args:
        text: equations and declarations, one statement a line; ``#`` begins a comment.
        name: what to call the system.
        strict: make warnings (undeclared names that look like a slip, values that nothing reads) errors.

    Raises:
        EquationError: with a one-line reason, the line, and a caret; nothing is ever evaluated.
    """
    statements = list(split_statements(text))
    declared: dict[str, Declaration] = {}
    axes = _axes(statements)
    for statement in statements:
        if statement.sign == ":":
            _declare(statement, declared, axes)
    sequences = _sequence_axes(statements, axes, declared)
    equations = [_equation(s, axes, sequences, declared) for s in statements if s.sign == "="]
    try:
        system = build(equations, declared, name=name, strict=strict)
    except EquationError as error:
        if error.span is None or error.text:
            raise
        raise EquationError(error.reason, error.span, lines_of(text)[error.span.line - 1]) from None
    return system


def build(
    equations: Iterable[Equation],
    declared: Mapping[str, Declaration] | None = None,
    *,
    name: str = "system",
    strict: bool = False,
) -> System:
    """A system from equations and what is declared about their quantities; roles and shapes are inferred.

    Raises:
        EquationError: if the equations contradict each other.
    """
    equations, declared = tuple(equations), dict(declared or {})
    if not equations:
        raise EquationError("no equation: write at least one, such as h[t] = tanh(W @ h[t-1] + U @ x[t])")
    _check_unique(equations)
    _check_names(equations)
    _check_used(equations, declared)
    defined = {equation.name for equation in equations if not equation.is_boundary}
    axes: dict[str, str | None] = {}
    for read in _mentions(equations):
        axes.setdefault(read.name, read.index.axis if read.index is not None else None)
    roles: dict[str, Role] = {}
    for name_ in axes:
        declared_role = declared[name_].role if name_ in declared else None
        roles[name_] = "defined" if name_ in defined else declared_role or ("input" if axes[name_] else "parameter")
    for equation in equations:
        if equation.is_boundary and roles[equation.name] == "parameter":
            raise EquationError(f"{equation.name} has a boundary value but no equation", equation.span)
    given = {n: declared.get(n, Declaration(None)) for n in roles}
    for equation in equations:
        if given[equation.name].role is not None and not equation.is_boundary:
            raise EquationError(f"{equation.name} has an equation, but is declared to be given", equation.span)
    shapes = infer(equations, {n: Leaf(role, given[n].shape, given[n].classes) for n, role in roles.items()})
    variables = {
        n: Var(n, shapes[n], axes[n], role, given[n].classes, declared=given[n].shape is not None)
        for n, role in roles.items()
    }
    system = System(equations, variables, name=name)  # first what is wrong, then what may be
    slips = list(slips_of(system))
    if strict and slips:
        raise EquationError(*slips[0])
    return system.renamed(warnings=tuple(reason for reason, _ in slips)) if slips else system


def define(
    equations: Mapping[Any, Any], shapes: Mapping[str, tuple[Any, ...]] | None = None, *, name: str = "system"
) -> System:
    """A system built in Python, from nodes or SymPy expressions.

    Args:
        equations: left side → right side, such as ``{h[t]: tanh(W @ h[t-1] + U @ x[t])}``.
        shapes: dimensions of some quantities, as SymPy symbols, numbers or names.
        name: what to call the system.

    Raises:
        EquationError: if the equations contradict each other.
        TypeError: if something has no meaning in an equation.
    """
    declared = {
        key: Declaration(tuple(read_dimensions(str(dim)) for dim in dims)) for key, dims in (shapes or {}).items()
    }
    pairs = [(coerce(left), coerce(right)) for left, right in equations.items()]
    for left, _ in pairs:
        if not isinstance(left, Ref):
            raise TypeError(f"{left} cannot stand on a left side")
    check_functions(right for _, right in pairs)
    return build([Equation(left, right) for left, right in pairs if isinstance(left, Ref)], declared, name=name)


# --- time axes --------------------------------------------------------------------------------------------------


def _axes(statements: list[Statement]) -> tuple[str, ...]:
    """Names that index a left side: the t of ``h[t] = …``."""
    found: dict[str, None] = {}
    for statement in statements:
        match = re.fullmatch(rf"\s*(?:\w+\s+)?({NAME})\s*\[\s*(\w+)\s*(?:[+-]\s*\d+\s*)?\]\s*", statement.left)
        if match and not match[2].isdigit() and match[2][0].islower():
            found[match[2]] = None
        for bound in re.finditer(r"\b(?:sum|stack)\s*\[\s*(\w+)\s*\]", statement.right):
            found[bound[1]] = None
    return tuple(found)


def _sequence_axes(
    statements: list[Statement], axes: tuple[str, ...], declared: Mapping[str, Declaration]
) -> dict[str, str]:
    """The axis of every sequence, from the places where it is read at a step."""
    found = {name: d.axis for name, d in declared.items() if d.axis is not None}
    for statement in statements:
        if statement.sign == "=":
            match = re.fullmatch(rf"\s*({NAME})\s*\[\s*(\w+)\s*\]\s*", statement.left)
            if match and match[2] in axes:
                found.setdefault(match[1], match[2])
    for statement in statements:
        for match in INDEXED.finditer(statement.right):
            if match[2] in axes and match[1] not in ("sum", "stack", "unstack"):
                found.setdefault(match[1], match[2])
    return found


# --- declarations and equations ---------------------------------------------------------------------------------


def _declare(statement: Statement, declared: dict[str, Declaration], axes: tuple[str, ...]) -> None:
    match = re.fullmatch(rf"\s*(?:(const|input)\s+)?({NAME})\s*(?:\[\s*(\w+)\s*\])?\s*", statement.left)
    if not match:
        raise statement.error("a declaration reads 'name : shape', as in W : H, D", 0, len(statement.left))
    prefix, name, axis = match.groups()
    start = statement.left.index(name, match.start(2))
    _check_name(statement, name, start)
    if name in declared:
        raise statement.error(f"{name} is declared twice", start, start + len(name))
    if axis is not None and axis not in axes:
        raise statement.error(f"{axis} is no time axis: write {name}[t]", start, len(statement.left))
    span = statement.span(start, start + len(name))
    text = statement.right.strip()
    offset = len(statement.right) - len(statement.right.lstrip())
    role: Role | None = {"const": "constant", "input": "input"}.get(prefix)  # type: ignore[assignment]
    try:
        if text == "scalar":
            declared[name] = Declaration((), role, axis, None, span)
        elif text.startswith("index ") or text == "index":
            declared[name] = Declaration((), role or "input", axis, read_dimensions(text[5:].strip() or "V"), span)
        else:
            dims = tuple(read_dimensions(part.strip()) for part in text.split(","))
            if len(dims) > 2:
                raise ValueError("a quantity has at most two dimensions")
            for symbol in {symbol for dim in dims for symbol in dim.free_symbols}:
                if is_reserved(str(symbol)):
                    raise ValueError(f"{symbol} is reserved and names no dimension")
            declared[name] = Declaration(dims, role, axis, None, span)
    except ValueError as error:
        raise statement.error(str(error), offset, offset + max(1, len(text))) from None


def _check_name(statement: Statement, name: str, start: int) -> None:
    reason = name_reason(name)
    if reason:
        raise statement.error(reason, start, start + len(name))


def _equation(
    statement: Statement,
    axes: tuple[str, ...],
    sequences: Mapping[str, str],
    declared: Mapping[str, Declaration],
) -> Equation:
    dims = {str(s) for d in declared.values() for dim in d.shape or () for s in dim.free_symbols}
    dims |= {str(s) for d in declared.values() if d.classes is not None for s in d.classes.free_symbols}
    reader = Reader(statement, axes, sequences, dims | {str(length(sympy.Symbol(a))) for a in axes})
    out, start = reader.left_side(), len(statement.left) - len(statement.left.lstrip())
    _check_name(statement, out.name, start)
    if out.name in axes:
        raise statement.error(f"{out.name} is a time axis and has no value", start, start + len(out.name))
    return Equation(out, reader.right_side(), statement.span(start, len(statement.code.rstrip())))


# --- checks -----------------------------------------------------------------------------------------------------


def _check_unique(equations: tuple[Equation, ...]) -> None:
    seen: set[Ref] = set()
    timed: dict[str, bool] = {}
    for equation in equations:
        index = equation.out.index
        if equation.out in seen:
            raise EquationError(f"{equation.out} is defined twice", equation.span)
        if (isinstance(index, Step) and index.shift) or (isinstance(index, Fixed) and not index.is_boundary):
            raise EquationError(f"{equation.out} cannot be defined: define it at a step or outside", equation.span)
        if not equation.is_boundary and timed.setdefault(equation.name, index is not None) != (index is not None):
            raise EquationError(f"{equation.name} is defined both with and without time", equation.span)
        seen.add(equation.out)


def _check_names(equations: tuple[Equation, ...]) -> None:
    for equation in equations:
        for read in _mentions([equation]):
            if reason := name_reason(read.name):
                raise EquationError(reason, read.span or equation.span)


def _mentions(equations: Iterable[Equation]) -> Iterable[Ref]:
    """Every left side and every read, in order of appearance."""
    for equation in equations:
        yield equation.out
        for read, _ in contextual_refs(equation.expr):
            yield read


def _check_used(equations: tuple[Equation, ...], declared: Mapping[str, Declaration]) -> None:
    timed: dict[str, str] = {}
    for read in _mentions(equations):
        if read.index is not None:
            timed.setdefault(read.name, read.index.axis)
    names = {read.name for read in _mentions(equations)}
    for name, declaration in declared.items():
        if name not in names:
            raise EquationError(f"{name} is declared but never used", declaration.span)
        if declaration.axis is not None and timed.get(name) != declaration.axis:
            raise EquationError(f"{name} is declared along {declaration.axis} but not used so", declaration.span)
    for equation in equations:
        for read in _mentions([equation]):
            if read.index is None and read.name in timed:
                raise EquationError(
                    f"{read.name} is used both as a sequence along {timed[read.name]} and without time",
                    read.span or equation.span,
                )
