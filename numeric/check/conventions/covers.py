"""Covers: which of the author's arrays holds which slots.

Every product's slot is held once, a bias at most twice, peepholes at least once.  Equal parts of names mean the same:
``Wf`` and ``bf`` share a gate, ``Wf`` and ``Wi`` multiply the same; without that, there would be thousands of covers.

Read next: `numeric.check.conventions.layouts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from numeric.check.conventions.arrangement import Arrangement, Option, is_bias
from numeric.check.conventions.names import hint, plain, positions, source_hint, splits
from numeric.check.conventions.slots import INSIDE, ONE

MOST = 600  # assignments of arrays to gates that are looked at
VISITS = 5000
FEW = 8  # arrays, which may mean anything from the beginning

Way = dict[str, tuple[str, str]]  # names in stem and token
Cover = dict[str, tuple[frozenset[str], frozenset[str]]]


def covers(arrangement: Arrangement, options: Mapping[str, list[Option]], strict: bool) -> list[tuple[Cover, float]]:
    """Which array holds what: every product's slot once, a bias at most twice, peepholes at least one."""
    search = _Covering(arrangement, options)
    free = {name: (name, name) for name in options}
    ways = [*splits(list(options)), *_loosely(options), *([free] if len(options) <= FEW else [])] if strict else [free]
    for way in _different(ways):
        search.begin(way)
        search.visit(0, 0.0)
        if len(search.found) >= MOST:
            break
    for way in positions(list(options)) if strict and not search.found else ():
        search.begin(way)
        search.visit(0, 0.0)
    return sorted(search.found.values(), key=lambda pair: -pair[1])


def _loosely(options: Mapping[str, list[Option]]) -> Iterator[Way]:
    """Names cut as before, where a stem binds only arrays that can hold the same, of gates that have the same stems.

    So Wx is not bound to Wh where each is of all gates, nor Wf, beside Uf, to the Wy of a read-out, beside nothing.
    """
    alike = [tuple(some) for some in options.values()]
    for way in splits(list(options)):
        beside: dict[str, set[str]] = {}
        for stem, token in way.values():
            beside.setdefault(token, set()).add(stem)
        yield {
            name: (f"{stem} {alike.index(tuple(options[name]))} {sorted(beside[token])}", token)
            for name, (stem, token) in way.items()
        }


def _different(ways: Sequence[Way]) -> list[Way]:
    """Those that bind different arrays."""
    found: dict[object, Way] = {}
    for way in ways:
        stems, tokens = ([pair[n] for pair in way.values()] for n in (0, 1))
        found.setdefault((*map(stems.index, stems), *map(tokens.index, tokens)), way)
    return list(found.values())


class _Covering:
    """A depth-first search for covers: arrays with equal tokens share gates, arrays with equal stems share roles."""

    def __init__(self, arrangement: Arrangement, options: Mapping[str, list[Option]]) -> None:
        self.arrangement, self.options = arrangement, options
        self.names = sorted(options, key=lambda name: (len(options[name]), -max(len(o.gates) for o in options[name])))
        self.scores = {(name, option): self._fit(name, option) for name in options for option in options[name]}
        self.ranked = {name: sorted(options[name], key=lambda o: -self.scores[name, o]) for name in options}
        self.found: dict[tuple[object, ...], tuple[Cover, float]] = {}
        table = arrangement.table
        every = {option for some in options.values() for option in some}
        self.could = {o: frozenset.intersection(*(frozenset(table[g]) for g in o.gates)) for o in every}
        self.held = {o: [(g, table[g][role].role) for g in o.gates for role in o.roles] for o in every}
        self.filled = {o: sum(slot in arrangement.needed for slot in self.held[o]) for o in every}
        fills = [[self.filled[o] for o in options[name]] for name in self.names]
        self.most = [sum(map(max, fills[at:])) for at in range(len(fills) + 1)]  # needed slots that the rest can hold
        self.least = [sum(map(min, fills[at:])) for at in range(len(fills) + 1)]
        self.begin({})

    def begin(self, way: Way) -> None:
        """Start again, with names cut another way."""
        self.way, self.visits = way, 0
        self.cover: Cover = {}
        self.used: dict[tuple[str, str], int] = {}
        self.missing = len(self.arrangement.needed)
        self.gates_of: dict[str, frozenset[str]] = {}
        self.roles_of: dict[str, tuple[frozenset[str], frozenset[str]]] = {}  # with those that there might be

    def visit(self, at: int, score: float) -> None:
        """Give an option to the array number `at`, and go on."""
        self.visits += 1
        if self.visits > VISITS or len(self.found) >= MOST or not self.least[at] <= self.missing <= self.most[at]:
            return
        if at == len(self.names):
            if self._complete():
                self.found.setdefault(tuple(self.cover.items()), (dict(self.cover), score))
            return
        name = self.names[at]
        stem, token = self.way[name]
        before = self.gates_of.get(token), self.roles_of.get(stem)
        for option in self.ranked[name]:
            could = self.could[option]
            roles, there = before[1] or (option.roles, could)
            if (before[0] or option.gates) != option.gates or option.roles & there != roles & could:
                continue
            held = self.held[option]
            if any(self.used.get(slot, 0) >= (2 if slot[1] == ONE else 1) for slot in held):
                continue
            self.gates_of[token], self.roles_of[stem] = option.gates, (option.roles, could)
            self.cover[name] = (option.gates, option.roles)
            for slot in held:
                self.used[slot] = self.used.get(slot, 0) + 1
            self.missing -= self.filled[option]
            self.visit(at + 1, score + self.scores[name, option])
            self.missing += self.filled[option]
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
        if option.roles == {INSIDE}:  # a bias that has a place of its own is rather there than twice beside another
            score += 0.5 * all(self.arrangement.table[g][INSIDE].role == INSIDE for g in option.gates)
        if option.gates != frozenset(self.arrangement.table):
            score += sum(hint(name, gate) for gate in option.gates) / len(option.gates)
        if len(option.roles) == 1:
            (role,) = option.roles
            if not is_bias(role):
                score += source_hint(name, role, role in self.arrangement.system.states)
        return score
