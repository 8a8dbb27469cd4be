r"""LaTeX that a user may give for a name: ``s``, ``W^{(f)}``, ``\tilde{c}``, ``\mathbf{h}``.

A fragment is read by a small grammar and refused if it is anything else, so that nothing given in a file can start a
command, leave its braces, or take the superscript that a transpose or a time needs:

    fragment := (nucleus ("^" argument)? ("_" argument)?)+
    nucleus  := letter | digit | sign | \symbol | \accent{fragment} | {fragment}
    argument := letter | digit | \symbol | {fragment}

Read next: `reports.mapping`.
"""

from __future__ import annotations

import re

from reports.formula import GREEK, LETTERS

SYMBOLS = frozenset([*GREEK.split(), *LETTERS.split(), "ast", "star", "circ", "bullet", "pm", "oplus", "to", "infty"])
FONTS = ["mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mathbb", "mathcal", "mathfrak", "boldsymbol"]
MARKS = ["hat", "widehat", "bar", "tilde", "widetilde", "dot", "ddot", "vec", "overline", "underline"]
ACCENTS = frozenset([*FONTS, *MARKS])
SIGNS = frozenset("()+-,/*.")
LONGEST = 60
DEEPEST = 4
_TOKEN = re.compile(r"\\[A-Za-z]+|[A-Za-z0-9]|[()+\-,/*.^_{}]")


class FragmentError(ValueError):
    """LaTeX that is not of the subset; one line."""


def fragment(text: str) -> str:
    r"""The fragment as one symbol to which a subscript and a superscript can be put: ``{W^{(f)}}``, ``s``.

    Raises:
        FragmentError: a line that says what is not understood.
    """
    if not text.strip():
        raise FragmentError("nothing to print")
    if len(text) > LONGEST:
        raise FragmentError(f"{len(text)} characters, at most {LONGEST}")
    tokens = []
    place = 0
    while place < len(text):
        if text[place] == " ":
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            raise FragmentError(
                f"{text[place]!r} is no letter, digit, known command or one of ( ) + - , / * . ^ _ {{ }}"
            )
        tokens.append(match[0])
        place = match.end()
    rest = _several(tokens, 0, 0)
    if rest < len(tokens):
        raise FragmentError("a brace closes that was not opened")
    atom = len(tokens) == 1 or (tokens[0][1:] in ACCENTS and _end(tokens, 1) == len(tokens))
    return text if atom else f"{{{text}}}"


def _several(tokens: list[str], place: int, depth: int) -> int:
    """Reads nuclei with their scripts up to a closing brace or the end; where that is."""
    if depth > DEEPEST:
        raise FragmentError(f"braces more than {DEEPEST} deep")
    start = place
    while place < len(tokens) and tokens[place] != "}":
        place = _nucleus(tokens, place, depth)
        seen: set[str] = set()
        while place < len(tokens) and tokens[place] in ("^", "_"):
            if tokens[place] in seen:
                raise FragmentError(f"two {tokens[place]} on one letter; use braces")
            seen.add(tokens[place])
            place = _nucleus(tokens, place + 1, depth, signs=False)
    if place == start:
        raise FragmentError("nothing stands inside of braces")
    return place


def _nucleus(tokens: list[str], place: int, depth: int, *, signs: bool = True) -> int:
    """Reads one nucleus; where the next begins."""
    if place >= len(tokens):
        raise FragmentError("something is missing at the end")
    token = tokens[place]
    if token == "{":
        return _braced(tokens, place, depth)
    if token.startswith("\\"):
        if token[1:] in SYMBOLS:
            return place + 1
        if token[1:] not in ACCENTS:
            raise FragmentError(f"the command {token} is not allowed")
        if tokens[place + 1 : place + 2] != ["{"]:
            raise FragmentError(f"{token} needs its argument in braces")
        return _braced(tokens, place + 1, depth)
    if token in ("^", "_") or (token in SIGNS and not signs):
        raise FragmentError(f"{token} stands where a letter or {{ should")
    return place + 1


def _braced(tokens: list[str], place: int, depth: int) -> int:
    end = _several(tokens, place + 1, depth + 1)
    if end >= len(tokens):
        raise FragmentError("a brace is not closed")
    return end + 1


def _end(tokens: list[str], place: int) -> int:
    return _braced(tokens, place, 0)
