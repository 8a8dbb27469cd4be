"""Calls of one step, fused: those on as many rows become one loop over numbers.

A call on the rows of four gates is first cut where others read the rows of one, so that all of an LSTM's step behind
its product is one loop.

Read next: `numeric.native.functions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy

from numeric.instructions import Call, Spot

ONE = sympy.Integer(1)


@dataclass(frozen=True)
class Group:
    """Calls that one loop makes, number by number; a product is alone.

    Attributes:
        rows: of what each of them writes.
        calls: in order.
    """

    rows: sympy.Expr
    calls: tuple[Call, ...]

    @property
    def is_product(self) -> bool:
        """Whether it is one product."""
        return self.calls[0].function == "dot"


def rows_of(spot: Spot) -> sympy.Expr:
    """The number of rows of a spot."""
    return ONE if spot.low is None or spot.high is None else sympy.expand(spot.high - spot.low)


def groups(calls: Sequence[Call]) -> list[Group]:
    """The calls of a step as groups, in computable order."""
    found: list[Group] = []
    for call in _cut(calls):
        place = None if call.function == "dot" else _place(found, call)
        if place is None:
            found.append(Group(rows_of(call.out), (call,)))
        else:
            found[place] = replace(found[place], calls=(*found[place].calls, call))
    return found


def _place(found: Sequence[Group], call: Call) -> int | None:
    """The last group that the call may join."""
    for place in reversed(range(len(found))):
        group = found[place]
        if not group.is_product and group.rows == rows_of(call.out) and _in_step(group, call):
            return place
        if any(_meet(one, call) for one in group.calls):
            return None
    return None


def _meet(one: Call, other: Call) -> bool:
    """Whether two calls cannot change places."""
    written = any(one.out.meets(spot) for spot in (*other.inputs, other.out))
    return written or any(other.out.meets(spot) for spot in one.inputs)


def _in_step(group: Group, call: Call) -> bool:
    """Whether number j of the call touches nothing that the group does at another number than j."""
    for one in group.calls:
        pairs = [(one.out, spot) for spot in (*call.inputs, call.out)] + [(spot, call.out) for spot in one.inputs]
        if any(a.meets(b) and a != b for a, b in pairs):
            return False
    return True


# --- cuts -------------------------------------------------------------------------------------------------------


def _cut(calls: Sequence[Call]) -> list[Call]:
    """The calls with those on many rows cut where another call begins or ends."""
    found = list(calls)
    while True:
        bounds = _bounds(found)
        finer = [piece for call in found for piece in _pieces(call, bounds)]
        if len(finer) == len(found):
            return found
        found = finer


def _bounds(calls: Iterable[Call]) -> dict[tuple[str, bool], set[sympy.Expr]]:
    found: dict[tuple[str, bool], set[sympy.Expr]] = {}
    for call in calls:
        for spot in (*call.inputs, call.out):
            if spot.low is not None and spot.high is not None:
                found.setdefault((spot.base, spot.moves), set()).update((spot.low, spot.high))
    return found


def _pieces(call: Call, bounds: dict[tuple[str, bool], set[sympy.Expr]]) -> Iterator[Call]:
    rows = rows_of(call.out)
    whole = [spot for spot in (*call.inputs, call.out) if spot.low is not None and rows_of(spot) == rows]
    if call.function == "dot" or rows == ONE:
        yield call
        return
    places = {sympy.expand(bound - spot.low) for spot in whole for bound in bounds[spot.base, spot.moves]}
    cuts = _ordered(place for place in places if _less(sympy.Integer(0), place) and _less(place, rows))
    for low, high in zip([sympy.Integer(0), *cuts], [*cuts, rows], strict=True):
        inputs = tuple(spot.rows(low, high) if spot in whole else spot for spot in call.inputs)
        yield replace(call, inputs=inputs, out=call.out.rows(low, high)) if cuts else call


def _less(one: sympy.Expr, other: sympy.Expr) -> bool:
    """Whether one size is smaller than another, whatever the dimensions."""
    gap = sympy.expand(other - one)
    return bool(gap != 0 and gap.is_nonnegative)


def _ordered(cuts: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """Cuts in their order; those that compare with no other one are left out."""
    found: list[sympy.Expr] = []
    for cut in sorted(cuts, key=str):
        if all(_less(cut, other) or _less(other, cut) for other in found):
            found.insert(sum(_less(other, cut) for other in found), cut)
    return found
