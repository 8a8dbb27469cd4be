"""What commands print: JSON alone, or tables of plain text, on stdout; and nothing else there.

Read next: `reports.commands.progress`.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from io import TextIOWrapper

from reports.jsonreport import to_json


def print_json(value: object) -> None:
    """Plain data as JSON; in UTF-8, as JSON is, whatever the terminal has."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(to_json(value))


def one_or_list(values: Sequence[object]) -> object:
    """One object for one name, a list for several."""
    return values[0] if len(values) == 1 else list(values)


def print_text(text: str) -> None:
    """Text with a newline at its end; characters the terminal does not have are escaped."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdout.write(text.rstrip("\n") + "\n")


def table(rows: Iterable[Sequence[str]], align: str = "") -> str:
    """Columns of text, two spaces apart; ``align`` has l or r for each column (missing: l)."""
    rows = [tuple(row) for row in rows]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    sides = align.ljust(len(widths), "l")
    return "\n".join("  ".join(map(_padded, row, widths, sides)).rstrip() for row in rows)


def _padded(cell: str, width: int, side: str) -> str:
    space = " " * (width - _width(cell))
    return space + cell if side == "r" else cell + space


def _width(cell: str) -> int:
    """Characters that take room: the bar over an x̄ takes none."""
    return sum(not unicodedata.combining(character) for character in cell)
