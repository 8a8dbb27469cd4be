"""`write`: the report of a system as HTML, LaTeX and JSON files.

The sections are a list of functions from a `Context` to blocks; this is their order. Writing is deterministic to the
byte: the same system gives the same files in every process.

Read next: `reports.comparing`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace as change
from pathlib import Path

from derive.counts import count_report
from derive.evidence import Evidence
from derive.library import load
from derive.system import System
from numeric.pocket_notes import note_for
from numeric.verify import verify
from reports import fragment, html, jsonreport, latex
from reports.certified import certified
from reports.context import DETAILS, Context, Detail
from reports.document import Block, Report, Row, Rows, number
from reports.exercise import chosen as kinds_of
from reports.exercise import exercise_files
from reports.files import write_all
from reports.inline import plain
from reports.notation import Notation
from reports.notations import notation as notation_named
from reports.sections.backward import backward
from reports.sections.certificate import in_full, in_short, versions
from reports.sections.chain import chain
from reports.sections.code import code
from reports.sections.counts import counts
from reports.sections.example import example, example_data
from reports.sections.forward import forward, notation
from reports.sections.local import local_derivatives
from reports.sections.parameters import inputs, parameters
from reports.sections.pictures import pictures
from reports.sections.plots import plots

Section = Callable[[Context], list[Block]]
SECTIONS: tuple[Section, ...] = (
    in_short,
    notation,
    forward,
    pictures,
    local_derivatives,
    backward,
    parameters,
    inputs,
    chain,
    counts,
    example,
    plots,
    in_full,
)
TERMS, LONGEST = 3, 4  # of a row, where a long one is broken, and of the longest that is not
FORMATS = ("html", "tex", "json")  # of a report; "fragment" is had by asking for it


def write(
    system: System | str,
    out: str | Path,
    formats: Collection[str] = FORMATS,
    notation: str | Notation = "standard",
    sizes: Mapping[str, int] | None = None,
    *,
    evidence: Sequence[Evidence] | None = None,
    path: tuple[int, ...] = (),
    progress: Callable[[str], None] | None = None,
    example: str = "default",
    blanks: Collection[str] = (),
    force: bool = False,
    detail: Detail = "full",
) -> tuple[Path, ...]:
    """Write the report of a system.

    Args:
        system: a system, or the name of an architecture of the library.
        out: the directory; it is made where it is missing.
        formats: any of html, tex, json, and fragment, the equations alone in LaTeX.
        notation: a key of `reports.notations.NOTATIONS`, ``ng+bar`` and the like, a file that ends in ``.toml``, or a
            `Notation`.
        sizes: numbers for the dimensions, for the count.
        evidence: of `numeric.verify`; by default the system is verified now. An empty list leaves it out.
        path: the path in the unrolled picture, as the step of a loss and the step it leads to, (5, 2).
        progress: called with the name of every step.
        example: the worked example: default, none, or one of lecture notes (`numeric.pocket_notes`).
        blanks: what an exercise leaves blank, any of `reports.exercise.KINDS`; then there are two reports, the
            exercise and its solutions.
        force: replace files that no earlier report wrote, or that were changed since.
        detail: "full" has every step of the derivation, "brief" the equations, each with one reason.

    Returns:
        The files: NAME.html, NAME.tex, NAME.json, and the pictures that NAME.tex includes, NAME+equations.tex; of
        an exercise NAME-exercise.html, NAME-solutions.html, and the same for TeX.

    Raises:
        ValueError: for an unknown format, detail, example or blank, or a size that does not fit.
        UnknownNotation, MappingError: for an unknown notation, or a file that is none.
        UnknownArchitecture: for an unknown name.
        FileError: if a file cannot be written, or one is in the way that is not of a report.
    """
    wrong = [name for name in formats if name not in (*FORMATS, "fragment")]
    if wrong:
        raise ValueError(f"no format is called {wrong[0]!r}; there are {', '.join(FORMATS)} and fragment")
    system = load(system) if isinstance(system, str) else system
    if detail not in DETAILS:
        raise ValueError(f"no detail is called {detail!r}; there are {', '.join(DETAILS)}")
    chosen = notation_named(notation) if isinstance(notation, str) else notation
    kinds_of(",".join(blanks))
    if example not in ("default", "none"):
        note_for(system, example)
    if evidence is None:
        evidence = verify(system, progress=progress)
    if progress is not None:
        progress("report")
    context = Context(system, chosen, dict(sizes or {}), tuple(evidence), example=example, detail=detail, path=path)
    if blanks:
        files = exercise_files(report(context), tuple(blanks), file_stem(system), tuple(formats))
        return write_all(out, files, force=force)
    return write_all(out, rendered(context, formats), force=force)


def file_stem(system: System) -> str:
    """What the names of the files of a report begin with: letters, digits, and ``_ . -``."""
    return re.sub(r"[^\w.-]+", "-", system.name).strip(".-") or "system"


def rendered(context: Context, formats: Collection[str] = FORMATS) -> dict[str, str | bytes]:
    """The files of a report, by name."""
    stem = file_stem(context.system)
    files: dict[str, str | bytes] = {}
    if "fragment" in formats:
        files[f"{stem}+equations.tex"] = fragment.render(context, stem=stem)
    if not set(formats) & set(FORMATS):
        return files
    found = report(context)
    if "html" in formats:
        files[f"{stem}.html"] = html.render(found)
    if "tex" in formats:
        files.update(latex.render(found, stem=stem))
    if "json" in formats:
        files[f"{stem}.json"] = jsonreport.render(found)
    return files


def report(context: Context) -> Report:
    """The report as a document."""
    blocks = [broken(block) for section in SECTIONS for block in section(context)]
    blocks += code(context, number(blocks).equations)
    system = context.system
    title = plain(system.title or system.name)
    return Report(title, plain(system.source), tuple(blocks), certificate(context))


def broken(block: Block) -> Block:
    """Rows of more than `LONGEST` terms as several, each a line that goes on."""
    if not isinstance(block, Rows) or all(len(row.terms) <= LONGEST for row in block.rows):
        return block
    rows: list[Row] = []
    for row in block.rows:
        if len(row.terms) <= LONGEST:
            rows.append(row)
            continue
        rows.append(change(row, terms=row.terms[:TERMS], tail=""))
        for start in range(TERMS, len(row.terms), TERMS):
            sign, _, first = row.terms[start].lstrip().partition(" ")
            last = start + TERMS >= len(row.terms)
            terms = (first, *row.terms[start + 1 : start + TERMS])
            rows.append(Row("", terms, sign, tail=row.tail if last else "", reason="continued"))
    return Rows(tuple(rows))


def certificate(context: Context) -> dict[str, object]:
    """What the JSON file holds: the equations, the counts, the evidence."""
    system = context.system
    return {
        "name": system.name,
        "title": system.title,
        "source": system.source,
        "notes": list(system.notes),
        "notation": context.notation.name,
        "inputs": list(system.inputs),
        "states": list(system.states),
        "outputs": list(system.outputs),
        "shapes": {name: [str(dim) for dim in shape] for name, shape in system.shapes.items()},
        "forward": [str(equation) for equation in context.forward],
        "backward": [str(equation) for equation in context.backward],
        "counts": count_report(system, context.sizes or None),
        "example": example_data(context),
        "holds": all(evidence.holds for evidence in context.evidence) if context.evidence else None,
        "evidence": [evidence.as_dict() for evidence in context.evidence],
        "versions": versions(),
        "certificate": certified(system, context.evidence),
    }
