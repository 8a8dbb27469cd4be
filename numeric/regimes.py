"""Weights at which a gradient vanishes, stays and explodes, found by trying: the numbers behind the plots of a report.

The recurrent weights of one recurrence are drawn once and scaled to one spectral norm after another.  How much a
gradient grows with a step is measured over the whole sequence, as ‖∂s_T/∂s_0‖^(1/T), and what a regime is called
follows from that number alone.  Between norms at which it shrinks and at which it grows there is one at which it does
neither: it is found by bisection if it was not among those tried.  What no norm brings about is not shown.

Read next: `numeric.claims`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from derive.setting import default_sizes
from derive.stability import Recurrence, stability
from derive.system import System
from numeric.examples import Example, example, with_norm
from numeric.stability import Spectra, spectra_of

STEPS, SIZE, SPREAD, SEED = 24, 8, 0.3, 0
SCALES = tuple(float(f"{0.5 * 2 ** (n / 2):.3g}") for n in range(11))  # from 0.5 to 16
SHRINKS, GROWS = 0.97, 1.03  # a step; between them a gradient counts as stable
BISECTIONS, CLOSE = 8, 0.01
WISHES = {"vanishing": 0.6, "exploding": 1.3}  # growth a step that shows well


@dataclass(frozen=True)
class Regime:
    """A recurrence at some weights.

    Attributes:
        norm: the spectral norm of its recurrent weights; None if there are none to scale.
        spectra: its Jacobians and their products.
    """

    norm: float | None
    spectra: Spectra

    @property
    def growth(self) -> float:
        """By how much ‖∂s_T/∂s_{T−k}‖ grows with every step of k, on average over all."""
        return float(self.spectra.norms[-1, 0]) ** (1 / len(self.spectra.jacobians))

    @property
    def wobble(self) -> float:
        """How far, at most, ln ‖∂s_T/∂s_{T−k}‖ is from k · ln(growth): a steady curve shows best."""
        logs = np.log(np.maximum(self.spectra.norms[:, 0], 1e-300))
        return float(np.abs(logs - np.linspace(0, logs[-1], len(logs))).max())

    @property
    def name(self) -> str:
        """What such growth is called."""
        return "vanishing" if self.growth < SHRINKS else "exploding" if self.growth > GROWS else "stable"


@dataclass(frozen=True)
class Regimes:
    """One recurrence at several weights, vanishing first.

    Attributes:
        recurrence: which.
        shown: at most one of each name.
        sizes: of the dimensions.
        tried: norms that were tried; empty if there are no recurrent weights to scale.
        seed: of weights and inputs.
    """

    recurrence: Recurrence
    shown: tuple[Regime, ...]
    sizes: Mapping[str, int]
    tried: tuple[float, ...]
    seed: int

    @property
    def missing(self) -> tuple[str, ...]:
        """What no norm that was tried brought about."""
        found = {regime.name for regime in self.shown}
        return tuple(name for name in ("vanishing", "stable", "exploding") if name not in found)


def regimes(
    system: System, sizes: Mapping[str, int] | None = None, *, steps: int = STEPS, seed: int = SEED
) -> tuple[list[Regimes], tuple[tuple[tuple[str, ...], str], ...]]:
    """Every recurrence of a system at weights that make its gradient vanish, stay and explode.

    Args:
        system: any.
        sizes: of dimensions; others are 8.
        steps: T of every axis.
        seed: of weights and inputs.

    Returns:
        The recurrences, and those whose state is no column, with the reason.

    Raises:
        ValueError: one line, if there is no recurrence, or none whose state is a column.
    """
    analysis = stability(system)
    known = {**dict.fromkeys(default_sizes(system), SIZE), **(sizes or {})}
    case = example(system, steps, known, seed=seed, spread=SPREAD)
    found = [_regimes(system, recurrence, case, known, seed) for recurrence in analysis.recurrences]
    return found, analysis.refused


def at_norm(
    system: System, recurrence: Recurrence, case: Example, sizes: Mapping[str, int], norm: float | None
) -> Regime:
    """A recurrence of a system at one norm of its recurrent weights; None leaves them as they are drawn."""
    lengths = {axis.upper(): steps for axis, steps in case.steps.items()}
    weights = case.parameters
    if norm is not None:
        weights = with_norm(system, weights, norm, {**sizes, **lengths}, [recurrence])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return Regime(norm, spectra_of(recurrence, weights, case.inputs, None, case.steps))


def _regimes(system: System, recurrence: Recurrence, case: Example, sizes: Mapping[str, int], seed: int) -> Regimes:
    def at(norm: float | None) -> Regime:
        return at_norm(system, recurrence, case, sizes, norm)

    drawn, first = at(None), at(SCALES[0])
    if np.array_equal(drawn.spectra.products, first.spectra.products):  # nothing to scale
        return Regimes(recurrence, (drawn,), sizes, (), seed)
    tried = [regime for regime in (first, *map(at, SCALES[1:])) if 0 < regime.growth < math.inf]
    chosen = {}
    for name, wish in WISHES.items():
        named = [regime for regime in tried if regime.name == name]
        if named:
            chosen[name] = min(named, key=lambda regime: 8 * abs(math.log(regime.growth / wish)) + regime.wobble)
    stable = _stable(tried, at)
    if stable is not None:
        chosen["stable"] = stable
    order = [chosen[name] for name in ("vanishing", "stable", "exploding") if name in chosen]
    return Regimes(recurrence, tuple(order), sizes, SCALES, seed)


def _stable(tried: list[Regime], at: Callable[[float | None], Regime]) -> Regime | None:
    """The steadiest at which the gradient neither shrinks nor grows: tried, or between two of which one does either."""
    near = [regime for regime in tried if regime.name == "stable"]
    for low, high in () if near else pairwise(tried):
        if (low.growth - 1) * (high.growth - 1) > 0:
            continue
        for _ in range(BISECTIONS):
            assert low.norm is not None
            assert high.norm is not None
            middle = at(math.sqrt(low.norm * high.norm))
            if abs(middle.growth - 1) < CLOSE:
                near.append(middle)
                break
            same = (middle.growth - 1) * (low.growth - 1) > 0
            low, high = (middle, high) if same else (low, middle)
        break
    return min(near, key=lambda regime: regime.wobble) if near else None
