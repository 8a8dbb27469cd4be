"""`bptt code`: a system as one file for NumPy, PyTorch, JAX or C, forward and backward.

The numbers in its comments are those of the report.

Read next: `numeric.targets`.
"""

from __future__ import annotations

from derive.system import System
from derive.text import to_text
from numeric.targets.source import source as source_for
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text
from reports.commands.systems import read_systems
from reports.context import Context
from reports.document import number
from reports.files import FileError, guard, mark, write
from reports.writing import SECTIONS


def code(argument: str, *, target: str, out: str, force: bool, as_json: bool, strict: bool) -> int:
    """Write the source to `out`, or print it where `out` is empty."""
    (system,) = read_systems([argument], strict=strict)
    try:
        if out and not force:
            guard(out, "code")
        source = source_for(system, target, None if target == "numpy" else report_numbers(system))
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
    elif not out:
        print_text(source)
    return 0


def report_numbers(system: System) -> dict[str, int]:
    """Number in the report of what it prints, by left side: ``h[t]``."""
    context = Context(system)
    numbers = number([block for section in SECTIONS for block in section(context)]).equations
    return {
        to_text(equation.out): numbers[context.labels[equation.name]]
        for equation in (*context.forward, *context.backward)
        if not equation.is_boundary and context.labels.get(equation.name) in numbers
    }
