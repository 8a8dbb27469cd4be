"""Section 4: local derivatives, one for every reader and what it reads, as the rules give them, and the rules.

Read next: `reports.sections.backward`.
"""

from __future__ import annotations

import sympy

from derive.latex import shape_latex
from derive.typeset import typeset
from reports.context import Context, Local, label_of
from reports.derivation import Edge
from reports.document import Block, Heading, Prose, Row, Rows
from reports.forms import jacobian
from reports.grouping import range_of
from reports.rows import group_names
from reports.sections.rules import linked, rules


def local_derivatives(context: Context) -> list[Block]:
    """∂r/∂v for every computed quantity r and every quantity v, other than a parameter, that it reads."""
    if context.detail == "brief":
        return []
    rows = tuple(_row(context, local) for local in context.local)
    intro = "What each equation passes on, by the rules of its operations; everything else that it reads is held fixed."
    if any("tanh" in row.reason or "σ" in row.reason for row in rows):
        intro += (
            " Where a function allows it, its derivative is written with the value that the forward pass saved: "
            r"$\sigma' = \sigma \odot (1 - \sigma)$, $\tanh' = 1 - \tanh^{2}$."
        )
    if any("I_{" in term for row in rows for term in row.terms):
        intro += " $I$ is the identity, $I_{a:b}$ its rows $a$ to $b$."
    blocks: list[Block] = [Heading(1, "Local derivatives", "local"), Prose(intro)]
    if rows:
        blocks.append(Rows(rows))
    missing = _missing(context)
    if missing:
        blocks.append(Prose(missing))
    return [*blocks, *rules(context)]


def _row(context: Context, local: Local) -> Row:
    edge, names = local.edges[0], group_names(context.names, local.group)
    terms = jacobian(edge, context.readings.cotangent[edge.reader.name], names)
    assert terms is not None
    above, below = edge.reader.out, edge.read
    rows, columns = (context.adjoint.variables[name].shape[:1] for name in (above.name, below.name))
    shape = (*(rows or ((sympy.Integer(1),) if columns else ())), *columns)
    return Row(
        names.derivative(typeset(above, names), typeset(below, names)),
        terms,
        shape=shape_latex(shape),
        reason=f"{linked(context, edge.rules)}; from {_links(context, local)}",
        tail=range_of(context.names, local.group) if local.group.keys else "",
        label=local.label,
    )


def _missing(context: Context) -> str:
    """The derivatives that are no matrices, because a matrix is read or computed, or all steps at once."""
    names, known = context.names, context.local_labels
    missing = [
        names.derivative(typeset(edge.reader.out, names), typeset(edge.read, names))
        for name in context.readings.cotangent
        if context.adjoint.variables[name].role == "defined" or context.adjoint.variables[name].axis
        for edge in context.readings.edges(name)
        if (edge.reader.out, edge.read) not in known
    ]
    if not missing:
        return ""
    shown = ", ".join(f"${text}$" for text in dict.fromkeys(missing))
    return (
        f"Some derivatives are no matrices, because a matrix is read or computed there, or all steps are read at once: "
        f"{shown}. What they pass back stands in the backward recursion, as the rules below give it."
    )


def _links(context: Context, local: Local) -> str:
    """The equations that the derivatives of a row are taken of."""
    return " and ".join(dict.fromkeys(_link(context, edge) for edge in local.edges))


def _link(context: Context, edge: Edge) -> str:
    return context.link(edge.reader.name) if not edge.reader.is_boundary else f"{{eq:{label_of(edge.reader)}}}"
