"""The one error of the equation language: a reason in one line, and where.

Read next: `derive.expr`.
"""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """Where something was written: line (1-based) and columns [start, stop) of the source text."""

    line: int
    start: int
    stop: int


class EquationError(ValueError):
    """Equations that mean nothing, or contradict each other.

    Attributes:
        reason: one line, without position.
        span: where, if the equations came as text.
        text: the line of text that `span` points into.
    """

    def __init__(self, reason: str, span: Span | None = None, text: str = "") -> None:
        self.reason, self.span, self.text = reason, span, text
        super().__init__(reason)

    def __str__(self) -> str:
        if self.span is None:
            return self.reason
        head = f"line {self.span.line}: {self.reason}"
        if not self.text:
            return head
        start = max(0, min(self.span.start - 60, len(self.text) - 120))
        shown = self.text[start : start + 120]
        width = max(1, min(self.span.stop, start + 120) - self.span.start)
        return f"{head}\n  {shown}\n  {' ' * (self.span.start - start)}{'^' * width}"
