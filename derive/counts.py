"""Counts: parameters, floating-point operations, stored numbers, as polynomials in the sizes.

Operations are those of the equations as they stand, of one example over T steps: an addition, multiplication,
division or elementary function of one entry is 1, a product of an n × k with a k × m matrix n·m·(2k − 1), a
softmax of n entries 3n − 1; signs, transposes and gathering are free.  Stored numbers are what the backward equations
read of the values that the forward equations computed (residuals).

Read next: `derive.proof`, if you have not; `numeric` starts from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from derive.conventions import conventions, paper_count
from derive.dimensions import dimension, length
from derive.equation import PRIMAL, Equation
from derive.expr import Op, axis_symbol, refs
from derive.primitives import Shape
from derive.shapes import ShapeOf
from derive.system import System

FREE = ("transpose", "concat", "rows", "embed", "take", "scatter", "stop", "stack", "unstack", "place", "broadcast_to")


@dataclass(frozen=True)
class Operations:
    """Floating-point operations of one example over all steps.

    Attributes:
        forward: of the primal.
        backward: of the adjoint equations alone.
    """

    forward: sympy.Expr
    backward: sympy.Expr


def parameter_count(system: System) -> sympy.Expr:
    """Number of parameters, factored: ``4*H*(D + H + 1)`` for an LSTM."""
    return paper_count(system)


def parameter_counts(system: System) -> dict[str, sympy.Expr]:
    """Number of entries of every parameter."""
    return {name: sympy.Mul(*system.variables[name].shape) for name in system.parameters}


def operations(system: System) -> Operations:
    """Floating-point operations, forward and backward, as polynomials in the sizes and the lengths.

    The backward count is for all gradients: of parameters, inputs and initial states.
    """
    gradient = system.adjoint()
    forward = sum((_equation_cost(e, system.shape_of) for e in system.equations), sympy.Integer(0))
    made = [e for e in gradient.equations if _is_new(e, gradient)]
    backward = sum((_equation_cost(e, gradient.shape_of) for e in made), sympy.Integer(0))
    return Operations(sympy.expand(forward), sympy.expand(backward))


def stored_numbers(system: System) -> sympy.Expr:
    """How many forward values the backward pass reads, as a polynomial in the sizes and the lengths."""
    gradient = system.adjoint()
    read = {r.name for e in gradient.equations if _is_new(e, gradient) for r in refs(e.expr)}
    total = sympy.Integer(0)
    for name, var in gradient.variables.items():
        if name in read and not var.is_leaf and (var.origin is None or var.origin.kind in PRIMAL):
            total += sympy.Mul(*var.shape) * (length(axis_symbol(var.axis)) if var.axis else 1)
    return sympy.expand(total)


def _is_new(equation: Equation, gradient: System) -> bool:
    origin = gradient.variables[equation.name].origin
    return origin is not None and origin.kind in ("cotangent", "contribution", "gathered")


def _equation_cost(equation: Equation, shape_of: ShapeOf) -> sympy.Expr:
    repeated = length(axis_symbol(equation.axis)) if equation.axis is not None else sympy.Integer(1)
    return repeated * cost(equation.expr, shape_of)


def cost(expr: sympy.Expr, shape_of: ShapeOf) -> sympy.Expr:
    """Operations of one evaluation of an expression."""
    if not isinstance(expr, Op):
        return sympy.Integer(0)
    inner = sympy.Add(*(cost(operand, shape_of) for operand in expr.operands))
    shapes = [shape_of(operand) for operand in expr.operands]
    entries = sympy.Mul(*shape_of(expr))
    if expr.primitive == "sum":
        steps = length(expr.static[0])
        return steps * inner + (steps - 1) * entries
    if expr.primitive == "matmul":
        return inner + _product_cost(shapes)
    if expr.primitive in FREE:
        return inner
    if expr.primitive in ("plus", "times"):
        signs = sum(operand == -1 for operand in expr.operands) if expr.primitive == "times" else 0
        return inner + (len(shapes) - 1 - signs) * entries
    size = sympy.Mul(*shapes[0]) if shapes else entries
    special = {"reduce_to": size - entries, "softmax": 3 * size - shapes[0][1], "logsumexp": 2 * size}
    return inner + special.get(expr.primitive, entries)


def _product_cost(shapes: list[Shape]) -> sympy.Expr:
    """A chain of products, from the right where it ends in a column, else from the left."""
    total = sympy.Integer(0)
    chain = list(shapes)
    while len(chain) > 1:
        at = len(chain) - 2 if chain[-1][1] == 1 else 0
        (rows, common), (_, columns) = chain[at], chain[at + 1]
        total += rows * columns * (2 * common - 1)
        chain[at : at + 2] = [(rows, columns)]
    return total


# --- the report ---------------------------------------------------------------------------------------------------


def count_report(system: System, sizes: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What ``bptt count`` prints.

    Args:
        system: what to count.
        sizes: of the dimensions; without them counts are polynomials as text.

    Returns:
        ``{"name", "parameters": {"symbolic", "total", "each": {NAME: {"shape", "count"}}}, "conventions": {…}}``.

    Raises:
        ValueError: if a size is missing or unknown.
    """
    numbers = _numbers(system, sizes)

    def value(expr: sympy.Expr | None) -> int | str | None:
        if expr is None:
            return None
        return str(expr) if numbers is None else int(expr.xreplace(numbers))

    counts = parameter_counts(system)
    total = parameter_count(system)
    return {
        "name": system.name,
        "parameters": {
            "symbolic": str(total),
            "total": value(total),
            "each": {
                name: {"shape": [value(dim) for dim in system.variables[name].shape], "count": value(count)}
                for name, count in counts.items()
            },
        },
        "conventions": {name: value(count) for name, count in conventions(system).items()},
    }


def _numbers(system: System, sizes: Mapping[str, int] | None) -> dict[sympy.Symbol, sympy.Integer] | None:
    if sizes is None:
        return None
    known = [str(symbol) for symbol in system.dimensions]
    unknown = [name for name in sizes if name not in known]
    if unknown:
        raise ValueError(f"{system.name} has no dimension {', '.join(unknown)}; it has {', '.join(known)}")
    needed = {str(s) for name in system.parameters for dim in system.variables[name].shape for s in dim.free_symbols}
    missing = sorted(needed - set(sizes))
    if missing:
        raise ValueError(f"counting needs a size for {', '.join(missing)}")
    return {dimension(name): sympy.Integer(size) for name, size in sizes.items()}
