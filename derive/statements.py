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
class Piece:
    """A line of the text inside a logical line, and the column of the logical line at which it begins."""

    start: int
    line: int
    text: str


@dataclass(frozen=True)
class Statement:
    """A logical line: what stands left and right of ``=`` or ``:``, padded so that columns are those of the line."""

    left: str
    right: str
    sign: str
    code: str
    pieces: tuple[Piece, ...]

    def span(self, start: int, stop: int) -> Span:
        """A place in the text, from columns of this logical line."""
        piece = next(piece for piece in reversed(self.pieces) if piece.start <= max(start, 0))
        begin = start - piece.start
        return Span(piece.line, begin, min(stop - piece.start, max(len(piece.text), begin + 1)))

    def error(self, reason: str, start: int | None = None, stop: int | None = None) -> EquationError:
        """An error that points here."""
        begin = len(self.code) - len(self.code.lstrip()) if start is None else start
        span = self.span(begin, len(self.code.rstrip()) if stop is None else stop)
        return EquationError(reason, span, next(piece.text for piece in self.pieces if piece.line == span.line))


def split_statements(text: str) -> Iterable[Statement]:
    """Logical lines without comments; a line continues while a bracket is open, ``b_f, b_i : H`` is two statements.

    Raises:
        EquationError: for text that is too long, unreadable characters, or unbalanced brackets.
    """
    if len(text) > MAX_TEXT:
        raise EquationError(f"the text has {len(text):,} characters; at most {MAX_TEXT:,} are read")
    code: list[str] = []
    pieces: list[Piece] = []
    depth = 0
    for number, raw in enumerate(lines_of(text), start=1):
        cleaned = _clean(raw, number)
        depth = _depth(cleaned, depth, number, raw)
        pieces.append(Piece(sum(map(len, code)), number, raw))
        code.append(cleaned if depth == 0 else cleaned + " ")
        if sum(map(len, code)) > MAX_LINE:
            raise EquationError(f"the statement has more than {MAX_LINE:,} characters", Span(number, 0, 1), raw[:120])
        if depth == 0:
            logical = "".join(code)
            if logical.strip():
                yield from _each_name(_statement(logical, tuple(pieces)))
            code, pieces = [], []
    if pieces:
        first = pieces[0]
        raise EquationError("a bracket is never closed", Span(first.line, 0, len(first.text.rstrip())), first.text)


def lines_of(text: str) -> list[str]:
    """The lines of a text, composed characters in one piece."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _clean(raw: str, number: int) -> str:
    if len(raw) > MAX_LINE:
        raise EquationError(f"the line has {len(raw):,} characters; at most {MAX_LINE:,} are read", Span(number, 0, 1))
    code = raw.split("#")[0].translate(SPELLINGS)
    for column, character in enumerate(code):
        if not ALLOWED.match(character) or unicodedata.normalize("NFKC", character) != character:
            shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
            raise EquationError(f"unexpected character {shown}", Span(number, column, column + 1), raw)
    return code


def _depth(code: str, depth: int, number: int, raw: str) -> int:
    """How many brackets are open after this line, given how many were before."""
    for column, character in enumerate(code):
        depth += (character in "([") - (character in ")]")
        if depth < 0 or depth > MAX_DEPTH:
            inside = f"more than {MAX_DEPTH} brackets inside each other"
            reason = "this bracket was never opened" if depth < 0 else inside
            raise EquationError(reason, Span(number, column, column + 1), raw)
    return depth


def _statement(code: str, pieces: tuple[Piece, ...]) -> Statement:
    left, sign, right = code.partition("=" if "=" in code else ":")
    statement = Statement(left, " " * (len(left) + 1) + right, sign, code, pieces)
    if sign == "=" and "=" in right:
        column = code.index("=", len(left) + 1)
        raise statement.error("one '=' per equation", column, column + 1)
    if not sign or (sign == ":" and left.count("[") != left.count("]")):
        raise statement.error("neither an equation (a = …) nor a declaration (a : …)")
    return statement


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
