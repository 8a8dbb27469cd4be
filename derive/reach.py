"""What depends on what: the leaves that have a gradient, and everything downstream or upstream of a quantity.

Read next: `derive.adjoint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy

from derive.expr import Fixed, Op, Ref, fixed, refs
from derive.order import boundary_refs
from derive.system import System


def default_wrt(system: System) -> tuple[str, ...]:
    """Everything that has a gradient: parameters, inputs that are no integers, given initial values."""
    names = dict.fromkeys((*system.parameters, *system.inputs, *system.boundaries))
    return tuple(name for name in names if system.variables[name].classes is None)


def dependent(system: System, names: Iterable[str]) -> set[str]:
    """`names` and everything computed from them."""
    found = set(names)
    while True:
        more = {e.name for e in system.equations if any(read.name in found for read in refs(e.expr))} - found
        if not more:
            return found
        found |= more


def moved_by(system: System, names: Iterable[str]) -> set[str]:
    """`names` and everything whose value changes with them by a gradient: what stands in ``stop`` does not."""
    found = set(names)
    while True:
        more = {e.name for e in system.equations if any(name in found for name in _outside_stop(e.expr))} - found
        if not more:
            return found
        found |= more


def _outside_stop(expr: sympy.Basic) -> Iterator[str]:
    if isinstance(expr, Ref):
        yield expr.name
    elif isinstance(expr, Op) and expr.primitive != "stop":
        for operand in expr.operands:
            yield from _outside_stop(operand)


def ancestors(system: System, names: Iterable[str]) -> set[str]:
    """`names` and everything that they are computed from."""
    found = set(names)
    while True:
        more = {read.name for e in system.equations if e.name in found for read in refs(e.expr)} - found
        if not more:
            return found
        found |= more


def final_positions(system: System, name: str) -> list[Fixed]:
    """Where the values stand that the next chunk of a sequence needs: T for a lag of 1, T−1 and T for a lag of 2."""
    axis = system.variables[name].axis or "t"
    outside = {read.index for read in boundary_refs(system.equations) if read.name == name}
    positions = sorted((p for p in outside if isinstance(p, Fixed)), key=lambda p: (p.from_end, p.offset))
    return [fixed(axis, p.offset, from_end=not p.from_end) for p in positions or [fixed(axis, 0)]]
