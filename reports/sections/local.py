"""Section 4: local derivatives, one for every reader and what it reads, as the rules give them.

Read next: `reports.sections.backward`.
"""

from __future__ import annotations

from derive.expr import Ref
from derive.latex import shape_latex
from derive.typeset import typeset
from reports.context import Context
from reports.derivation import Edge
from reports.document import Block, Heading, Prose, Row, Rows
from reports.forms import jacobian, rule_text
from reports.grouping import group, range_of
from reports.rows import group_names


def local_derivatives(context: Context) -> list[Block]:
    """∂r/∂v for every computed quantity r and every quantity v, other than a parameter, that it reads."""
    found = [
        (edge, context.readings.cotangent[edge.reader.name])
        for name in context.readings.cotangent
        if context.adjoint.variables[name].role == "defined" or context.adjoint.variables[name].axis
        for edge in context.readings.edges(name)
    ]
    order = {equation.out: place for place, equation in enumerate(context.forward)}
    found.sort(key=lambda item: order.get(item[0].reader.out, len(order)))
    rows = []
    for together in group(context.adjoint, [_identity(edge) for edge, _ in found], apart=context.notation.renamed):
        edge, bar = found[together.first]
        names = group_names(context.names, together)
        text = jacobian(edge, bar, names)
        if text is None:
            continue
        above, below = edge.reader.out, edge.read
        shape = (*context.adjoint.variables[above.name].shape[:1], *context.adjoint.variables[below.name].shape[:1])
        rows.append(
            Row(
                names.derivative(typeset(above, names), typeset(below, names)),
                (text,),
                shape=shape_latex(shape),
                reason=f"{rule_text(edge.rules, names)}, from {_link(context, edge)}",
                tail=range_of(context.names, together) if together.keys else "",
            )
        )
    if not rows:
        return []
    intro = (
        "What each equation passes on, by the rules of its operations. Where a function allows it, its derivative is "
        "written with the value that the forward pass saved: "
        r"$\sigma' = \sigma \odot (1 - \sigma)$, $\tanh' = 1 - \tanh^{2}$."
    )
    if not any("sigma" in row.reason or "tanh" in row.reason for row in rows):
        intro = "What each equation passes on, by the rules of its operations."
    return [Heading(1, "Local derivatives", "local"), Prose(intro), Rows(tuple(rows))]


def _identity(edge: Edge) -> tuple[Ref, Ref, object]:
    return edge.reader.out, edge.read, edge.contribution


def _link(context: Context, edge: Edge) -> str:
    return context.link(edge.reader.name) if not edge.reader.is_boundary else "its boundary value"
