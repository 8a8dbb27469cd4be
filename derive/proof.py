"""The exact proof that an adjoint is the derivative, in three layers.

(a) The rule of every primitive against `sympy.diff` (`derive.rules`).
(b) The whole adjoint, written out for T steps, against forward tangents taken line by line from the primal:
    Σ ȳ·ẏ = Σ x̄·ẋ exactly, modulo the prime 2⁶¹ − 1, at random points, with random tangents of all leaves and random
    cotangents of all outputs and final states; every function value is an independent generator.
(c) The same as an identity of polynomials for T = 2, gradient entry by gradient entry.

The forward tangents use the scalar meaning of the primitives and `sympy.diff`; no rule that `derive.adjoint` uses.

Read next: `derive.factors`.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

import sympy

from derive.arithmetic import Dual, Duals, Field
from derive.errors import EquationError
from derive.evidence import Evidence
from derive.polynomials import NotDone, Polynomials
from derive.primefield import Degrees, P, Residues
from derive.rules import wrong_rules
from derive.setting import Setting, default_sizes, setting, small_sizes
from derive.system import System

S = TypeVar("S")
RETRIES = 5


def prove(
    system: System,
    sizes: Mapping[str, int] | None = None,
    steps: int = 5,
    *,
    points: int = 3,
    seed: int = 0,
) -> Evidence:
    """Prove that the adjoint of a system is its exact derivative.

    Args:
        system: the primal.
        sizes: of the dimensions; default small and distinct.
        steps: number of steps T of layer (b); layer (c) takes at most 2.
        points: random points of layer (b).
        seed: of the random points.

    Returns:
        One `Evidence`; its detail says which layers were done, and why one was not.

    Raises:
        ValueError: if a dimension has no size, or nothing depends on what could vary.
    """
    layers, skipped = _layers(system, sizes, steps, points, seed)
    return Evidence(
        claim=f"the adjoint of {system.name} is its exact derivative",
        method="; ".join(layer.method for layer in layers),
        cases=sum(layer.cases for layer in layers),
        worst=None,
        tolerance=None,
        holds=all(layer.holds for layer in layers),
        where=next((layer.where for layer in layers if not layer.holds), ""),
        detail=" ".join([*(layer.detail for layer in layers), *([skipped] if skipped else [])]),
    )


def proofs(
    system: System, sizes: Mapping[str, int] | None = None, steps: int = 5, *, points: int = 3, seed: int = 0
) -> list[Evidence]:
    """The layers of `prove` that could be done, each as an `Evidence` of its own; arguments as there."""
    return _layers(system, sizes, steps, points, seed)[0]


def _layers(
    system: System, sizes: Mapping[str, int] | None, steps: int, points: int, seed: int
) -> tuple[list[Evidence], str]:
    numbers = default_sizes(system) if sizes is None else dict(sizes)
    large = setting(system, numbers, steps)
    layers = [_rules(system, numbers), _residues(system, large, points, seed)]
    try:
        small = setting(system, small_sizes(system) if sizes is None else numbers, min(steps, 2))
        layers.append(_polynomials(system, small))
    except (NotDone, EquationError) as reason:
        return layers, f"(c) Not done as polynomials: {reason}."
    return layers, ""


# --- one evaluation -----------------------------------------------------------------------------------------------


class _Check(Generic[S]):
    """Both sides of Σ ȳ·ẏ = Σ x̄·ẋ over one field, by direction."""

    def __init__(
        self,
        setting: Setting,
        field: Field[S],
        leaves: Mapping[sympy.Expr, S],
        directions: Mapping[sympy.Expr, tuple[Hashable, S]],
        cotangents: Mapping[sympy.Expr, S],
    ) -> None:
        arithmetic = Duals(field)
        self.field, self.zero, self.directions = field, arithmetic.zero, directions
        self.setting, self.cotangents = setting, cotangents
        self.primal = {
            symbol: Dual(value, dict([directions[symbol]] if symbol in directions else []))
            for symbol, value in leaves.items()
        }
        arithmetic.run(setting.forward.lines, self.primal)
        values = {key: leaves[symbol] for symbol, key in setting.forward.leaves.items()}
        self.adjoint = {
            symbol: Dual(values[key] if key in values else cotangents[symbol], {})
            for symbol, key in setting.backward.leaves.items()
        }
        arithmetic.run(setting.backward.lines, self.adjoint)

    def forward_side(self) -> dict[Hashable, S]:
        """Σ ȳ·ẏ."""
        total: dict[Hashable, S] = {}
        for key, leaf in self.setting.seeds:
            for direction, tangent in self.primal[self.setting.forward.symbols[key]].moved.items():
                term = self.field.mul(self.cotangents[leaf], tangent)
                total[direction] = self.field.add(total[direction], term) if direction in total else term
        return total

    def backward_side(self) -> dict[Hashable, S]:
        """Σ x̄·ẋ."""
        total: dict[Hashable, S] = {}
        for leaf, (direction, tangent) in self.directions.items():
            symbol = self.setting.gradients[leaf]
            bar = self.zero if symbol is None else self.adjoint[symbol].value
            term = self.field.mul(bar, tangent)
            total[direction] = self.field.add(total[direction], term) if direction in total else term
        return total

    def different(self) -> list[Hashable]:
        """Directions in which the two sides differ."""
        left, right = self.forward_side(), self.backward_side()
        every = dict.fromkeys((*left, *right))
        return [d for d in every if left.get(d, self.zero) != right.get(d, self.zero)]

    def changed(self) -> list[str]:
        """Quantities whose value in the adjoint system is not that of the primal."""
        symbols = self.setting.backward.symbols
        keys = ((key, symbol) for key, symbol in self.setting.forward.symbols.items() if symbol in self.primal)
        return [
            key[0] for key, symbol in keys
            if key in symbols and self.primal[symbol].value != self.adjoint[symbols[key]].value
        ]  # fmt: skip


# --- the layers ---------------------------------------------------------------------------------------------------


def _rules(system: System, sizes: Mapping[str, int]) -> Evidence:
    cases, wrong = wrong_rules(system, sizes)
    return Evidence(
        claim=f"every primitive of {system.name} has the right derivative",
        method="(a) rules of primitives against sympy.diff",
        cases=cases,
        worst=None,
        tolerance=None,
        holds=cases > 0 and not wrong,
        where=", ".join(wrong),
        detail=f"(a) {cases} rules compared.",
    )


def _residues(system: System, setting: Setting, points: int, seed: int) -> Evidence:
    where = ""
    for point in range(points):
        check = _at_random_point(setting, random.Random(f"{seed}.{point}"), by_name=False)
        if check.different() or check.changed():
            check = _at_random_point(setting, random.Random(f"{seed}.{point}"), by_name=True)
            names = [f"the gradient of {name}" for name in check.different()]
            where = ", ".join([*names, *dict.fromkeys(f"the value of {name}" for name in check.changed())])
            break
    assert isinstance(check.field, Residues)
    bound = _error_bound(setting, check.field)
    return Evidence(
        claim=f"the adjoint of {system.name} agrees with forward tangents",
        method=f"(b) tangents line by line, modulo 2^61 - 1, {_steps_text(setting)}",
        cases=points,
        worst=None,
        tolerance=None,
        holds=points > 0 and not where,
        where=where,
        detail=f"(b) {len(setting.backward.lines)} lines at {setting}; "
        f"a wrong gradient passes with probability at most 1e{_exponent(bound, points)}.",
    )


def _at_random_point(setting: Setting, source: random.Random, *, by_name: bool) -> _Check[int]:
    for _ in range(RETRIES):
        field = Residues(source)
        leaves = {symbol: field.random() for symbol in setting.forward.leaves}
        moved = {leaf: field.random() for leaf in setting.gradients}
        names = setting.forward.leaves
        directions = {leaf: (names[leaf][0] if by_name else "", tangent) for leaf, tangent in moved.items()}
        cotangents = {symbol: field.random() for _, symbol in setting.seeds}
        try:
            return _Check(setting, field, leaves, directions, cotangents)
        except ZeroDivisionError:
            continue
    raise ValueError(f"the proof found no point without a division by zero in {RETRIES} tries")


def _error_bound(setting: Setting, residues: Residues) -> int:
    """Degree of the identity, times the ways in which two arguments of functions could coincide by chance."""
    field = Degrees(residues.source, residues.mixed)
    leaves = {symbol: field.unknown() for symbol in setting.forward.leaves}
    directions = {leaf: ("", field.unknown()) for leaf in setting.gradients}
    cotangents = {symbol: field.unknown() for _, symbol in setting.seeds}
    check = _Check(setting, field, leaves, directions, cotangents)
    sides = (check.forward_side(), check.backward_side())
    degree = sum(side[""].degree + side[""].below for side in sides if "" in side)
    return degree * (1 + len(residues.drawn) ** 2)


def _exponent(bound: int, points: int) -> int:
    """The error probability (bound/P) ** points as a power of ten, rounded up."""
    return min(0, -int(points * sympy.log(sympy.Rational(P, max(bound, 1)), 10).evalf()))


def _polynomials(system: System, setting: Setting) -> Evidence:
    field = Polynomials()
    check = _Check(
        setting,
        field,
        {symbol: field.fresh() for symbol in setting.forward.leaves},
        {leaf: (leaf, field.number(sympy.Integer(1))) for leaf in setting.gradients},
        {symbol: field.fresh() for _, symbol in setting.seeds},
    )
    wrong = [f"the gradient {setting.gradients[leaf] or 'of ' + str(leaf)}" for leaf in check.different()]
    wrong += [f"the value of {name}" for name in check.changed()]
    return Evidence(
        claim=f"every entry of the gradient of {system.name} is the derivative, as a polynomial",
        method=f"(c) polynomials, {_steps_text(setting)}",
        cases=len(setting.gradients),
        worst=None,
        tolerance=None,
        holds=bool(setting.gradients) and not wrong,
        where=", ".join(wrong[:3]),
        detail=f"(c) {len(setting.gradients)} polynomial identities in {field.generators} generators at {setting}.",
    )


def _steps_text(setting: Setting) -> str:
    return ", ".join(f"{axis.upper()} = {n}" for axis, n in setting.steps.items()) or "without time"
