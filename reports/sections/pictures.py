"""Section 3: the graph of one step, and the unrolled graph with one path in colour.

Read next: `reports.sections.local`.
"""

from __future__ import annotations

from derive.operands import name_operands
from derive.system import System
from reports.context import Context
from reports.document import Block, Figure, Heading, Prose, Table
from reports.notation import SystemNames
from reports.pictures import canvas
from reports.pictures.drawing import draw, drawn, node_sizes
from reports.pictures.diagram import Diagram
from reports.pictures.overview import overview
from reports.pictures.step import parts, step_graph, whole
from reports.pictures.unrolled import Path, grid, nodes_of, unrolled
from derive.expr import refs


def pictures(context: Context) -> list[Block]:
    """Diagrams; a table of who reads whom where they cannot be drawn."""
    heading = Heading(1, "Pictures", "pictures")
    if not canvas.available():
        return [heading, Prose(canvas.MISSING), _table(context)]
    primal = name_operands(context.system)
    names = context.notation.names(primal)
    blocks: list[Block] = [heading]
    if whole(context.system):
        for axis in (*primal.axes, None):
            if any(e.axis == axis and not e.is_boundary for e in primal.equations):
                blocks.append(_step(primal, names, axis, (), _caption(axis)))
    else:
        diagram, alt = overview(context.system, names)
        caption = "The network. A box with two lines is a recurrence and the way it runs; its gates are inside."
        blocks.append(_figure(diagram, alt, caption))
        for axis, only in parts(primal):
            blocks.append(_step(primal, names, axis, only, _caption(axis) + _alike(context.system, only)))
    return blocks + _unrolled(context, names)


def _figure(diagram: Diagram, alt: str, caption: str) -> Figure:
    found = drawn(diagram)
    return Figure(found.svg, found.pdf, alt, caption)


def _step(primal: System, names: SystemNames, axis: str | None, only: tuple[str, ...], caption: str) -> Figure:
    graph = step_graph(primal, names, axis, only)
    if graph.direct:
        states = ", ".join(f"${names.written(name, axis or '')}$" for name in graph.direct)
        caption += f" Thick, the direct path of {states}: nothing multiplies it there but gates, entry by entry."
    return _figure(graph.diagram, graph.alt, caption)


def _alike(system: System, only: tuple[str, ...]) -> str:
    several = sum(bool(c.carried) for c in system.components)
    return " Recurrences that differ in nothing but names and direction are drawn once." if several > 1 else ""


def _caption(axis: str | None) -> str:
    what = f"One step ${axis}$." if axis else "What is computed once, without time."
    return f"{what} Parameters are left out; an affine map of what enters is one node."


def _unrolled(context: Context, names: SystemNames) -> list[Block]:
    wanted = Path(*context.path) if context.path else None
    found = unrolled(context.system, wanted)
    if not found.recurrences:
        return []
    path = found.path(wanted)
    with canvas.style():
        nodes = nodes_of(found, names)
        diagram = Diagram(tuple(nodes.values()), ())
        by_key = node_sizes(diagram)
        picture = draw(grid(found, names, path, {place: by_key[node.key] for place, node in nodes.items()}))
    lengths = " and ".join(f"{n} steps of {axis}" for axis, n in found.lengths.items())
    told = ", ".join(_told(found.recurrences, context.system, place) for place in path)
    alt = f"The recurrences unrolled over {lengths}."
    if not path:
        reason = f" No path leads from the loss of step {wanted.loss} to step {wanted.to}." if wanted else ""
        return [Figure(picture.svg, picture.pdf, alt + reason, "The recurrences unrolled." + reason)]
    crossed = sum(a[0] == b[0] and a[0] in found.recurrences for a, b in zip(path, path[1:], strict=False))
    alt += f" A thick path of {len(path) - 1} arrows: {told}."
    loss, end = (("of step " + str(path[0][1])) if path[0][1] else ""), path[-1]
    caption = (
        f"The recurrences unrolled. Thick and in colour, a path along which the loss {loss} reaches "
        f"${names.written(end[0], str(end[1])) if end[0] not in found.recurrences else names.written(found.recurrences[end[0]].carried[0], str(end[1]))}$: "
        f"the gradient runs along it against the arrows, through {crossed} state Jacobian{'s' if crossed != 1 else ''}."
    )
    return [Figure(picture.svg, picture.pdf, alt, caption.replace("  ", " "))]


def _told(recurrences: object, system: System, place: tuple[str, int]) -> str:
    key, at = place
    if key.startswith("loss"):
        return f"the loss of step {at}" if at else "the loss"
    assert isinstance(recurrences, dict)
    name = ", ".join(n for n in system.states if n in recurrences[key].carried) if key in recurrences else key
    return f"{name}[{at}]"


def _table(context: Context) -> Table:
    names = context.names
    rows = []
    for equation in context.forward:
        reads = dict.fromkeys(names.read(r) for r in refs(equation.expr) if r.index is not None)
        rows.append((f"${names.read(equation.out)}$", ", ".join(f"${read}$" for read in reads) or "–"))
    return Table(("Quantity", "computed from"), tuple(rows), "Who reads whom.")
