"""Two contenders in turn: what counts is the ratio of every pair, its median and its quartiles.

A machine's speed drifts by more than two contenders differ; two samples one after the other see the same machine.  Who
goes first changes from pair to pair.  A short call is repeated until it takes a few milliseconds.

Read next: `numeric.bench.rows`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles

SAMPLE = 0.004  # seconds that a sample takes at least, about
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Call = Callable[[], object]


@dataclass(frozen=True)
class Pairs:
    """Seconds of one call of each, sample by sample; the ratios are own / other, below 1 the own is faster."""

    own: tuple[float, ...]
    other: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """One for each pair."""
        return [one / other for one, other in zip(self.own, self.other, strict=True)]

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """First quartile, median and third quartile of the ratios."""
        ratios = self.ratios
        if len(ratios) < 2:
            return ratios[0], ratios[0], ratios[0]
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        return low, median(ratios), high


def seconds(call: Call, times: int, clock: str) -> float:
    """Of one call, the mean over so many."""
    now = CLOCKS[clock]
    start = now()
    for _ in range(times):
        call()
    return max(now() - start, 1e-9) / times


def repeats(once: float) -> int:
    """How often a call is repeated in a sample."""
    return max(1, min(1000, round(SAMPLE / max(once, 1e-9))))


def paired(own: Call, other: Call, pairs: int, clock: str, once: tuple[float, float]) -> Pairs:
    """Time both in turn.

    Args:
        own, other: the calls, warm.
        pairs: how many.
        clock: "wall", or "cpu" for processor time of all threads.
        once: about the seconds of one call of each.
    """
    times = repeats(once[0]), repeats(once[1])
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(pairs):
        for turn in (0, 1) if number % 2 == 0 else (1, 0):
            if turn == 0:
                mine.append(seconds(own, times[0], clock))
            else:
                theirs.append(seconds(other, times[1], clock))
    return Pairs(tuple(mine), tuple(theirs))
