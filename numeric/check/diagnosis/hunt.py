"""The search for mistakes that give exactly the author's numbers: one, then two, then three.

Read next: `numeric.check.diagnosis.speech`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product

from numeric.check.diagnosis.bench import Bench
from numeric.check.diagnosis.explanation import Candidate, Explanation, apart, cheapest, windows_of
from numeric.check.mistakes import Mutant, mutants
from numeric.check.variants.view import View

BEGUN = 200  # pairs that explain some gradients, and that a third mistake is looked for


class Search:
    """One search.

    Args:
        view: the derivation.
        scales: factors by which everything may differ and be right.
        named: factors that people forget or add, by name.
        until: when the time is over, by `time.monotonic`.
        progress: called with a line of text now and then.
    """

    def __init__(
        self,
        view: View,
        scales: Mapping[str, float],
        named: Mapping[str, float],
        until: float,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.view, self.progress = view, progress
        self.bench = Bench(view, scales, named)
        self.until = until
        self.found: list[Explanation] = []

    def as_it_is(self) -> list[Explanation]:
        """The derivation without a mistake, if it gives the author's numbers."""
        return [e for e in self.bench.tried([()], local=False) if not e.cost]

    def one(self) -> list[Explanation]:
        """The cheapest explanations with one mistake in the equations at most, and others in single gradients."""
        self._say(f"{len(self.singles)} single mistakes")
        self.found = self.trial([(), *((m,) for m in self.singles)], local=True)
        return cheapest(self.found) if any(e.cost < 3 for e in self.found) else []

    def more(self) -> list[Explanation]:
        """The cheapest explanations with several mistakes, within the time."""
        stages = ((2, self._pairs), (3, self._pairs_and_one), (3, self._triples), (2, self._rare_pairs))
        for cost, stage in stages:
            if all(e.cost > cost for e in self.found) and time.monotonic() < self.until:
                self.found += stage(self.singles)
        return cheapest(self.found)

    @cached_property
    def singles(self) -> list[Mutant]:
        """All single mistakes in the equations."""
        return mutants(self.view)

    # --- stages -------------------------------------------------------------------------------------------------------

    def _pairs(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """Two mistakes in the equations that people make."""
        return self._hunt(combinations([m for m in singles if m.rank < 2], 2), singles, "pairs of mistakes")

    def _pairs_and_one(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """Two mistakes in the equations, and others in single gradients: first those that explain some already."""
        pairs = sorted(combinations([m for m in singles if m.rank < 2], 2), key=self._hope)[:2000]
        self._say(f"{len(pairs)} pairs of mistakes, and one in single gradients")
        return self.trial(pairs, local=True, enough=True)

    def _rare_pairs(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """A mistake that people make, and one that hardly anybody does."""
        common, rare = [m for m in singles if m.rank < 2], [m for m in singles if m.rank == 2]
        return self._hunt(product(common, rare), singles, "rare pairs of mistakes")

    def _triples(self, singles: Sequence[Mutant]) -> list[Explanation]:
        """Three mistakes: pairs that explain some gradients and another, then any three that people make often."""
        often = [m for m in singles if m.rank == 0 and not any(m.windows)]
        pairs = sorted((c for c in self.bench.promise if len(c) == 2), key=self._hope)[:BEGUN]
        begun = [(*pair, m) for pair in pairs for m in singles if m.rank < 2 and m not in pair]
        return self._hunt([*begun, *combinations(often, 3)], singles, "triples of mistakes")

    def _hope(self, candidate: Candidate) -> tuple[bool, int, int]:
        """Smaller is more promising: by how many gradients the parts explain, then by how common they are."""
        promise = self.bench.promise
        explained = promise.get(candidate, 0) + sum(promise.get((m,), 0) for m in candidate)
        return windows_of(candidate) > 1, -explained, sum(m.rank for m in candidate)

    def _hunt(self, tried: Iterable[Candidate], singles: Sequence[Mutant], text: str) -> list[Explanation]:
        """The first that fit, and what gives the same numbers with one mistake exchanged for another."""
        unique = {frozenset(c): c for c in tried}
        candidates = sorted(unique.values(), key=self._hope)
        self._say(f"{len(candidates)} {text}")
        found = self.trial(candidates, enough=True)
        near: dict[frozenset[Mutant], Candidate] = {}
        for mine in [e.mutants for e in found[:4]]:
            for number, other in product(range(len(mine)), singles):
                if other not in mine:
                    new = (*mine[:number], other, *mine[number + 1 :])
                    near.setdefault(frozenset(new), new)
        known = {frozenset(e.mutants) for e in found}
        return found + self.trial([c for key, c in near.items() if key not in known])

    def _say(self, text: str) -> None:
        if self.progress is not None:
            self.progress(text)

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
            for candidate in candidates[start : start + self.bench.chunk]:
                lanes += windows_of(candidate)
                if part and lanes > self.bench.chunk:
                    break
                part.append(candidate)
            start += len(part)
            part = [candidate for candidate in part if apart(candidate)]
            if not local and len(part) > 1:
                part = self.bench.screened(part)
            if part:
                found += self.bench.tried(part, local=local)
        return found
