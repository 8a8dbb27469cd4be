"""Section 3: the graph of one step, and the unrolled graph with one path in colour.

Read next: `reports.sections.local`.
"""

from __future__ import annotations

from derive.expr import refs
from derive.operands import name_operands
from reports.context import Context
from reports.document import Block, Figure, Heading, Table
from reports.graph import draw, step_graph, unrolled_graph


def pictures(context: Context) -> list[Block]:
    """Graphs by Graphviz; a table of who reads whom where it is not installed."""
    primal = name_operands(context.system)
    names = context.notation.names(primal)
    blocks: list[Block] = [Heading(1, "Pictures", "pictures")]
    for axis in primal.axes:
        if not any(equation.axis == axis for equation in primal.equations):
            continue
        drawn = draw(step_graph(primal, names, axis))
        if drawn is None:
            return [*blocks, _table(context)]
        blocks.append(Figure(*drawn, alt=f"Graph of one step {axis}", caption=_caption(axis)))
    recurrent = next((component for component in primal.components if component.carried), None)
    drawn = draw(unrolled_graph(primal, names)) if recurrent is not None else None
    if recurrent is not None and drawn is not None:
        way = "last" if recurrent.direction > 0 else "first"
        blocks.append(
            Figure(
                *drawn,
                alt="The recurrence unrolled over five steps, one path from a loss to an earlier state in colour",
                caption="The recurrence unrolled. In colour, the path along which the loss of the "
                f"{way} step reaches a state three steps away: the gradient runs along it against the arrows, "
                "one state Jacobian for each.",
            )
        )
    return blocks


def _caption(axis: str) -> str:
    return f"One step ${axis}$. Parameters are left out; an affine map of what enters is one node."


def _table(context: Context) -> Table:
    names = context.names
    rows = []
    for equation in context.forward:
        reads = dict.fromkeys(names.read(r) for r in refs(equation.expr) if r.index is not None)
        rows.append((f"${names.read(equation.out)}$", ", ".join(f"${read}$" for read in reads) or "–"))
    return Table(("Quantity", "computed from"), tuple(rows), "Who reads whom; with Graphviz installed, a picture.")
