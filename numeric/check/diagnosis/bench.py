"""Trials: candidates side by side, and which of them give the author's numbers.

For each candidate (the derivation, with mistakes or without) every region either agrees, or agrees after one more
mistake in that gradient alone, or the candidate is no explanation.  What can happen to many gradients alike, a factor
or clipping, is tried on top of that.

Read next: `numeric.check.diagnosis.hunt`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.expr import Ref
from numeric.check.diagnosis.explanation import Candidate, Explanation, Options, Overall, cover
from numeric.check.diagnosis.local import Local, Locals, untouched
from numeric.check.diagnosis.rearranged import arrays_of
from numeric.check.diagnosis.regions import Region, limits, regions
from numeric.check.diagnosis.sums import otherwise_summed
from numeric.check.diagnosis.visited import otherwise_visited
from numeric.check.variants.lanes import Lane, Result
from numeric.check.variants.view import View

Array = NDArray[Any]
Fold = Callable[[Array], Array]
NUMBERS = 3_000_000  # values of one sequence that a trial may hold
PRODUCTS = 2_000_000_000  # multiplications of a trial: four of them, side by side, are a second or two
LAST = 4  # single steps of sequences that candidates are compared in first
SCREEN = 5  # regions that candidates are compared with first


class Bench:
    """What candidates are compared with.

    Args:
        view: the derivation.
        scales: factors by which everything may differ and be right.
        named: factors that people forget or add, by name.
        is_late: whether the time is over.

    Attributes:
        regions: what is compared.
        chunk: how many lanes a trial may have.
        reference: the scale that other factors are said against: 1 where it may be right, else the first.
        closest: the smallest largest error of a candidate that did not fit, as it stood.
        promise: candidates that some region agreed with that was wrong, and how many did.
    """

    def __init__(
        self, view: View, scales: Mapping[str, float], named: Mapping[str, float], is_late: Callable[[], bool]
    ) -> None:
        self.view, self.scales, self.named, self.is_late = view, scales, named, is_late
        bound = view.derivation.bound
        self.regions = regions(bound.claims, bound.space)
        self.arrays = arrays_of(self.regions, view, bound)
        self.tolerances = np.array([region.tolerance for region in self.regions])[:, None]
        self.reference = 1.0 if 1.0 in scales.values() else next(iter(scales.values()))
        self.locals = Locals(view, named)
        self.quantities = list(dict.fromkeys(region.quantity for region in self.regions))
        self.limits = limits(self.regions)
        longest = max(map(view.derivation.sizes.steps, view.whole.axes), default=1)
        per_lane = view.derivation.sizes.batch * longest * view.derivation.widest
        weights = sum(int(np.prod(value.shape)) for value in bound.parameters.values())
        products = 3 * view.derivation.sizes.batch * longest * weights  # forward values are known; δ and sums are not
        self.chunk = int(max(1, min(1024, max(8, NUMBERS // max(per_lane, 1)), PRODUCTS // max(products, 1))))
        self.closest: float | None = None
        self.promise: dict[Candidate, int] = {}

    # --- candidates ---------------------------------------------------------------------------------------------------

    def tried(self, candidates: Sequence[Candidate], *, local: bool) -> list[Explanation]:
        """The explanations among some candidates; `local` allows for mistakes in single gradients besides."""
        result, fold = self._run(candidates)
        broken = fold(result.broken[:, None].astype(float))[:, 0] > 0
        values = {name: fold(_flat(result.gradient(name))) for name in self.quantities}
        overalls = list(self._overall(values, several=local or len(candidates) == 1))
        errors, touched = self._errors(overalls, values)
        errors[:, :, broken] = np.inf
        agrees = errors <= self.tolerances
        plain = [number for number, overall in enumerate(overalls) if not overall.kind]
        self._remember(errors[plain].min(0), np.asarray(agrees[plain].any(0)))
        options = self._options(result, fold, overalls, agrees, ~broken) if local else [{} for _ in overalls]
        found = []
        for number, overall in enumerate(overalls):
            covered = agrees[number].copy()
            for region, choices in options[number].items():
                for _, fits in choices:
                    covered[region] |= fits
            for lane in map(int, np.flatnonzero(covered.all(0))):
                mine = agrees[number][:, lane]
                if mine.any() or _tells(options[number], lane):
                    chosen = cover(self.regions, mine, options[number], lane)
                    reached = touched[number][:, lane] & mine | ~mine  # a mistake of its own comes on top
                    one = self._single(overall, lane, reached) if overall.kind else overall
                    error = float(errors[number][mine, lane].max(initial=0.0))
                    found.append(Explanation(tuple(candidates[lane]), one, chosen, error))
        return found

    def screened(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that agree in all of some small regions; it is remembered how many of them each agrees with."""
        wanted = {region.quantity for region in self.screen}
        unread = frozenset(out for out, name in self.view.local.items() if name not in wanted)
        result, fold = self._run(candidates, unread)
        every, count = np.ones(len(candidates), bool), np.zeros(len(candidates), int)
        for region in self.screen:
            found = fold(_flat(result.gradient(region.quantity)))
            agrees = np.zeros(len(candidates), bool)
            for factor in self.scales.values():
                agrees |= region.error(found * factor) <= region.tolerance
            every &= agrees
            if region.values.size > 3:
                agrees |= region.error(found * region.factor(found)[:, None]) <= region.tolerance
            count += agrees
        for number in map(int, np.flatnonzero(count)):
            self.promise[candidates[number]] = int(count[number])
        return [candidate for candidate, all_ in zip(candidates, every, strict=True) if all_]

    @cached_property
    def screen(self) -> list[Region]:
        """A few small regions of different claims in which the derivation without a mistake is off."""
        result, fold = self._run([()])
        wrong = []
        for region in self.regions:
            found = fold(_flat(result.gradient(region.quantity)))
            if all(float(region.error(found * factor)[0]) > region.tolerance for factor in self.scales.values()):
                wrong.append(region)
        chosen = self._last_steps(result, fold)
        most = len(chosen) + SCREEN
        for region in sorted(wrong or self.regions, key=lambda r: (r.values.size < 4, r.values.size)):
            if sum(other.claim == region.claim for other in chosen) < 2 and len(chosen) < most:
                chosen.append(region)
        return chosen

    def _last_steps(self, result: Result, fold: Fold) -> list[Region]:
        """Of gradients of sequences the steps that a backward loop visits first, where they are wrong.

        What mistakes do there is what they do in one step or two, apart from what they do to the recurrence.
        """
        found = []
        for region in self.regions:
            var = self.view.primal.variables[region.quantity.partition("[")[0]]
            if var.axis is None or "[" in region.quantity or region.places.ndim > 1:
                continue
            shape = self.view.derivation.bound.space.shapes[region.quantity]
            at = np.unravel_index(region.places, shape)[0]
            right = fold(_flat(result.gradient(region.quantity)))
            for step in sorted({shape[0] - 1, shape[0] - 2, 0} & set(range(shape[0])), reverse=True):
                mine = at == step
                part = replace(region, places=region.places[mine], values=region.values[mine], turned=None)
                if mine.any() and all(float(part.error(right * f)[0]) > part.tolerance for f in self.scales.values()):
                    found.append(part)
        return found[:LAST]

    def _run(self, candidates: Sequence[Candidate], unread: frozenset[Ref] = frozenset()) -> tuple[Result, Fold]:
        lanes: list[Lane] = []
        starts: list[int] = []
        zeros: dict[tuple[str, int], list[int]] = {}
        for candidate in candidates:
            starts.append(len(lanes))
            edits = tuple(edit for mutant in candidate for edit in mutant.edits)
            for windows in product(*(mutant.windows for mutant in candidate)):
                for window in windows:
                    for place in window:
                        zeros.setdefault(place, []).append(len(lanes))
                lanes.append(edits)
        weights = {}
        for place, where in zeros.items():
            weights[place] = np.ones(len(lanes))
            weights[place][where] = 0.0
        result = self.view.derivation.run(lanes, weights, unread)
        several = len(lanes) > len(candidates)

        def fold(values: Array) -> Array:
            wide = np.broadcast_to(values, (len(lanes), *values.shape[1:]))
            return np.add.reduceat(wide, starts, axis=0) if several else wide

        return result, fold

    def _remember(self, errors: Array, agrees: Array) -> None:
        wrong = errors.max(0, initial=0.0)[~agrees.all(0)]
        if wrong.size:
            closest = float(wrong.min())
            self.closest = closest if self.closest is None else min(self.closest, closest)

    # --- what happens to many gradients alike ---------------------------------------------------------------------

    def _overall(self, values: Mapping[str, Array], *, several: bool) -> Iterator[Overall]:
        for label, factor in self.scales.items():
            yield Overall("", label, factor)
        if not several:
            return
        for limit, factor in product(self.limits, self.scales.values()):
            yield Overall("clip", f"every entry is limited to ±{limit:.6g}", factor, limit)
        for region in sorted(self.regions, key=lambda region: -region.values.size)[:3]:
            if region.values.size > 3 and np.abs(region.values).max() > 0:
                best = region.factor(values[region.quantity])
                with np.errstate(invalid="ignore"):
                    new = np.min([np.abs(best - s) / abs(s) for s in self.scales.values()], 0) > region.tolerance
                yield Overall("scale", "", np.where(np.isfinite(best) & new, best, np.nan))

    def _errors(self, overalls: Sequence[Overall], values: Mapping[str, Array]) -> tuple[Array, Array]:
        """(overalls, regions, lanes): the errors, and where something was done; it need not have been done to all."""
        errors = np.array([[r.error(overall(values[r.quantity])) for r in self.regions] for overall in overalls])
        plain = errors[[number for number, overall in enumerate(overalls) if not overall.kind]].min(0)
        touched = np.array(
            [(error < plain) if o.kind else error >= 0 for o, error in zip(overalls, errors, strict=True)]
        )
        for number, overall in enumerate(overalls):
            if overall.kind:
                errors[number] = np.minimum(errors[number], plain)
        return errors, touched

    def _single(self, overall: Overall, lane: int, touched: Array) -> Overall:
        """What was done in one lane, and to which claims."""
        mine = [region for region, one in zip(self.regions, touched, strict=True) if one]
        claims = tuple(dict.fromkeys(region.claim for region in mine))
        if claims == tuple(dict.fromkeys(region.claim for region in self.regions)):
            claims = ()
        if overall.kind != "scale":
            return replace(overall, claims=claims)
        factor = float(overall.factor[lane]) / self.reference
        norm = math.sqrt(sum(float((region.values**2).sum()) for region in mine))
        if 0 < factor < 1 and norm > 0 and abs(float(f"{norm:.2g}") / norm - 1) < 1e-5:
            return Overall("clip", f"the norm is limited to {norm:.2g}", factor, claims=claims)
        right = [s / self.reference for s in self.scales.values()]
        kind = "sign" if any(abs(factor + s) < 1e-6 * abs(s) for s in right) else "scale"
        close = [label for label, s in self.named.items() if abs(factor - s) < 1e-4 * abs(s)]
        return Overall(kind, f"multiplied by {close[0] if close else f'{factor:.6g}'}", factor, claims=claims)

    # --- mistakes in single gradients -----------------------------------------------------------------------------

    def _options(
        self, result: Result, fold: Fold, overalls: Sequence[Overall], agrees: Array, sound: Array
    ) -> list[dict[int, list[tuple[Local, Array]]]]:
        """For each overall, by region: mistakes in that gradient alone, and the lanes in which they fit."""
        found: list[dict[int, list[tuple[Local, Array]]]] = [{} for _ in overalls]
        open_: dict[str, list[int]] = {}
        for number, region in enumerate(self.regions):
            if not agrees[:, number].all():
                open_.setdefault(region.quantity, []).append(number)
        for name, mine in open_.items():
            self._turned(found, fold(_flat(result.gradient(name))), overalls, mine, sound)
            after = (otherwise_summed(result, name, self.locals), otherwise_visited(result, name, self.locals))
            mistakes = chain(self.locals.values(name, result), untouched(chain(*after), self.locals, name, result))
            for local, values in mistakes:
                if self.is_late():
                    return found
                folded = fold(values)
                for which, overall in enumerate(overalls):
                    changed = overall(folded)
                    for number in mine:
                        region = self.regions[number]
                        fits = (region.error(changed) <= region.tolerance) & sound
                        if fits.any():
                            found[which].setdefault(number, []).append((local, fits))
        for claim in self.arrays:
            if any(not agrees[:, number].all() for number in claim.numbers):
                for local, values in claim.values(result, fold):
                    for which, overall in enumerate(overalls):
                        fits = (claim.error(overall(values)) <= claim.tolerance) & sound
                        for number in claim.numbers if fits.any() else ():
                            found[which].setdefault(number, []).append((local, fits))
        return found

    def _turned(
        self,
        found: list[dict[int, list[tuple[Local, Array]]]],
        values: Array,
        overalls: Sequence[Overall],
        numbers: Sequence[int],
        sound: Array,
    ) -> None:
        """Gradients that are transposed where they stand."""
        for which, overall in enumerate(overalls):
            for number in numbers:
                region = self.regions[number]
                if region.turned is not None:
                    fits = (region.error(overall(values), turned=True) <= region.tolerance) & sound
                    if fits.any():
                        owner = region.quantity
                        local = Local("transpose", owner, "the gradient is transposed", "the gradient is transposed", 0)
                        found[which].setdefault(number, []).append((local, fits))


def _flat(value: Array) -> Array:
    return value.reshape(value.shape[0], -1)


def _tells(options: Options, lane: int) -> bool:
    """Whether some region is explained by more than zeros, where none agrees as it is."""
    return any(fits[lane] and local.kind != "zero-gradient" for choices in options.values() for local, fits in choices)
