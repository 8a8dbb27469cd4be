"""`bptt report`: the derivation, verified, as HTML, LaTeX and JSON.

Read next: `reports.commands.pdf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import derive
from reports.commands.count import counts_of, own_sizes
from reports.commands.failure import Failure
from reports.commands.output import one_or_list, print_json, print_text
from reports.commands.pdf import make_pdf, maker
from reports.commands.progress import Say, after, progress
from reports.commands.systems import one_name_each, read_sizes, read_systems
from reports.commands.verify import evidence_of
from reports.context import Detail
from reports.files import FileError
from reports.notation import UnknownNotation
from reports.notation import notation as notation_named
from reports.writing import write


class Written(TypedDict):
    """What became of one system."""

    name: str
    holds: bool
    files: list[str]


def report(
    arguments: Sequence[str],
    *,
    out: str,
    pdf: bool,
    notation: str,
    sizes: str,
    as_json: bool,
    strict: bool,
    detail: Detail = "full",
) -> int:
    """Write OUT/NAME.html, OUT/NAME.tex, OUT/NAME.json, and OUT/NAME.pdf if asked; 1 if something does not hold."""
    systems = read_systems(arguments, strict=strict)
    one_name_each(systems)
    given = read_sizes(sizes, systems)
    for system in systems:
        counts_of(system, given)
    try:
        notation_named(notation)
    except UnknownNotation as error:
        raise Failure(str(error)) from error
    program = maker() if pdf else ""
    records = []
    with progress() as say:
        for place, system in enumerate(systems, 1):
            tell = after(f"report {system.name} ({place} of {len(systems)})", say)
            own = own_sizes(system, given)
            records.append(_write(system, out, notation, own, program, tell, detail))
    if as_json:
        print_json(one_or_list(records))
    else:
        print_text("\n".join(file for record in records for file in record["files"]))
    return 0 if all(record["holds"] for record in records) else 1


def _write(
    system: derive.System, out: str, notation: str, sizes: dict[str, int], program: str, tell: Say, detail: Detail
) -> Written:
    evidence = evidence_of(system, tell)
    try:
        files = list(
            write(system, out, notation=notation, sizes=sizes, evidence=evidence, progress=tell, detail=detail)
        )
    except FileError as error:
        raise Failure(str(error)) from error
    if program:
        tell("PDF")
        files.append(make_pdf(program, files))
    return {"name": system.name, "holds": all(item.holds for item in evidence), "files": [str(file) for file in files]}
