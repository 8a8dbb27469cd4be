"""`bptt report`: the derivation, verified, as HTML, LaTeX and JSON.

Read next: `reports.commands.pdf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import derive
from numeric.pocket_notes import note_for
from reports.commands.count import counts_of, own_sizes
from reports.commands.failure import Failure
from reports.commands.output import one_or_list, print_json, print_text
from reports.commands.pdf import make_pdf, maker
from reports.commands.progress import Say, after, progress
from reports.commands.systems import one_name_each, read_sizes, read_systems
from reports.commands.verify import evidence_of
from reports.context import Context
from reports.exercise import chosen as kinds_of
from reports.files import FileError
from reports.mapping import MappingError
from reports.notation import Notation
from reports.notations import UnknownNotation
from reports.notations import notation as notation_named
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
    cotangent: str = "",
    example: str = "default",
    blanks: str | None = None,
    as_json: bool,
    strict: bool,
) -> int:
    """Write OUT/NAME.html, OUT/NAME.tex, OUT/NAME.json, and OUT/NAME.pdf if asked; 1 if something does not hold."""
    systems = read_systems(arguments, strict=strict)
    one_name_each(systems)
    given = read_sizes(sizes, systems)
    for system in systems:
        counts_of(system, given)
    try:
        chosen = notation_named(notation, cotangent)
        kinds = () if blanks is None else kinds_of(blanks)
        for system in systems if example not in ("default", "none") else ():
            note_for(system, example)
    except (UnknownNotation, MappingError, ValueError) as error:
        raise Failure(str(error)) from error
    unused = [n for n in chosen.renamed if not any(n in Context(system).adjoint.variables for system in systems)]
    if unused:
        raise Failure(
            f"{notation}: names.{unused[0]}: no quantity of {', '.join(s.name for s in systems)} has that name"
        )
    program = maker() if pdf else ""
    records = []
    with progress() as say:
        for place, system in enumerate(systems, 1):
            tell = after(f"report {system.name} ({place} of {len(systems)})", say)
            own = own_sizes(system, given)
            records.append(_write(system, out, chosen, own, (example, kinds), program, tell))
    if as_json:
        print_json(one_or_list(records))
    else:
        print_text("\n".join(file for record in records for file in record["files"]))
    return 0 if all(record["holds"] for record in records) else 1


def _write(
    system: derive.System,
    out: str,
    notation: Notation,
    sizes: dict[str, int],
    lesson: tuple[str, tuple[str, ...]],
    program: str,
    tell: Say,
) -> Written:
    evidence, (example, blanks) = evidence_of(system, tell), lesson
    try:
        files = list(
            write(
                system,
                out,
                notation=notation,
                sizes=sizes,
                evidence=evidence,
                progress=tell,
                example=example,
                blanks=blanks,
            )
        )
    except FileError as error:
        raise Failure(str(error)) from error
    if program:
        tell("PDF")
        for tex in [file for file in files if file.suffix == ".tex"]:
            files.append(make_pdf(program, [file for file in files if file.name.startswith(tex.stem)]))
    return {"name": system.name, "holds": all(item.holds for item in evidence), "files": [str(file) for file in files]}
