"""`bptt report`: the derivation, verified, as HTML, LaTeX and JSON.

Read next: `reports.commands.pdf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import TypedDict

import derive
from reports.commands.count import counts_of, own_sizes
from reports.commands.failure import Failure
from reports.commands.output import one_or_list, print_json, print_text
from reports.commands.pdf import make_pdf, maker
from reports.commands.progress import Say, after, progress
from reports.commands.systems import one_name_each, read_sizes, read_systems
from reports.commands.verify import evidence_of
from reports.files import FileError
from reports.notation import UnknownNotation
from reports.notation import notation as notation_named
from reports.pictures.unrolled import Path
from reports.writing import write


class Written(TypedDict):
    """What became of one system."""

    name: str
    holds: bool
    files: list[str]


def report(
    arguments: Sequence[str], *, out: str, pdf: bool, notation: str, sizes: str, path: str, as_json: bool, strict: bool
) -> int:
    """Write OUT/NAME.html, OUT/NAME.tex, OUT/NAME.json, and OUT/NAME.pdf if asked; 1 if something does not hold."""
    systems = read_systems(arguments, strict=strict)
    one_name_each(systems)
    given = read_sizes(sizes, systems)
    for system in systems:
        counts_of(system, given)
    along = read_path(path)
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
            records.append(_write(system, out, notation, own, along, program, tell))
    if as_json:
        print_json(one_or_list(records))
    else:
        print_text("\n".join(file for record in records for file in record["files"]))
    return 0 if all(record["holds"] for record in records) else 1


def read_path(text: str) -> tuple[int, ...]:
    """``5:2`` as (5, 2); nothing for nothing.

    Raises:
        Failure: one line, if it is no path that can be drawn.
    """
    if not text:
        return ()
    loss, colon, to = text.partition(":")
    if not (colon and loss.isdecimal() and to.isdecimal() and len(text) < 10):
        raise Failure(f"--path: two steps with a colon between, as in 5:2, not {text[:40]!r}")
    try:
        return astuple(Path(int(loss), int(to)))
    except ValueError as error:
        raise Failure(f"--path: {error}") from error


def _write(
    system: derive.System,
    out: str,
    notation: str,
    sizes: dict[str, int],
    path: tuple[int, ...],
    program: str,
    tell: Say,
) -> Written:
    evidence = evidence_of(system, tell)
    try:
        files = list(write(system, out, notation=notation, sizes=sizes, evidence=evidence, path=path, progress=tell))
    except FileError as error:
        raise Failure(str(error)) from error
    if program:
        tell("PDF")
        files.append(make_pdf(program, files))
    return {"name": system.name, "holds": all(item.holds for item in evidence), "files": [str(file) for file in files]}
