r"""How a name is spelled in LaTeX: ``W_f``, ``z^{f}_{t}``, ``\alpha``, ``\mathrm{gate}``.

A name is a base and marks: ``z_f`` is z with the mark f.  A quantity without time carries its marks as subscript,
a sequence as superscript, because its subscript is the time.  Names of several letters stand upright, so that
``dt`` is no product.  A user may choose any identifier: letters beyond ASCII and Greek are set as text.

Read next: `derive.typeset`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

SMALL = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega
"""
GREEK = tuple(SMALL.split())
CAPITALS = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")
LETTERS = frozenset(GREEK) | frozenset(CAPITALS)
ACCENTS = ("tilde", "hat")  # c_tilde is c̃; a bar would be a cotangent's


@dataclass(frozen=True)
class Symbol:
    """A name taken apart, each piece as LaTeX.

    Attributes:
        base: ``W``, ``\\alpha``, ``\\mathrm{gate}``, ``\\tilde{c}``.
        marks: ``("f",)``; digits alone are ``("2",)``.
        prefix: what stands before, such as ``\\delta ``.
    """

    base: str
    marks: tuple[str, ...] = ()
    prefix: str = ""

    def marked(self, *marks: str) -> Symbol:
        """With further marks."""
        return replace(self, marks=(*self.marks, *marks))


@lru_cache(maxsize=8192)
def spell(name: str) -> Symbol:
    """Base and marks of a name."""
    words = [word for word in name.split("_") if word]
    if not words:
        return Symbol(r"\mathrm{" + r"\_" * len(name) + "}")
    base, digits = words[0].rstrip("0123456789"), ""
    if base and base != words[0]:
        digits = words[0][len(base) :]
    letter = piece(base or words[0], upright_from=2)
    if words[1:2] and words[1] in ACCENTS:
        letter = rf"\{words.pop(1)}{{{letter}}}"
    marks = [piece(word) for word in words[1:]]
    return Symbol(letter, tuple([digits] * bool(digits) + marks))


@lru_cache(maxsize=8192)
def piece(word: str, *, upright_from: int = 3) -> str:
    """One word of a name: Greek, an italic letter or two (``hx`` of ``W_hx``), else upright."""
    ascii_word = "".join(_character(char) for char in word)
    if not ascii_word.isascii():
        return rf"\text{{{word}}}"
    if ascii_word in LETTERS:
        return "\\" + ascii_word
    if ascii_word.endswith("'") and len(ascii_word.rstrip("'")) == 1:
        return ascii_word
    return ascii_word if len(ascii_word) < upright_from or ascii_word.isdigit() else rf"\mathrm{{{ascii_word}}}"


def _character(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    if char in "ʹ′’'":
        return "'"
    greek = unicodedata.name(char, "").split()
    if greek[:1] == ["GREEK"] and greek[2:3] == ["LETTER"] and len(greek) == 4:
        word = greek[3].lower().replace("lamda", "lambda")
        if greek[1] == "CAPITAL" and word.capitalize() in CAPITALS:
            return word.capitalize()
        if word in GREEK:
            return word
    return char


def joined(marks: tuple[str, ...]) -> str:
    """Marks beside each other: ``fh``, but ``a,2`` and ``f,\\mathrm{gate}``."""
    plain = all(len(mark) == 1 and mark.isalpha() for mark in marks)
    return ("" if plain else ",").join(marks)


def compose(symbol: Symbol, index: str, *, angle: bool = False) -> str:
    r"""The whole symbol at an index: ``z^{f}_{t}``; with `angle` ``z_{f}^{\langle t \rangle}``."""
    marks = joined(symbol.marks)
    if not index:
        text = symbol.base + (f"_{{{marks}}}" if marks else "")
    elif angle:
        text = symbol.base + (f"_{{{marks}}}" if marks else "") + rf"^{{\langle {index} \rangle}}"
    else:
        if symbol.marks and symbol.marks[0].isdigit():
            marks = f"({marks})"
        text = symbol.base + (f"^{{{marks}}}" if marks else "") + f"_{{{index}}}"
    return symbol.prefix + text
