"""A report as one HTML file: native MathML, no network, complete without its script.

Each additive term is a formula of its own in a table of equations, because a browser breaks a line
between formulas but never inside one. Every formula carries its LaTeX as ``alttext``, every equation its
whole LaTeX as ``data-tex``. Pictures are ``<img>`` of a data address and not inline SVG: there,
identifiers of two pictures cannot collide and a script in one cannot run. The page forbids everything
that is not in it by a content security policy, and its one script by hash, so text that slipped through
could still not act. The file is well-formed XML too; tests parse it so.

Templates were considered: blocks are small and closed, f-strings and one `escape` are shorter than any of
them.

Read next: `reports.page` for the look, `reports.mathml` for the formulas, `reports.latex` for the second
writer.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from urllib.parse import quote

from reports.document import Block, Code, Column, Figure, Heading, Note, Prose, Report, Row, Rows, Table, number
from reports.files import mark
from reports.formula import width
from reports.inline import CodeSpan, Math, Page, Reference, inline, paragraphs, unmarked
from reports.mathml import to_mathml
from reports.page import SCRIPT, STYLE

LONG, LONG_TERM = 25.0, 19.0  # em; a longer sum, or a term, needs the line for itself: its reason goes below
STEP = '<span class="step">'  # around what stands between two signs of equality
WIDE = 14.0  # em; longer formulas in running text get a scroll bar of their own on narrow screens
_XML_PROLOG = re.compile(r"^\s*(?:<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|\s+)*", re.DOTALL)
_REFERENCE = re.compile(r"\{eq:[^{}]*\}")  # a reason that always has room
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_PYTHON = re.compile(
    r"(?P<co>\#[^\n]*)"
    r"|(?P<st>\"\"\".*?\"\"\"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<kw>\b(?:and|as|assert|class|def|elif|else|for|from|if|import|in|is|lambda|not|or|raise|return|while|with"
    r"|None|True|False)\b)",
    re.DOTALL,
)


def render(report: Report, *, other: str = "", command: str = "report") -> str:
    """The text of the HTML file of a command; `other` is one with the same equations, to which every number leads."""
    numbering = number(report.blocks)
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
    )
    writer = _Writer(dict(numbering.equations), quote(other))
    body = "\n".join(
        writer.block(block, printed) for block, printed in zip(report.blocks, numbering.blocks, strict=True)
    )
    subtitle = f'<p class="subtitle">{writer.line(report.subtitle)}</p>\n' if report.subtitle else ""
    return f"""<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="generator" content="{mark(command)}"/>
<meta http-equiv="Content-Security-Policy" content="{policy}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{_text(unmarked(report.title))}</title>
<style>{STYLE}</style>
</head>
<body>
<div class="page">
<header>
<h1>{writer.line(report.title)}</h1>
{subtitle}</header>
{writer.contents(report.blocks, numbering.blocks)}<main>
{body}
</main>
</div>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _text(text: str) -> str:
    """Characters made safe for HTML, in elements and in attributes."""
    return escape(_CONTROL.sub("\ufffd", text), quote=True)


class _Writer:
    """Blocks as HTML, given the numbers of the equations, and the address of a file with the same ones."""

    def __init__(self, equations: dict[str, int], other: str = "") -> None:
        self.equations, self.other = equations, other

    def line(self, text: str, *, links: bool = True) -> str:
        """A line of text with its marks."""
        parts = []
        for part in inline(text):
            if isinstance(part, Math):
                math = to_mathml(part.latex)
                parts.append(f'<span class="wide">{math}</span>' if width(part.latex) > WIDE else math)
            elif isinstance(part, Reference):
                printed = self.equations[part.label]
                parts.append(f'<a href="#eq-{printed}">({printed})</a>' if links else f"({printed})")
            elif isinstance(part, Page):
                parts.append(f'<a href="{quote(part.text)}">{_text(part.text)}</a>' if links else _text(part.text))
            elif isinstance(part, CodeSpan):
                parts.append(f"<code>{_text(part.text)}</code>")
            else:
                parts.append(_text(part.text))
        return "".join(parts)

    def contents(self, blocks: tuple[Block, ...], printed: tuple[str, ...]) -> str:
        """The list of sections and subsections; nothing where there are fewer than two."""
        entries = [
            f'<li class="level{block.level}"><a href="#{_anchor(block, text)}">'
            f'<span class="n">{text}</span>{self.line(block.text, links=False)}</a></li>'
            for block, text in zip(blocks, printed, strict=True)
            if isinstance(block, Heading) and block.level <= 2
        ]
        if len(entries) < 2:
            return ""
        listed = "\n".join(entries)
        return f'<nav aria-label="Contents">\n<h2>Contents</h2>\n<ol>\n{listed}\n</ol>\n</nav>\n'

    def block(self, block: Block, printed: str) -> str:
        """One block; ``printed`` is its number."""
        match block:
            case Heading():
                tag, anchor = f"h{block.level + 1}", _anchor(block, printed)
                title = self.line(block.text, links=False)
                linked = f'<a href="#{anchor}"><span class="n">{printed}</span>{title}</a>'
                return f'<{tag} id="{anchor}">{linked}</{tag}>'
            case Prose():
                return "\n".join(f"<p>{self.line(text)}</p>" for text in paragraphs(block.text))
            case Rows():
                return self._rows(block, int(printed))
            case Table():
                return self._table(block, printed)
            case Figure():
                return self._figure(block, printed)
            case Code():
                return (
                    f'<div class="code"><pre tabindex="0"><code class="language-{_text(block.language)}">'
                    f"{_highlighted(block)}</code></pre></div>"
                )
            case Column():
                begin = f'<div class="columns" style="--columns: {block.of}">\n<div>'
                return {"first": begin, "next": "</div>\n<div>", "end": "</div>\n</div>"}[block.place]
            case Note():
                title = f'<p class="title">{self.line(block.title)}</p>\n' if block.title else ""
                body = "\n".join(f"<p>{self.line(text)}</p>" for text in paragraphs(block.text))
                return f'<div class="note {block.kind}" role="note">\n{title}{body}\n</div>'

    def _rows(self, block: Rows, first: int) -> str:
        rows, left = [], ""
        for printed, row in enumerate(block.rows, first):
            left = row.left or left
            rows.append(self._row(row, printed, left))
        return '<table class="eqs" role="presentation"><tbody>\n' + "\n".join(rows) + "\n</tbody></table>"

    def _row(self, row: Row, printed: int, left: str) -> str:
        def cell(kind: str, content: str) -> str:
            return f'<td class="{kind}">{content}</td>' if content else ""

        terms = [to_mathml(row.terms[0], display=True)]
        for term in row.terms[1:]:  # what is equal stays together where it can
            if term.startswith("="):
                terms[0] = terms[0] if terms[0].startswith(STEP) else STEP + terms[0]
                terms[-1] += "</span>"
            step = STEP if term.startswith("=") else ""
            terms.append(step + to_mathml(term, display=True, infix=True))
        if terms[0].startswith(STEP):
            terms[-1] += "</span>"
        if row.tail:
            terms.append(f'<span class="tail">{to_mathml(row.tail)}</span>')
        # A copied row of a derivation carries the left side that stands above it.
        copied = row.latex if row.left else f"{left} {row.latex}".strip()
        cells = (
            cell("left", to_mathml(row.left, display=True) if row.left else ""),
            cell("rel", to_mathml(row.relation) if row.relation else ""),
            cell("terms", "\n".join(terms)),
            cell("shape", to_mathml(row.shape) if row.shape else ""),
            cell("reason", self.line(row.reason)),
            cell("number", f'<a href="{self.other}#eq-{printed}" aria-label="Equation {printed}">({printed})</a>'),
        )
        widths = [width(part) for part in (*row.terms, row.tail)]
        long = (sum(widths) > LONG or max(widths) > LONG_TERM) and not _REFERENCE.fullmatch(row.reason)
        kind = " ".join(("on" if not row.left else "first", *(("below",) if long else ())))
        return (
            f'<tr id="eq-{printed}" class="{kind}" data-tex="{_text(copied)}">'
            + "\n".join(filter(None, cells))
            + "</tr>"
        )

    def _table(self, block: Table, printed: str) -> str:
        align = block.align or "l" * len(block.header)

        def cells(tag: str, row: tuple[str, ...]) -> str:
            marks = ("" if side == "l" else f' class="{side}"' for side in align)
            scope = ' scope="col"' if tag == "th" else ""
            return "".join(
                f"<{tag}{scope}{mark}>{self.line(cell)}</{tag}>" for mark, cell in zip(marks, row, strict=True)
            )

        caption = _caption("caption", f"Table {printed}.", self.line(block.caption))
        body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in block.rows)
        return (
            f'<div class="scroll" tabindex="0"><table class="data">\n{caption}'
            f"<thead><tr>{cells('th', block.header)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
        )

    def _figure(self, block: Figure, printed: str) -> str:
        if block.svg is None:
            picture = f'<p class="absent">{_text(block.alt)}</p>'
        else:
            data = base64.b64encode(_XML_PROLOG.sub("", block.svg).encode()).decode()
            picture = f'<img alt="{_text(block.alt)}" src="data:image/svg+xml;base64,{data}"/>'
        caption = _caption("figcaption", f"Figure {printed}.", self.line(block.caption))
        return f"<figure>\n{picture}\n{caption}</figure>"


def _caption(tag: str, name: str, text: str) -> str:
    return f"<{tag}><b>{name}</b>{text}</{tag}>\n" if text else ""


def _anchor(block: Heading, printed: str) -> str:
    return f"sec-{block.anchor}" if block.anchor else f"section-{printed}"


def _highlighted(block: Code) -> str:
    if block.language != "python":
        return _text(block.text)
    parts, position = [], 0
    for match in _PYTHON.finditer(block.text):
        parts.append(_text(block.text[position : match.start()]))
        parts.append(f'<span class="{match.lastgroup}">{_text(match[0])}</span>')
        position = match.end()
    return "".join((*parts, _text(block.text[position:])))
