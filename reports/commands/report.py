"""`bptt report`: the derivation, verified, as HTML, LaTeX and JSON.

Read next: `reports.commands.pdf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports.commands.output import one_or_list, print_json, print_text
from reports.commands.pdf import make_pdf, maker
from reports.commands.progress import progress
from reports.commands.systems import one_name_each, read_sizes, read_systems


def report(
    arguments: Sequence[str], *, out: str, pdf: bool, notation: str, sizes: str, as_json: bool, strict: bool
) -> int:
    """Write OUT/NAME.html, OUT/NAME.tex, OUT/NAME.json, and OUT/NAME.pdf if asked; 1 if a certificate does not hold."""
    systems = read_systems(arguments, strict=strict)
    one_name_each(systems)
    given = read_sizes(sizes, systems)
    program = maker() if pdf else ""
    raise NotImplementedError
