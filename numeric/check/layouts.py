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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.system import System
from numeric.arrays import Sizes
from numeric.check.bound import Integers, Space
from numeric.check.names import hint, source_hint, splits
from numeric.check.slots import DIAGONAL, INSIDE, ONE, WHOLE, Slot, slots

COLUMNS, ROWS = "columns", "rows"
ORDERS = ("ifgo", "ifog", "iofg", "figo", "fgio", "fiog", "igfo", "gifo", "fogi", "gfio", "rzn", "zrn")
MOST = 600  # assignments of arrays to gates that are looked at
VISITS = 20000

Gates = tuple[str, ...]
Roles = tuple[str, ...]


@dataclass(frozen=True)
class Option:
    """What an array can hold: slots of these roles of these gates, and which way round."""

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
        dims = tuple(n for n in shape if n != 1)
        if len(dims) > 2:
            return []
        rest = (1,) * (2 - len(dims))
        pairs = {(*dims, *rest): {COLUMNS}}
        pairs.setdefault((*dims, *rest)[::-1], set()).add(ROWS if len(dims) == 2 else COLUMNS)
        found: dict[tuple[frozenset[str], frozenset[str]], set[str]] = {}
        for roles in self._role_sets():
            having = [g for g, held in self.table.items() if all(role in held for role in roles)]
            for gates in self._gate_sets(having):
                rows = sum(self.sizes.number(self.table[g][next(iter(roles))].rows) for g in gates)
                width = sum(self.sizes.number(self.table[gates[0]][role].width) for role in roles)
                for way in pairs.get((rows, width), ()):
                    found.setdefault((frozenset(gates), frozenset(roles)), set()).add(way)
        return [Option(gates, roles, frozenset(ways)) for (gates, roles), ways in found.items()]

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
        gates, roles, way = held
        stacked = np.vstack([np.hstack([self.block(self.table[g][role]) for role in roles]) for g in gates])
        return (stacked if way == COLUMNS else stacked.T).reshape(shape)


def is_bias(role: str) -> bool:
    """Whether the slots of a role multiply 1."""
    return role in (ONE, INSIDE)


def layouts(arrangement: Arrangement, arrays: Mapping[str, NDArray[Any]], limit: int = 4000) -> list[Layout]:
    """All arrangements that shapes allow, those that the names suggest first."""
    options = {name: arrangement.options(array.shape) for name, array in arrays.items()}
    if not all(options.values()):
        return []
    found: dict[tuple[object, ...], Layout] = {}
    for cover, score in _covers(arrangement, options):
        for held, bonus in _ordered(arrangement, cover, options):
            key = tuple(held.items())
            if key not in found and len(found) < limit:
                index = {name: arrangement.index(held[name], arrays[name].shape) for name in arrays}
                found[key] = Layout(index, held, score + bonus)
    return sorted(found.values(), key=lambda layout: -layout.score)


Cover = dict[str, tuple[frozenset[str], frozenset[str]]]


def _covers(arrangement: Arrangement, options: Mapping[str, list[Option]]) -> list[tuple[Cover, float]]:
    """Which array holds what: every product's slot once, a bias at most twice, peepholes at least one."""
    search = _Covering(arrangement, options)
    for way in splits(list(options)):
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
        self.roles_of: dict[str, frozenset[str]] = {}

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
            if (before[0] or option.gates, before[1] or option.roles) != (option.gates, option.roles):
                continue
            held = [(g, self.arrangement.table[g][role].role) for g in option.gates for role in option.roles]
            if any(self.used.get(slot, 0) >= (2 if slot[1] == ONE else 1) for slot in held):
                continue
            self.gates_of[token], self.roles_of[stem] = option.gates, option.roles
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
        if option.gates != frozenset(self.arrangement.table):
            score += sum(hint(name, gate) for gate in option.gates) / len(option.gates)
        if len(option.roles) == 1:
            (role,) = option.roles
            if not is_bias(role):
                score += source_hint(name, role, role in self.arrangement.system.states)
        return score


def _ordered(
    arrangement: Arrangement, cover: Cover, options: Mapping[str, list[Option]]
) -> Iterator[tuple[dict[str, tuple[Gates, Roles, str]], float]]:
    """All common orders of gates and sources, and orientations, of one cover."""
    stacked = sorted(
        {g for gates, _ in cover.values() if len(gates) > 1 for g in gates}, key=list(arrangement.table).index
    )
    joined = [r for r in arrangement.roles if any(len(roles) > 1 and r in roles for _, roles in cover.values())]
    ways = {name: next(o.ways for o in options[name] if (o.gates, o.roles) == held) for name, held in cover.items()}
    open_ = any(len(way) > 1 for way in ways.values())
    fixed = {next(iter(way)) for name, way in ways.items() if len(way) == 1 and not _flat(cover[name])}
    for main in (COLUMNS, ROWS) if open_ else (COLUMNS,):
        for gates in _gate_orders(arrangement, stacked):
            for roles in permutations(joined):
                held = {}
                for name, (own, sources) in cover.items():
                    way = main if main in ways[name] else next(iter(ways[name]))
                    order = tuple(sorted(own, key=gates.index)) if len(own) > 1 else tuple(own)
                    line = tuple(sorted(sources, key=roles.index)) if len(sources) > 1 else tuple(sources)
                    held[name] = (order, line, way)
                bonus = 0.5 * (main in fixed) + _popularity(gates) - 0.1 * (bool(roles) and is_bias(roles[0]))
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
