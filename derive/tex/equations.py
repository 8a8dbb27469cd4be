r"""`to_text` and `from_latex`: the LaTeX of a paper as equations of the language, and as a `System`.

Nothing is evaluated, and no command is run: LaTeX is read as signs. What the reader makes of it is text of the equation
language, so that an author can see it (`bptt show` prints the system; `to_text` the text itself).

Read next: `derive.library`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from derive.errors import EquationError, Span
from derive.language import parse
from derive.system import System
from derive.tex.marks import Cursor, is_symbol, read_symbol
from derive.tex.meaning import Meaning
from derive.tex.products import Writer
from derive.tex.reader import read_statement
from derive.tex.tokens import Row, rows
from derive.tex.tree import Call, Statement, Symbol
from derive.words import FUNCTIONS

DECLARED = re.compile(r"\s*(?:(const|input)\s+)?([^:=]+?)\s*:\s*([^:=]+?)\s*")


def to_text(latex: str, functions: Mapping[str, str] | None = None) -> str:
    r"""Equations of the language from LaTeX.

    >>> print(to_text(r"h_t = \tanh(W h_{t-1} + U x_t + b)"))
    h[t] = tanh(W @ h[t-1] + U @ x[t] + b)

    Args:
        latex: equations, one a line or separated by ``\\``; lines such as ``x_t : D`` declare shapes as in the
            language, and ``g = \tanh`` says which function a letter stands for.
        functions: the same from outside: letters and the functions they stand for.

    Raises:
        EquationError: with the place, where something means nothing, or could mean two things.
    """
    return "\n".join(text for text, _ in _translated(latex, functions or {}))


def from_latex(
    latex: str, *, functions: Mapping[str, str] | None = None, name: str = "system", strict: bool = False
) -> System:
    r"""The system that LaTeX equations describe; arguments as those of `to_text` and `derive.parse`.

    Raises:
        EquationError: with the place in the LaTeX; what was read there stands in the reason.
    """
    lines = _translated(latex, functions or {})
    try:
        return parse("\n".join(text for text, _ in lines), name=name, strict=strict)
    except EquationError as error:
        if error.span is None:
            raise
        text, row = lines[error.span.line - 1]
        first, last = row.tokens[0].span, row.tokens[-1].span
        stop = last.stop if last.line == first.line else len(row.lines[first.line - 1])
        where = Span(first.line, first.start, stop)
        raise EquationError(f"{error.reason} (read as {text})", where, row.lines[first.line - 1]) from None


def _translated(latex: str, functions: Mapping[str, str]) -> list[tuple[str, Row]]:
    """Every line of the text, with the row of LaTeX that it comes from."""
    for name, function in functions.items():
        if function not in FUNCTIONS:
            raise EquationError(f"{name} is to be {function}, which is no function; there are "
                                f"{', '.join(sorted(FUNCTIONS - {'rows', 'embed'}))}")  # fmt: skip
    statements: list[Statement] = []
    declarations: list[tuple[Row, tuple[Symbol, ...], str, str]] = []
    for row in rows(latex):
        declaration = _declaration(row)
        if declaration is not None:
            declarations.append(declaration)
        else:
            statements.append(read_statement(row))
    if not statements:
        raise EquationError(r"no equation: write at least one, such as h_t = \tanh(W h_{t-1} + U x_t)")
    plain = Meaning(tuple(statements))
    declared = {
        plain.split(symbol)[0]: 0 if shape == "scalar" or shape.startswith("index") else shape.count(",") + 1
        for _, names, _, shape in declarations
        for symbol in names
    }
    meaning = Meaning(tuple(statements), declared, functions)
    found: list[tuple[str, Row]] = []
    for row, names, prefix, shape in declarations:
        left = ", ".join(meaning.written(symbol) for symbol in names)
        found += [(f"{prefix} {left} : {shape}".strip(), row)]
    for one in statements:
        if not (isinstance(one.right, Call) and not one.right.arguments):
            found.append((f"{meaning.written(one.left)} = {Writer(meaning, one.row).write(one.right).text}", one.row))
    return found


def _declaration(row: Row) -> tuple[Row, tuple[Symbol, ...], str, str] | None:
    """``x_t : D`` as its symbols, ``const`` or ``input``, and the shape."""
    signs = [token.text for token in row.tokens]
    if ":" not in signs or "=" in signs[: signs.index(":") + 2]:
        return None
    span = row.tokens[0].span
    line = row.lines[span.line - 1][span.start : row.tokens[-1].span.stop]
    match = DECLARED.fullmatch(line)
    if match is None:
        raise row.error("a declaration reads 'name : shape', as in x_t : D", row.tokens[0])
    skipped = len(match[1]) if match[1] else 0
    cursor = Cursor(row, skipped)
    names: list[Symbol] = []
    while is_symbol(cursor.token):
        names.append(read_symbol(cursor))
        if not cursor.at(","):
            break
        cursor.take()
    cursor.expect(":")
    return row, tuple(names), match[1] or "", match[3]
