"""Section 12: the generated NumPy, with the equation numbers of this report as comments.

The kernel numbers its equations in their order in the system and its adjoint, and lists them in its docstring. Here
these numbers are exchanged for those of the report, so that a reader finds the formula that a line computes; what the
report does not print on its own loses its number.

Read next: `reports.writing`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from derive.text import to_text
from numeric.kernel import compile as compile_kernel
from reports.context import Context
from reports.document import Block, Code, Heading, Prose
from reports.inline import plain

LISTED = re.compile(r"^\((\d+)\) (.+?) = ", re.MULTILINE)
NOTED = re.compile(r"  # \((\d+)\)$", re.MULTILINE)


def code(context: Context, numbers: Mapping[str, int]) -> list[Block]:
    """The module that `numeric.compile` runs.

    Args:
        context: the system.
        numbers: of the equations of this report, by label.
    """
    printed = by_left_side(context, numbers)
    outputs = (context.loss,) if context.loss else None
    source = renumbered(compile_kernel(context.system, outputs=outputs).source, printed)
    output = f", for the output {plain(context.loss)}," if context.loss else ""
    text = (
        f"What `numeric.compile`{output} runs: forward and backward over batch and time. The numbers in the "
        "comments are those of the equations above."
    )
    return [Heading(1, "Generated NumPy", "code"), Prose(text), Code("python", source)]


def by_left_side(context: Context, numbers: Mapping[str, int]) -> dict[str, int]:
    """Number of what a report prints, by left side (``h[t]``), from the numbers by label."""
    return {
        to_text(equation.out): numbers[context.labels[equation.name]]
        for equation in (*context.forward, *context.backward)
        if not equation.is_boundary and context.labels.get(equation.name) in numbers
    }


def renumbered(source: str, printed: Mapping[str, int]) -> str:
    """Generated source with other equation numbers.

    Args:
        source: of a kernel.
        printed: new number by left side, such as ``h[t]``.
    """
    head, quotes, body = source.partition('"""\n')
    mapping = {number: printed.get(left) for number, left in LISTED.findall(head)}

    def listed(match: re.Match[str]) -> str:
        new = mapping[match[1]]
        return f"({new}) {match[2]} = " if new is not None else f"{match[2]} = "

    def noted(match: re.Match[str]) -> str:
        new = mapping.get(match[1])
        return f"  # ({new})" if new is not None else ""

    return LISTED.sub(listed, head) + quotes + NOTED.sub(noted, body)
