"""Comparing arrays, and keeping the worst comparison as `Evidence`.

A difference is measured against the size of the whole tensor (its largest entry), and allowed what rounding can
explain: the running error bound of `numeric.rounding`.  NaN equals nothing.

Read next: `numeric.oracles`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy

from derive.evidence import Evidence
from numeric.rounding import Bounded


@dataclass(frozen=True)
class Comparison:
    """One difference: how large, relative to what, how large it may be."""

    difference: float
    size: float
    allowed: float
    where: str

    @property
    def relative(self) -> float:
        """The difference relative to the size of the tensor; 0 if rounding cannot tell the tensor from zero."""
        return 0.0 if self.holds and self.size <= self.allowed else self._per_size(self.difference)

    @property
    def tolerance(self) -> float:
        """What the relative difference may be."""
        return self._per_size(self.allowed)

    @property
    def holds(self) -> bool:
        """Whether rounding explains the difference."""
        return self.difference <= self.allowed  # False for NaN

    def _per_size(self, value: float) -> float:
        if math.isnan(value) or math.isnan(self.size):
            return math.nan
        if value == 0:
            return 0.0
        return value / self.size if self.size else math.inf


@dataclass
class Tally:
    """The comparisons of one oracle."""

    found: list[Comparison] = field(default_factory=list)
    cases: int = 0

    def arrays(self, expected: Any, got: Bounded, where: str, *, size: float | None = None) -> None:
        """Compare a tensor with one that carries its error bound.

        Both sides went through as many operations, so either may have lost as much as the bound says.
        """
        expected = numpy.asarray(expected)
        if expected.shape != got.shape:
            raise ValueError(f"{where}: shapes {expected.shape} and {got.shape} are compared")
        difference = _largest(expected - got.value)
        scale = max(_largest(expected), _largest(got.value)) if size is None else size
        self.found.append(Comparison(difference, scale, 2 * _largest(got.error), where))

    def evidence(self, claim: str, method: str, detail: str = "") -> Evidence:
        """The verdict: the worst comparison that fails, else the one with the largest relative difference.

        Raises:
            ValueError: if nothing was compared.
        """
        if not self.found or not self.cases:
            raise ValueError(f"nothing was compared for: {claim}")
        failed = [c for c in self.found if not c.holds]
        worst = max(failed or self.found, key=lambda c: math.inf if math.isnan(c.relative) else c.relative)
        return Evidence(claim, method, self.cases, worst.relative, worst.tolerance, not failed, worst.where, detail)


def _largest(array: Any) -> float:
    """The largest absolute entry; NaN if there is one."""
    return float(numpy.max(numpy.abs(array), initial=0.0))
