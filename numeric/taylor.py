"""The Taylor oracle: the remainder |L(x + εv) − L(x) − ε⟨g, v⟩| falls as ε² if, and only if, g is the gradient.

No derivative rule of any kind is involved.  Two things need care.  A direction that crosses a kink is shortened
until it does not.  What stands in ``stop(…)`` is held at its value at x: L is then the function whose gradient is
meant.

Read next: `numeric.agreement`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy

from derive.evidence import Evidence
from derive.system import System
from numeric.arithmetic import NUMPY, Arithmetic
from numeric.comparison import Comparison, Tally
from numeric.draws import Case
from numeric.gradients import Point, gradient, loss, point
from numeric.oracles import NotDone, Subject
from numeric.rounding import BOUNDED, EPS

TAYLOR_STEPS = tuple(2.0**-k for k in range(10, 16))
SLOPE_SLACK = 0.1  # dolfin-adjoint's `taylor_test` asks for a rate of 1.9, too: the cubic term bends the line


def with_taylor(subject: Subject, cases: Iterable[Case], seed: int = 0) -> Evidence:
    """The rate at which the remainder falls, along a random direction of all leaves; one that rounding explains is 0.

    Raises:
        NotDone: if every case lies at a kink, where there is no gradient.
    """
    tally, rng = Tally(), numpy.random.default_rng(seed)
    for case in cases:
        at = point(subject.primal, case)
        direction = _within_kinks(subject.primal, case, at, rng)
        if direction is None:
            continue
        tally.cases += 1
        rate = _rate(subject, case, at, direction)
        where = f"slope of the remainder, {case.label}"
        tally.found.append(Comparison(0.0 if rate >= 2.0 else 2.0 - rate, 1.0, SLOPE_SLACK, where))  # NaN stays NaN
    if not tally.cases:
        raise NotDone("every case lies at a kink, where there is no Taylor expansion")
    return tally.evidence("the loss has this gradient", "Taylor remainder, slope 2")


def moved(at: Point, direction: Point, step: float) -> Point:
    """x + εv."""
    return {leaf: array + step * direction[leaf] for leaf, array in at.items()}


def _rate(subject: Subject, case: Case, at: Point, direction: Point) -> float:
    """The rate at which the remainder falls when ε is halved, at the smallest ε that rounding leaves meaningful."""
    base = loss(subject.primal, case, at, BOUNDED)
    found = gradient(subject.primal, subject.adjoint, case, BOUNDED)
    first = [(found[leaf] * direction[leaf]).sum() for leaf in at if leaf in found]
    slope, slope_error = sum(part.value for part in first), sum(part.error for part in first)
    watch = Watch()
    loss(subject.primal, case, at, watch.recording())
    remainders = [
        abs(loss(subject.primal, case, moved(at, direction, step), watch.replaying()) - base.value - step * slope)
        for step in TAYLOR_STEPS
    ]
    rounding = 2 * base.error + TAYLOR_STEPS[0] * slope_error + EPS * abs(base.value)
    usable = [pair for pair in pairwise(remainders) if not pair[1] <= 2 * rounding]
    return float(numpy.log2(usable[-1][0] / usable[-1][1])) if usable else 2.0


def _within_kinks(primal: System, case: Case, at: Point, rng: numpy.random.Generator) -> Point | None:
    """A direction of length 1 along which no kink is crossed; shortened where needed, None exactly at a kink."""
    direction = {leaf: rng.standard_normal(array.shape) for leaf, array in at.items()}
    norm = float(numpy.sqrt(sum((array**2).sum() for array in direction.values())))
    for shorter in (1.0, 0.1, 0.01):
        scaled = {leaf: array * shorter / norm for leaf, array in direction.items()}
        sides = [_sides(primal, case, moved(at, scaled, step)) for step in (0.0, *TAYLOR_STEPS)]
        if all(side == sides[0] for side in sides) and b"\0" not in sides[0]:
            return scaled
    return None


def _sides(primal: System, case: Case, at: Point) -> bytes:
    watch = Watch()
    loss(primal, case, at, watch.recording())
    return b"".join(watch.sides)


class Watch:
    """Remembers, in the order of evaluation, what the evaluator stops, and which side of a kink it is on."""

    def __init__(self) -> None:
        self.stopped: list[numpy.ndarray] = []
        self.sides: list[bytes] = []  # of every entry: 1 below, 2 above, 0 at the kink

    def recording(self) -> Arithmetic:
        """NumPy that remembers."""
        functions = {**NUMPY.functions, **{name: self._watched(name) for name in ("abs", "sign", "step")}}
        return replace(NUMPY, functions=MappingProxyType(functions), stop=self._remember)

    def replaying(self) -> Arithmetic:
        """NumPy in which what was stopped has the value that was remembered."""
        values = iter(self.stopped)
        return replace(NUMPY, stop=lambda x: next(values))

    def _remember(self, x: numpy.ndarray) -> numpy.ndarray:
        self.stopped.append(x)
        return x

    def _watched(self, name: str) -> Callable[[Any], Any]:
        def function(x: Any) -> Any:
            self.sides.append(numpy.where(x > 0, 2, numpy.where(x < 0, 1, 0)).astype(numpy.uint8).tobytes())
            return NUMPY.functions[name](x)

        return function
