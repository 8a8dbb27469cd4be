"""Logical lines: comments, continuation, Unicode spellings, and where an ``=`` or ``:`` splits a statement.

Read next: `derive.grammar`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from derive.errors import EquationError, Span

MAX_TEXT = 100_000
MAX_LINE = 4_000
MAX_DEPTH = 40
SPELLINGS = str.maketrans("⊙∘×·⋅−–⟨⟩ᵀ₀₁₂₃₄₅₆₇₈₉", "***@@--[]⊤0123456789")
ALLOWED = re.compile(r"[\w\u0300-\u036f\s+\-*/@()\[\],.:=#^⊤]")
NAME = r"[^\W\d][\w\u0300-\u036f]*"  # with combining marks, as in c̃


@dataclass(frozen=True)
class Statement:
    """A logical line: what stands left and right of ``=`` or ``:``, padded so that columns are those of the text."""

    left: str
    right: str
    sign: str
    line: int
    text: str

    def span(self, start: int, stop: int) -> Span:
        """A place in this line."""
        return Span(self.line, start, stop)

    def error(self, reason: str, start: int | None = None, stop: int | None = None) -> EquationError:
        """An error that points here."""
        begin = len(self.text) - len(self.text.lstrip()) if start is None else start
        return EquationError(reason, self.span(begin, len(self.text.rstrip()) if stop is None else stop), self.text)


def split_statements(text: str) -> Iterable[Statement]:
    """Logical lines without comments; a line continues while a bracket is open, ``b_f, b_i : H`` is two statements.

    Raises:
        EquationError: for text that is too long, unreadable characters, or unbalanced brackets.
    """
    if len(text) > MAX_TEXT:
        raise EquationError(f"the text has {len(text):,} characters; at most {MAX_TEXT:,} are read")
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    number = 0
    while number < len(lines):
        first, raw = number, lines[number]
        logical = _clean(raw, number)
        while _depth(logical, first, raw) > 0:
            number += 1
            if number == len(lines):
                raise EquationError("a bracket is never closed", Span(first + 1, 0, len(raw.rstrip())), raw)
            raw += " " + lines[number].split("#")[0].rstrip()
            logical += " " + _clean(lines[number], number).rstrip()
        number += 1
        if logical.strip():
            yield from _each_name(_statement(logical, first + 1, raw))


def _clean(raw: str, number: int) -> str:
    code = raw.split("#")[0]
    if len(raw) > MAX_LINE:
        raise EquationError(
            f"the line has {len(raw):,} characters; at most {MAX_LINE:,} are read", Span(number + 1, 0, 1)
        )
    code = code.translate(SPELLINGS)
    for column, character in enumerate(code):
        if not ALLOWED.match(character) or unicodedata.normalize("NFKC", character) != character:
            shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
            raise EquationError(f"unexpected character {shown}", Span(number + 1, column, column + 1), raw)
    return code


def _depth(code: str, number: int, raw: str) -> int:
    depth = 0
    for column, character in enumerate(code):
        depth += (character in "([") - (character in ")]")
        if depth < 0 or depth > MAX_DEPTH:
            reason = (
                "this bracket was never opened" if depth < 0 else f"more than {MAX_DEPTH} brackets inside each other"
            )
            raise EquationError(reason, Span(number + 1, column, column + 1), raw)
    return depth


def _statement(code: str, line: int, raw: str) -> Statement:
    if "=" in code:
        left, _, right = code.partition("=")
        if "=" in right:
            column = code.index("=", len(left) + 1)
            raise EquationError("one '=' per equation", Span(line, column, column + 1), raw)
        return Statement(left, " " * (len(left) + 1) + right, "=", line, raw)
    left, colon, right = code.partition(":")
    if not colon or left.count("[") != left.count("]"):
        start = len(code) - len(code.lstrip())
        raise EquationError(
            "neither an equation (a = …) nor a declaration (a : …)", Span(line, start, len(code.rstrip())), raw
        )
    return Statement(left, " " * (len(left) + 1) + right, ":", line, raw)


def _each_name(statement: Statement) -> Iterable[Statement]:
    """``const A, B : N`` as ``const A : N`` and ``const B : N``, with the columns of the text."""
    if statement.sign != ":" or "," not in statement.left:
        return [statement]
    prefix = re.match(r"\s*(?:(?:const|input)\s)?", statement.left)
    parts = statement.left.split(",")
    starts = [sum(len(part) + 1 for part in parts[:place]) for place in range(len(parts))]
    return [
        replace(statement, left=(prefix[0] if prefix and start else "").ljust(start) + part)
        for start, part in zip(starts, parts, strict=True)
    ]
