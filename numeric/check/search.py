"""The search for mistakes that give exactly the author's numbers.

A trial computes many candidates side by side: the derivation itself, with one mistake, with two.  For each of them
every region either agrees, or agrees after one more mistake in that gradient alone, or the candidate is no
explanation.  What can go wrong everywhere (a factor, clipping) is tried on top.

Read next: `numeric.check.diagnosis`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.expr import Ref
from numeric.check.explanation import Candidate, Explanation, Overall, cheapest, cover
from numeric.check.lanes import Lane, Result
from numeric.check.local import Local, Locals
from numeric.check.mistakes import Mutant, mutants
from numeric.check.regions import Region, regions
from numeric.check.view import View

Array = NDArray[Any]
NUMBERS = 3_000_000  # values of one sequence that a trial may hold


@dataclass
class Search:
    """One search.

    Attributes:
        view: the derivation.
        scales: factors by which everything may differ and be right.
        named: factors that people forget or add, by name.
        budget: seconds.
        progress: called with a line of text now and then.
        closest: the smallest largest error of a candidate that is no explanation, as it stands.
    """

    view: View
    scales: Mapping[str, float]
    named: Mapping[str, float]
    budget: float
    progress: Callable[[str], None] | None = None
    closest: float | None = None
    regions: list[Region] = field(init=False)
    promise: dict[Candidate, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bound = self.view.derivation.bound
        self.regions = regions(bound.claims, bound.space)
        self.locals = Locals(self.view, self.named)
        self.quantities = list(dict.fromkeys(region.quantity for region in self.regions))
        self.until = time.monotonic() + self.budget
        self.limits = _limits(self.regions)
        longest = max(map(self.view.derivation.sizes.steps, self.view.whole.axes), default=1)
        per_lane = self.view.derivation.sizes.batch * longest * self.view.derivation.widest
        self.chunk = int(min(1024, max(8, NUMBERS // max(per_lane, 1))))

    # --- the search -------------------------------------------------------------------------------------------------

    def explanations(self) -> list[Explanation]:
        """The cheapest explanations, the most plausible first; empty if none was found within the budget."""
        self._say("the derivation as it is")
        if found := self.as_it_is():
            return found
        singles = mutants(self.view)
        self._say(f"{len(singles)} single mistakes")
        found = self.trial([(), *((m,) for m in singles)], local=True)
        stages = (
            (2, self._pairs),
            (3, self._pairs_and_one),
            (3, self._triples),
            (2, self._rare_pairs),
        )
        for cost, stage in stages:
            if all(e.cost > cost for e in found) and time.monotonic() < self.until:
                found += stage(singles)
        return cheapest(found)

    def as_it_is(self) -> list[Explanation]:
        """The derivation without a mistake, if it gives the author's numbers."""
        return [e for e in self.trial([()]) if not e.cost]

    def _pairs(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """Two mistakes in the equations that people make."""
        return self._hunt(combinations([m for m in singles if m.rank < 2], 2), singles, "pairs of mistakes")

    def _pairs_and_one(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """Two mistakes in the equations, and others in single gradients: first those that explain some already."""
        pairs = sorted(combinations([m for m in singles if m.rank < 2], 2), key=self._hope)
        pairs = [pair for pair in pairs[:2000] if _apart(pair)]
        self._say(f"{len(pairs)} pairs of mistakes, and one in single gradients")
        return self.trial(pairs, local=True, enough=True)

    def _rare_pairs(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """A mistake that people make, and one that hardly anybody does."""
        common, rare = [m for m in singles if m.rank < 2], [m for m in singles if m.rank == 2]
        return self._hunt(product(common, rare), singles, "rare pairs of mistakes")

    def _triples(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """Three mistakes: pairs that explain some gradients and another, then any three that people make often."""
        often = [m for m in singles if m.rank == 0 and not any(m.windows)]
        pairs = sorted((c for c in self.promise if len(c) == 2), key=self._hope)[:200]
        begun = [(*pair, m) for pair in pairs for m in singles if m.rank < 2 and m not in pair]
        return self._hunt([*begun, *combinations(often, 3)], singles, "triples of mistakes")

    def _hope(self, candidate: Candidate) -> tuple[bool, int, int]:
        """Smaller is more promising: by how many gradients the parts explain, then by how common they are."""
        explained = self.promise.get(candidate, 0) + sum(self.promise.get((m,), 0) for m in candidate)
        return _windows(candidate) > 1, -explained, sum(m.rank for m in candidate)

    def _hunt(self, tried: Iterable[Candidate], singles: Sequence[Mutant], text: str) -> list[Explanation]:
        """The first that fit, and what gives the same numbers with one mistake exchanged for another."""
        unique = {frozenset(c): c for c in tried}
        candidates = sorted(unique.values(), key=self._hope)
        self._say(f"{len(candidates)} {text}")
        found = self.trial(candidates, enough=True)
        near: dict[frozenset[Mutant], Candidate] = {}
        for mine in [e.mutants for e in found[:4]]:
            for number, other in product(range(len(mine)), singles):
                new = (*mine[:number], other, *mine[number + 1 :])
                if other not in mine and _apart(new):
                    near.setdefault(frozenset(new), new)
        known = {frozenset(e.mutants) for e in found}
        return found + self.trial([c for key, c in near.items() if key not in known])

    def _say(self, text: str) -> None:
        if self.progress is not None:
            self.progress(text)

    # --- trials -------------------------------------------------------------------------------------------------------

    def trial(self, candidates: Sequence[Candidate], *, local: bool = False, enough: bool = False) -> list[Explanation]:
        """Explanations among some candidates, as far as the time goes.

        Args:
            candidates: what to try.
            local: whether one more mistake in single gradients may be among them.
            enough: stop after the first that fit.
        """
        found: list[Explanation] = []
        start = 0
        while start < len(candidates):
            if (time.monotonic() > self.until and start) or (enough and found):
                break
            part: list[Candidate] = []
            lanes = 0
            for candidate in candidates[start : start + self.chunk]:
                lanes += _windows(candidate)
                if part and lanes > self.chunk:
                    break
                part.append(candidate)
            start += len(part)
            part = [candidate for candidate in part if _apart(candidate)]
            if not local and len(part) > 1:
                part = self._screened(part)
            if part:
                found += self._tried(part, local)
        return found

    def _screened(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that agree in one small region, by whatever is done to all gradients."""
        region = min(self.regions, key=lambda r: (r.values.size < 4, r.values.size))
        unread = frozenset(out for out, name in self.view.local.items() if name != region.quantity)
        result, fold = self._run(candidates, unread)
        values = {region.quantity: fold(_flat(result.gradient(region.quantity)))}
        agrees = np.zeros(len(candidates), bool)
        for overall in self._overall(values, False):
            agrees |= region.error(overall(values[region.quantity])) <= region.tolerance
        for candidate, some in zip(candidates, agrees, strict=True):
            if some and len(candidate) == 2:
                self.promise.setdefault(candidate, 1)
        return [candidate for candidate, some in zip(candidates, agrees, strict=True) if some]

    def _tried(self, candidates: Sequence[Candidate], local: bool) -> list[Explanation]:
        result, fold = self._run(candidates)
        broken = fold(result.broken[:, None].astype(float))[:, 0] > 0
        values = {name: fold(_flat(result.gradient(name))) for name in self.quantities}
        found: list[Explanation] = []
        plain: Array | None = None
        for overall in self._overall(values, local or len(candidates) == 1):
            errors = np.array([region.error(overall(values[region.quantity])) for region in self.regions])
            errors[:, broken] = np.inf
            touched = np.ones(errors.shape, bool)
            if not overall.kind:
                plain = errors if plain is None else np.minimum(plain, errors)
            elif plain is not None:  # whatever was done need not have been done to all
                touched = errors < plain
                errors = np.minimum(errors, plain)
            agrees = errors <= np.array([[region.tolerance] for region in self.regions])
            if not overall.kind:
                self._remember(candidates, errors, agrees)
            options = self._options(result, fold, overall, agrees) if local else {}
            covered = agrees.copy()
            for number, choices in options.items():
                for _, fits in choices:
                    covered[number] |= fits & ~broken
            for lane in map(int, np.flatnonzero(covered.all(0))):
                if not agrees[:, lane].any() and not _tells(options, lane):
                    continue
                chosen = cover(self.regions, agrees[:, lane], options, lane)
                one = self._single(overall, lane, touched[:, lane] & agrees[:, lane]) if overall.kind else overall
                error = float(errors[agrees[:, lane], lane].max(initial=0.0))
                found.append(Explanation(tuple(candidates[lane]), one, chosen, error))
        return found

    def _run(
        self, candidates: Sequence[Candidate], unread: frozenset[Ref] = frozenset()
    ) -> tuple[Result, Callable[[Array], Array]]:
        lanes: list[Lane] = []
        starts: list[int] = []
        weights: dict[tuple[str, int], list[int]] = {}
        for candidate in candidates:
            starts.append(len(lanes))
            edits = tuple(edit for mutant in candidate for edit in mutant.edits)
            for windows in product(*(mutant.windows for mutant in candidate)):
                for window in windows:
                    for place in window:
                        weights.setdefault(place, []).append(len(lanes))
                lanes.append(edits)
        factors = {}
        for place, where in weights.items():
            factors[place] = np.ones(len(lanes))
            factors[place][where] = 0.0
        result = self.view.derivation.run(lanes, factors, unread)
        several = len(lanes) > len(candidates)

        def fold(values: Array) -> Array:
            wide = np.broadcast_to(values, (len(lanes), *values.shape[1:]))
            return np.add.reduceat(wide, starts, axis=0) if several else wide

        return result, fold

    def _remember(self, candidates: Sequence[Candidate], errors: Array, agrees: Array) -> None:
        worst = errors.max(0, initial=0.0)
        wrong = worst[~agrees.all(0)]
        if wrong.size:
            closest = float(wrong.min())
            self.closest = closest if self.closest is None else min(self.closest, closest)
        for candidate, count in zip(candidates, agrees.sum(0), strict=True):
            if len(candidate) < 3 and count:
                self.promise[candidate] = int(count)

    def _overall(self, values: Mapping[str, Array], several: bool) -> Iterator[Overall]:
        for label, factor in self.scales.items():
            yield Overall("", label, factor)
        if not several:
            return
        for limit in self.limits:
            yield Overall("clip", f"every entry is limited to ±{limit:.6g}", limit=limit)
        for region in sorted(self.regions, key=lambda region: -region.values.size)[:3]:
            if region.values.size > 3 and np.abs(region.values).max() > 0:
                factor = region.factor(values[region.quantity])
                with np.errstate(invalid="ignore"):
                    new = np.min([np.abs(factor - s) / abs(s) for s in self.scales.values()], 0) > region.tolerance
                yield Overall("scale", "", np.where(np.isfinite(factor) & new, factor, np.nan))

    def _single(self, overall: Overall, lane: int, touched: Array) -> Overall:
        """What was done in one lane, and to which claims."""
        mine = [region for region, one in zip(self.regions, touched, strict=True) if one]
        claims = tuple(dict.fromkeys(region.claim for region in mine))
        if claims == tuple(dict.fromkeys(region.claim for region in self.regions)):
            claims = ()
        if overall.kind != "scale":
            return replace(overall, claims=claims)
        factor = float(overall.factor[lane])
        norm = math.sqrt(sum(float((region.values**2).sum()) for region in mine))
        if 0 < factor < 1 and norm > 0 and abs(float(f"{norm:.2g}") / norm - 1) < 1e-5:
            return Overall("clip", f"the norm is limited to {norm:.2g}", factor, claims=claims)
        kind = "sign" if any(abs(factor + s) < 1e-6 * abs(s) for s in self.scales.values()) else "scale"
        close = [label for label, s in self.named.items() if abs(factor - s) < 1e-4 * abs(s)]
        return Overall(kind, f"multiplied by {close[0] if close else f'{factor:.6g}'}", factor, claims=claims)

    def _options(
        self, result: Result, fold: Callable[[Array], Array], overall: Overall, agrees: Array
    ) -> dict[int, list[tuple[Local, Array]]]:
        """By region, mistakes in that gradient alone, and the lanes in which they give the author's values."""
        found: dict[int, list[tuple[Local, Array]]] = {}
        numbers: dict[str, list[int]] = {}
        for number, region in enumerate(self.regions):
            if not agrees[number].all():
                numbers.setdefault(region.quantity, []).append(number)
        for name, mine in numbers.items():
            for local, values in self.locals.values(name, result):
                folded = overall(fold(values))
                for number in mine:
                    region = self.regions[number]
                    fits = region.error(folded) <= region.tolerance
                    if fits.any():
                        found.setdefault(number, []).append((local, fits))
        return found


def _flat(value: Array) -> Array:
    return value.reshape(value.shape[0], -1)


def _limits(regions: Sequence[Region]) -> list[float]:
    """Magnitudes that entries may have been limited to: the largest of a claim, where it is reached more than once."""
    found: dict[float, int] = {}
    for region in regions:
        sizes = np.abs(region.values)
        largest = float(sizes.max(initial=0.0))
        if largest > 0:
            near = next((limit for limit in found if abs(limit / largest - 1) < 1e-6), largest)
            found[near] = found.get(near, 0) + int((sizes >= largest * (1 - 1e-6)).sum())
    return sorted((limit for limit, count in found.items() if count > 1), key=lambda limit: -found[limit])[:2]


def _windows(candidate: Candidate) -> int:
    return math.prod(len(mutant.windows) for mutant in candidate)


def _apart(mutants: Sequence[Mutant]) -> bool:
    """Whether no edit lies inside another, and at most one is a truncation."""
    if sum(m.kind == "truncate" or len(m.windows) > 1 for m in mutants) > 1:
        return False
    edits = [(edit, number) for number, m in enumerate(mutants) for edit in m.edits]
    return not any(
        a.out == b.out and (b.path[: len(a.path)] == a.path or a.path[: len(b.path)] == b.path)
        for (a, i), (b, j) in combinations(edits, 2)
        if i != j
    )


def _tells(options: Mapping[int, list[tuple[Local, Array]]], lane: int) -> bool:
    """Whether some region is explained by more than zeros, where none agrees as it is."""
    return any(fits[lane] and local.kind != "zero-gradient" for choices in options.values() for local, fits in choices)
