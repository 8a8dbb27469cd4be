"""`Explanation`: mistakes that together give the author's numbers, and how plausible they are.

Read next: `numeric.check.diagnosis.bench`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.check.diagnosis.local import Local
from numeric.check.diagnosis.regions import Region
from numeric.check.mistakes import Mutant

Array = NDArray[Any]
Candidate = tuple[Mutant, ...]
Options = Mapping[int, Sequence[tuple[Local, Array]]]  # by region, and the lanes in which each fits


@dataclass(frozen=True)
class Overall:
    """What was done to all gradients alike.

    Attributes:
        kind: "" if the derivation is taken as it is, else "scale", "sign" or "clip".
        detail: in words.
        factor: of every gradient; one number, or (lanes,) numbers.
        limit: of every entry; None for no limit.
        claims: the gradients that it was done to; empty for all.
    """

    kind: str
    detail: str = ""
    factor: Any = 1.0
    limit: float | None = None
    claims: tuple[str, ...] = ()

    def __call__(self, values: Array) -> Array:
        """(lanes, size) of gradients after it."""
        scaled = values * (self.factor[:, None] if np.ndim(self.factor) else self.factor)
        return scaled if self.limit is None else np.clip(scaled, -self.limit, self.limit)


@dataclass(frozen=True)
class Explanation:
    """Mistakes that together give the author's numbers.

    Attributes:
        mutants: in the equations.
        overall: of all gradients.
        local: mistakes in single gradients, each with the claims that have it.
        error: the largest difference that is left.
    """

    mutants: Candidate
    overall: Overall
    local: tuple[tuple[Local, tuple[str, ...]], ...]
    error: float

    @property
    def cost(self) -> int:
        """How many mistakes."""
        return len(self.mutants) + bool(self.overall.kind) + len(self.local)

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Smaller is more plausible."""
        found: list[Mutant | Local] = [*self.mutants, *(local for local, _ in self.local)]
        ranks = sum(f.rank for f in found)
        return self.cost, ranks, len(self.local), sum(PLAUSIBLE.index(f.kind) + late(f) for f in found)


PLAUSIBLE = (
    "cut-recurrence", "transpose", "missing-derivative", "derivative-of-activated", "not-accumulated", "zero-gradient",
    "last-step-only", "sign", "cotangent-at-every-step", "cotangent-missing", "time-shift", "swap-gates", "drop-path",
    "misplaced-factor", "truncate", "first-step-only", "wrong-axis", "scale", "clip", "wrong-forward",
)  # fmt: skip


def late(finding: Mutant | Local) -> int:
    """Truncation to one step is cutting every recurrent edge, and that is what it is called."""
    return 30 if finding.tag == "truncate:1" else 0


def cover(
    regions: Sequence[Region], agrees: Array, options: Options, lane: int
) -> tuple[tuple[Local, tuple[str, ...]], ...]:
    """As few mistakes as possible for the regions that do not agree: the same one at several places counts once."""
    open_ = {number for number in range(len(regions)) if not agrees[number]}
    chosen = []
    while open_:
        groups: dict[tuple[str, str], list[tuple[int, Local]]] = {}
        for number in sorted(open_):
            for local, fits in options.get(number, ()):
                if fits[lane]:
                    groups.setdefault((local.kind, local.tag), []).append((number, local))
        empty = {number for number in open_ if not regions[number].values.any()}
        best = min(groups.values(), key=lambda group: _order(group, empty))
        numbers = {number for number, _ in best}
        others = (group[0][1] for group in groups.values() if group is not best and numbers <= {n for n, _ in group})
        rivals = {other.kind: other for other in others if other.kind != best[0][1].kind}
        local = replace(best[0][1], rivals=tuple(rivals.values()))
        chosen.append((local, tuple(dict.fromkeys(regions[number].claim for number, _ in best))))
        open_ -= numbers
    return tuple(chosen)


def _order(group: Sequence[tuple[int, Local]], empty: AbstractSet[int]) -> tuple[int, bool, int, int]:
    """Smaller is better: what explains the most; of what is zero that it is; then what is common."""
    numbers, local = {number for number, _ in group}, group[0][1]
    said = local.kind == "zero-gradient" or not numbers <= empty
    return -len(numbers), not said, local.rank, PLAUSIBLE.index(local.kind)


def cheapest(found: Sequence[Explanation]) -> list[Explanation]:
    """Those with the fewest mistakes, the most plausible first."""
    least = min((e.cost for e in found), default=0)
    return sorted((e for e in found if e.cost == least), key=lambda e: e.order)


def windows_of(candidate: Candidate) -> int:
    """How many lanes a candidate takes."""
    return math.prod(len(mutant.windows) for mutant in candidate)


def apart(mutants: Sequence[Mutant]) -> bool:
    """Whether no edit lies inside another, and at most one is a truncation."""
    if sum(m.kind == "truncate" or len(m.windows) > 1 for m in mutants) > 1:
        return False
    edits = [(edit, number) for number, m in enumerate(mutants) for edit in m.edits]
    return not any(
        a.out == b.out and (b.path[: len(a.path)] == a.path or a.path[: len(b.path)] == b.path)
        for (a, i), (b, j) in combinations(edits, 2)
        if i != j
    )
