"""A system and its adjoint written out at the same sizes, and which value belongs to which.

What ties the two: the adjoint has a given cotangent for every output, final value and unread boundary value of the
primal (its seeds), and a computed one for every leaf that varies (the gradients).

Read next: `derive.proof`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy

from derive.dimensions import dimension
from derive.expand import ops
from derive.expr import Ref
from derive.reach import default_wrt, final_positions
from derive.system import Origin, System
from derive.unroll import Key, Unrolled, unroll


@dataclass(frozen=True)
class Setting:
    """A system and its adjoint, written out at the same sizes.

    Attributes:
        forward, backward: the two, as scalar lines.
        seeds: keys of outputs and final values in `forward`, with the leaf of `backward` that is their cotangent; a
            symbol that occurs nowhere if there is none.
        gradients: leaves of `forward` that vary, with the symbol of `backward` that is their gradient, if there is one.
        sizes: of all dimensions.
        steps: by axis.
    """

    forward: Unrolled
    backward: Unrolled
    seeds: tuple[tuple[Key, sympy.Expr], ...]
    gradients: Mapping[sympy.Expr, sympy.Expr | None]
    sizes: Mapping[str, int]
    steps: Mapping[str, int]

    def __str__(self) -> str:
        pairs = [f"{name} = {n}" for name, n in self.sizes.items()]
        return ", ".join([*pairs, *(f"{axis.upper()} = {n}" for axis, n in self.steps.items())])


def default_sizes(system: System) -> dict[str, int]:
    """Small sizes, all different, so that a transpose in the wrong place shows in the shapes; lengths excluded."""
    return {name: 2 + number for number, name in enumerate(_dimensions(system))}


def small_sizes(system: System) -> dict[str, int]:
    """2 for the dimensions of what is computed, 1 for those of inputs and weights alone."""
    computed = {str(s) for name in system.defined for dim in system.variables[name].shape for s in dim.free_symbols}
    return {name: 2 if name in computed else 1 for name in _dimensions(system)}


def _dimensions(system: System) -> list[str]:
    lengths = {axis.upper() for axis in system.axes}
    return [str(d) for d in system.dimensions if str(d) not in lengths]


def setting(system: System, sizes: Mapping[str, int], steps: int) -> Setting:
    """A system and its adjoint written out; further axes get fewer steps, so that lengths differ too."""
    lengths = {axis: max(1, steps - number) for number, axis in enumerate(system.axes)}
    gradient = system.adjoint(final=system.states)
    made = {n: v.origin for n, v in gradient.variables.items() if n not in system.variables and v.origin is not None}
    forward, backward = (
        unroll(part, lengths, sizes, classes=_classes(system, sizes, steps), opaque=True) for part in (system, gradient)
    )
    bars = {origin.of: name for name, origin in made.items() if origin.kind == "cotangent"}
    varying = set(default_wrt(system))
    gradients = {
        symbol: backward.symbols.get((bars.get(key[0], ""), *key[1:]))
        for symbol, key in forward.leaves.items()
        if key[0] in varying
    }
    seeds = dict(_seeds(made, system, forward, backward))
    for kind, key in _wanted(system, forward):
        seeds.setdefault((kind, key), sympy.Symbol(f"no {kind} cotangent of {key}"))
    pairs = tuple((key, symbol) for (_, key), symbol in seeds.items())
    return Setting(forward, backward, pairs, gradients, dict(sizes), lengths)


def _classes(system: System, sizes: Mapping[str, int], steps: int) -> dict[str, list[int]]:
    """Integer inputs that take different values, and some twice, as far as the tables they index have columns."""
    dims = {dimension(name): size for name, size in sizes.items()}
    columns: dict[str, int] = {}
    for call in (call for equation in system.equations for call in ops(equation.expr)):
        if call.primitive in ("take", "scatter") and isinstance(call.operands[1], Ref):
            wide = system.shape_of(call.operands[0] if call.primitive == "take" else call)[1].subs(dims)
            name = call.operands[1].name
            columns[name] = min(columns.get(name, int(wide)), int(wide))
    return {name: [(k * k + 1) % number for k in range(steps)] for name, number in columns.items()}


def _seeds(
    made: Mapping[str, Origin], system: System, forward: Unrolled, backward: Unrolled
) -> Iterator[tuple[tuple[str, Key], sympy.Expr]]:
    """Every leaf of the adjoint that is a cotangent, with the value of the primal that it belongs to, and its kind."""
    ends: dict[str, list[str]] = {}
    for name, origin in sorted(made.items(), key=lambda item: item[1].at):
        if origin.kind in ("upstream", "cotangent"):
            for key, symbol in backward.of(name):
                if symbol in backward.leaves:
                    yield (origin.kind, (origin.of, *key[1:])), symbol
        elif origin.kind == "final":
            ends.setdefault(origin.of, []).append(name)
    for state, names in ends.items():
        for name, position in zip(names, _final(system, state, forward), strict=True):
            for key, symbol in backward.of(name):
                yield ("final", (state, position, key[2])), symbol


def _final(system: System, state: str, forward: Unrolled) -> list[int]:
    return [place.position(forward.lengths[place.axis]) for place in final_positions(system, state)]


def _wanted(system: System, forward: Unrolled) -> Iterator[tuple[str, Key]]:
    """What must have a cotangent: every value of every output, and the final values of the states."""
    for key in forward.symbols:
        name, position, _ = key
        axis = system.variables[name].axis
        if name in system.outputs and (axis is None or 1 <= (position or 0) <= forward.lengths[axis]):
            yield "upstream", key
        if name in system.states and position in _final(system, name, forward):
            yield "final", key
