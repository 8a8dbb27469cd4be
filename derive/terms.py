"""Terms of the chain rule: a path from the loss to one use of a parameter, with its value, and their sum.

Read next: `derive.chain`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

import sympy

from derive.arithmetic import Field
from derive.expand import Entry
from derive.primefield import Residues

S = TypeVar("S")
Node = tuple[str, int | None]  # a quantity at a step, or once; a parameter at the step where it is used
Matrix = Mapping[Entry, S]  # an absent entry is zero


@dataclass(frozen=True)
class Point(Generic[S]):
    """Where a chain is evaluated: numbers of some kind, and values for the leaves.

    Attributes:
        field: arithmetic and function values.
        draw: the next value of a leaf.
    """

    field: Field[S]
    draw: Callable[[], S]


def exact(seed: int = 0) -> Point[int]:
    """A random point modulo 2⁶¹ − 1."""
    residues = Residues(random.Random(f"chain.{seed}"))
    return Point(residues, residues.random)


@dataclass(frozen=True)
class Term(Generic[S]):
    """One path from the loss to one use of the parameter.

    Attributes:
        path: from the loss to the parameter.
        value: the product of its direct Jacobians, in the shape of the parameter.
    """

    path: tuple[Node, ...]
    value: Matrix[S] = field(repr=False)

    @property
    def use(self) -> int | None:
        """The step at which the parameter is used: the word; None where that is not at a step."""
        return self.path[-1][1]

    def __str__(self) -> str:
        pairs = list(zip(self.path[:-1], self.path[1:], strict=True))
        factors = [f"∂{_text(later)}/∂{_text(earlier)}" for later, earlier in pairs[:-1]]
        return " · ".join([*factors, f"∂⁺{_text(pairs[-1][0])}/∂{self.path[-1][0]}"])


@dataclass(frozen=True)
class Chain(Generic[S]):
    """∂loss/∂parameter as a sum over paths.

    Attributes:
        loss, parameter: names.
        steps: T by axis.
        terms: use by use, the last word first; within a use, shortest detour first.
        derived: ∂loss/∂parameter from the adjoint system, at the same point.
        point: where the values were taken.
    """

    loss: str
    parameter: str
    steps: Mapping[str, int]
    terms: tuple[Term[S], ...]
    derived: Matrix[S] = field(repr=False)
    point: Point[S] = field(repr=False)

    @cached_property
    def words(self) -> dict[int | None, tuple[Term[S], ...]]:
        """The terms by the step at which the parameter is used."""
        uses = dict.fromkeys(term.use for term in self.terms)
        return {use: tuple(term for term in self.terms if term.use == use) for use in uses}

    def total(self, terms: Sequence[Term[S]] | None = None) -> Matrix[S]:
        """The sum of some terms; default all."""
        result: dict[Entry, S] = {}
        for term in self.terms if terms is None else terms:
            add_to(result, term.value, self.point.field)
        return result

    @property
    def holds(self) -> bool:
        """Whether the sum of all terms is the derived gradient; exact where numbers are."""
        zero, total = self.point.field.number(sympy.Integer(0)), self.total()
        return all(total.get(entry, zero) == self.derived.get(entry, zero) for entry in {*total, *self.derived})

    def __str__(self) -> str:
        lines = [f"∂{self.loss}/∂{self.parameter} = the sum of {len(self.terms)} paths"]
        for use, terms in self.words.items():
            word = f"word {use}" if use is not None else "outside of the sequence"
            lines.append(f"{word}: {len(terms)} path{'s' if len(terms) > 1 else ''}")
            lines += [f"  {term}" for term in terms]
        return "\n".join(lines)


def add_to(total: dict[Entry, S], more: Matrix[S], numbers: Field[S]) -> None:
    """Add entry by entry."""
    for entry, value in more.items():
        total[entry] = numbers.add(total[entry], value) if entry in total else value


def _text(node: Node) -> str:
    return node[0] if node[1] is None else f"{node[0]}_{node[1]}"
