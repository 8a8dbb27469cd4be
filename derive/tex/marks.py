r"""Symbols: a letter, its accent, and the marks below and above it.

``\tilde{C}_{t-1}``, ``a^{\langle t \rangle}``, ``W_{hx}``, ``\overleftarrow{h}_{t+1}``, ``W^{(f)}``. Which mark is a
time and which a label is decided later, when all equations have been seen.

Read next: `derive.tex.reader`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from derive.spelling import LETTERS
from derive.tex.tokens import Row, Token
from derive.tex.tree import Mark, Symbol

ACCENTS = {
    r"\tilde": "tilde", r"\hat": "hat", r"\overline": "bar", r"\dot": "dot", r"\vec": "vec", r"\check": "check",
    r"\overrightarrow": "fwd", r"\overleftarrow": "bwd", r"\ell": "",
}  # fmt: skip
TURNED = "⊤"  # among the marks of a symbol: it is transposed
PAIRS = {"(": ")", "[": "]", "<": ">", r"\langle": r"\rangle"}


@dataclass
class Cursor:
    """A place in a row of tokens."""

    row: Row
    place: int = 0
    closers: list[str] = field(default_factory=list)

    @property
    def token(self) -> Token | None:
        """What comes next."""
        return self.row.tokens[self.place] if self.place < len(self.row.tokens) else None

    def at(self, *texts: str) -> bool:
        """Whether one of these comes next."""
        return self.token is not None and self.token.text in texts and self.token.kind != "word"

    def take(self) -> Token:
        """The next token."""
        token = self.token
        if token is None:
            raise self.row.error("the equation ends too early")
        self.place += 1
        return token

    def expect(self, text: str) -> Token:
        """The next token, which must be this.

        Raises:
            EquationError: if it is another.
        """
        if not self.at(text):
            found = f"{self.token.text!r}" if self.token else "the end"
            raise self.row.error(f"{text!r} is expected, not {found}", self.token)
        return self.take()


def is_symbol(token: Token | None) -> bool:
    """Whether a quantity's name begins here."""
    return token is not None and (
        token.kind in ("letter", "word")
        or token.text in ACCENTS
        or (token.text[:1] == "\\" and token.text[1:] in LETTERS)
    )


def read_symbol(cursor: Cursor) -> Symbol:
    """A letter with everything that hangs on it; `^` is left where it is a transpose or a power.

    Raises:
        EquationError: if no symbol is there, or marks that mean nothing.
    """
    token = cursor.take()
    base = _base(cursor, token)
    below: list[Mark] = []
    above: list[Mark] = []
    while True:
        if cursor.at("'"):
            cursor.take()
            below.append(Mark("prime"))
        elif cursor.at("_") and not below:
            cursor.take()
            below += _marks(cursor)
        elif cursor.at("^") and not above and not _is_operation(cursor):
            cursor.take()
            above += _marks(cursor)
        else:
            break
    return Symbol(base, tuple(below), tuple(above), token)


def _base(cursor: Cursor, token: Token) -> str:
    if token.text == r"\ell":
        return "l"
    if token.text in ACCENTS:
        braced = cursor.at("{")
        if braced:
            cursor.take()
        inner = read_symbol(cursor) if braced else Symbol(_base(cursor, cursor.take()), (), (), token)
        if braced:
            cursor.expect("}")
        if inner.below or inner.above:
            raise cursor.row.error(f"marks inside {token.text}: write them outside, as in {token.text}{{h}}_t", token)
        return f"{inner.base}_{ACCENTS[token.text]}"
    if not is_symbol(token):
        raise cursor.row.error(f"a quantity is expected, not {token.text!r}", token)
    return token.text.removeprefix("\\")


def _is_operation(cursor: Cursor) -> bool:
    """Whether the `^` here is a transpose or a power and no mark."""
    after = [token.text for token in cursor.row.tokens[cursor.place + 1 : cursor.place + 4]]
    inner = after[1] if after[:1] == ["{"] and after[2:3] == ["}"] else after[0] if after else ""
    if inner in (r"\top", "T"):
        return True
    return inner[:1].isdigit() or after[:2] == ["{", "-"]


def _marks(cursor: Cursor) -> list[Mark]:
    """``t``, ``{t-1}``, ``{f,t}``, ``<t>``, ``{(1)}``, ``{\\langle t \\rangle}``."""
    if not cursor.at("{"):
        if cursor.at("<", "(", r"\langle"):
            return [_bracketed(cursor)]
        return [Mark(_sign(cursor))]
    cursor.take()
    found: list[Mark] = []
    text = ""
    while not cursor.at("}"):
        if cursor.at("<", "(", r"\langle"):
            found.append(_bracketed(cursor))
        elif cursor.at(r"\top", ","):
            found, text = [*found, *[Mark(text)] * bool(text)], ""
            found += [Mark(TURNED)] * (cursor.take().text == r"\top")
        else:
            text += _sign(cursor)
    cursor.take()
    return [*found, *[Mark(text)] * bool(text)]


def _bracketed(cursor: Cursor) -> Mark:
    opening = cursor.take().text
    closing = PAIRS[opening]
    text = ""
    while not cursor.at(closing):
        text += _sign(cursor)
    cursor.take()
    return Mark(text, "<" if opening in ("<", r"\langle") else "(")


def _sign(cursor: Cursor) -> str:
    token = cursor.take()
    if token.kind in ("letter", "number", "word") or token.text in ("+", "-", "*", ":", "|"):
        return {"*": "star", "|": ""}.get(token.text, token.text)
    if token.text == "'":
        return "prime"
    if token.text == "_":
        return ""
    if token.text in ("{", "}"):
        raise cursor.row.error("braces inside a mark", token)
    if token.text[1:] in LETTERS:
        return token.text[1:]
    raise cursor.row.error(f"{token.text!r} means nothing as a mark", token)
