"""`bptt code`: a system as one file for NumPy, PyTorch, JAX or C, forward and backward.

The numbers in its comments are those of the report.

Read next: `numeric.targets`.
"""

from __future__ import annotations

from derive.system import System
from numeric.targets.source import source as source_for
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text
from reports.commands.systems import read_systems
from reports.context import Context
from reports.document import number
from reports.files import FileError, guard, mark, write
from reports.sections.code import by_left_side, renumbered
from reports.sections.parameters import inputs
from reports.sections.pictures import pictures
from reports.writing import SECTIONS, broken


def code(argument: str, *, target: str, out: str, force: bool, as_json: bool, strict: bool) -> int:
    """Write the source to `out` and say so, or print it where `out` is empty."""
    (system,) = read_systems([argument], strict=strict)
    try:
        if out and not force:
            guard(out, "code")
        numbers = report_numbers(system)
        source = source_for(system, target, numbers)
        source = renumbered(source, numbers) if target == "numpy" else source
    except (FileError, ValueError) as error:
        raise Failure(str(error)) from error
    if out:
        try:
            comment = f"/* {mark('code')} */" if target == "c" else f"# {mark('code')}"
            write(out, f"{comment}\n{source}", force=force)
        except FileError as error:
            raise Failure(str(error)) from error
    if as_json:
        print_json({"name": system.name, "target": target, "file": out or None, "source": source})
    else:
        print_text(out or source)
    return 0


def report_numbers(system: System) -> dict[str, int]:
    """Number in the report of what it prints, by left side: ``h[t]``."""
    context = Context(system)
    equations = SECTIONS[: SECTIONS.index(inputs) + 1]  # the sections after these come after all equations
    blocks = [broken(block) for section in equations if section is not pictures for block in section(context)]
    return by_left_side(context, number(blocks).equations)
