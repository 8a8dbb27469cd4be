"""Bars of block characters: a quantity that is seen before it is read.

Read next: `reports.commands.demo_language_model`.
"""

from __future__ import annotations

EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(fraction: float, width: int = 40) -> str:
    """A bar as long as the fraction of its width, in steps of an eighth of a character."""
    eighths = round(8 * width * min(1.0, max(0.0, fraction)))
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def gauge(fraction: float, width: int = 24) -> str:
    """How far something is: a bar, the room left, and per cent."""
    return f"▕{bar(fraction, width):{width}}▏{fraction:4.0%}"
