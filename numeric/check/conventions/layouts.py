"""Layouts: how an author's parameters are arranged out of a system's slots, as arrays of addresses.

Shapes say which gates and sources an array can hold.  Orders that shapes leave open are common to all arrays: one order
of gates, one of sources, rows or columns.  What is left is tried out by numbers.

Read next: `numeric.check.conventions.trial`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from typing import Any

from numpy.typing import NDArray

from numeric.check.bound import Integers
from numeric.check.conventions.arrangement import COLUMNS, ROWS, WAYS, Arrangement, Gates, Option, Roles, is_bias
from numeric.check.conventions.covers import Cover, covers
from numeric.check.conventions.slots import DIAGONAL

ORDERS = ("ifgo", "ifog", "iofg", "figo", "fgio", "fiog", "igfo", "gifo", "fogi", "gfio", "rzn", "zrn")


@dataclass(frozen=True)
class Layout:
    """One arrangement of all parameters.

    Attributes:
        index: addresses in the space of parameters by the author's names, in the author's shapes.
        held: by the author's names, gates and roles in order, and the orientation.
        score: how well the names agree.
    """

    index: Mapping[str, Integers]
    held: Mapping[str, tuple[Gates, Roles, str]]
    score: float


def layouts(
    arrangement: Arrangement,
    arrays: Mapping[str, NDArray[Any]],
    *,
    strict: bool = True,
    wishes: Mapping[str, str] | None = None,
    limit: int = 4000,
) -> list[Layout]:
    """All arrangements that shapes allow, those that the names suggest first.

    Args:
        strict: only those in which equal parts of names mean the same; else those in which they need not.
        wishes: by key, ``param/W``, the gates that an array holds, in order: "i,f,o,g".
    """
    options: dict[str, list[Option]] = {}
    for name, array in arrays.items():
        wish = (wishes or {}).get(f"param/{name}")
        options[name] = [o for o in arrangement.options(array.shape) if wish is None or o.gates == {*wish.split(",")}]
        if not options[name]:
            return []
    found: dict[tuple[object, ...], Layout] = {}
    every = (
        (held, score + bonus)
        for cover, score in covers(arrangement, options, strict)
        for held, bonus in _ordered(arrangement, cover, options, strict)
        if all(",".join(held[name][0]) == wish for name, wish in _wished(wishes, held))
    )
    for held, score in every:
        key = tuple(held.items())
        if key not in found:
            index = {name: arrangement.index(held[name], arrays[name].shape) for name in arrays}
            found[key] = Layout(index, held, score)
        if len(found) >= limit:
            break
    return sorted(found.values(), key=lambda layout: -layout.score)


def _wished(wishes: Mapping[str, str] | None, held: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    return ((n, wishes[f"param/{n}"]) for n in held if f"param/{n}" in wishes) if wishes else iter(())


def _ordered(
    arrangement: Arrangement, cover: Cover, options: Mapping[str, list[Option]], strict: bool
) -> Iterator[tuple[dict[str, tuple[Gates, Roles, str]], float]]:
    """All common orders of gates and sources, and orientations, of one cover."""
    stacked = sorted(
        {g for gates, _ in cover.values() if len(gates) > 1 for g in gates}, key=list(arrangement.table).index
    )
    joined = [r for r in arrangement.roles if any(len(roles) > 1 and r in roles for _, roles in cover.values())]
    ways = {name: next(o.ways for o in options[name] if (o.gates, o.roles) == held) for name, held in cover.items()}
    choices = [way for way in WAYS if any(way in own and len(own) > 1 for own in ways.values())]
    fixed = {next(iter(own)) for name, own in ways.items() if len(own) == 1 and not _flat(cover[name])}
    if strict and fixed:
        choices = [way for way in choices if way in fixed]
    flat = {name: _flat(held) for name, held in cover.items()}
    apart_too = {name for name, held in cover.items() if _stacks_peepholes(held)}
    seen_from = sorted({g for name in apart_too for g in cover[name][0]})
    for main in choices or [COLUMNS]:
        for gates, roles in product(_gate_orders(arrangement, stacked), permutations(joined)):
            common = tuple(sorted(seen_from, key=gates.index))
            for apart in (common,) if strict else permutations(common):  # peepholes in an order of their own
                held = {}
                for name, (own, sources) in cover.items():
                    way = main if main in ways[name] else min(ways[name], key=WAYS.index)
                    way = _simplest(way, ways[name]) if flat[name] else way
                    by = apart if name in apart_too else gates
                    order = tuple(sorted(own, key=by.index)) if len(own) > 1 else tuple(own)
                    line = tuple(sorted(sources, key=roles.index)) if len(sources) > 1 else tuple(sources)
                    held[name] = (order, line, way)
                bonus = (
                    0.5 * (main in fixed)
                    - 0.2 * (main not in (COLUMNS, ROWS))
                    + _popularity(gates)
                    - 0.1 * (bool(roles) and is_bias(roles[0]))
                    - 0.3 * (apart != common)
                )
                yield held, bonus


def _stacks_peepholes(held: tuple[frozenset[str], frozenset[str]]) -> bool:
    return len(held[0]) > 1 and all(role.endswith(DIAGONAL) for role in held[1])


def _flat(held: tuple[frozenset[str], frozenset[str]]) -> bool:
    return all(is_bias(role) or role.endswith(DIAGONAL) for role in held[1])


def _gate_orders(arrangement: Arrangement, gates: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Permutations of gates; copies of a cell have the same order."""
    if not gates:
        yield ()
        return
    copies: dict[str, list[str]] = {}
    for gate in gates:
        copies.setdefault(next(iter(arrangement.table[gate].values())).copy, []).append(gate)
    first = next(iter(copies.values()))
    for order in permutations(range(len(first))):
        yield tuple(members[n] for members in copies.values() for n in order if n < len(members))


def _popularity(gates: Sequence[str]) -> float:
    text = "".join(gate.partition("_")[0] for gate in gates)
    return 0.3 - 0.02 * ORDERS.index(text) if text in ORDERS else 0.0


@lru_cache(maxsize=1024)
def _simplest(way: str, ways: frozenset[str]) -> str:
    """The first of the ways that are the same for a column."""
    return next(other for other in WAYS if other in ways and _bare(other) == _bare(way))


def _bare(way: str) -> str:
    return way.replace("c", "").replace(" ", "")
