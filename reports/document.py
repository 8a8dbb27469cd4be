"""The document model of the reports: a closed set of plain blocks, checked when a `Report` is built.

A report is a title and a tuple of blocks. Blocks hold text, LaTeX and bytes, never HTML or TeX of a
writer, so one report prints in every format. An equation row is ``left relation term₁ term₂ …``, its
additive terms kept apart because they are the only places where a long equation may wrap.

Text (of prose, reasons, cells, captions, headings) has the marks of `reports.inline`. Labels, references
and formulas are checked here and not in the writers: a mistake shows before anything is written, and the
same in every format.

Read next: `reports.html`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reports import formula
from reports.inline import DocumentError, Math, Reference, inline


@dataclass(frozen=True)
class Heading:
    """A section heading; level 1 is a section, 2 a subsection, 3 a paragraph. Numbered by `number`."""

    level: int
    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Prose:
    """Paragraphs, separated by blank lines."""

    text: str


@dataclass(frozen=True)
class Row:
    r"""One numbered equation, ``left relation terms tail``, with its shape and its reason at the right.

    ``left`` is empty where a derivation continues. The first term has no sign or a leading ``-``; every
    later one leads with ``+`` or ``-``, or with ``=`` where the same value is written in another way.
    ``shape``, ``left``, ``relation`` and ``tail`` (a range such as ``t = 1, \dots, T``) are LaTeX; ``reason``
    is text.
    """

    left: str
    terms: tuple[str, ...]
    relation: str = "="
    shape: str = ""
    reason: str = ""
    label: str = ""
    tail: str = ""

    def __post_init__(self) -> None:
        where = f"row {self.label or self.left or self.terms}"
        if not self.terms:
            raise DocumentError(f"{where}: no terms; write 0 for an empty sum")
        if self.terms[0].lstrip().startswith("+"):
            raise DocumentError(f"{where}: the first term needs no '+'")
        for term in self.terms[1:]:
            if not term.lstrip().startswith(("+", "-", "=")):
                raise DocumentError(f"{where}: the term {term} needs a leading '+', '-' or '='")
        if self.label and not is_label(self.label):
            raise DocumentError(f"{where}: a label is letters, digits and . : _ - only")

    @property
    def latex(self) -> str:
        """The equation as one line of LaTeX."""
        parts = (self.left, self.relation, *self.terms, rf"\quad {self.tail}" if self.tail else "")
        return " ".join(part.strip() for part in parts if part)


@dataclass(frozen=True)
class Rows:
    """Equations under one another, aligned at the relation."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table of text cells; ``align`` has one of l, r, c for each column (empty: all l)."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    align: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise DocumentError(f"table {self.caption!r}: {len(row)} cells under {len(self.header)} headers: {row}")
        if self.align and (len(self.align) != len(self.header) or set(self.align) - set("lrc")):
            raise DocumentError(f"table {self.caption!r}: align {self.align!r} is not one of l, r, c for each column")


@dataclass(frozen=True)
class Figure:
    """A picture, as SVG for HTML and as PDF for TeX; where one is missing, ``alt`` stands for it."""

    svg: str | None
    pdf: bytes | None
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Code:
    """Source text, printed as it stands."""

    language: str
    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph set apart; ``kind`` is one of `KINDS` and gives its colour."""

    text: str
    kind: str = "note"
    title: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DocumentError(f"note {self.title!r}: the kind {self.kind!r} is not one of {', '.join(KINDS)}")


@dataclass(frozen=True)
class Column:
    """What follows, up to the next of these, is a column beside others, or under them where there is no room.

    Attributes:
        place: "first" and "next" begin a column, "end" ends the last.
        of: how many there are.
        paper: whether they stand beside each other on paper too; a column there has no page break.
    """

    place: str
    of: int
    paper: bool = True


Block = Heading | Prose | Rows | Table | Figure | Code | Note | Column
KINDS = ("note", "pass", "fail", "warning")


def is_label(text: str) -> bool:
    """Whether a text can name an equation: letters and digits of any script, and inside it . : _ -"""
    words = re.sub("[.:-]", "_", text)  # isidentifier, because \w has no combining marks, which names may have
    return f"_{words}".isidentifier() and words[:1] == text[:1] and words[-1:] == text[-1:]


@dataclass(frozen=True)
class Report:
    """A whole report. Building one checks every label, reference and formula in it."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    certificate: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = number(self.blocks).equations
        for where, text in _texts(self):
            for part in inline(text, where):
                if isinstance(part, Reference) and part.label not in known:
                    raise DocumentError(f"{where}: no equation has the label {part.label!r}")
                if isinstance(part, Math):
                    _check_formula(part.latex, where)
        _check_columns(self.blocks)
        for block in self.blocks:
            for row in block.rows if isinstance(block, Rows) else ():
                for latex in (row.left, row.relation, *row.terms, row.shape, row.tail):
                    if latex or latex in row.terms:
                        _check_formula(latex, f"row {row.label or row.latex}")


@dataclass(frozen=True)
class Numbering:
    """What is printed as number: of each label, and of each block (the first row of `Rows`; "" for none)."""

    equations: Mapping[str, int]
    blocks: tuple[str, ...]


def number(blocks: Sequence[Block]) -> Numbering:
    """Number equations, headings, and captioned figures and tables, each consecutively; labels are unique."""
    equations: dict[str, int] = {}
    printed: list[str] = []
    anchors: set[str] = set()
    row_count = figures = tables = 0
    sections = [0, 0, 0]
    for block in blocks:
        text = ""
        if isinstance(block, Rows):
            text = str(row_count + 1)
            for row in block.rows:
                row_count += 1
                if row.label in equations:
                    raise DocumentError(f"two equations have the label {row.label!r}")
                if row.label:
                    equations[row.label] = row_count
        elif isinstance(block, Heading):
            if block.level not in (1, 2, 3):
                raise DocumentError(f"heading {block.text!r}: level {block.level} is not 1, 2 or 3")
            if block.anchor in anchors or (block.anchor and not is_label(block.anchor)):
                raise DocumentError(f"heading {block.text!r}: the anchor {block.anchor!r} is taken or not a label")
            anchors |= {block.anchor} - {""}
            sections[block.level - 1 :] = [sections[block.level - 1] + 1] + [0] * (3 - block.level)
            text = ".".join(map(str, sections[: block.level]))
        elif isinstance(block, Figure) and block.caption:
            figures += 1
            text = str(figures)
        elif isinstance(block, Table) and block.caption:
            tables += 1
            text = str(tables)
        printed.append(text)
    return Numbering(equations, tuple(printed))


def _texts(report: Report) -> Iterator[tuple[str, str]]:
    """Every text with marks, and where it stands."""
    yield "title", report.title
    yield "subtitle", report.subtitle
    for block in report.blocks:
        match block:
            case Heading():
                yield "heading", block.text
            case Prose():
                yield "prose", block.text
            case Note():
                yield "note", block.title
                yield "note", block.text
            case Rows():
                yield from ((f"reason of row {row.label or row.latex}", row.reason) for row in block.rows)
            case Table():
                yield f"caption of table {block.caption!r}", block.caption
                for row in (block.header, *block.rows):
                    yield from ((f"table {block.caption!r}", cell) for cell in row)
            case Figure():
                yield f"caption of figure {block.alt!r}", block.caption
            case Code() | Column():
                pass


def _check_columns(blocks: Sequence[Block]) -> None:
    """Columns begin with the first, end, and are as many as they say."""
    places = [(block.place, block.of) for block in blocks if isinstance(block, Column)]
    while places:
        number = places[0][1]
        if places[: number + 1] != [("first", number), *[("next", number)] * (number - 1), ("end", number)]:
            raise DocumentError(f"{number} columns are a first, {number - 1} next and an end")
        places = places[number + 1 :]


def _check_formula(latex: str, where: str) -> None:
    try:
        formula.check(latex)
    except formula.FormulaError as error:
        raise DocumentError(f"{where}: {error}") from error
