"""Systems rewritten for reading: the same values, fewer names.

`for_reading` turns an adjoint into the equations that a paper prints.  Each step is a transformation
System → System that keeps every value:

`tidy`                  numbers in front, common factors in front: du·a − du·b becomes du·(a − b)
`inline_contributions`  g_h[t+1] becomes what it is, read one step later
`inline_once`           what is one product and read once, at its own step, stands where it is read

Substituting through a time shift is wrong in general, because the boundary differs: inlining e[t-1] would put
e's formula where its initial value belongs.  Contributions are the exception, since they are linear in cotangents
that vanish outside 1…T; where one of those does not (the gradient of a boundary value sits there), or a factor
could be infinite there (a division), the contribution keeps its name.

Read next: `derive.unroll`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace as change

import sympy

from derive.expr import Fixed, Index, Op, Ref, Step, apply, fixed, is_op, matmul, plus, ref, refs, step, times
from derive.order import contextual_refs, outside
from derive.rewrite import rebuild, replace
from derive.system import Equation, System

DERIVED = ("cotangent", "contribution", "gathered")
UNSAFE = frozenset({"log", "sqrt", "place", "unstack", "take", "scatter"})  # position-dependent, or infinite at 0
BY_POSITION = frozenset({"place", "unstack"})


def for_reading(system: System) -> System:
    """All transformations, in order."""
    return tidy(inline_once(inline_contributions(tidy(system))))


def with_equations(system: System, equations: Iterable[Equation]) -> System:
    """The same system with other equations; what they no longer mention is dropped."""
    equations = tuple(equations)
    used = {name for e in equations for name in (e.name, *(read.name for read in refs(e.expr)))}
    variables = {name: var for name, var in system.variables.items() if name in used}
    return change(system, equations=equations, variables=variables)


def is_derived(system: System, name: str) -> bool:
    """Whether a quantity belongs to the adjoint, so that its spelling is ours and not the author's."""
    origin = system.variables[name].origin
    return origin is not None and origin.kind in DERIVED


# --- tidy -------------------------------------------------------------------------------------------------------


def tidy(system: System) -> System:
    """Derived equations with numbers and common factors in front."""
    return with_equations(
        system, (change(e, expr=tidied(e.expr)) if is_derived(system, e.name) else e for e in system.equations)
    )


def tidied(expr: sympy.Expr) -> sympy.Expr:
    """The expression with numbers in front of products, a first factor that all terms share taken out, and no √a²."""
    if not isinstance(expr, Op):
        return expr
    expr = rebuild(expr, [tidied(operand) for operand in expr.operands])
    if is_op(expr, "times"):
        numbers = [factor for factor in expr.operands if factor.is_number]
        others = [factor for factor in expr.operands if not factor.is_number]
        return times(sympy.Mul(*numbers), *others)
    if is_op(expr, "matmul") and (number := sympy.Mul(*(_number(operand) for operand in expr.operands))) != 1:
        return times(number, matmul(*(_without(operand) for operand in expr.operands)))
    if is_op(expr, "power") and expr.static[0].is_even and is_op(expr.operands[0], "sqrt"):
        (inner,), half = expr.operands[0].operands, expr.static[0] / 2
        return inner if half == 1 else apply("power", inner, static=(half,))
    return _factored(expr) if is_op(expr, "plus") else expr


def _number(expr: sympy.Expr) -> sympy.Expr:
    """The number in front of a product."""
    return expr.operands[0] if is_op(expr, "times") and expr.operands[0].is_number else sympy.Integer(1)


def _without(expr: sympy.Expr) -> sympy.Expr:
    """A product without the number in front."""
    return times(*expr.operands[1:]) if _number(expr) != 1 else expr


def _factored(expr: Op) -> sympy.Expr:
    """``d·a − d·b`` → ``d·(a − b)``, if every term begins with d."""
    split = [_lead(term) for term in expr.operands]
    leads = {lead for lead, _ in split}
    if len(leads) != 1 or None in leads:
        return expr
    (lead,) = leads
    return times(lead, plus(*(rest for _, rest in split)))


def _lead(term: sympy.Expr) -> tuple[sympy.Expr | None, sympy.Expr]:
    """First factor that is no number, and the rest; None for what is no product."""
    if not is_op(term, "times"):
        return None, term
    factors = list(term.operands)
    at = next((i for i, factor in enumerate(factors) if not factor.is_number), len(factors))
    if at == len(factors) or is_op(factors[at], "power"):
        return None, term
    return factors[at], times(*factors[:at], *factors[at + 1 :])


# --- contributions --------------------------------------------------------------------------------------------------


def inline_contributions(system: System) -> System:
    """Contributions written out where they are read, a step later or earlier, with zero boundaries made explicit."""
    for name, var in list(system.variables.items()):
        if var.origin is not None and var.origin.kind == "contribution":
            system = _inline_contribution(system, name) or system
    return system


def _inline_contribution(system: System, name: str) -> System | None:
    core = system.equation(name)
    shift = -(system.variables[name].origin.at)  # type: ignore[union-attr]
    axis = core.axis
    assert axis is not None
    if any(op in UNSAFE for op in operations_in(core.expr)) or _divides(core.expr):
        return None
    needed = {r: None for r in refs(shifted(core.expr, axis, shift)) if isinstance(r.index, Step) and r.index.shift}
    zeros: dict[Ref, None] = {}
    known = {e.out: e.expr for e in system.equations if e.is_boundary}
    for read in needed:
        for position in outside(read.index):  # type: ignore[arg-type]
            place = ref(read.name, position)
            if is_derived(system, read.name) and known.get(place, 0) != 0:
                return None
            given = position in system.boundaries.get(read.name, ())
            if place not in known and not given:
                zeros[place] = None

    def inlined(read: Ref) -> sympy.Expr:
        if read.name != name:
            return read
        if isinstance(read.index, Step):
            return shifted(core.expr, axis, read.index.shift)
        assert isinstance(read.index, Fixed)
        return at_position(core.expr, axis, read.index)

    equations = []
    for equation in system.equations:
        if equation.name != name:
            equations.append(change(equation, expr=replace(equation.expr, inlined)))
    equations += [Equation(place, sympy.Integer(0)) for place in zeros]
    return with_equations(system, equations)


def operations_in(expr: sympy.Expr) -> Iterable[str]:
    """Names of the primitives in an expression, outermost first."""
    if isinstance(expr, Op):
        yield expr.primitive
        for operand in expr.operands:
            yield from operations_in(operand)


def _divides(expr: sympy.Expr) -> bool:
    if is_op(expr, "power") and (expr.static[0].is_negative or not expr.static[0].is_Integer):
        return True
    return isinstance(expr, Op) and any(_divides(operand) for operand in expr.operands)


def shifted(expr: sympy.Expr, axis: str, by: int) -> sympy.Expr:
    """The expression, read `by` steps later along an axis; what a sum over that axis binds stays."""

    def move(index: Index) -> Index:
        return step(axis, index.shift + by) if isinstance(index, Step) else index

    return _moved(expr, axis, move)


def at_position(expr: sympy.Expr, axis: str, position: Fixed) -> sympy.Expr:
    """The expression at one fixed position of an axis."""

    def move(index: Index) -> Index:
        return fixed(axis, position.offset + index.shift, position.from_end) if isinstance(index, Step) else index

    return _moved(expr, axis, move)


def _moved(expr: sympy.Expr, axis: str, move: Callable[[Index], Index]) -> sympy.Expr:
    if isinstance(expr, Ref):
        index = expr.index
        return ref(expr.name, move(index)) if index is not None and index.axis == axis else expr
    if not isinstance(expr, Op) or (expr.primitive in ("sum", "stack") and str(expr.static[0]) == axis):
        return expr
    return rebuild(expr, [_moved(operand, axis, move) for operand in expr.operands])


# --- what is read once ----------------------------------------------------------------------------------------------


def inline_once(system: System) -> System:
    """Derived quantities that are one term and read once, at their own step, written where they are read."""
    while True:
        counts = Counter(read.name for e in system.equations for read in refs(e.expr))
        found = next((e for e in system.equations if counts[e.name] == 1 and _is_inlinable(system, e)), None)
        if found is None:
            return system
        name, expr = found.name, tidied(found.expr)
        equations = (
            change(e, expr=tidied(replace(e.expr, lambda read: expr if read.name == name else read)))  # noqa: B023
            if any(read.name == name for read in refs(e.expr))
            else e
            for e in system.equations
            if e.name != name
        )
        system = with_equations(system, equations)


def _is_inlinable(system: System, equation: Equation) -> bool:
    name = equation.name
    if not is_derived(system, name) or equation.is_boundary or system.boundary_equations(name):
        return False
    if name in system.boundaries or is_op(tidied(equation.expr), "plus") or isinstance(equation.expr, Ref):
        return False
    origin = system.variables[name].origin
    if any(read.name in system.inputs and _is_upstream(system, read.name) for read in refs(equation.expr)):
        return False
    if origin is not None and origin.kind == "cotangent" and system.variables[origin.of].is_leaf:
        return False
    user = next(e for e in system.equations if any(read.name == name for read in refs(e.expr)))
    read, bound = next((r, axes) for r, axes in contextual_refs(user.expr) if r.name == name)
    if not is_derived(system, user.name) or user.is_boundary:
        return False
    if isinstance(read.index, Fixed) or (isinstance(read.index, Step) and read.index.shift != 0):
        return False
    positional = any(op in BY_POSITION for op in operations_in(equation.expr))
    return not (positional and (bound or user.axis != equation.axis))


def _is_upstream(system: System, name: str) -> bool:
    origin = system.variables[name].origin
    return origin is not None and origin.kind in ("upstream", "final")
