"""`Verdict`: what was found out about a hand-written gradient.

Read next: `numeric.check.dump`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from numeric.check.wording import html, text

KINDS = (
    "cut-recurrence",
    "truncate",
    "last-step-only",
    "first-step-only",
    "not-accumulated",
    "zero-gradient",
    "transpose",
    "time-shift",
    "missing-derivative",
    "derivative-of-activated",
    "swap-gates",
    "drop-path",
    "misplaced-factor",
    "scale",
    "sign",
    "clip",
    "cotangent-at-every-step",
    "cotangent-missing",
    "wrong-axis",
    "wrong-forward",
)
Outcome = Literal["correct", "policy", "wrong", "undecided"]


@dataclass(frozen=True)
class Finding:
    """One mistake.

    Attributes:
        kind: one of `KINDS`.
        where: the state, parameter, gate or edge, in the author's names.
        detail: one line: what the code does, and what the derivation has.
        repair: the correct term, as text, LaTeX and NumPy, with the number of its equation in the report.
    """

    kind: str
    where: str
    detail: str = ""
    repair: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the JSON form of a verdict."""
        return {"kind": self.kind, "where": self.where, "detail": self.detail, "repair": dict(self.repair)}


@dataclass(frozen=True)
class Verdict:
    """What was found out.

    Attributes:
        verdict: "policy" is a derivation that people choose on purpose: clipping, truncation to 2 steps or more.
        matches: whether the forward agrees with a known one, or a one-change mutant of it.
        architecture, convention, worst: of the forward; see `numeric.check.bound.Bound`.
        gradients: by the author's name, the largest difference relative to the largest entry.
        correct: names of the gradients that agree with the derivation.
        diagnosis: mistakes that hold together.
        alternatives: other explanations with the same numbers.
        explained: whether the diagnosis reproduces every compared array.
        runner_up: the error of the best explanation that does not fit; None if there was no other.
        policies: "truncate:3", "clip:value", …
        stages: lines on where the first difference is: ONE STEP, SEQUENCE.
        notes: one line each.
    """

    verdict: Outcome
    matches: bool
    architecture: str = ""
    convention: str = ""
    worst: float | None = None
    gradients: Mapping[str, float] = field(default_factory=dict)
    correct: frozenset[str] = frozenset()
    diagnosis: tuple[Finding, ...] = ()
    alternatives: tuple[tuple[Finding, ...], ...] = ()
    explained: bool = False
    runner_up: float | None = None
    policies: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The fixed JSON form; a number that does not exist is None."""
        return {
            "verdict": self.verdict,
            "forward": {
                "matches": self.matches,
                "architecture": self.architecture,
                "convention": self.convention,
                "worst": _number(self.worst),
            },
            "gradients": {
                name: {"error": _number(error), "correct": name in self.correct}
                for name, error in self.gradients.items()
            },
            "diagnosis": [finding.as_json() for finding in self.diagnosis],
            "alternatives": [[finding.as_json() for finding in group] for group in self.alternatives],
            "explained": self.explained,
            "runner_up": _number(self.runner_up),
            "policies": list(self.policies),
            "stages": list(self.stages),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return text(self.as_json())

    def _repr_html_(self) -> str:
        return html(self.as_json())

    def allowed(self, policies: Sequence[str]) -> bool:
        """Whether the gradient is right, or all that differs is one of these: truncate:3, or truncate of any length.

        Truncation to one step is a mistake that cuts every recurrent edge; it is allowed where it is asked for.
        """
        if self.verdict not in ("policy", "wrong"):
            return self.verdict == "correct"
        meant = [self.policies] if self.verdict == "policy" else [tuple(map(_policy, a)) for a in self.alternatives]
        granted = set(policies)
        return any(names and all({n, n.partition(":")[0]} & granted for n in names) for names in meant)

    @property
    def exit_status(self) -> int:
        """0 correct, 1 wrong or a policy, 2 undecided; an allowed policy is the caller's affair."""
        return {"correct": 0, "policy": 1, "wrong": 1, "undecided": 2}[self.verdict]


def _policy(finding: Finding) -> str:
    """The policy that a finding is; other mistakes have no such name."""
    steps = re.search(r"\d+", finding.detail)
    if finding.kind == "truncate" and steps:
        return f"truncate:{steps[0]}"
    return finding.kind if finding.kind == "clip" else "-"


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
