r"""What LaTeX equations say, as a tree, before it is known what each letter is.

Read next: `derive.tex.marks`.
"""

from __future__ import annotations

from dataclasses import dataclass

from derive.tex.tokens import Row, Token


@dataclass(frozen=True)
class Mark:
    """What stands below or above a symbol: ``t-1``, ``hx``, ``(1)`` as its text, and how it was bracketed.

    Attributes:
        text: without brackets and spaces.
        bracket: ``<``, ``(`` or nothing.
    """

    text: str
    bracket: str = ""


@dataclass(frozen=True)
class Symbol:
    """A letter with its accent and marks; `token` is where."""

    base: str
    below: tuple[Mark, ...]
    above: tuple[Mark, ...]
    token: Token


@dataclass(frozen=True)
class Number:
    """As it was written."""

    text: str


@dataclass(frozen=True)
class Call:
    """A function and its arguments; `token` is the function."""

    function: str
    arguments: tuple[Tree, ...]
    token: Token


@dataclass(frozen=True)
class Sum:
    """Σ over a letter of what follows."""

    letter: str
    body: Tree
    token: Token


@dataclass(frozen=True)
class Stack:
    """``[a, b]``, or a matrix of one column."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Raised:
    """A transpose (`exponent` None), or a power."""

    base: Tree
    exponent: str | None


@dataclass(frozen=True)
class Product:
    """Factors, and before each what stands between it and the one before: "", ``\\cdot``, ``*``, ``/``, …"""

    factors: tuple[tuple[str, Tree, Token], ...]


@dataclass(frozen=True)
class Total:
    """Terms with their signs."""

    terms: tuple[tuple[str, Tree], ...]


Tree = Symbol | Number | Call | Sum | Stack | Raised | Product | Total


@dataclass(frozen=True)
class Statement:
    """Left = right."""

    left: Symbol
    right: Tree
    row: Row


def symbols(tree: Tree) -> list[Symbol]:
    """Every symbol in reading order."""
    match tree:
        case Symbol():
            return [tree]
        case Number():
            return []
        case Call():
            inner = tree.arguments
        case Sum():
            inner = (tree.body,)
        case Stack():
            inner = tree.parts
        case Raised():
            inner = (tree.base,)
        case Product():
            inner = tuple(factor for _, factor, _ in tree.factors)
        case Total():
            inner = tuple(term for _, term in tree.terms)
    return [symbol for part in inner for symbol in symbols(part)]
