"""Weight decay: gradients to which a multiple of the weights has been added, the derivative of λ/2 · Σ W².

It is no mistake but a part of what is minimised, printed with the loss or not.  One λ for all arrays that have it, in
every number of an array, is evidence that no mistake gives; it is taken out, and what remains is judged.

Read next: `numeric.check.diagnosis.judge`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.check.bound import Bound, Claim, Floats
from numeric.check.conventions.assemble import derived
from numeric.check.conventions.claims import same
from numeric.check.dump import Dump

FEW = 3  # numbers of an array that are a multiple of anything
ABOVE = 30.0  # tolerances by which decay has to change a gradient
ROUGH = 1e-4  # of the largest number of a gradient: what is coarser shows no λ


def without_decay(bound: Bound, dump: Dump) -> list[Bound]:
    """The bound without the multiple of the weights that some gradients have in them; nothing if none has.

    Two bounds if other gradients of weights are wrong besides: with decay in them or not.
    """
    weights = dict(_weights(bound, dump))
    if not weights:
        return []
    truth = derived(bound)
    best: tuple[int, float, list[str], list[str]] = (0, 0.0, [], [])
    for scale in bound.scales.values():
        factor, decayed, exact = _factor(bound, scale * truth, weights)
        best = max(best, (len(decayed) + len(exact) if decayed else 0, factor, decayed, exact))
    _, factor, decayed, exact = best
    if not decayed:
        return []
    axes = {weights[name].squeeze().ndim for name in decayed}
    rest = [n for n, w in weights.items() if n not in exact and n not in decayed and w.squeeze().ndim in axes]
    return [_without(bound, factor, names, weights) for names in ([decayed, [*decayed, *rest]] if rest else [decayed])]


def _weights(bound: Bound, dump: Dump) -> Iterator[tuple[str, NDArray[Any]]]:
    """By claim of a parameter, the author's array."""
    for claim in bound.claims:
        own = same(claim.name, dump.params)
        if own is not None and dump.params[own].shape == claim.values.shape and not claim.more:
            yield claim.name, dump.params[own].astype(float)


def _factor(bound: Bound, truth: Floats, weights: Mapping[str, NDArray[Any]]) -> tuple[float, list[str], list[str]]:
    """The common λ, claims that have it, and claims that are right without it."""
    found: dict[str, float] = {}
    exact = []
    for claim in bound.claims:
        rest = claim.values - truth[claim.index]
        close = _tolerance(claim)
        if np.abs(rest).max() <= close:
            exact.append(claim.name)
        elif claim.name in weights and np.any(weights[claim.name]):
            weight = weights[claim.name]
            factor = float((rest * weight).sum() / (weight**2).sum())
            off = np.abs(rest - factor * weight).max()
            if claim.values.size > FEW and off <= close < np.abs(factor * weight).max() / ABOVE:
                found[claim.name] = factor
    if not found or min(found.values()) <= 0:
        return 0.0, [], exact
    first = max(found, key=lambda name: weights[name].size)
    slack = max(_tolerance(c) / np.abs(weights[c.name]).max() for c in bound.claims if c.name in found)
    alike = [name for name, factor in found.items() if abs(factor - found[first]) <= 10 * slack]
    return found[first], alike, exact


def _tolerance(claim: Claim) -> float:
    return min(max(1e-9, 1000 * claim.precision), ROUGH) * float(np.abs(claim.values).max())


def _without(bound: Bound, factor: float, names: list[str], weights: Mapping[str, NDArray[Any]]) -> Bound:
    claims = tuple(
        replace(c, values=c.values - factor * weights[c.name]) if c.name in names else c for c in bound.claims
    )
    note = (
        f"{', '.join(names)}: {factor:.6g} times the weights is added to the gradient, the derivative of a penalty "
        f"{factor:.6g}/2 · Σ W² (weight decay)"
    )
    return replace(bound, claims=claims, notes=(*bound.notes, note))
