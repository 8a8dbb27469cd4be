"""A network from afar: one box for every recurrence, one for every other quantity, arrows for who reads whom.

Read next: `reports.pictures.unrolled`.
"""

from __future__ import annotations

from derive.expr import refs
from derive.order import Component
from derive.system import System
from reports.notation import SystemNames
from reports.pictures.diagram import Diagram, Edge, Node
from reports.pictures.mathtext import mathtext


def overview(system: System, names: SystemNames) -> tuple[Diagram, str]:
    """The diagram, and what a reader who does not see it is told.

    Args:
        system: the system as its author wrote it.
        names: how its quantities are written.
    """
    owner = {n: f"r{k}" for k, c in enumerate(system.components) if c.carried for n in _members(c)}
    units = [(f"r{k}", c) for k, c in enumerate(system.components) if c.carried]
    timed = _timed(system)
    nodes = [Node(key, _unit(system, names, component), "unit") for key, component in units]
    for name in system.defined:
        if name not in owner and name in timed:
            nodes.append(Node(f"q{name}", _written(system, names, name)))
    nodes += [Node(f"q{name}", _written(system, names, name), "value") for name in system.inputs]
    known = {node.key for node in nodes}
    found: dict[Edge, None] = {}
    for equation in system.equations:
        head = owner.get(equation.name, f"q{equation.name}")
        for read in refs(equation.expr):
            tail = owner.get(read.name, f"q{read.name}")
            if tail != head and {tail, head} <= known:
                found[Edge(tail, head)] = None
    told = [f"{', '.join(c.carried)} ({_way(c)})" for _, c in units]
    tails = {edge.tail for edge in found}
    ends = [node.key[1:] for node in nodes if node.key.startswith("q") and node.key not in tails]
    alt = f"The network from {', '.join(system.inputs)} to {', '.join(ends) or ', '.join(system.outputs)}"
    alt += f" with {len(units)} recurrence{'s' if len(units) != 1 else ''}" + (f": {'; '.join(told)}" if told else "")
    used = {key for edge in found for key in (edge.tail, edge.head)}
    return Diagram(tuple(n for n in nodes if n.key in used or n.kind == "unit"), tuple(found)), alt + "."


def _written(system: System, names: SystemNames, name: str) -> str:
    return mathtext(names.written(name, system.variables[name].axis or ""))


def _members(component: Component) -> list[str]:
    return [equation.name for equation in component.equations]


def _timed(system: System) -> set[str]:
    """What depends on an input or a recurrence; not a size that an equation works out."""
    found = set(system.inputs) | set(system.states)
    while True:
        more = {e.name for e in system.equations if any(r.name in found for r in refs(e.expr))} - found
        if not more:
            return found
        found |= more


def _way(component: Component) -> str:
    return f"{'forward' if component.direction > 0 else 'backward'} along {component.axis}"


def _unit(system: System, names: SystemNames, component: Component) -> str:
    axis = component.axis or "t"
    carried = [name for name in system.states if name in component.carried]
    states = mathtext(r",\, ".join(names.written(name, axis) for name in carried))
    last = axis.upper()
    first = rf"{axis} = 1 \rightarrow {last}" if component.direction > 0 else rf"{axis} = {last} \rightarrow 1"
    return f"{states}\n{mathtext(first)}"
