r"""The equations alone, for ``\input`` into a paper: amsmath's ``align``, no macros of ours, no document around them.

A paper has its own layout, so this file brings none: no shapes, reasons or numbers of ours. The comment at its head
says what the preamble needs. An equation wraps at its additive terms, by estimated widths, for a line of 30 em,
which is that of ``article`` at ten points; a single term that is wider goes on before a product sign. Every equation
has a label that begins with the name of the system, so that two fragments fit into one paper.

Read next: `reports.html`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from derive.equation import Equation
from reports.context import Context
from reports.document import Row
from reports.files import mark
from reports.formula import width
from reports.rows import equation_rows
from reports.texchars import as_latex, label

LINE = 30.0  # em, the number at its end included
NUMBER = 3.5  # em
INDENT = 2.0  # em, of what continues a sum
HEAD = r"""% {mark}
% The equations of {stem}, to be read by \input into a document whose preamble has
%
{preamble}
%
% Equations are labelled {stem}:eq-NAME, NAME as in the text form of the system.
"""
PREAMBLE = (r"\usepackage{amsmath,amssymb,mathtools}", r"\allowdisplaybreaks")


def render(context: Context, *, stem: str) -> str:
    """The text of the file: forward equations, backward recursion, gradients of parameters, inputs and states."""
    parts = (
        ("Forward", context.forward),
        ("Backward", (*context.recursion, *context.zeros)),
        ("Gradients of parameters", context.of_parameters),
        ("Gradients of inputs and initial values", (*context.of_inputs, *context.at_start)),
    )
    body = "\n".join(_part(context, title, equations, stem) for title, equations in parts if equations)
    preamble = "\n".join(f"%   {line}" for line in (*PREAMBLE, *_characters(body)))
    return HEAD.format(mark=mark("report"), stem=label(stem), preamble=preamble) + "\n" + body


def _characters(body: str) -> list[str]:
    """Declarations of the characters that pdflatex does not know."""
    beyond = sorted({char for char in body if not char.isascii()})
    if not beyond:
        return []
    helpers = [r"\newcommand\uni[1]{\ensuremath{#1}}", r"\newcommand\strange[1]{\fbox{\tiny\ttfamily #1}}"]
    return helpers + [rf"\DeclareUnicodeCharacter{{{ord(char):04X}}}{{{as_latex(char)}}}" for char in beyond]


def _part(context: Context, title: str, equations: Sequence[Equation], stem: str) -> str:
    rows = equation_rows(context, tuple(equations))
    left = max(width(row.left) for row in rows)
    lines = " \\\\\n".join(_aligned(row, LINE - NUMBER - left, stem) for row in rows)
    return f"% {title}\n\\begin{{align}}\n{lines}\n\\end{{align}}\n"


def _aligned(row: Row, room: float, stem: str) -> str:
    """One row, its continuations included; the label stands on the last line."""
    lines: list[list[str]] = []
    used = room
    pieces = (piece for term in row.terms for piece in _pieces(term, room))
    for term in (*pieces, *([rf"\qquad {row.tail}"] if row.tail else [])):
        need = width(term) + (2.0 if term.startswith(r"\qquad") else 0.0)
        if not lines or used + need > room:
            lines.append([])
            used = INDENT * (len(lines) > 1)
        lines[-1].append(term.strip())
        used += need
    texts = [" ".join(line) for line in lines]
    first = f"{row.left} &{row.relation} {texts[0]}"
    return " \\notag\\\\\n".join((first, *(rf"  &\qquad {text}" for text in texts[1:]))) + _labelled(row, stem)


def _pieces(term: str, room: float) -> tuple[str, ...]:
    """A term, in two where it is wider than a line even if its width is estimated a fifth too large."""
    if width(term) <= 1.2 * room:
        return (term,)
    halves = [(term[:at].rstrip(), term[at:]) for at in _products(term)]
    return min(halves, key=lambda pair: max(width(pair[0]), INDENT + width(pair[1])), default=(term,))


def _products(term: str) -> Iterator[int]:
    """Where ⊙ stands outside of braces and of parentheses that grow, so that a line may end before it."""
    inside = 0
    for found in re.finditer(r"\\(?:left|right|odot)(?![A-Za-z])|\\.|[{}]", term):
        inside += {"{": 1, "}": -1, r"\left": 1, r"\right": -1}.get(found[0], 0)
        if found[0] == r"\odot" and not inside:
            yield found.start()


def _labelled(row: Row, stem: str) -> str:
    return rf" \label{{{label(stem)}:{label(row.label)}}}" if row.label else ""
