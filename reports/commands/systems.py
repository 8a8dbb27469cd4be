"""From an argument to a `System`: the name of a cell or network, a file of equations, or the equations themselves.

What the library knows by name is meant first (``./lstm`` is the file of that name); then a file; then, if there is an
``=`` in it, equations, in the language or in the LaTeX of papers.  ``-`` reads standard input.  In an argument ``;``
ends a statement as a line does, outside of brackets.  The system of a file is called as the file, ``mycell`` for
``cells/mycell.eqs``; of other text, ``system``.

Read next: `reports.commands.output`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import derive
from derive.networks import NAMED, build
from derive.statements import MAX_TEXT
from derive.tex.look import looks_like_latex
from reports.commands.failure import Failure
from reports.writing import file_stem

UNNAMED = "system"
SIZE = re.compile(r"([^\W\d]\w*)\s*=\s*(\d+)")


def read_systems(arguments: Sequence[str], *, strict: bool = False) -> list[derive.System]:
    """The systems that the arguments stand for; their warnings go to stderr.

    Args:
        arguments: each a name, a file or equations.
        strict: make warnings failures.

    Raises:
        Failure: with the reason, and for equations the line and a caret.
    """
    return [_read(argument, strict) for argument in arguments]


def _read(argument: str, strict: bool) -> derive.System:
    if argument in derive.names():
        return derive.load(argument)
    if argument in NAMED:
        return build(argument)
    if argument == "-":
        if sys.stdin is None:
            raise Failure("there is no standard input")
        return _parse(_decode(sys.stdin.buffer, "standard input"), UNNAMED, "standard input", strict)
    if _is_file(argument):
        try:
            with open(argument, "rb") as stream:
                text = _decode(stream, argument)
        except OSError as error:
            raise Failure(f"cannot read {argument}: {error.strerror}") from error
        return _parse(text, _name_of(argument), argument, strict)
    if "=" in argument or "\n" in argument:
        return _parse(_split(argument), UNNAMED, "", strict)
    try:
        return derive.load(argument)
    except derive.UnknownArchitecture as error:
        raise Failure(f"{_shortened(argument)} is neither a name, a file nor equations; {error.hint}") from error


def _is_file(argument: str) -> bool:
    try:
        return bool(argument) and Path(argument).exists()
    except (OSError, ValueError):  # longer than a path can be, or a NUL in it: equations, or nothing
        return False


def _decode(stream: BinaryIO, where: str) -> str:
    """The text of a stream; a byte more than can be read is enough, of however much there is."""
    data = stream.read(4 * MAX_TEXT + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > 4 * MAX_TEXT:
            raise Failure(f"{where} is too long; at most {MAX_TEXT:,} characters are read") from error
        raise Failure(f"{where} is not a text file in UTF-8") from error
    if "\0" in text:
        raise Failure(f"{where} is not a text file")
    return text


def _parse(text: str, name: str, where: str, strict: bool) -> derive.System:
    try:
        read = derive.from_latex if looks_like_latex(text) else derive.parse
        system = read(text, name=name, strict=strict)
    except derive.EquationError as error:
        raise Failure(f"{where}: {error}" if where else str(error)) from error
    for warning in system.warnings:
        print(f"bptt: warning: {where}: {warning}" if where else f"bptt: warning: {warning}", file=sys.stderr)
    return system


def _name_of(path: str) -> str:
    """A name that is safe in the names of files, whatever the file is called."""
    return re.sub(r"[^\w.-]+", "-", Path(path).stem).strip(".-") or UNNAMED


def _split(argument: str) -> str:
    """``;`` outside of brackets and comments as the end of a line."""
    if looks_like_latex(argument):
        return argument
    depth, comment, text = 0, False, []
    for character in argument:
        comment = (comment or character == "#") and character != "\n"
        if not comment:
            depth += (character in "([") - (character in ")]")
        text.append("\n" if character == ";" and depth == 0 and not comment else character)
    return "".join(text)


def _shortened(argument: str) -> str:
    return repr(argument if len(argument) <= 60 else argument[:57] + "…")


def read_sizes(text: str, systems: Sequence[derive.System]) -> dict[str, int]:
    """``D=4,H=3`` as a dictionary.

    Raises:
        Failure: if it does not read so, or a dimension is in none of the systems.
    """
    sizes: dict[str, int] = {}
    for part in filter(None, re.split(r"[,\s]+", re.sub(r"\s*=\s*", "=", text.strip()))):
        match = SIZE.fullmatch(part)
        if match is None or len(match[2]) > 9 or int(match[2]) < 1:
            raise Failure(f"--sizes: {_shortened(part)} is not a dimension and a positive integer, as in D=4,H=3")
        if match[1] in sizes:
            raise Failure(f"--sizes: {match[1]} is given twice")
        sizes[match[1]] = int(match[2])
    known = sorted({str(symbol) for system in systems for symbol in system.dimensions})
    for name in sizes:
        if name not in known:
            names = ", ".join(system.name for system in systems)
            raise Failure(f"--sizes: {names} has no dimension {name}; there are {', '.join(known) or 'none'}")
    return sizes


def one_name_each(systems: Sequence[derive.System]) -> None:
    """Refuse systems whose files could not be told apart by name.

    Raises:
        Failure: if the files of two have one name, be it up to case, which not every file system keeps.
    """
    seen: set[str] = set()
    for system in systems:
        stem = file_stem(system)
        if stem.casefold() in seen:
            raise Failure(f"two systems are called {stem}; put one into a file of another name")
        seen.add(stem.casefold())
