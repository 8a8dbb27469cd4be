"""The tangent: forward-mode derivative of a system, again a system.

Every quantity gets a companion, ``h`` a ``h_dot``, by the product rule line by line.  The dot test ties it to the
adjoint: ⟨ȳ, ẏ⟩ = ⟨x̄, ẋ⟩ for all ȳ and ẋ.

Read next: `derive.unroll`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.elementwise import partial
from derive.expr import Op, Ref, apply, plus, ref, refs, scaled, times
from derive.operands import NameSupply, name_operands
from derive.primitives import TABLE, Shape
from derive.reach import default_wrt, dependent
from derive.structural import spread
from derive.system import Equation, Origin, System, Var


def tangent(system: System, wrt: Sequence[str] | None = None) -> System:
    """The system that computes directional derivatives.

    Args:
        system: the primal.
        wrt: leaves that vary; default all parameters, real inputs and given boundary values.

    Returns:
        The primal equations followed by one for the tangent of each quantity that varies; the direction is given
        by the leaves ``W_dot``, ``x_dot`` and by boundary values such as ``h_dot[0]``.

    Raises:
        ValueError: if a leaf does not exist.
    """
    system = name_operands(system)
    leaves = default_wrt(system) if wrt is None else tuple(wrt)
    for name in leaves:
        if name not in system.variables:
            raise ValueError(f"{name} is no quantity of {system.name}; there are {', '.join(system.variables)}")
    active = dependent(system, leaves)
    supply = NameSupply(set(system.variables))
    dot = {name: supply.fresh(f"{name}_dot") for name in system.variables if name in active}
    equations = []
    for equation in system.equations:
        if equation.name in dot:
            moved = _push(equation.expr, dot, system)
            if moved is None:
                moved = sympy.Integer(0) if equation.is_boundary else zeros(system.shape_of(equation.out))
            equations.append(Equation(ref(dot[equation.name], equation.out.index), moved))
    variables = dict(system.variables)
    for name, fresh in dot.items():
        var = system.variables[name]
        variables[fresh] = Var(fresh, var.shape, var.axis, var.role, None, Origin("tangent", name))
    every = (*system.equations, *equations)
    used = {n for e in every for n in [e.name, *(read.name for read in refs(e.expr))]}
    about = (system.name, system.title, system.source, system.notes)
    return System(every, {n: v for n, v in variables.items() if n in used}, *about)


def zeros(shape: Shape) -> sympy.Expr:
    """An explicit zero of that shape."""
    return apply("broadcast_to", sympy.Integer(0), static=shape) if shape != (1, 1) else sympy.Integer(0)


def _push(expr: sympy.Expr, dot: dict[str, str], system: System) -> sympy.Expr | None:
    """The tangent of an expression; None where it is zero."""
    if isinstance(expr, Ref):
        return ref(dot[expr.name], expr.index) if expr.name in dot else None
    if not isinstance(expr, Op) or not any(read.name in dot for read in refs(expr)):
        return None
    record, shape_of = TABLE[expr.primitive], system.shape_of
    tangents = [_push(operand, dot, system) for operand in expr.operands]

    def known(value: sympy.Expr) -> Shape:  # a tangent has the shape of its primal
        return shape_of(_undotted(value, dot))

    if callable(record.jvp):
        return record.jvp(expr, tangents, known)
    if record.jvp == "linear":
        return _linear(expr, tangents, shape_of, known)
    terms = []
    for i, moved in enumerate(tangents):
        if moved is None:
            continue
        if record.jvp == "multilinear":
            build = times if expr.primitive == "times" else _matmul
            terms.append(build(*expr.operands[:i], moved, *expr.operands[i + 1 :]))
        else:
            slope = partial(expr.primitive, i)(expr, *expr.operands)
            if slope != 0:
                terms.append(spread(scaled(moved, slope), shape_of(expr), known))
    return plus(*terms) if terms else None


def _matmul(*factors: sympy.Expr) -> sympy.Expr:
    return apply("matmul", *factors)


def _linear(expr: Op, tangents: list[sympy.Expr | None], shape_of: object, known: object) -> sympy.Expr | None:
    if all(moved is None for moved in tangents):
        return None
    if expr.primitive == "plus":
        total = plus(*(moved for moved in tangents if moved is not None))
        return spread(total, shape_of(expr), known)  # type: ignore[operator,arg-type]
    filled = [
        zeros(shape_of(operand)) if moved is None else moved  # type: ignore[operator]
        for operand, moved in zip(expr.operands, tangents, strict=True)
    ]
    return apply(expr.primitive, *filled, static=expr.static)


def _undotted(expr: sympy.Expr, dot: dict[str, str]) -> sympy.Expr:
    back = {fresh: name for name, fresh in dot.items()}
    if isinstance(expr, Ref):
        return ref(back.get(expr.name, expr.name), expr.index)
    if not isinstance(expr, Op):
        return expr
    return apply(expr.primitive, *(_undotted(operand, dot) for operand in expr.operands), static=expr.static)
