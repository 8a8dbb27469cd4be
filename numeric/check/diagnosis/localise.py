"""Where the first difference is, whether or not it is explained.

Read next: `numeric.check.diagnosis.findings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.check.diagnosis.regions import Region
from numeric.check.variants.lanes import Result
from numeric.check.variants.view import View

Array = NDArray[Any]


def errors(regions: Sequence[Region], base: Result, scale: float) -> tuple[Mapping[str, float], list[str]]:
    """By claim the largest relative difference to the derivation, and the claims that agree."""
    found: dict[str, float] = {}
    wrong = set()
    for region in regions:
        values = base.gradient(region.quantity)
        error = float(region.error(values.reshape(values.shape[0], -1)[:1] * scale)[0])
        found[region.claim] = max(found.get(region.claim, 0.0), error)
        if error > region.tolerance:
            wrong.add(region.claim)
    return found, [name for name in found if name not in wrong]


def multiples(regions: Sequence[Region], base: Result) -> bool:
    """Whether some gradient is that of the derivation, or a multiple of it."""
    for region in regions:
        values = base.gradient(region.quantity)
        found = values.reshape(values.shape[0], -1)[:1]
        if region.values.size > 3 and np.any(region.values):
            factor = region.factor(found)[:, None]
            if np.isfinite(factor).all() and float(region.error(found * factor)[0]) <= region.tolerance:
                return True
    return False


def stages(regions: Sequence[Region], base: Result, view: View, scale: float) -> tuple[str, ...]:
    """Lines that say how many gradients agree, at which steps, and in which blocks of stacked ones."""
    found, correct = errors(regions, base, scale)
    worst = sorted((name for name in found if name not in correct), key=lambda name: -found[name])
    shown = ", ".join(f"{name} {found[name]:.2g}" for name in worst[:4])
    lines = [f"{len(correct)} of {len(found)} gradients agree" + (f" ({shown})" if worst else "")]
    by_claim: dict[str, list[Region]] = {}
    for region in regions:
        by_claim.setdefault(region.claim, []).append(region)
    for name in worst:
        mine = by_claim[name]
        if len(mine) > 1:
            wrong = [r.quantity for r in mine if _error(r, base, scale) > r.tolerance]
            if len(wrong) < len(mine):
                lines.append(f"{name}: of its blocks, {', '.join(wrong)} differ")
        for region in mine:
            steps = _steps(region, base, view, scale)
            if steps is not None:
                lines.append(f"{name}: {steps}")
    return tuple(lines)


def _error(region: Region, base: Result, scale: float) -> float:
    values = base.gradient(region.quantity)
    return float(region.error(values.reshape(values.shape[0], -1)[:1] * scale)[0])


def _steps(region: Region, base: Result, view: View, scale: float) -> str | None:
    """Which steps of a sequence agree: the last one exact says that one step's backward pass is right."""
    var = view.primal.variables[region.quantity.partition("[")[0]]
    if var.axis is None or "[" in region.quantity or region.places.ndim == 2:
        return None
    shape = view.derivation.bound.space.shapes[region.quantity]
    steps = shape[0]
    values = base.gradient(region.quantity).reshape(-1)[region.places] * scale
    at = np.unravel_index(region.places, shape)[0]
    largest = max(float(np.abs(region.values).max()), float(np.abs(values).max()), region.floor)
    differs = np.abs(values - region.values) > region.tolerance * largest
    wrong = sorted({int(t) + 1 for t in at[differs]})
    if not wrong:
        return None
    if len(wrong) == steps:
        return "every time step differs"
    if wrong == list(range(1, wrong[-1] + 1)):
        exact = f"steps {wrong[-1] + 1} to {steps} are" if wrong[-1] + 1 < steps else "the last time step is"
        return f"{exact} exact; going backward, step {wrong[-1]} is the first that differs"
    return f"steps {', '.join(map(str, wrong))} differ"
