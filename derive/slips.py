"""What is legal, and yet looks like a slip of the author: a name spelled in two ways, a value that nothing reads.

A system keeps these as `System.warnings`; `derive.language.parse` with ``strict=True`` makes the first one an error.

Read next: `derive.language`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from derive.equation import Equation
from derive.errors import Span
from derive.expr import Index, Step
from derive.order import contextual_refs, touches
from derive.system import System

Slip = tuple[str, Span | None]


def slips_of(system: System) -> Iterator[Slip]:
    """All slips of a system, one line each, and where they were written."""
    yield from _names(system)
    yield from _unread(system.equations)


def _names(system: System) -> Iterator[Slip]:
    """Undeclared leaves that differ from another name only by case, underscore or a doubled letter."""
    variables = system.variables
    places: dict[str, Span | None] = {}
    for equation in system.equations:
        for read, _ in contextual_refs(equation.expr):
            places.setdefault(read.name, read.span or equation.span)
    alike: dict[str, list[str]] = {}
    for name in variables:
        alike.setdefault(re.sub(r"(.)\1+", r"\1", name.replace("_", "").lower()), []).append(name)
    for names in alike.values():
        for name in names:
            if variables[name].is_leaf and not variables[name].declared:
                for other in names:
                    if other != name and (not variables[other].is_leaf or other < name):
                        reason = f"{name} looks like {other}; if it is meant, declare it ('{name} : …')"
                        yield reason, places.get(name)


def _unread(equations: Sequence[Equation]) -> Iterator[Slip]:
    """Boundary values that no recurrence meets, of what is read at other steps: ``h[-3] = c`` where h[t-1] is read.

    Of what is read at its own step only, the boundary value is a result: ``dh[0]``, the gradient of an initial value.
    """
    reads: dict[str, set[Index | None]] = {}
    for equation in equations:
        for read, _ in contextual_refs(equation.expr):
            reads.setdefault(read.name, set()).add(read.index)
    for equation in equations:
        found, place = reads.get(equation.name, set()), equation.out.index
        shifted = any(isinstance(index, Step) and index.shift for index in found)
        if equation.is_boundary and shifted and not any(index == place or touches(index, place) for index in found):
            yield f"{equation.out} is given a value that nothing reads", equation.span
