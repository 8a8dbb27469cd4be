"""`Evidence`: what was checked, how, over how many cases, and whether it holds.

Every oracle of the project, from the exact proof to autograd, answers with this one type; the certificate of a
report and ``bptt verify --json`` are lists of it.

Read next: `derive.expand`.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What a verification was asked for.

    Attributes:
        seed: of the random cases.
        cases: how many were drawn.
        skipped: methods that could not be used, each with the reason.
    """

    seed: int
    cases: int
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The outcome of one check.

    Attributes:
        claim: what is claimed, as a sentence.
        method: how it was checked.
        cases: how many cases were compared.
        worst: the largest error found; None for an exact method.
        tolerance: what the error was allowed to be; None for an exact method.
        holds: whether the claim survived.
        where: the quantity with the largest error, or the one that fails.
        detail: sizes, error probability, what was not done and why.
        plan: from what the cases were drawn, and what was not done, where `numeric.verify` chose them.
    """

    claim: str
    method: str
    cases: int
    worst: float | None
    tolerance: float | None
    holds: bool
    where: str = ""
    detail: str = ""
    plan: Plan | None = None

    def as_dict(self) -> dict[str, str | int | float | bool | None]:
        """The fixed JSON form; what JSON cannot hold (NaN, infinity) becomes None."""
        return {
            "claim": self.claim,
            "method": self.method,
            "cases": self.cases,
            "worst": _finite(self.worst),
            "tolerance": _finite(self.tolerance),
            "holds": self.holds,
        }

    def __str__(self) -> str:
        error = "" if self.worst is None else f", worst {self.worst:.1e}"
        allowed = "" if self.tolerance is None else f" (tolerance {self.tolerance:.1e})"
        where = f" at {self.where}" if self.where else ""
        verdict = "holds" if self.holds else "FAILS"
        return f"{verdict}: {self.claim} [{self.method}; {self.cases} cases{error}{allowed}{where}]"

    def _repr_html_(self) -> str:
        color = "#1a7f37" if self.holds else "#cf222e"
        mark = "✓" if self.holds else "✗"
        text, detail = html.escape(str(self)), html.escape(self.detail)
        return f'<span style="color:{color}">{mark}</span> {text}<br><small>{detail}</small>'


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
