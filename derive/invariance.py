"""Quantities on which nothing depends: the stabiliser of an exponential gate, shown exactly.

Where c and n are both scaled by exp(-m) and only c/n is read, m may be anything: its gradient is zero.  To show it,
m is set free: its equation is dropped and every value of it is a leaf.  The gradient of the outputs by these leaves,
derived like any other and written out for T steps, is zero at random points modulo the prime 2⁶¹ − 1.  Calculus is all
that is used: exp′ = exp, and every function value is an independent number.  Where the gradient is zero everywhere and
the outputs are continuous, they do not depend on m; so an implementation may treat it as a constant.

Read next: `derive.parallel`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import sympy

from derive.arithmetic import Dual, Duals, Field, S
from derive.errors import EquationError
from derive.evidence import Evidence
from derive.expr import refs
from derive.primefield import Degrees, P, Residues
from derive.setting import Setting, default_sizes, setting
from derive.system import System
from derive.unroll import Key


def freed(system: System, name: str) -> System:
    """The system with a quantity as input: its equation is gone, and what only that read.

    Raises:
        EquationError: if the quantity has no equation along time.
    """
    if name not in system.defined or system.variables[name].axis is None:
        raise EquationError(f"{name} is no sequence that {system.name} computes")
    equations = tuple(e for e in system.equations if e.name != name)
    read = {r.name for e in equations for r in refs(e.expr)} | {e.name for e in equations}
    variables = {n: v for n, v in system.variables.items() if n in read}
    variables[name] = replace(system.variables[name], role="input", origin=None)
    return System(equations, variables, name=system.name)


def independent(
    system: System,
    name: str,
    outputs: Sequence[str],
    *,
    zero: Sequence[str] = (),
    steps: int = 3,
    points: int = 2,
    seed: int = 0,
) -> Evidence:
    """Whether outputs depend on a quantity, each of whose values may be anything.

    Args:
        system: the primal.
        name: the quantity, such as a stabiliser m.
        outputs: what must not depend on it.
        zero: side conditions: leaves that are 0, or states whose initial values are.  The initial value of `name` is
            part of the claim only if a state is among them: else it says what the others' initial values mean.
        steps: number of steps T.
        points: random points.
        seed: of the random points.

    Returns:
        One `Evidence`; its detail states the side conditions.

    Raises:
        EquationError: if `name` has no equation, an output does not exist, or nothing reads `name`.
    """
    free = freed(system, name)
    for wanted in (*outputs, *zero):
        if wanted not in free.variables:
            raise EquationError(f"{wanted} is no quantity of {system.name} beside {name}")
    if not any(read.name == name for e in free.equations for read in refs(e.expr)):
        raise EquationError(f"nothing reads {name}")
    written = setting(free, default_sizes(free), steps)
    first = 0 if set(zero) & set(free.states) else 1
    where = ""
    for point in range(points):
        residues = Residues(random.Random(f"{seed}.{point}"))
        found = _gradients(written, (name, first), outputs, zero, residues, residues.random)
        where = where or ", ".join(dict.fromkeys(f"{key[0]}[{key[1]}]" for key, value in found.items() if value))
    degrees = Degrees(random.Random(f"{seed}.degrees"), residues.mixed)
    sizes = _gradients(written, (name, first), outputs, zero, degrees, degrees.unknown).values()
    bound = sum(value.degree + value.below for value in sizes) * (1 + len(residues.drawn) ** 2)
    given = [f"{z}[0] = 0" if z in free.states else f"{z} = 0" for z in zero]
    condition = f"if {', '.join(given)}" if zero else "for any initial values"
    chance = min(0, -int(points * sympy.log(sympy.Rational(P, max(bound, 1)), 10).evalf()))
    return Evidence(
        claim=f"{', '.join(outputs)} of {system.name} does not depend on {name}, {condition}",
        method=f"gradient by an arbitrary {name}, modulo 2^61 - 1, {written}",
        cases=points,
        worst=None,
        tolerance=None,
        holds=points > 0 and bool(found) and not where,
        where=where,
        detail=f"∂L/∂{name} = 0 {condition}, {len(found)} entries; wrong with probability at most 1e{chance}.",
    )


def _gradients(
    written: Setting,
    of: tuple[str, int],
    outputs: Sequence[str],
    zero: Sequence[str],
    field: Field[S],
    draw: Callable[[], S],
) -> Mapping[Key, S]:
    """∂L/∂ a quantity from a step on, entry by entry, for random cotangents of the outputs."""
    arithmetic = Duals(field)
    nothing = field.number(sympy.Integer(0))
    seeds = {symbol for key, symbol in written.seeds if key[0] in outputs}
    ours = set(written.forward.leaves.values())
    values = {}
    for symbol, key in written.backward.leaves.items():
        given = key not in ours and symbol not in seeds  # a cotangent of something else than the outputs
        values[symbol] = Dual(nothing if given or key[0] in zero else draw(), {})
    arithmetic.run(written.backward.lines, values)
    result = {}
    for leaf, bar in written.gradients.items():
        key = written.forward.leaves[leaf]
        if key[0] == of[0] and (key[1] or 0) >= of[1] and bar is not None:
            result[key] = values[bar].value
    return result
