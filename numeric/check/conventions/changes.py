"""Forwards with one change: what somebody's cell computes who meant a known one.

Each change is an edit of one place of one equation: a function left out or exchanged, a factor or term left out,
another quantity read, or the value that is carried squashed first.  They come from the equations, so a user's own cell
has them too.

Read next: `numeric.check.conventions.candidates`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derive.errors import EquationError
from derive.expr import Op, Ref, Step, apply, fixed, is_op, ref, refs
from derive.networks.rename import assembled
from derive.primitives import TABLE
from derive.rewrite import rebuild, replace
from derive.system import Equation, System
from derive.text import to_text
from numeric.check.variants.view import without_copies

ACTIVATIONS = ("tanh", "sigmoid", "relu")
Edit = tuple[sympy.Expr, str]
Change = tuple[str, tuple[Equation, ...]]  # in words, and the equations then


def changes(system: System) -> Iterator[tuple[System, str]]:
    """All systems with one change that can be computed and have the same parameters, each with the change in words."""
    seen = {system.equations}
    for words, equations in _edited(system):
        try:
            found = assembled(equations, system.variables, system)
        except EquationError:
            continue
        if found.equations not in seen and set(found.parameters) == set(system.parameters):
            seen.add(found.equations)
            if set(found.inputs) == set(system.inputs):
                yield found, words


def _edited(system: System) -> Iterator[Change]:
    """Each change alone; then in all copies of a cell at once, as one function makes it that computes them all."""
    single = list(_alone(system))
    yield from single
    copies: dict[str, list[Change]] = {}
    for words, equations in single:
        copies.setdefault(without_copies(words), []).append((words, equations))
    for same in copies.values():
        if len(same) > 1:
            yield ", ".join(words for words, _ in same), _together(system, [equations for _, equations in same])


def _together(system: System, several: list[tuple[Equation, ...]]) -> tuple[Equation, ...]:
    """All changes of a system at once."""
    found = list(system.equations)
    for equations in several:
        for place, new in enumerate(equations[: len(system.equations)]):
            found[place] = new if new != system.equations[place] else found[place]
        found += equations[len(system.equations) :]
    return tuple(found)


def _alone(system: System) -> Iterator[Change]:
    yield from _carried(system)
    for place, equation in enumerate(system.equations):
        for expr, _ in _edits(equation.expr, equation.name, system):
            new = Equation(equation.out, expr)
            words = f"{new} instead of {to_text(equation.expr)}"
            yield words, (*system.equations[:place], new, *system.equations[place + 1 :])


def _carried(system: System) -> Iterator[Change]:
    """What is carried is squashed, or is another quantity."""
    for name in system.states:
        function = _function_of(name, system)
        if function is not None:
            yield f"carries {function}({name})", tuple(_squashed(e, name, function) for e in system.equations)
        var = system.variables[name]
        for other in system.defined:
            theirs = system.variables[other]
            if other == name or (theirs.shape, theirs.axis) != (var.shape, var.axis) or other in system.states:
                continue
            reads = [r for e in system.equations for r in refs(e.expr) if _is_past(r, name)]
            if {r.index.shift for r in reads if isinstance(r.index, Step)} != {-1}:
                continue
            equations = tuple(Equation(e.out, _read_instead(e.expr, name, other)) for e in system.equations)
            start = fixed(str(var.axis), 0)
            yield f"carries {other} in place of {name}", (*equations, Equation(ref(other, start), ref(name, start)))


def _is_past(read: Ref, name: str) -> bool:
    return read.name == name and isinstance(read.index, Step) and read.index.shift != 0


def _read_instead(expr: sympy.Expr, name: str, other: str) -> sympy.Expr:
    return replace(expr, lambda read: ref(other, read.index) if _is_past(read, name) else read)


def _function_of(name: str, system: System) -> str | None:
    """The function through which a state is read at its own step: tanh of the LSTM's c."""
    for equation in system.equations:
        for node in _nodes(equation.expr):
            if isinstance(node, Op) and node.primitive in ACTIVATIONS and isinstance(node.operands[0], Ref):
                read = node.operands[0]
                if read.name == name and isinstance(read.index, Step) and read.index.shift == 0:
                    return str(node.primitive)
    return None


def _squashed(equation: Equation, name: str, function: str) -> Equation:
    """The state squashed where it is defined, and read bare."""
    bare = _without(equation.expr, name, function)
    return Equation(equation.out, apply(function, bare) if equation.name == name and not equation.is_boundary else bare)


def _without(expr: sympy.Expr, name: str, function: str) -> sympy.Expr:
    if not isinstance(expr, Op):
        return expr
    if expr.primitive == function and isinstance(expr.operands[0], Ref) and expr.operands[0].name == name:
        return expr.operands[0]
    return rebuild(expr, [_without(operand, name, function) for operand in expr.operands])


def _nodes(expr: sympy.Expr) -> Iterator[sympy.Expr]:
    yield expr
    if isinstance(expr, Op):
        for operand in expr.operands:
            yield from _nodes(operand)


def _edits(expr: sympy.Expr, name: str, system: System) -> Iterator[Edit]:
    """The expression with one place changed."""
    if isinstance(expr, Ref):
        yield from ((other, "") for other in _other_reads(expr, name, system))
        return
    if not isinstance(expr, Op):
        return
    if expr.primitive in ACTIVATIONS:
        (operand,) = expr.operands
        yield operand, ""
        yield from ((apply(function, operand), "") for function in ACTIVATIONS if function != expr.primitive)
        if isinstance(operand, Ref):
            yield from ((other, "") for other in _other_reads(operand, name, system))
    if is_op(expr, "plus") or is_op(expr, "times"):
        for place in range(len(expr.operands)):
            rest = [*expr.operands[:place], *expr.operands[place + 1 :]]
            if not expr.operands[place].is_number or is_op(expr, "plus"):
                yield rebuild(expr, rest) if len(rest) > 1 else rest[0], ""
    if TABLE[expr.primitive].binds:
        return
    for place, operand in enumerate(expr.operands):
        for new, words in _edits(operand, name, system):
            yield rebuild(expr, [*expr.operands[:place], new, *expr.operands[place + 1 :]]), words


def _other_reads(read: Ref, name: str, system: System) -> Iterator[Ref]:
    """Reads of other quantities of the shape in the place of one, and the same at the step before."""
    var = system.variables[read.name]
    if var.role != "defined" or not isinstance(read.index, Step):
        return
    for other in system.defined:
        theirs = system.variables[other]
        alike = other != read.name and (theirs.shape, theirs.axis) == (var.shape, var.axis)
        if alike and (read.index.shift == 0 or other in system.states):
            yield ref(other, read.index)
    if read.index.shift == 0 and read.name in system.states:
        past = next((s for s in (-1, 1) if _reads_at(system, read.name, s)), None)
        if past is not None:
            yield ref(read.name, Step(read.index.args[0], sympy.Integer(past)))
    elif read.index.shift != 0 and read.name != name:
        yield ref(read.name, Step(read.index.args[0], sympy.Integer(0)))


def _reads_at(system: System, name: str, shift: int) -> bool:
    reads = (read for equation in system.equations for read in refs(equation.expr))
    return any(r.name == name and isinstance(r.index, Step) and r.index.shift == shift for r in reads)
