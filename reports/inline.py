"""Marks in a line of text: formulas, references to equations, code.

Text (of prose, reasons, cells, captions, headings) knows five marks: ``$...$`` is a formula, ``{eq:label}``
refers to an equation, ``{page:lstm.html}`` to a file beside this one, `` `...` `` is code, and a backslash
before one of ``\\ $ { ` `` takes its meaning away. There are no more because every further mark is one more
thing that a user's name can set off; text that comes from a user goes through `plain` first, and then has
none.

Read next: `reports.formula`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class DocumentError(ValueError):
    """A report that cannot be printed as it stands; says where and why, in one line."""


@dataclass(frozen=True)
class Text:
    """Literal characters."""

    text: str


@dataclass(frozen=True)
class Math:
    """A formula in a line of text."""

    latex: str


@dataclass(frozen=True)
class Reference:
    """A reference to the equation of that label."""

    label: str


@dataclass(frozen=True)
class Page:
    """A file in the same directory, by its name."""

    text: str


@dataclass(frozen=True)
class CodeSpan:
    """Code in a line of text."""

    text: str


Inline = Text | Math | Reference | Page | CodeSpan
_MARK = re.compile(r"\\([\\${`])|\$([^$]+)\$|\{eq:([^{}]*)\}|`([^`\n]+)`|\{page:([\w.+-]+)\}")

_SIGN = re.compile(r"(?<![\w-])-(?=\.?\d)")


def inline(text: str, where: str = "text") -> tuple[Inline, ...]:
    """The parts of a line of text, literal neighbours joined."""
    parts: list[Inline] = []
    pending, position = "", 0
    for match in _MARK.finditer(text):
        between = text[position : match.start()]
        if "$" in between:
            raise DocumentError(f"{where}: a '$' without its partner (write \\$ for a dollar): {text[:80]!r}")
        pending += between + (match[1] or "")
        position = match.end()
        if match[1]:
            continue
        parts += [Text(pending)] if pending else []
        pending = ""
        marks = ((Math, match[2]), (Reference, match[3]), (CodeSpan, match[4]), (Page, match[5]))
        parts += [kind(found) for kind, found in marks if found is not None]
    if "$" in text[position:]:
        raise DocumentError(f"{where}: a '$' without its partner (write \\$ for a dollar): {text[:80]!r}")
    pending += text[position:]
    parts += [Text(pending)] if pending else []
    # A number's sign is a minus and not a hyphen, at which a line would break.
    return tuple(Text(_SIGN.sub("\u2212", part.text)) if isinstance(part, Text) else part for part in parts)


def plain(text: str) -> str:
    """A user's text without meaning as marks, for use in prose, reasons, cells, captions and headings."""
    return re.sub(r"([\\${`])", r"\\\1", text)


def unmarked(text: str) -> str:
    """A line of text for places that hold characters only: window titles, PDF bookmarks."""
    words = []
    for part in inline(text):
        if isinstance(part, Math):
            words.append(re.sub(r"[\\{}]|\\[,;:! ]", "", part.latex))
        else:
            words.append(part.label if isinstance(part, Reference) else part.text)
    return "".join(words)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a prose text."""
    return [part.strip() for part in re.split(r"\n[ \t]*\n", text) if part.strip()]
