"""`write`: the report of a system as HTML, LaTeX and JSON files.

The sections are a list of functions from a `Context` to blocks; this is their order. Writing is deterministic to the
byte: the same system gives the same files in every process.

Read next: `reports.comparing`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from derive.counts import count_report
from derive.evidence import Evidence
from derive.library import load
from derive.system import System
from numeric.verify import verify
from reports import html, jsonreport, latex
from reports.context import Context
from reports.document import Block, Report, number
from reports.files import write_all
from reports.inline import plain
from reports.notation import notation as notation_named
from reports.sections.backward import backward
from reports.sections.certificate import in_full, in_short, versions
from reports.sections.chain import chain
from reports.sections.code import code
from reports.sections.counts import counts
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
    plots,
    in_full,
)
FORMATS = ("html", "tex", "json")


def write(
    system: System | str,
    out: str | Path,
    formats: Collection[str] = FORMATS,
    notation: str = "standard",
    sizes: Mapping[str, int] | None = None,
    *,
    evidence: Sequence[Evidence] | None = None,
    path: tuple[int, ...] = (),
    progress: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Write the report of a system.

    Args:
        system: a system, or the name of an architecture of the library.
        out: the directory; it is made where it is missing.
        formats: any of html, tex, json.
        notation: a key of `reports.notation.NOTATIONS`.
        sizes: numbers for the dimensions, for the count.
        evidence: of `numeric.verify`; by default the system is verified now. An empty list leaves it out.
        path: the path in the unrolled picture, as the step of a loss and the step it leads to, (5, 2).
        progress: called with the name of every step.

    Returns:
        The files: NAME.html, NAME.tex, NAME.json, and the pictures that NAME.tex includes.

    Raises:
        ValueError: for an unknown format, or a size that does not fit.
        UnknownNotation: for an unknown notation.
        UnknownArchitecture: for an unknown name.
        FileError: if a file cannot be written.
    """
    wrong = [name for name in formats if name not in FORMATS]
    if wrong:
        raise ValueError(f"no format is called {wrong[0]!r}; there are {', '.join(FORMATS)}")
    system = load(system) if isinstance(system, str) else system
    chosen = notation_named(notation)
    if evidence is None:
        evidence = verify(system, progress=progress)
    if progress is not None:
        progress("report")
    context = Context(system, chosen, dict(sizes or {}), tuple(evidence), path=path)
    return write_all(out, rendered(context, formats))


def file_stem(system: System) -> str:
    """What the names of the files of a report begin with: letters, digits, and ``_ . -``."""
    return re.sub(r"[^\w.-]+", "-", system.name).strip(".-") or "system"


def rendered(context: Context, formats: Collection[str] = FORMATS) -> dict[str, str | bytes]:
    """The files of a report, by name."""
    found = report(context)
    stem = file_stem(context.system)
    files: dict[str, str | bytes] = {}
    if "html" in formats:
        files[f"{stem}.html"] = html.render(found)
    if "tex" in formats:
        files.update(latex.render(found, stem=stem))
    if "json" in formats:
        files[f"{stem}.json"] = jsonreport.render(found)
    return files


def report(context: Context) -> Report:
    """The report as a document."""
    blocks = [block for section in SECTIONS for block in section(context)]
    blocks += code(context, number(blocks).equations)
    system = context.system
    title = plain(system.title or system.name)
    return Report(title, plain(system.source), tuple(blocks), certificate(context))


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
        "holds": all(evidence.holds for evidence in context.evidence) if context.evidence else None,
        "evidence": [evidence.as_dict() for evidence in context.evidence],
        "versions": versions(),
    }
