r"""Sub-headings of a network: which layer, direction or axis the equations below belong to.

Read next: `reports.sections.rules`.
"""

from __future__ import annotations

from reports.context import Context
from reports.document import Block, Heading
from reports.parts import Part

SHOWN = 4  # names in a heading


def heading(context: Context, part: Part, *, backward: bool = False) -> list[Block]:
    """The heading of a part; nothing for a system of one part.

    Args:
        context: the system.
        part: of `Context.parts`.
        backward: whether its equations are those of the gradient, which run against the recurrence.
    """
    if part.alone:
        return []
    axes = {name: context.adjoint.variables[name].axis or "" for name in part.names}
    listed = ", ".join(f"${context.names.written(name, axes[name])}$" for name in part.names[:SHOWN])
    listed += ", …" if len(part.names) > SHOWN else ""
    where = "Once" if part.axis is None else f"Every step ${part.axis}$"
    if part.direction:
        role = part.role[:1].upper() + part.role[1:] or "Recurrence"
        where = f"{role}, ${order(part.axis or '', -part.direction if backward else part.direction)}$"
    return [Heading(2, f"{where}: {listed}" if listed else where)]


def order(axis: str, direction: int) -> str:
    r"""``t = 1, \\dots, T``, or from T to 1."""
    first, last = ("1", axis.upper()) if direction > 0 else (axis.upper(), "1")
    return rf"{axis} = {first}, \dots, {last}"
