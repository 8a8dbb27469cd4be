"""Layouts: how an author's parameters are arranged out of a system's slots, as arrays of addresses.

An array is gates along one axis and sources along the other, in some order, transposed or not.  Shapes say which gates
and sources an array can hold; every slot is held once (a bias may be two arrays).  Orders that shapes leave open are
common to all arrays: one order of gates, one of sources, rows or columns.  What is left is tried out by numbers.

Read next: `numeric.check.trial`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.system import System
from numeric.arrays import Sizes
from numeric.check.bound import Integers, Space
from numeric.check.names import hint, plain, source_hint, splits
from numeric.check.slots import DIAGONAL, INSIDE, ONE, WHOLE, Slot, slots

COLUMNS, ROWS = "gr c", "c gr"  # gates, their rows, and columns: how the axes of an array are made of them
WAYS = (COLUMNS, ROWS, "rg c", "c rg", *(" ".join(order) for order in permutations("grc")))
ORDERS = ("ifgo", "ifog", "iofg", "figo", "fgio", "fiog", "igfo", "gifo", "fogi", "gfio", "rzn", "zrn")
MOST = 600  # assignments of arrays to gates that are looked at
VISITS = 20000

Gates = tuple[str, ...]
Roles = tuple[str, ...]


@dataclass(frozen=True)
class Option:
    """What an array can hold: slots of these roles of these gates, and which ways round."""

    gates: frozenset[str]
    roles: frozenset[str]
    ways: frozenset[str]


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


class Arrangement:
    """The slots of a system at given sizes, and the space of its parameters."""

    def __init__(self, system: System, sizes: Sizes) -> None:
        self.system, self.sizes = system, sizes
        self.slots = slots(system)
        variables = system.variables
        self.space = Space({n: tuple(map(sizes.number, variables[n].shape)) for n in system.parameters})
        self.table: dict[str, dict[str, Slot]] = {}
        for slot in self.slots:
            self.table.setdefault(slot.gate, {})[slot.role] = slot
        if any(slot.role == INSIDE for slot in self.slots):
            for held in self.table.values():
                if ONE in held and INSIDE not in held:
                    held[INSIDE] = held[ONE]
        self._options: dict[tuple[int, ...], list[Option]] = {}
        self._indices: dict[tuple[object, ...], Integers] = {}
        self.roles = list(dict.fromkeys(role for held in self.table.values() for role in held))
        self.needed = {(s.gate, s.role) for s in self.slots if not is_bias(s.role) and not s.role.endswith(DIAGONAL)}
        self.optional = {(s.gate, s.role) for s in self.slots if s.role.endswith(DIAGONAL)}

    def block(self, slot: Slot) -> Integers:
        """Addresses of a slot, (rows, width)."""
        addresses = self.space.addresses(slot.parameter)
        if slot.first is None:
            return addresses.reshape(-1, 1)
        first = self.sizes.number(slot.first)
        return addresses[:, first : first + self.sizes.number(slot.width)]

    def options(self, shape: tuple[int, ...]) -> list[Option]:
        """What an array of this shape can hold."""
        dims = squeezed(shape)
        if dims in self._options:
            return self._options[dims]
        found = []
        for roles in self._role_sets():
            having = [g for g, held in self.table.items() if all(role in held for role in roles)]
            for gates in self._gate_sets(having):
                rows = [self.sizes.number(self.table[g][roles[0]].rows) for g in gates]
                width = sum(self.sizes.number(self.table[gates[0]][role].width) for role in roles)
                if sum(rows) * width != prod(dims):
                    continue
                ways = {way for way in WAYS if _fits(way, rows, width, dims)}
                if ways:
                    found.append(Option(frozenset(gates), frozenset(roles), frozenset(ways)))
        self._options[dims] = found
        return found

    def _role_sets(self) -> Iterator[tuple[str, ...]]:
        plain = [role for role in self.roles if role != WHOLE]
        for count in range(1, len(plain) + 1):
            yield from combinations(plain, count)
        if WHOLE in self.roles:
            yield (WHOLE,)

    def _gate_sets(self, gates: Sequence[str]) -> Iterator[Gates]:
        """Gates that one array may stack: of one copy of a cell."""
        copies: dict[str, list[str]] = {}
        for gate in gates:
            slot = next(iter(self.table[gate].values()))
            copies.setdefault(f"{slot.copy} {slot.rows}", []).append(gate)
        for members in copies.values():
            for count in range(1, len(members) + 1):
                yield from combinations(members, count)

    def index(self, held: tuple[Gates, Roles, str], shape: tuple[int, ...]) -> Integers:
        """Addresses in the author's shape."""
        if (held, shape) not in self._indices:
            self._indices[held, shape] = self._index(held, shape)
        return self._indices[held, shape]

    def _index(self, held: tuple[Gates, Roles, str], shape: tuple[int, ...]) -> Integers:
        gates, roles, way = held
        blocks = [np.hstack([self.block(self.table[g][role]) for role in roles]) for g in gates]
        if way in (COLUMNS, ROWS):
            stacked = np.vstack(blocks)
            return (stacked if way == COLUMNS else stacked.T).reshape(shape)
        cube = np.stack(blocks)
        return cube.transpose(["grc".index(letter) for letter in way.replace(" ", "")]).reshape(shape)


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without axes of length one."""
    return tuple(n for n in shape if n != 1)


def _fits(way: str, rows: Sequence[int], width: int, dims: tuple[int, ...]) -> bool:
    """Whether gates of these rows and this width make axes of these lengths."""
    if way in (COLUMNS, ROWS):
        axes = (sum(rows), width) if way == COLUMNS else (width, sum(rows))
        return squeezed(axes) == dims
    if len(set(rows)) > 1 or len(rows) == 1:
        return False
    size = {"g": len(rows), "r": rows[0], "c": width}
    return squeezed(tuple(prod(size[letter] for letter in axis) for axis in way.split())) == dims


def _simplest(way: str, ways: frozenset[str]) -> str:
    """The first of the ways that are the same for a column."""
    return next(other for other in WAYS if other in ways and _bare(other) == _bare(way))


def _bare(way: str) -> str:
    return way.replace("c", "").replace(" ", "")


def is_bias(role: str) -> bool:
    """Whether the slots of a role multiply 1."""
    return role in (ONE, INSIDE)


def layouts(
    arrangement: Arrangement, arrays: Mapping[str, NDArray[Any]], *, strict: bool = True, limit: int = 4000
) -> list[Layout]:
    """All arrangements that shapes allow, those that the names suggest first.

    Args:
        strict: only those in which equal parts of names mean the same; else those in which they need not.
    """
    options: dict[str, list[Option]] = {}
    for name, array in arrays.items():
        options[name] = arrangement.options(array.shape)
        if not options[name]:
            return []
    found: dict[tuple[object, ...], Layout] = {}
    for cover, score in _covers(arrangement, options, strict):
        for held, bonus in _ordered(arrangement, cover, options, strict):
            key = tuple(held.items())
            if key not in found and len(found) < limit:
                index = {name: arrangement.index(held[name], arrays[name].shape) for name in arrays}
                found[key] = Layout(index, held, score + bonus)
    return sorted(found.values(), key=lambda layout: -layout.score)


Cover = dict[str, tuple[frozenset[str], frozenset[str]]]


def _covers(arrangement: Arrangement, options: Mapping[str, list[Option]], strict: bool) -> list[tuple[Cover, float]]:
    """Which array holds what: every product's slot once, a bias at most twice, peepholes at least one."""
    search = _Covering(arrangement, options)
    for way in splits(list(options)) if strict else [{name: (name, name) for name in options}]:
        search.begin(way)
        search.visit(0, 0.0)
        if len(search.found) >= MOST:
            break
    return sorted(search.found.values(), key=lambda pair: -pair[1])


class _Covering:
    """A depth-first search for covers: arrays with equal tokens share gates, arrays with equal stems share roles."""

    def __init__(self, arrangement: Arrangement, options: Mapping[str, list[Option]]) -> None:
        self.arrangement, self.options = arrangement, options
        self.names = sorted(options, key=lambda name: (len(options[name]), -max(len(o.gates) for o in options[name])))
        self.scores = {(name, option): self._fit(name, option) for name in options for option in options[name]}
        self.ranked = {name: sorted(options[name], key=lambda o: -self.scores[name, o]) for name in options}
        self.found: dict[tuple[object, ...], tuple[Cover, float]] = {}
        self.begin({})

    def begin(self, way: dict[str, tuple[str, str]]) -> None:
        """Start again, with names cut another way."""
        self.way, self.visits = way, 0
        self.cover: Cover = {}
        self.used: dict[tuple[str, str], int] = {}
        self.gates_of: dict[str, frozenset[str]] = {}
        self.roles_of: dict[str, tuple[frozenset[str], frozenset[str]]] = {}  # with those that there might be

    def visit(self, at: int, score: float) -> None:
        """Give an option to the array number `at`, and go on."""
        self.visits += 1
        if self.visits > VISITS or len(self.found) >= MOST:
            return
        if at == len(self.names):
            if self._complete():
                self.found.setdefault(tuple(self.cover.items()), (dict(self.cover), score))
            return
        name = self.names[at]
        stem, token = self.way[name]
        before = self.gates_of.get(token), self.roles_of.get(stem)
        for option in self.ranked[name]:
            could = frozenset.intersection(*(frozenset(self.arrangement.table[g]) for g in option.gates))
            roles, there = before[1] or (option.roles, could)
            if (before[0] or option.gates) != option.gates or option.roles & there != roles & could:
                continue
            held = [(g, self.arrangement.table[g][role].role) for g in option.gates for role in option.roles]
            if any(self.used.get(slot, 0) >= (2 if slot[1] == ONE else 1) for slot in held):
                continue
            self.gates_of[token], self.roles_of[stem] = option.gates, (option.roles, could)
            self.cover[name] = (option.gates, option.roles)
            for slot in held:
                self.used[slot] = self.used.get(slot, 0) + 1
            self.visit(at + 1, score + self.scores[name, option])
            for slot in held:
                self.used[slot] -= 1
            del self.cover[name], self.gates_of[token], self.roles_of[stem]
            if before[0] is not None:
                self.gates_of[token] = before[0]
            if before[1] is not None:
                self.roles_of[stem] = before[1]

    def _complete(self) -> bool:
        optional = self.arrangement.optional
        if optional and not any(self.used.get(slot) for slot in optional):
            return False
        return all(self.used.get(slot) for slot in self.arrangement.needed)

    def _fit(self, name: str, option: Option) -> float:
        """How well a name fits what the array would hold."""
        score = 0.0
        held = {self.arrangement.table[g][role].parameter for g in option.gates for role in option.roles}
        if len(held) == 1:
            score += 5.0 * (plain(name) == plain(next(iter(held))))
        if option.gates != frozenset(self.arrangement.table):
            score += sum(hint(name, gate) for gate in option.gates) / len(option.gates)
        if len(option.roles) == 1:
            (role,) = option.roles
            if not is_bias(role):
                score += source_hint(name, role, role in self.arrangement.system.states)
        return score


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
    for main in choices or [COLUMNS]:
        for gates in _gate_orders(arrangement, stacked):
            for roles in permutations(joined):
                held = {}
                for name, (own, sources) in cover.items():
                    way = main if main in ways[name] else min(ways[name], key=WAYS.index)
                    way = _simplest(way, ways[name]) if _flat(cover[name]) else way
                    order = tuple(sorted(own, key=gates.index)) if len(own) > 1 else tuple(own)
                    line = tuple(sorted(sources, key=roles.index)) if len(sources) > 1 else tuple(sources)
                    held[name] = (order, line, way)
                bonus = (
                    0.5 * (main in fixed)
                    - 0.2 * (main not in (COLUMNS, ROWS))
                    + _popularity(gates)
                    - 0.1 * (bool(roles) and is_bias(roles[0]))
                )
                yield held, bonus


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
