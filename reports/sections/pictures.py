"""Section 3: the graph of one step, and the unrolled graph with one path in colour.

Read next: `reports.sections.local`.
"""

from __future__ import annotations

from itertools import pairwise

from derive.expr import refs
from derive.operands import name_operands
from derive.system import System
from reports.context import Context
from reports.document import Block, Figure, Heading, Prose, Table
from reports.notation import SystemNames
from reports.pictures import canvas
from reports.pictures.diagram import Diagram
from reports.pictures.drawing import draw, drawn, node_sizes
from reports.pictures.grid import grid, nodes_of
from reports.pictures.overview import overview
from reports.pictures.step import parts, step_graph, whole
from reports.pictures.unrolled import Path, Place, Unrolled, unrolled


def pictures(context: Context) -> list[Block]:
    """Diagrams; a table of who reads whom where they cannot be drawn."""
    heading = Heading(1, "Pictures", "pictures")
    if not canvas.available():
        return [heading, Prose(canvas.MISSING), _table(context)]
    primal = name_operands(context.system)
    names = context.notation.names(primal)
    blocks: list[Block] = [heading]
    if whole(primal, names):
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
        caption += (
            f" Thick, the direct path of {states}: along it the state is multiplied entry by entry, by no matrix."
        )
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
    caption, alt = _words(found, names, path, wanted)
    return [Figure(picture.svg, picture.pdf, alt, caption)]


def _words(found: Unrolled, names: SystemNames, path: list[Place], wanted: Path | None) -> tuple[str, str]:
    """Caption and text alternative of the unrolled picture."""
    lengths = " and ".join(f"{n} steps of {axis}" for axis, n in found.lengths.items())
    alt = f"The recurrences unrolled over {lengths}."
    if not path:
        reason = f" No path leads from the loss of step {wanted.loss} to step {wanted.to}." if wanted else ""
        return "The recurrences unrolled." + reason, alt + reason
    crossed = sum(a[0] == b[0] for a, b in pairwise(path))
    jacobians = f"{crossed or 'no'} state Jacobian{'' if crossed < 2 else 's'}"
    loss, end = f"the loss of step {path[0][1]}" if path[0][1] else "the loss", path[-1]
    name = found.recurrences[end[0]].carried[0] if end[0] in found.recurrences else end[0]
    caption = (
        f"The recurrences unrolled. Thick and in colour, a path along which {loss} reaches "
        f"${names.written(name, str(end[1]) if end[1] else '')}$: the gradient runs along it against the arrows, "
        f"through {jacobians}."
    )
    told = "; ".join(_told(found, place) for place in path)
    return caption, f"{alt} A thick path of {len(path) - 1} arrows through {jacobians}: {told}."


def _told(found: Unrolled, place: Place) -> str:
    key, at = place
    if key.startswith("loss"):
        return f"the loss of step {at}" if at else "the loss"
    states = [n for n in found.system.states if key in found.recurrences and n in found.recurrences[key].carried]
    return f"{', '.join(states) or key}" + (f" at {at}" if at else "")


def _table(context: Context) -> Table:
    names = context.names
    rows = []
    for equation in context.forward:
        reads = dict.fromkeys(names.read(r) for r in refs(equation.expr) if r.index is not None)
        rows.append((f"${names.read(equation.out)}$", ", ".join(f"${read}$" for read in reads) or "–"))
    return Table(("Quantity", "computed from"), tuple(rows), "Who reads whom.")
