"""An exercise: a report with chosen steps left blank, and the same report with the answers marked.

Both are made from one finished report by the same walk, so that they have the same equations under the same numbers.
What is blank is replaced in the document itself, before anything is written: no formula, attribute or certificate of
the exercise knows the answer.  An answer that happens to stand in another row or cell too is left blank there as well.

`delta`       right sides of the backward recursion, the steps that lead to them, and their reasons
`parameters`  gradients of parameters
`count`       how many parameters, and what a sequence costs
`example`     numbers of the worked example, from the second third of the forward pass on

Read next: `reports.writing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from reports import html, latex
from reports.document import Block, Code, Heading, Note, Report, Row, Rows, Table

KINDS = ("delta", "parameters", "count", "example")
DEFAULT = ("delta", "count", "example")
FORMATS = ("html", "tex")
ROOM = r"\phantom{\frac{1}{2}}"  # above the rule, for a pen
LONG, RULE, SHORT = (rf"\underline{{{above}" + r"\qquad" * n + "}" for above, n in ((ROOM, 8), ("", 4), ("", 2)))
SHOWN = 3  # one of so many forward rows of the example is shown as a model
DROPPED = frozenset({"code"})  # sections that repeat the derivation


class UnknownBlank(ValueError):
    """A kind of blank that does not exist; one line with those there are."""


def chosen(text: str) -> tuple[str, ...]:
    """The kinds of blanks in ``delta,count``; the default for an empty text.

    Raises:
        UnknownBlank: one line.
    """
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for word in words:
        if word not in KINDS:
            raise UnknownBlank(f"nothing called {word!r} can be left blank; there are {', '.join(KINDS)}")
    return words or DEFAULT


def exercise_files(report: Report, blanks: Sequence[str], stem: str, formats: Sequence[str]) -> dict[str, str | bytes]:
    """Both reports as files: ``STEM-exercise.html``, ``STEM-solutions.html``, and the same for ``.tex``.

    Raises:
        UnknownBlank: if there is nothing to leave blank, or it is asked for in another format.
    """
    wanted = [name for name in FORMATS if name in formats]
    if not wanted:
        raise UnknownBlank(f"an exercise is written as {' or '.join(FORMATS)}, not as {', '.join(formats)}")
    exercise, solutions = f"{stem}-exercise", f"{stem}-solutions"
    files: dict[str, str | bytes] = {}
    for own, other, made in (
        (exercise, solutions, blanked(report, blanks, solutions)),
        (solutions, exercise, solved(report, blanks, exercise)),
    ):
        if "html" in wanted:
            files[f"{own}.html"] = html.render(made, other=f"{other}.html")
        if "tex" in wanted:
            files.update(latex.render(made, stem=own))
    return files


def blanked(report: Report, blanks: Sequence[str], solutions: str) -> Report:
    """The report with blanks."""
    walk = _Walk(tuple(blanks), blank=True)
    walk.learn(report)
    blocks = walk.blocks(report)
    note = Note(
        f"{walk.count} places are left blank. The answers are in `{solutions}`, whose equations have the same numbers.",
        title="Exercise",
    )
    return Report(f"Exercise: {report.title}", report.subtitle, (note, *blocks))


def solved(report: Report, blanks: Sequence[str], exercise: str) -> Report:
    """The report with the same places marked."""
    walk = _Walk(tuple(blanks), blank=False)
    walk.learn(report)
    blocks = walk.blocks(report)
    note = Note(
        f"The answers to `{exercise}` are underlined, {walk.count} in all; equations have the same numbers.",
        title="Solutions",
    )
    return Report(f"Solutions: {report.title}", report.subtitle, (note, *blocks))


@dataclass
class _Walk:
    """One walk over the blocks of a report.

    Attributes:
        kinds: what is left blank.
        blank: whether answers are removed, or marked.
        secrets: right sides that are answers somewhere.
        count: places found.
    """

    kinds: tuple[str, ...]
    blank: bool
    secrets: set[str] = field(default_factory=set)
    count: int = 0

    def learn(self, report: Report) -> None:
        """Walk once to know the answers, so that they are found wherever they stand."""
        for section, part, block in _located(report):
            if isinstance(block, Rows):
                for place, row in enumerate(block.rows):
                    first = self._from(section, part, row, place, len(block.rows))
                    if first == 0 and _is_answer(row):
                        self.secrets.add(_joined(row.terms))

    def blocks(self, report: Report) -> tuple[Block, ...]:
        """The blocks with answers removed or marked; sections that would give them away are left out."""
        found: list[Block] = []
        for section, part, block in _located(report):
            if section in DROPPED or isinstance(block, Code):
                continue
            if isinstance(block, Rows):
                rows = enumerate(block.rows)
                found.append(Rows(tuple(self._row(section, part, row, n, len(block.rows)) for n, row in rows)))
            elif isinstance(block, Table):
                found.append(self._table(section, part, block))
            else:
                found.append(block)
        return tuple(found)

    # --- rows -------------------------------------------------------------------------------------------------

    def _row(self, section: str, part: str, row: Row, place: int, rows: int) -> Row:
        first = self._from(section, part, row, place, rows)
        if first is None and _joined(row.terms) in self.secrets:
            first = 0
        if first is None:
            return row
        kept, answers = row.terms[:first], row.terms[first:]
        self.count += 1
        reason = row.reason if section == "example" or not row.reason else self._text(row.reason)
        terms = (f"= {RULE}" if kept else LONG,) if self.blank else tuple(map(_underlined, answers))
        return replace(row, terms=(*kept, *terms), reason=reason)

    def _from(self, section: str, part: str, row: Row, place: int, rows: int) -> int | None:
        """The first term of a row that is an answer."""
        if not _is_answer(row) and section != "example":
            return None
        inputs = section == "parameters" and part == "Inputs and initial values"
        if (section == "backward" or inputs) and "delta" in self.kinds:
            return 0
        if section == "parameters" and not inputs and "parameters" in self.kinds:
            return 0
        return self._from_example(part, row, place, rows) if section == "example" else None

    def _from_example(self, part: str, row: Row, place: int, rows: int) -> int | None:
        symbols = ("delta" in self.kinds and part in ("Backward", "Inputs and initial values")) or (
            "parameters" in self.kinds and part == "Parameter gradients"
        )
        numbers = "example" in self.kinds and not (part == "Forward" and place < -(-rows // SHOWN))
        if symbols:
            return 0
        equal = next((n for n, term in enumerate(row.terms) if term.startswith("=")), 0)
        return equal if numbers else None

    # --- tables and text -----------------------------------------------------------------------------------------

    def _table(self, section: str, part: str, block: Table) -> Table:
        if section == "counts" and "count" in self.kinds:
            first = 2 if block.header[1:2] == ("Shape",) else 1
        elif section == "example" and ("example" in self.kinds or (part == "Backward" and "delta" in self.kinds)):
            first = 1
        else:
            return block
        rows = tuple((*row[:first], *map(self._cell, row[first:])) for row in block.rows)
        return replace(block, rows=rows)

    def _cell(self, cell: str) -> str:
        if not cell:
            return cell
        self.count += 1
        return f"${SHORT}$" if self.blank else self._marked(cell)

    def _text(self, text: str) -> str:
        self.count += 1
        return f"${RULE}$" if self.blank else self._marked(text)

    def _marked(self, text: str) -> str:
        formula = re.fullmatch(r"\$([^$]+)\$", text)
        if formula is not None:
            return rf"$\underline{{{formula[1]}}}$"
        return rf"$\underline{{{text}}}$" if re.fullmatch(r"[\d.]+", text) else f"answer: {text}"


def _located(report: Report) -> Iterator[tuple[str, str, Block]]:
    """Every block with the anchor of its section and the heading of its part."""
    section = part = ""
    for block in report.blocks:
        if isinstance(block, Heading) and block.level == 1:
            section, part = block.anchor, ""
        elif isinstance(block, Heading) and block.level == 2:
            part = block.text
        yield section, part, block


def _is_answer(row: Row) -> bool:
    return row.terms != ("0",)


def _joined(terms: Sequence[str]) -> str:
    return " ".join(" ".join(terms).split())


def _underlined(term: str) -> str:
    sign = re.match(r"\s*([+=-]\s*)?", term)
    assert sign is not None
    return rf"{sign[0]}\underline{{{term[sign.end() :]}}}"
