"""The search for mistakes that give exactly the author's numbers: one, then two, then three.

Read next: `numeric.check.diagnosis.speech`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product

from numeric.check.diagnosis.bench import Bench
from numeric.check.diagnosis.clock import Clock
from numeric.check.diagnosis.explanation import Candidate, Explanation, apart, cheapest, windows_of
from numeric.check.mistakes import Mutant, mutants
from numeric.check.variants.view import View

BEGUN = 300  # pairs that explain some gradients, and that a third mistake is looked for
MOST = 2000  # candidates beside which mistakes in single gradients are looked for
EQUATIONS = 0.7  # of the time, for single mistakes in the equations; the rest is for those in single gradients
SHARE = 0.3  # of the time, for other explanations with as many mistakes as one that is known
SIDE_BY_SIDE = 4


class Search:
    """One search.

    Args:
        view: the derivation.
        scales: factors by which everything may differ and be right.
        named: factors that people forget or add, by name.
        clock, until: when the time is over, by this clock.
        progress: called with a line of text now and then.
    """

    def __init__(
        self,
        view: View,
        scales: Mapping[str, float],
        named: Mapping[str, float],
        clock: Clock,
        until: float,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.clock = clock
        self.view, self.progress = view, progress
        self.bench = Bench(view, scales, named, lambda: self.clock.now() > self.until)
        self.until = until
        self.found: list[Explanation] = []
        self.reached = 0  # how many candidates of the last trial there was time for

    def as_it_is(self) -> list[Explanation]:
        """The derivation without a mistake, if it gives the author's numbers."""
        return [e for e in self.bench.tried([()], local=False) if not e.cost]

    def one(self) -> list[Explanation]:
        """The cheapest explanations with one mistake in the equations at most, and others in single gradients."""
        self._say(f"{len(self.singles)} single mistakes")
        alone: list[Candidate] = [(), *((m,) for m in self.singles)]
        start, until = self.clock.now(), self.until
        self.until = start + EQUATIONS * (until - start)
        self.found = self.trial(alone)
        self.until, rest = until, alone[self.reached :]
        self.found += self.trial([()], local=True)
        self.found += self.trial(rest) if self.clock.now() < until else []
        if all(e.cost > 1 for e in self.found):
            self.found += self.trial(self._begun(alone[1:], MOST), local=True)
        return cheapest(self.found) if any(e.cost < 2 for e in self.found) else []

    def more(self) -> list[Explanation]:
        """The cheapest explanations with several mistakes, within the time; those that begin to fit come first."""
        stages = ((2, self._pairs), (3, self._pairs_and_one), (3, self._begun_triples), (2, self._rare_pairs))
        start, until = self.clock.now(), self.until
        for cost, stage in (*stages, (3, self._triples)):
            known = min((e.cost for e in self.found), default=9)
            self.until = min(until, start + SHARE * (until - start)) if known <= 2 else until
            if known > cost or (known == 2 and stage == self._pairs and self.clock.now() < self.until):
                self.found += stage() if self.clock.now() < self.until else []
        self.until = until
        return cheapest(self.found)

    @cached_property
    def singles(self) -> list[Mutant]:
        """All single mistakes in the equations."""
        return mutants(self.view)

    # --- stages -------------------------------------------------------------------------------------------------------

    def _pairs(self) -> list[Explanation]:
        """Two mistakes in the equations that people make: all that fit."""
        return self._sweep(list(combinations(self._common, 2)), "pairs of mistakes")

    def _rare_pairs(self) -> list[Explanation]:
        """A mistake that people make, and one that hardly anybody does."""
        rare = [m for m in self.singles if m.rank == 2]
        return self._sweep(list(product(self._common, rare)), "rare pairs of mistakes")

    def _pairs_and_one(self) -> list[Explanation]:
        """Two mistakes in the equations, and others in single gradients."""
        pairs = self._begun([c for c in self.bench.promise if len(c) == 2], MOST)
        self._say(f"{len(pairs)} pairs of mistakes, and one in single gradients")
        return self.trial(pairs, local=True, enough=True)

    def _begun_triples(self) -> list[Explanation]:
        """Pairs that explain some gradients and a third mistake."""
        pairs = self._begun([c for c in self.bench.promise if len(c) == 2], BEGUN)
        more = [(pair, m) for number, pair in enumerate(pairs) for m in (self.singles if number < 60 else self._common)]
        alone = self._begun([c for c in self.bench.promise if len(c) == 1], 4)
        more += [(pair, c[0]) for c in alone for pair in combinations(self._common, 2)]
        unique = {frozenset((*pair, m)): (*pair, m) for pair, m in more if m not in pair}
        return self._hunt(list(unique.values()), "triples of mistakes that begin to fit")

    def _triples(self) -> list[Explanation]:
        """Any three that people make often."""
        often = [m for m in self.singles if m.rank == 0 and not any(m.windows)]
        return self._hunt(list(combinations(often, 3)), "triples of mistakes")

    @cached_property
    def _common(self) -> list[Mutant]:
        return [m for m in self.singles if m.rank < 2]

    def _begun(self, candidates: Sequence[Candidate], most: int) -> list[Candidate]:
        """Those that some gradient agrees with that was wrong, the most promising first."""
        return sorted((c for c in candidates if self.bench.promise.get(c)), key=self._hope)[:most]

    def _sweep(self, candidates: Sequence[Candidate], text: str) -> list[Explanation]:
        """All that fit, among the candidates for which the time is enough."""
        ordered = sorted((c for c in candidates if apart(c)), key=self._hope)
        self._say(f"{len(ordered)} {text}")
        return self.trial(ordered)

    def _hope(self, candidate: Candidate) -> tuple[bool, int, int]:
        """Smaller is more promising: by how many gradients the parts explain, then by how common they are."""
        promise = self.bench.promise
        explained = promise.get(candidate, 0) + sum(promise.get((m,), 0) for m in candidate)
        return windows_of(candidate) > 1, -explained, sum(m.rank for m in candidate)

    def _hunt(self, candidates: Sequence[Candidate], text: str) -> list[Explanation]:
        """The first that fit, and what gives the same numbers with one mistake exchanged for another."""
        self._say(f"{len(candidates)} {text}")
        found = self.trial(sorted(candidates, key=self._hope), enough=True)
        near: dict[frozenset[Mutant], Candidate] = {}
        for mine in [e.mutants for e in found[:4]]:
            for number, other in product(range(len(mine)), self.singles):
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
        most = 1 if local else SIDE_BY_SIDE  # times as many lanes, where single gradients are not looked into
        while start < len(candidates):
            if (self.clock.now() > self.until and start) or (enough and found):
                break
            part: list[Candidate] = []
            lanes = 0
            for candidate in candidates[start : start + most * self.bench.chunk]:
                lanes += windows_of(candidate)
                if part and lanes > most * self.bench.chunk:
                    break
                part.append(candidate)
            start += len(part)
            self.reached = start
            part = [candidate for candidate in part if apart(candidate)]
            if not local and len(part) > 1:
                part = self.bench.screened(part)
            if part:
                found += self.bench.tried(part, local=local)
        return found
