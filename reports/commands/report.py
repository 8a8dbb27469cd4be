"""`bptt report`: the derivation, verified, as HTML, LaTeX and JSON.

Read next: `reports.commands.pdf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path
from typing import TypedDict

import derive
from numeric.pocket_notes import note_for
from reports.commands.count import counts_of, own_sizes
from reports.commands.failure import Failure
from reports.commands.output import one_or_list, print_json, print_text
from reports.commands.pdf import make_pdf, maker
from reports.commands.progress import DONE, Say, after, progress
from reports.commands.systems import one_name_each, read_sizes, read_systems
from reports.commands.verify import evidence_of
from reports.context import Context, Detail
from reports.exercise import chosen as kinds_of
from reports.files import FileError, guard
from reports.mapping import MappingError
from reports.notation import Notation
from reports.notations import UnknownNotation
from reports.notations import notation as notation_named
from reports.pictures.unrolled import Path as Along
from reports.pictures.unrolled import unrolled
from reports.writing import FORMATS, file_stem, write


class Written(TypedDict):
    """What became of one system."""

    name: str
    holds: bool
    files: list[str]


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line; `blank` is None for a report, a list of kinds for an exercise."""

    out: str = "."
    pdf: bool = False
    notation: str = "standard"
    cotangent: str = ""
    sizes: str = ""
    detail: Detail = "full"
    example: str = "default"
    blank: str | None = None
    path: str = ""
    fragment: bool = False
    force: bool = False


def report(arguments: Sequence[str], options: Options, *, as_json: bool, strict: bool) -> int:
    """Write OUT/NAME.html, OUT/NAME.tex, OUT/NAME.json, and OUT/NAME.pdf if asked; 1 if something does not hold."""
    fits(options)
    systems = read_systems(arguments, strict=strict)
    one_name_each(systems)
    given = read_sizes(options.sizes, systems)
    for system in systems:
        counts_of(system, given)
    blanks, notation = _checked(systems, options)
    along = read_path(options.path)
    leads(systems, along)
    program = maker() if options.pdf else ""
    formats: tuple[str, ...] = ("fragment",) if options.fragment else FORMATS
    if not options.force:
        _guard(systems, options, (*formats, *(["pdf"] if options.pdf else [])))
    records = []
    with progress(len(systems)) as say:
        for place, system in enumerate(systems, 1):
            tell = after(f"report {system.name} ({place} of {len(systems)})", say)
            evidence = evidence_of(system, tell)
            try:
                files = write(
                    system,
                    options.out,
                    formats,
                    notation,
                    own_sizes(system, given),
                    evidence=evidence,
                    path=along,
                    progress=tell,
                    detail=options.detail,
                    example=options.example,
                    blanks=blanks,
                    force=options.force,
                )
            except FileError as error:
                raise Failure(str(error)) from error
            found = [*files, *(_pdfs(program, files, options.force, tell) if program else [])]
            holds = all(item.holds for item in evidence)
            records.append(Written(name=system.name, holds=holds, files=[str(file) for file in found]))
            say(DONE)
    if as_json:
        print_json(one_or_list(records))
    else:
        print_text("\n".join(file for record in records for file in record["files"]))
    return 0 if all(record["holds"] for record in records) else 1


def _checked(systems: Sequence[derive.System], options: Options) -> tuple[tuple[str, ...], Notation]:
    """Blanks and notation; whatever is wrong with the options is said before the work."""
    try:
        notation = notation_named(options.notation, options.cotangent)
        blanks = () if options.blank is None else kinds_of(options.blank)
        for system in systems if options.example not in ("default", "none") else ():
            note_for(system, options.example)
    except (UnknownNotation, MappingError, ValueError) as error:
        raise Failure(str(error)) from error
    unused = [n for n in notation.renamed if not any(n in Context(system).adjoint.variables for system in systems)]
    if unused:
        names = ", ".join(system.name for system in systems)
        raise Failure(f"{options.notation}: names.{unused[0]}: no quantity of {names} has that name")
    return blanks, notation


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
        return astuple(Along(int(loss), int(to)))
    except ValueError as error:
        raise Failure(f"--path: {error}") from error


def leads(systems: Sequence[derive.System], along: tuple[int, ...]) -> None:
    """Refuse a path that a system does not have, such as one from an earlier loss to a later step of an LSTM.

    Raises:
        Failure: one line.
    """
    for system in systems if along else ():
        wanted = Along(*along)
        if not unrolled(system, wanted).path(wanted):
            way = f"from the loss of step {wanted.loss} to step {wanted.to}"
            raise Failure(f"--path: in {system.name} no gradient flows {way}; the loss comes first, as in 5:2")


def fits(options: Options, *, compared: bool = False) -> None:
    """Refuse options that would say nothing beside each other, before the work.

    Raises:
        Failure: one line, with the option to leave out.
    """
    given = {
        "--fragment": options.fragment,
        "--exercise": options.blank is not None,
        "--pdf": options.pdf,
        "--path": bool(options.path),
        "--example": options.example != "default",
        "--detail": options.detail != "full",
        "--sizes": bool(options.sizes),
    }
    whole = "--compare" if compared else "--fragment" if options.fragment else ""
    without = {
        "--compare": ("--fragment", "--exercise", "--path", "--example", "--detail"),
        "--fragment": ("--exercise", "--pdf", "--path", "--example", "--detail", "--sizes"),
    }
    wrong = next((name for name in without.get(whole, ()) if given[name]), "")
    if wrong:
        wrong = "--exercise and --blank" if wrong == "--exercise" else wrong
        raise Failure(f"{whole} has no room for what {wrong} asks for: leave out {wrong}")
    if options.blank is not None and options.example == "none" and "example" in options.blank:
        raise Failure("--example none leaves no example in which --blank example could leave numbers out")


def _guard(systems: Sequence[derive.System], options: Options, formats: Sequence[str]) -> None:
    """Say what is in the way before the work, not after it."""
    endings = ["+equations.tex" if name == "fragment" else f".{name}" for name in formats]
    if options.blank is not None:
        endings = [f"{part}{ending}" for part in ("-exercise", "-solutions") for ending in endings if ending != ".json"]
    for system, ending in product(systems, endings):
        try:
            guard(Path(options.out, f"{file_stem(system)}{ending}"), "report")
        except FileError as error:
            raise Failure(str(error)) from error


def _pdfs(program: str, files: Sequence[Path], force: bool, tell: Say) -> list[Path]:
    """A PDF for every TeX file; of an exercise there are two."""
    tell("PDF")
    return [
        make_pdf(program, [file for file in files if file.name.startswith(tex.stem)], force=force)
        for tex in files
        if tex.suffix == ".tex"
    ]
