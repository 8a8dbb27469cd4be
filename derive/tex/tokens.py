r"""LaTeX as tokens: what only sets type is dropped, and rows become statements.

Fonts, spaces, sizes of brackets, alignment, environments of equations, labels and numbers say nothing about the
mathematics. What is left is letters, commands, numbers and brackets, each with its place. A statement ends at ``\\``,
at the end of a line, or at a comma between two equations; a piece without ``=`` goes on from the one before.

Read next: `derive.tex.tree`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from derive.errors import EquationError, Span
from derive.spelling import CAPITALS, GREEK
from derive.statements import MAX_LINE, MAX_TEXT, lines_of

SPACES = frozenset(
    [
        *[r"\,", r"\;", r"\!", r"\:", r"\quad", r"\qquad", r"\displaystyle", r"\textstyle"],
        *[r"\nonumber", r"\notag", r"\limits", r"\left", r"\right"],
        "\\ ",
    ]
)
SIZES = re.compile(r"\\[bB]igg?[lrm]?$")
FONTS = frozenset(
    rf"\{word}"
    for word in [
        "mathbf",
        "mathrm",
        "mathit",
        "mathsf",
        "mathcal",
        "mathbb",
        "mathtt",
        "boldsymbol",
        "bm",
        "pmb",
        "vect",
        "mathbfit",
        "boxed",
        "underline",
        "operatorname",
        "text",
        "textrm",
        "textbf",
        "textit",
        "mbox",
        "mathop",
    ]
)
SETS = frozenset(
    [
        "equation",
        "align",
        "aligned",
        "gather",
        "gathered",
        "split",
        "eqnarray",
        "multline",
        "alignat",
        "displaymath",
        "math",
    ]
)
MATRICES = frozenset(["matrix", "bmatrix", "pmatrix", "array", "smallmatrix"])
LETTERS = dict(zip("αβγδεζηθικλμνξπρστυφχψω", [name for name in GREEK if name != "omicron"], strict=True))
LETTERS |= dict(zip("ΓΔΘΛΞΠΣΥΦΨΩ", CAPITALS, strict=True))
UNICODE = {
    **{"⊙": r"\odot", "∘": r"\circ", "⊗": r"\otimes", "·": r"\cdot", "⋅": r"\cdot", "×": r"\times", "⊤": r"\top"},
    **{"⟨": r"\langle", "⟩": r"\rangle", "−": "-", "–": "-", "∑": r"\sum", "′": "'"},
    **{letter: rf"\{name}" for letter, name in LETTERS.items()},
}
ALIASES = {r"\lt": "<", r"\gt": ">", r"\ast": "*", r"\varphi": r"\phi", r"\varepsilon": r"\epsilon", r"\ln": r"\log",
           r"\intercal": r"\top", r"\lbrack": "[", r"\rbrack": "]", r"\prime": "'", r"\widetilde": r"\tilde",
           r"\widehat": r"\hat", r"\triangleq": "=", r"\coloneqq": "=", r"\equiv": "=", r"\lbrace": "(",
           r"\rbrace": ")", r"\{": "(", r"\}": ")", r"\bar": r"\overline"}  # fmt: skip
TOKEN = re.compile(
    r"(?P<command>\\[A-Za-z]+\*?|\\.)|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    # What a backslash was forgotten at: letters beside each other are a product, but not these before a bracket.
    r"|(?P<word>(?<![^\W\d_])(?:tanh|sigmoid|softmax|softplus|relu|ReLU|exp|log|sin|cos)(?=\s*(?:\\left\s*)?[(\[]))"
    r"|(?P<letter>[^\W\d_])|(?P<mark>\S)"
)


@dataclass(frozen=True)
class Token:
    """One sign of the text: a command, letter, number, bracket or mark, or a word set as one (`word`)."""

    kind: str
    text: str
    span: Span


@dataclass(frozen=True)
class Row:
    """The tokens of one statement, and the lines of the whole text, for errors."""

    tokens: tuple[Token, ...]
    lines: tuple[str, ...]

    def error(self, reason: str, token: Token | None = None) -> EquationError:
        """An error that points at a token; without one, at the end of the row."""
        span = (token or self.tokens[-1]).span
        return EquationError(reason, span, self.lines[span.line - 1])


def rows(text: str) -> list[Row]:
    """Statements.

    Raises:
        EquationError: for text that is too long, unbalanced brackets, or a construct that cannot be skipped.
    """
    if len(text) > MAX_TEXT:
        raise EquationError(f"the text has {len(text):,} characters; at most {MAX_TEXT:,} are read")
    lines = tuple(lines_of(text))
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise EquationError(
                f"the line has {len(line):,} characters; at most {MAX_LINE:,} are read", Span(number, 0, 1)
            )
    everything = Row(tuple(_signs(lines)), lines)
    return [Row(tuple(piece), lines) for piece in _joined(_pieces(_plain(everything)))]


def _signs(lines: tuple[str, ...]) -> Iterator[Token]:
    """Every sign, and the end of every line."""
    for number, line in enumerate(lines, 1):
        code = re.split(r"(?<!\\)%", line, maxsplit=1)[0]
        if not code.strip() and not line.strip().startswith("%"):
            yield Token("blank", "", Span(number, 0, 1))
        for match in TOKEN.finditer(code):
            kind, sign = str(match.lastgroup), match[0]
            if sign in UNICODE:
                sign = UNICODE[sign]
                kind = "command" if sign.startswith("\\") else "mark"
            sign = ALIASES.get(sign, sign)
            if kind == "command" and not sign.startswith("\\"):
                kind = "mark"
            yield Token(kind, sign, Span(number, match.start(), match.end()))
        yield Token("line", "", Span(number, len(code), len(code) + 1))


def _plain(row: Row) -> list[Token]:
    """Without what only sets type; ``\\text{softmax}`` becomes a word."""
    found: list[Token] = []
    tokens, place = row.tokens, 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token.text in SPACES or SIZES.match(token.text) or token.text in ("$", "&", "~", r"\[", r"\]", r"\(", r"\)"):
            continue
        if token.text in FONTS:
            word, after = _word(tokens, place)
            if word is not None:
                found += [Token("word", word, token.span)] if word else []
                place = after
            elif [sign.text for sign in tokens[place : place + 3 : 2]] == ["{", "}"]:
                found.append(tokens[place + 1])
                place += 3
        elif token.text in (r"\label", r"\tag", r"\tag*"):
            place = _group(row, place, token)[1]
        elif token.text in (r"\begin", r"\end"):
            inside, place = _group(row, place, token)
            name = "".join(sign.text for sign in inside)
            if name in MATRICES:
                found.append(Token("matrix", token.text, token.span))
                if name == "array" and token.text == r"\begin":
                    place = _group(row, place, token)[1]
            elif name.rstrip("*") not in SETS:
                raise row.error(f"{token.text}{{{name}}} cannot be read; matrices and sets of equations can", token)
        elif token.text in (r"\hline", r"\dots", r"\ldots", r"\cdots", r"\vdots"):
            raise row.error(f"{token.text}: write every term out", token)
        else:
            found.append(token)
    return found


def _word(tokens: tuple[Token, ...], place: int) -> tuple[str | None, int]:
    """The word in ``{softmax}`` after a font, "" for a remark of several words; None for anything else."""
    while place < len(tokens) and tokens[place].kind == "line":
        place += 1
    if place >= len(tokens) or tokens[place].text != "{":
        return None, place
    stop = place + 1
    while stop < len(tokens) and tokens[stop].kind in ("letter", "number", "line"):
        stop += 1
    inside = tokens[place + 1 : stop]
    if stop >= len(tokens) or tokens[stop].text != "}" or len(inside) < 2:
        return None, place
    spaced = any(b.span.start > a.span.stop for a, b in pairwise(inside))
    return ("" if spaced else "".join(token.text for token in inside)), stop + 1


def _group(row: Row, place: int, token: Token) -> tuple[tuple[Token, ...], int]:
    """What stands in the braces at a place, and the place behind them."""
    tokens, depth, start = row.tokens, 0, place
    if place >= len(tokens) or tokens[place].text != "{":
        raise row.error(f"{token.text} is followed by {{…}}", token)
    while place < len(tokens):
        depth += (tokens[place].text == "{") - (tokens[place].text == "}")
        place += 1
        if depth == 0:
            return tokens[start + 1 : place - 1], place
    raise row.error("a brace is never closed", token)


def _pieces(tokens: list[Token]) -> Iterator[list[Token]]:
    """Rows as they are written: up to a line's end or ``\\\\`` outside of brackets."""
    depth = 0
    piece: list[Token] = []
    for token in tokens:
        opens = token.text in ("{", "(", "[") or (token.kind, token.text) == ("matrix", r"\begin")
        closes = token.text in ("}", ")", "]") or (token.kind, token.text) == ("matrix", r"\end")
        depth = max(0, depth + opens - closes)
        if token.kind == "blank":
            depth = 0
        if token.kind in ("line", "blank") or token.text == r"\\":
            if depth == 0 and piece:
                yield piece
                piece = []
            elif depth and token.text == r"\\":
                piece.append(token)
        else:
            piece.append(token)
    if piece:
        yield piece


def _joined(pieces: Iterator[list[Token]]) -> list[list[Token]]:
    """Pieces without a sign go on from the one before; ``a = …, b = …`` is two statements."""
    found: list[list[Token]] = []
    for piece in pieces:
        for part in _at_commas(piece):
            signs = {token.text for token in part}
            if found and "=" not in signs and ":" not in signs:
                found[-1] += part
            else:
                found.append(list(part))
    for part in found:
        while len(part) > 1 and part[-1].text in (",", ".", ";"):
            part.pop()
    return found


def _at_commas(piece: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in piece:
        depth += (token.text in ("{", "(", "[")) - (token.text in ("}", ")", "]"))
        if depth == 0 and token.text in (",", ";") and not any(token.text == ":" for token in piece):
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]
