r"""The parts of a system: its recurrences, and what is computed at every step of an axis or once.

A network has several recurrences: a layer above another, a direction against another, a decoder after an encoder. Which
equations belong together follows from the order in which a system can be computed (`derive.order`): the equations of a
recurrence are those that wait for each other. A system with one recurrence on one axis is one part without a title.

Read next: `reports.context`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from derive.equation import Equation
from derive.expr import refs
from derive.system import System


@dataclass(frozen=True)
class Part:
    """Equations that belong together.

    Attributes:
        equations: in order.
        axis: the axis that they run along; None for what is computed once.
        direction: of a recurrence, 1 or -1; 0 otherwise.
        names: the author's quantities of a recurrence, or of the equations.
        role: "layer 2" or "decoder", for the copy of a cell in a network.
        alone: whether there is no other part, so that it needs no title.
    """

    equations: tuple[Equation, ...]
    axis: str | None
    direction: int
    names: tuple[str, ...]
    role: str
    alone: bool


@dataclass(frozen=True)
class Home:
    """Where an equation belongs: the number of a recurrence, or an axis."""

    recurrence: int
    axis: str | None


def parts(primal: System, equations: Sequence[Equation], of: Callable[[str], str]) -> list[Part]:
    """Equations of a system or of its adjoint, by recurrence and axis, in the order in which they stand.

    Args:
        primal: the system, with named operands.
        equations: its own, or derived ones.
        of: what a derived quantity belongs to.
    """
    recurrent = [component for component in primal.components if component.carried and component.direction]
    number = {e.name: place for place, c in enumerate(recurrent) for e in c.equations}
    whole = len(recurrent) < 2 and len(primal.axes) < 2 and not any(e.axis is None for e in _steps(primal))
    if whole:
        return [Part(tuple(equations), None, 0, (), "", alone=True)] if equations else []

    def belongs(equation: Equation) -> str:
        return equation.name if equation.name in primal.variables else of(equation.name)

    def home(equation: Equation) -> Home:
        name = belongs(equation)
        if name in primal.parameters:  # where it is read first
            name = next(e.name for e in primal.equations if any(read.name == name for read in refs(e.expr)))
        while name not in number and name in primal.variables and _is_operand(primal, name):
            name = primal.variables[name].origin.of  # type: ignore[union-attr]
        if name in number:
            return Home(number[name], recurrent[number[name]].axis)
        return Home(-1, primal.variables[name].axis if name in primal.variables else None)

    runs: list[tuple[Home, list[Equation]]] = []
    for equation in equations:
        where = home(equation)
        before = [run for run in runs if run[0] == where]
        if before and (where.recurrence >= 0 or equation.is_boundary or before[-1] is runs[-1]):
            before[-1][1].append(equation)
            if equation.axis is not None and all(e.axis is None for e in before[-1][1][:-1]):
                runs.append(runs.pop(next(place for place, run in enumerate(runs) if run is before[-1])))
        else:
            runs.append((where, [equation]))
    found = []
    for where, chosen in runs:
        if where.recurrence >= 0:
            component = recurrent[where.recurrence]
            carried = tuple(component.carried)
            role = _role(primal, carried[0])
            found.append(Part(tuple(chosen), where.axis, component.direction, carried, role, alone=False))
        else:
            names = tuple(dict.fromkeys(n for n in map(belongs, chosen) if not _is_operand(primal, n)))
            found.append(Part(tuple(chosen), where.axis, 0, names, "", alone=False))
    return found


def _steps(primal: System) -> list[Equation]:
    return [equation for equation in primal.equations if not equation.is_boundary]


def _is_operand(primal: System, name: str) -> bool:
    origin = primal.variables[name].origin if name in primal.variables else None
    return origin is not None and origin.kind in ("pre-activation", "operand")


def _role(primal: System, name: str) -> str:
    origin = primal.variables[name].origin
    if origin is None or origin.kind not in ("layer", "decoder"):
        return ""
    return f"layer {origin.at}" if origin.kind == "layer" else "decoder"
