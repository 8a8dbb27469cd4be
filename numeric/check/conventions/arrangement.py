"""`Arrangement`: the slots of a system at given sizes, and what an array of some shape can hold of them.

An array is gates along one axis and sources along the other, in some order, transposed or not; or gates have an axis of
their own, or alternate within one (a way: "gr c", "c gr", "rg c", "g r c", …).

Read next: `numeric.check.conventions.covers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import prod

import numpy as np
import sympy

from derive.system import System
from numeric.arrays import Sizes
from numeric.check.bound import Integers, Space
from numeric.check.conventions.slots import DIAGONAL, INSIDE, ONE, WHOLE, Slot, slots

COLUMNS, ROWS = "gr c", "c gr"  # gates, their rows, and columns: how the axes of an array are made of them
WAYS = (COLUMNS, ROWS, "rg c", "c rg", *(" ".join(order) for order in permutations("grc")))

Gates = tuple[str, ...]
Roles = tuple[str, ...]


@dataclass(frozen=True)
class Option:
    """What an array can hold: slots of these roles of these gates, and which ways round."""

    gates: frozenset[str]
    roles: frozenset[str]
    ways: frozenset[str]


class Arrangement:
    """The slots of a system at given sizes, and the space of its parameters."""

    def __init__(self, system: System, sizes: Sizes) -> None:
        self.system, self.sizes = system, sizes
        self.slots = slots(system)
        variables = system.variables
        self.space = Space({n: tuple(map(sizes.number, variables[n].shape)) for n in sorted(system.parameters)})
        self.table: dict[str, dict[str, Slot]] = {}
        for slot in self.slots:
            self.table.setdefault(slot.gate, {})[slot.role] = slot
        if any(slot.role == INSIDE for slot in self.slots):
            for held in self.table.values():
                if ONE in held and INSIDE not in held:
                    held[INSIDE] = held[ONE]
        self._options: dict[tuple[int, ...], list[Option]] = {}
        self._indices: dict[tuple[object, ...], Integers] = {}
        number = sizes.number
        self.numbers = {
            (g, r): (number(s.rows), number(s.width)) for g, held in self.table.items() for r, s in held.items()
        }
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
            widths = {g: sum(self.numbers[g, role][1] for role in roles) for g in having}
            if not any(width and prod(dims) % width == 0 for width in widths.values()):
                continue
            for gates in self._gate_sets(having):
                width, rows = widths[gates[0]], [self.numbers[g, roles[0]][0] for g in gates]
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
        copies: dict[tuple[str, sympy.Expr], list[str]] = {}
        for gate in gates:
            slot = next(iter(self.table[gate].values()))
            copies.setdefault((slot.copy, slot.rows), []).append(gate)
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


def is_bias(role: str) -> bool:
    """Whether the slots of a role multiply 1."""
    return role in (ONE, INSIDE)
