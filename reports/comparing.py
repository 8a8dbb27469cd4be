"""`compare`: one report of several systems, side by side.

Read next: `reports.terminal`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from derive.evidence import Evidence
from derive.library import load
from derive.system import System
from numeric.verify import verify
from reports import html, jsonreport, latex
from reports.context import Context
from reports.document import Report
from reports.files import write_all
from reports.inline import plain
from reports.measures import NORMS, Measures
from reports.notation import Notation
from reports.notations import notation as notation_named
from reports.sections.comparison import cost, gradients, side_by_side, verdicts
from reports.writing import FORMATS, certificate, file_stem


def compare(
    systems: Sequence[System | str],
    out: str | Path,
    formats: Collection[str] = FORMATS,
    notation: str | Notation = "standard",
    sizes: Mapping[str, int] | None = None,
    *,
    evidence: Sequence[Sequence[Evidence]] | None = None,
    force: bool = False,
) -> tuple[Path, ...]:
    """Write a report that compares systems: equations, cost, what it buys, gradients.

    Args:
        systems: two or more systems, or names of architectures of the library.
        out: the directory; it is made where it is missing.
        formats: any of html, tex, json.
        notation: a key of `reports.notations.NOTATIONS`, or a `Notation`.
        sizes: numbers for the dimensions and lengths, for the counts; of each system those that it has.
        evidence: of `numeric.verify`, for each; by default they are verified now. Empty lists leave it out.
        force: replace files that no earlier report wrote, or that were changed since.

    Returns:
        The files: compare-A-B.html, compare-A-B.tex, compare-A-B.json, and the pictures that the second includes.

    Raises:
        ValueError: one line, for fewer than two systems, two of one name, or an unknown format.
        UnknownNotation, UnknownArchitecture, FileError: as `reports.write`.
    """
    wrong = [name for name in formats if name not in FORMATS]
    if wrong:
        raise ValueError(f"no format is called {wrong[0]!r}; there are {', '.join(FORMATS)}")
    loaded = [load(system) if isinstance(system, str) else system for system in systems]
    comparable(loaded)
    chosen = notation_named(notation) if isinstance(notation, str) else notation
    checked = evidence if evidence is not None else [verify(system) for system in loaded]
    found = []
    for system, each in zip(loaded, checked, strict=True):
        found.append(Measures(Context(system, chosen, evidence=tuple(each)), dict(sizes or {})))
    return write_all(out, rendered(found, formats), force=force)


def comparable(systems: Sequence[System]) -> None:
    """Refuse what cannot be compared.

    Raises:
        ValueError: one line, for fewer than two systems, or two of one name.
    """
    if len(systems) < 2:
        raise ValueError(f"a comparison needs two systems or more, not {len(systems)}")
    names = [file_stem(system) for system in systems]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"a comparison needs systems of different names; two are called {twice}")


def stem_of(systems: Sequence[System]) -> str:
    """What the names of the files of a comparison begin with."""
    return "-".join(["compare", *map(file_stem, systems)])


def rendered(found: Sequence[Measures], formats: Collection[str] = FORMATS) -> dict[str, str | bytes]:
    """The files of a comparison, by name."""
    stem = stem_of([measures.system for measures in found])
    report = comparison(found)
    files: dict[str, str | bytes] = {}
    if "html" in formats:
        files[f"{stem}.html"] = html.render(report)
    if "tex" in formats:
        files.update(latex.render(report, stem=stem))
    if "json" in formats:
        files[f"{stem}.json"] = jsonreport.render(report)
    return files


def comparison(found: Sequence[Measures]) -> Report:
    """The comparison as a document."""
    names = [plain(m.system.name) for m in found]
    blocks = [*verdicts(found), *cost(found), *side_by_side(found), *gradients(found)]
    title = ", ".join(names[:-1]) + f" and {names[-1]} compared"
    return Report(title, "", tuple(blocks), {"systems": [_record(m) for m in found]})


def _record(measures: Measures) -> dict[str, object]:
    """What is measured of one system, and its certificate."""
    return {
        **certificate(measures.context),
        "operations": {"forward": str(measures.forward), "backward": str(measures.backward)},
        "kept": str(measures.kept),
        "at": {
            "sizes": dict(measures.sizes),
            "parameters": measures.number(measures.parameters),
            "forward": measures.number(measures.forward),
            "backward": measures.number(measures.backward),
            "kept": measures.number(measures.kept),
        },
        "gates": list(measures.gates),
        "direct": [str(path) for _, path in measures.direct],
        "growth": [
            {"states": list(r.states), "norm": norm, "growth": measures.at(r, norm).growth}
            for r in measures.recurrences
            for norm in NORMS
        ],
    }
