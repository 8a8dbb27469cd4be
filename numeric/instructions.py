"""One step of a scan as calls that write where their result belongs: ``multiply(f_t, c_prev_t, c_t)``.

Calls on adjacent rows of the same arrays are merged: the four tanh of an LSTM's gates, which lie side by side, are one.

Read next: `numeric.spots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy


@dataclass(frozen=True)
class Spot:
    """Where a value is during one step.

    Attributes:
        base: an array; of a sequence, that of its steps.
        low, high: which rows of it; all if None.
        moves: whether it is that array at the current step.
    """

    base: str
    low: sympy.Expr | None = None
    high: sympy.Expr | None = None
    moves: bool = False

    def rows(self, low: sympy.Expr, high: sympy.Expr) -> Spot:
        """Some of its rows."""
        start = self.low if self.low is not None else sympy.Integer(0)
        return replace(self, low=sympy.expand(start + low), high=sympy.expand(start + high))

    def meets(self, other: Spot) -> bool:
        """Whether both may hold the same entry."""
        if (self.base, self.moves) != (other.base, other.moves):
            return False
        if self.low is None or other.low is None or self.high is None or other.high is None:
            return True
        return not (_at_most(self.high, other.low) or _at_most(other.high, self.low))


def _at_most(one: sympy.Expr, other: sympy.Expr) -> bool:
    """Whether one size is never larger than another; dimensions are at least 0."""
    return bool(sympy.expand(other - one).is_nonnegative)


@dataclass(frozen=True)
class Call:
    """``function(inputs, out)``, or a statement in which ``{0}`` stands for the first input.

    Attributes:
        function: name of a NumPy function, "dot" of the first input, or a template.
        inputs: what it reads.
        out: what it writes.
        numbers: of the equations that it completes.
    """

    function: str
    inputs: tuple[Spot, ...]
    out: Spot
    numbers: tuple[int, ...] = ()

    @property
    def is_entrywise(self) -> bool:
        """Whether each row of the result depends on the same row of the inputs alone."""
        return self.function.isidentifier() and self.function not in ("dot", "concatenate")


def merged(calls: Sequence[Call]) -> list[Call]:
    """The calls with those on adjacent rows made one, as long as there are any."""
    found = list(calls)
    while True:
        pair = next(((i, j) for j in range(len(found)) for i in range(j) if _fit(found, i, j)), None)
        if pair is None:
            return found
        i, j = pair
        found[i] = _one(found[i], found[j])
        del found[j]


def _fit(calls: list[Call], i: int, j: int) -> bool:
    """Whether call j may join call i: adjacent rows, and nothing between them minds."""
    one, other = calls[i], calls[j]
    if one.function != other.function or not one.is_entrywise or len(one.inputs) != len(other.inputs):
        return False
    if not _adjoins(one.out, other.out):
        return False
    for a, b in zip(one.inputs, other.inputs, strict=True):
        if not (_adjoins(a, b) or (a == b and a.low is None)):  # of one row: the same for all rows
            return False
    between = calls[i:j]
    reads_late = any(call.out.meets(spot) for call in between for spot in other.inputs if call is not one)
    reads_own = any(one.out.meets(spot) for spot in other.inputs)
    written = any(call.out.meets(other.out) or any(s.meets(other.out) for s in call.inputs) for call in between)
    return not (reads_late or reads_own or written)


def _adjoins(one: Spot, other: Spot) -> bool:
    same = (one.base, one.moves) == (other.base, other.moves)
    return same and one.high is not None and other.low is not None and one.high == other.low


def _one(one: Call, other: Call) -> Call:
    inputs = tuple(a if a == b else replace(a, high=b.high) for a, b in zip(one.inputs, other.inputs, strict=True))
    return replace(one, inputs=inputs, out=replace(one.out, high=other.out.high), numbers=one.numbers + other.numbers)
