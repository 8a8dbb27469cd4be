"""The parallel form of a recurrence that is linear in its state: all steps at once, without a recurrence.

``h[t] = a[t] * h[t-1] + b[t]`` with a, b free of h is solved by h[t] = Σ_{j≤t} (Π_{j<s≤t} a[s]) b[j] + (Π a) h[0].
With A = Σ log a, summed up to each step, the products are exp(A[t] − A[j]), so that all steps are

    h[:] = exp(A) * (h[0] + (exp(-A) * b[:]) @ U),    A = log(a[:]) @ U,    U[j, t] = 1 if j ≤ t

with time along the columns: the form of the scans of minGRU (Feng et al. 2024, arXiv 2410.01201, appendix B) and of
chunks of linear attention.  It needs a > 0, and chunks so short that exp(-A) does not overflow; h[0] carries from one
chunk to the next.  The result is a `System`, so its gradient is derived like that of the step form, and must be equal.

Read next: `derive.entrywise`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, count

import sympy

from derive.dimensions import length
from derive.equation import Equation, Var
from derive.errors import EquationError
from derive.expr import (
    Fixed,
    Op,
    Ref,
    Step,
    apply,
    axis_symbol,
    fixed,
    is_op,
    matmul,
    neg,
    plus,
    ref,
    refs,
    step,
    times,
)
from derive.system import System

ONE, ZERO = sympy.Integer(1), sympy.Integer(0)


def parallel_form(system: System, state: str) -> System:
    """The same values without the recurrence.

    Args:
        system: the primal.
        state: a column with an equation ``h[t] = a * h[t-1] + b``, a and b elementwise and free of h, a positive.

    Returns:
        A system in which h is computed for all steps at once; its constant ``U_h`` (T × T, see `below`) says which
        step sees which.

    Raises:
        EquationError: one line, if the recurrence is not of this form.
    """
    var = system.variables.get(state)
    if var is None or var.is_leaf or var.axis is None:
        raise EquationError(f"{state} is no sequence that {system.name} computes")
    component = next(c for c in system.components if state in {e.name for e in c.equations})
    rows, columns = system.shape_of(ref(state, step(var.axis)))
    others = sorted({e.name for e in component.equations} - {state})
    if others:
        raise EquationError(f"{state} and {', '.join(others)} are carried together: no product of gates solves them")
    if columns != 1:
        raise EquationError(f"{state} is a matrix; the parallel form is written for columns")
    equation, before = system.equation(state), ref(state, step(var.axis, -1))
    reads = {r.index.shift for r in refs(equation.expr) if r.name == state and isinstance(r.index, Step)}
    if reads != {-1} or any(r.name == state and isinstance(r.index, Fixed) for r in refs(equation.expr)):
        raise EquationError(f"{state} does not read {before} alone of its own values")
    a, b = linear(equation.expr, before)
    fresh = _Fresh(system)
    gate, value, total, seen, every = (fresh(f"{prefix}_{state}") for prefix in ("a", "b", "A", "U", "all"))
    axis = axis_symbol(var.axis)
    wide = (rows, length(axis))

    def shaped(expr: sympy.Expr) -> sympy.Expr:
        small = expr.is_number or system.shape_of(expr) != (rows, ONE)
        return apply("broadcast_to", expr, static=(rows, ONE)) if small else expr

    def stacked(name: str) -> sympy.Expr:
        return apply("stack", ref(name, step(var.axis or "")), static=(axis,))

    start = apply("broadcast_to", ref(state, fixed(var.axis, 0)), static=wide)
    summed = matmul(times(apply("exp", neg(ref(total))), stacked(value)), ref(seen))
    lines = [
        Equation(ref(gate, step(var.axis)), shaped(a)),
        Equation(ref(value, step(var.axis)), shaped(b)),
        Equation(ref(total), matmul(apply("log", stacked(gate)), ref(seen))),
        Equation(ref(every), times(apply("exp", ref(total)), plus(start, summed))),
        Equation(ref(state, step(var.axis)), apply("unstack", ref(every), static=(axis,))),
    ]
    place = system.equations.index(equation)
    made = {
        gate: replace(var, name=gate, declared=False),
        value: replace(var, name=value, declared=False),
        total: Var(total, wide, None, "defined"),
        every: Var(every, wide, None, "defined"),
        seen: Var(seen, (length(axis), length(axis)), None, "constant"),
    }
    equations = (*system.equations[:place], *lines, *system.equations[place + 1 :])
    return System(equations, {**system.variables, **made}, name=f"{system.name}-parallel")


def linear(expr: sympy.Expr, state: Ref) -> tuple[sympy.Expr, sympy.Expr]:
    """(a, b) with expr = a * state + b, both free of the state.

    Raises:
        EquationError: if the expression is not linear in the state, entry by entry.
    """
    if expr == state:
        return ONE, ZERO
    if not any(read == state for read in refs(expr)):
        return ZERO, expr
    if is_op(expr, "plus"):
        parts = [linear(term, state) for term in expr.operands]
        return _sum(a for a, _ in parts), _sum(b for _, b in parts)
    if is_op(expr, "times"):
        with_state = [factor for factor in expr.operands if any(read == state for read in refs(factor))]
        if len(with_state) == 1:
            a, b = linear(with_state[0], state)
            rest = [factor for factor in expr.operands if factor is not with_state[0]]
            return _scaled(a, rest), _scaled(b, rest)
    name = expr.primitive if isinstance(expr, Op) else "it"
    raise EquationError(f"{state.name} is not linear in {state}, entry by entry: {name} of {state}")


def _sum(terms: Iterable[sympy.Expr]) -> sympy.Expr:
    kept = [term for term in terms if term != 0]
    return plus(*kept) if kept else ZERO


def _scaled(expr: sympy.Expr, factors: list[sympy.Expr]) -> sympy.Expr:
    return ZERO if expr == 0 else times(*factors) if expr == 1 else times(expr, *factors)


class _Fresh:
    """Names that a system does not have."""

    def __init__(self, system: System) -> None:
        self.taken = set(system.variables)

    def __call__(self, name: str) -> str:
        found = next(n for n in chain([name], (f"{name}_{i}" for i in count(2))) if n not in self.taken)
        self.taken.add(found)
        return found
