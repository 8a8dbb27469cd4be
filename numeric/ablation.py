"""A gate taken away: the same system with a gate that is always open, to see what it buys.

Read next: `numeric.claims`.
"""

from __future__ import annotations

import sympy

from derive.equation import Equation
from derive.expr import Ref, refs
from derive.rewrite import replace
from derive.system import System


def without(system: System, gate: str) -> System:
    """The system in which a gate is 1 at every step; its own weights, and what only they needed, are gone.

    Args:
        system: the primal.
        gate: a defined quantity.

    Raises:
        EquationError: if nothing can be computed without it.
        ValueError: one line, if there is no such quantity.
    """
    if gate not in system.defined:
        raise ValueError(f"{system.name} defines no {gate}")

    def opened(read: Ref) -> sympy.Expr:
        return sympy.Integer(1) if read.name == gate else read

    equations = [Equation(e.out, replace(e.expr, opened), e.span) for e in system.equations if e.name != gate]
    kept = ancestors_of(equations, system)
    equations = [e for e in equations if e.name in kept]
    variables = {name: var for name, var in system.variables.items() if name in kept}
    return System(tuple(equations), variables, system.name)


def ancestors_of(equations: list[Equation], system: System) -> set[str]:
    """What the states and outputs are computed from by these equations."""
    found = {e.name for e in equations} & {*system.states, *system.outputs}
    while True:
        more = {r.name for e in equations if e.name in found for r in refs(e.expr)} - found
        if not more:
            return found
        found |= more
