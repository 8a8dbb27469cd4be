"""What is computed when: a system and its adjoint as stages over all steps, one step at a time, or once.

A component of the dependency graph without a cycle is a *map*: all steps of its axis at once, so that ``U @ x[t]`` is
one product for the whole sequence.  A component with a cycle is a *scan* in one direction.  What has no step (a
boundary value, a weight gradient ``sum[t](…)``) is computed *once*.

A schedule has two parts.  The forward part is the primal; the backward part what the adjoint adds to it, and it reads
stored values of the forward part, its residuals.  Passes (`numeric.passes`) rewrite schedules, each leaving every
result unchanged.

Read next: `numeric.passes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import sympy

from derive.expr import Fixed, Op, Ref, Step
from derive.operands import name_operands
from derive.order import Component, contextual_refs
from derive.primitives import TABLE
from derive.reach import default_wrt, dependent, final_positions
from derive.shapes import ShapeOf, pair
from derive.system import Equation, System, Var

Kind = Literal["once", "map", "scan"]


@dataclass(frozen=True)
class Stage:
    """Equations that are computed together.

    Attributes:
        kind: "map" over all steps at once, "scan" step by step, or "once".
        axis: the time axis of a map or scan.
        direction: +1 or -1 for a scan, else 0.
        equations: in computable order.
    """

    kind: Kind
    axis: str | None
    direction: int
    equations: tuple[Equation, ...]


@dataclass(frozen=True)
class Schedule:
    """Stages of both parts, and what their results mean.

    Attributes:
        name: of the system.
        variables: every quantity, those of passes included.
        batched: names of quantities that differ between examples.
        boundaries: given positions by name, default 0; those of the backward part are always 0.
        forward: stages of the primal.
        backward: stages of the adjoint; empty if nothing has a gradient.
        outputs: quantities that the forward part returns.
        final: positions of the values that the next chunk of a sequence needs, by name.
        upstream: name of the given cotangent of each output that has one.
        ends: names of the given cotangents of the final values, in their order.
        gradients: cotangent of each leaf that has one.
        source: the equations of the system and its adjoint as they were, in their order.
    """

    name: str
    variables: Mapping[str, Var]
    batched: frozenset[str]
    boundaries: Mapping[str, tuple[Fixed, ...]]
    forward: tuple[Stage, ...]
    backward: tuple[Stage, ...]
    outputs: tuple[str, ...]
    final: Mapping[str, tuple[Fixed, ...]]
    upstream: Mapping[str, str]
    ends: Mapping[str, tuple[str, ...]]
    gradients: Mapping[str, str]
    source: tuple[Equation, ...]

    @cached_property
    def numbers(self) -> dict[Ref, int]:
        """Number of each equation of the source, by left side."""
        return {equation.out: number for number, equation in enumerate(self.source, 1)}

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Both parts."""
        return self.forward + self.backward

    @cached_property
    def shape_of(self) -> ShapeOf:
        """Shape (rows, columns) of any expression over the quantities."""
        return ShapeOf({name: pair(var.shape) for name, var in self.variables.items()})

    @property
    def given_cotangents(self) -> tuple[str, ...]:
        """Leaves of the backward part."""
        return (*self.upstream.values(), *(name for names in self.ends.values() for name in names))

    @cached_property
    def initial(self) -> tuple[str, ...]:
        """Quantities of the forward part with given boundary values."""
        made = {equation.name for stage in self.backward for equation in stage.equations}
        return tuple(name for name in self.boundaries if name not in made)

    @property
    def leaves(self) -> tuple[str, ...]:
        """What the forward part is given: inputs, then parameters and constants."""
        given = set(self.given_cotangents)
        found = [name for name, var in self.variables.items() if var.is_leaf and name not in given]
        return tuple(sorted(found, key=lambda name: self.variables[name].role != "input"))

    def with_stages(self, rewrite: Callable[[Stage], Stage]) -> Schedule:
        """The same schedule with every stage rewritten."""
        return replace(
            self,
            forward=tuple(rewrite(stage) for stage in self.forward),
            backward=tuple(rewrite(stage) for stage in self.backward),
        )


def schedule(system: System, outputs: Sequence[str] | None = None) -> Schedule:
    """Schedule a system and its adjoint with respect to every leaf that has a gradient.

    Args:
        system: any system, an adjoint included.
        outputs: quantities to return; default `System.outputs`.

    Raises:
        ValueError: if an output does not exist.
    """
    chosen = tuple(system.outputs if outputs is None else outputs)
    for name in chosen:
        if name not in system.defined:
            raise ValueError(f"{name} is no defined quantity of {system.name}; there are {', '.join(system.defined)}")
    primal = name_operands(system)
    whole = _adjoint(system, chosen) or primal
    forward = len(primal.equations)
    added = [var for name, var in whole.variables.items() if name not in primal.variables]
    origins = {var.name: var.origin for var in added if var.origin is not None}
    adjoint_names = {equation.name for equation in whole.equations[forward:]}
    stages = [_stage(component) for component in whole.components]
    return Schedule(
        name=system.name,
        variables=whole.variables,
        batched=whole.batched,
        boundaries=whole.boundaries,
        forward=tuple(stage for stage in stages if stage.equations[0].name not in adjoint_names),
        backward=tuple(stage for stage in stages if stage.equations[0].name in adjoint_names),
        outputs=chosen,
        final={name: tuple(final_positions(system, name)) for name in carried(system)},
        upstream={origin.of: name for name, origin in origins.items() if origin.kind == "upstream"},
        ends={name: whole.ends(name) for name in carried(system) if whole.ends(name)},
        gradients={
            origin.of: name
            for name, origin in origins.items()
            if origin.kind == "cotangent" and (primal.variables[origin.of].is_leaf or origin.of in system.boundaries)
            if primal.variables[origin.of].classes is None
        },
        source=whole.equations,
    )


def forward_only(plan: Schedule) -> Schedule:
    """The schedule without its backward part."""
    made = {equation.name for stage in plan.backward for equation in stage.equations} | set(plan.given_cotangents)
    return replace(
        plan,
        variables={name: var for name, var in plan.variables.items() if name not in made},
        boundaries={name: positions for name, positions in plan.boundaries.items() if name not in made},
        backward=(),
        upstream={},
        ends={},
        gradients={},
        source=tuple(equation for equation in plan.source if equation.name not in made),
    )


def carried(system: System) -> tuple[str, ...]:
    """Sequences whose last values the next chunk needs: those with given boundary values, and all states."""
    states = [name for name in system.states if system.variables[name].axis is not None]
    return tuple(dict.fromkeys((*system.boundaries, *states)))


def _adjoint(system: System, outputs: tuple[str, ...]) -> System | None:
    """The adjoint, for cotangents of the outputs and of all final values; None if nothing depends on any leaf."""
    reachable = dependent(system, default_wrt(system))
    real = {name for name in reachable if system.variables[name].classes is None}
    seeds = [name for name in outputs if name in real]
    ends = [name for name in carried(system) if name in real]
    return system.adjoint(seeds, final=ends) if seeds or ends else None


def _stage(component: Component) -> Stage:
    kind: Kind = "once" if component.axis is None else "scan" if component.direction else "map"
    return Stage(kind, component.axis, component.direction, component.equations)


def reads(equations: Iterable[Equation]) -> Iterator[tuple[Equation, Ref, bool]]:
    """Every read of every equation, and whether it stays at the step that is being computed."""
    for equation in equations:
        for read, bound in contextual_refs(equation.expr):
            here = isinstance(read.index, Step) and read.index.shift == 0 and read.index.axis == equation.axis
            yield equation, read, here and equation.axis not in bound


def residuals(plan: Schedule) -> tuple[str, ...]:
    """Quantities of the forward part that the backward part reads, in order of appearance."""
    made = {equation.name for stage in plan.backward for equation in stage.equations}
    given = {*made, *plan.given_cotangents}
    found = (read.name for stage in plan.backward for _, read, _ in reads(stage.equations))
    return tuple(dict.fromkeys(name for name in found if name not in given))


def is_stepwise(expr: sympy.Expr, axis: str) -> bool:
    """Whether the value changes along an axis: it is read at a step that no sum inside it binds."""
    if isinstance(expr, Ref):
        return isinstance(expr.index, Step) and expr.index.axis == axis
    if not isinstance(expr, Op):
        return False
    if TABLE[expr.primitive].binds and str(expr.static[0]) == axis:
        return False
    if expr.primitive == "unstack" and str(expr.static[0]) == axis:
        return True
    if expr.primitive == "place" and expr.static[0].axis == axis:
        return True
    return any(is_stepwise(operand, axis) for operand in expr.operands)


def dimension_text(dim: sympy.Expr, names: Mapping[str, str]) -> str:
    """A dimension as Python text."""
    return str(sympy.expand(dim).xreplace({s: sympy.Symbol(names[str(s)]) for s in sympy.sympify(dim).free_symbols}))
