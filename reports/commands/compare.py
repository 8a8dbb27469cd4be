"""`bptt report --compare`: one report of several systems, side by side.

Read next: `reports.commands.pdf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports.commands.count import counts_of
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text
from reports.commands.pdf import make_pdf, maker
from reports.commands.progress import DONE, after, progress
from reports.commands.report import Options, fits
from reports.commands.systems import read_sizes, read_systems
from reports.commands.verify import evidence_of
from reports.comparing import comparable, stem_of
from reports.comparing import compare as write
from reports.files import FileError, guard
from reports.mapping import MappingError
from reports.notations import UnknownNotation
from reports.notations import notation as notation_named
from reports.writing import FORMATS


def compare(arguments: Sequence[str], options: Options, *, as_json: bool, strict: bool) -> int:
    """Write OUT/compare-A-B.html, .tex and .json, and .pdf if asked; 1 if something does not hold."""
    fits(options, compared=True)
    systems = read_systems(arguments, strict=strict)
    given = read_sizes(options.sizes, systems)
    try:
        comparable(systems)
        notation = notation_named(options.notation, options.cotangent)
    except (ValueError, UnknownNotation, MappingError) as error:
        raise Failure(f"--compare: {error}") from error
    for system in systems:
        counts_of(system, {})
    program = maker() if options.pdf else ""
    try:
        for ending in () if options.force else (*FORMATS, *(["pdf"] if options.pdf else [])):
            guard(Path(options.out, f"{stem_of(systems)}.{ending}"), "report")
    except FileError as error:
        raise Failure(str(error)) from error
    with progress(len(systems)) as say:
        evidence = []
        for place, system in enumerate(systems, 1):
            tell = after(f"compare {system.name} ({place} of {len(systems)})", say)
            evidence.append(evidence_of(system, tell))
            say(DONE)
        say("compare")
        try:
            found = write(systems, options.out, notation=notation, sizes=given, evidence=evidence, force=options.force)
        except FileError as error:
            raise Failure(str(error)) from error
        files = list(found)
        if program:
            say("PDF")
            files.append(make_pdf(program, files, force=options.force))
    holds = all(item.holds for each in evidence for item in each)
    names = [system.name for system in systems]
    if as_json:
        print_json({"names": names, "holds": holds, "files": [str(file) for file in files]})
    else:
        print_text("\n".join(map(str, files)))
    return 0 if holds else 1
