"""Gradient policies: the same values, with a gradient that is cut where a policy says so.

Each is a transformation from a system to a system whose values are unchanged, so the adjoint, the kernels and the
proof of the result are those of the policy.  `stop_gradient` cuts chosen reads.  `chunked` cuts at the borders of
chunks of k steps, as training loops with ``detach`` do: a loss early in a chunk sees fewer than k steps.
`derive.truncation` has the other meaning of "truncated to k steps", a window of k steps for every loss.

Read next: `derive.truncation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import sympy

from derive.equation import Equation, Var
from derive.expr import Op, Ref, Step, apply, neg, plus, ref, refs, step, times
from derive.operands import NameSupply
from derive.rewrite import rebuild
from derive.system import System


@dataclass(frozen=True)
class Edge:
    """A read of `read` at `shift` in the equation of `reader`: ``Edge("h", "h", -1)`` is h[t-1] in h[t] = ….

    Attributes:
        reader, read: names.
        shift: in steps; None for a read without time, or at a fixed position.
    """

    reader: str
    read: str
    shift: int | None = 0

    def __str__(self) -> str:
        return f"{self.read} in the equation of {self.reader}" + (f" at shift {self.shift}" if self.shift else "")


def recurrent_edges(system: System) -> dict[Edge, int]:
    """Every read through which a recurrence goes to another step, with how many steps it bridges."""
    found: dict[Edge, int] = {}
    for component in system.components:
        members = {equation.name for equation in component.equations}
        if component.direction:
            for equation in component.equations:
                for read in refs(equation.expr):
                    edge = edge_of(equation, read)
                    if read.name in members and edge.shift:
                        found[edge] = abs(edge.shift)
    return found


def edge_of(equation: Equation, read: Ref) -> Edge:
    """The edge of one read."""
    return Edge(equation.name, read.name, read.index.shift if isinstance(read.index, Step) else None)


def stop_gradient(system: System, names: Iterable[str] = (), edges: Iterable[Edge] = ()) -> System:
    """The system in which chosen reads go through ``stop``.

    Args:
        system: the primal.
        names: quantities of which no read passes a gradient on.
        edges: single reads, such as ``Edge("h", "h", -1)``.

    Returns:
        A system with the same values.

    Raises:
        ValueError: if a name does not exist, or there is no such read.
    """
    stopped, cut = set(names), set(edges)
    for name in stopped - set(system.variables):
        raise ValueError(f"{name} is no quantity of {system.name}; there are {', '.join(system.variables)}")
    known = {edge_of(equation, read) for equation in system.equations for read in refs(equation.expr)}
    for edge in sorted(cut - known, key=str):
        raise ValueError(f"{system.name} has no read of {edge}")

    def cutting(equation: Equation) -> sympy.Expr:
        def stop(read: Ref) -> sympy.Expr:
            return apply("stop", read) if read.name in stopped or edge_of(equation, read) in cut else read

        return outside_stops(equation.expr, stop)

    equations = tuple(Equation(e.out, cutting(e), e.span) for e in system.equations)
    return System(equations, system.variables, system.name, system.title, system.source, system.notes)


def outside_stops(expr: sympy.Expr, mapping: Callable[[Ref], sympy.Expr]) -> sympy.Expr:
    """`replace`, leaving alone what stands in ``stop`` already."""
    if isinstance(expr, Ref):
        return mapping(expr)
    if not isinstance(expr, Op) or expr.primitive == "stop":
        return expr
    return rebuild(expr, [outside_stops(operand, mapping) for operand in expr.operands])


# --- chunks -------------------------------------------------------------------------------------------------------


def chunked(system: System) -> System:
    """The system with a gradient that is cut at the borders of chunks, as by ``h.detach()`` every k steps.

    Every recurrent read ``h[t-1]`` becomes ``same[t] * h[t-1] + (1 - same[t]) * stop(h[t-1])``, where the new input
    ``same`` says whether steps t and t−1 lie in one chunk; a recurrence that reads other shifts has an input for each.
    `same_chunk` has its values.

    Raises:
        ValueError: if nothing is recurrent.
    """
    lags = recurrent_edges(system)
    if not lags:
        raise ValueError(f"{system.name} has no recurrence to cut into chunks")
    masks = _masks(system, lags)
    variables = dict(system.variables)
    for (axis, _), name in masks.items():
        variables[name] = Var(name, (), axis, "input")

    def cut(equation: Equation) -> sympy.Expr:
        def choose(read: Ref) -> sympy.Expr:
            if edge_of(equation, read) not in lags or not isinstance(read.index, Step):
                return read
            same = apply("stop", ref(masks[read.index.axis, read.index.shift], step(read.index.axis)))
            return plus(times(same, read), times(plus(sympy.Integer(1), neg(same)), apply("stop", read)))

        return outside_stops(equation.expr, choose)

    equations = tuple(Equation(e.out, cut(e), e.span) for e in system.equations)
    return System(equations, variables, system.name, system.title, system.source, system.notes)


def same_chunk(system: System, k: int, steps: int | Mapping[str, int]) -> dict[str, list[int]]:
    """Values for the inputs that `chunked` adds to a system: 1 inside a chunk, 0 where a chunk of k steps begins.

    Chunks are counted from the first step.  A read of a given value outside 1…T is no border.

    Args:
        system: the primal, as given to `chunked`.
        k: steps of a chunk.
        steps: T, of all axes or by axis.

    Raises:
        ValueError: if k is no positive integer.
    """
    if k < 1 or k % 1:
        raise ValueError(f"a chunk has 1 step or more, not {k}")
    values = {}
    for (axis, shift), name in _masks(system, recurrent_edges(system)).items():
        number = steps if isinstance(steps, int) else steps[axis]
        there = [(t, t + shift) for t in range(1, number + 1)]
        values[name] = [int(not 1 <= s <= number or (s - 1) // k == (t - 1) // k) for t, s in there]
    return values


def _masks(system: System, lags: Iterable[Edge]) -> dict[tuple[str, int], str]:
    """The names of the new inputs by axis and shift."""
    supply = NameSupply(set(system.variables))
    kinds = dict.fromkeys((system.variables[edge.read].axis or "", edge.shift or 0) for edge in lags)
    return {kind: supply.fresh("same") for kind in kinds}
