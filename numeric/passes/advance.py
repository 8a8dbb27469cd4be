"""Compute what does not wait for a loop before it: matrices stacked from parameters.

``dx[t] = W.T @ dz[t]`` can then be computed together with ``dz[t]`` (`numeric.trailing`).

Read next: `numeric.storage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derive.expr import refs
from numeric.schedule import Schedule, Stage


def advance(plan: Schedule) -> Schedule:
    """Put what is computed once from what is there already in front, part by part."""
    return replace(plan, forward=_advanced(plan.forward), backward=_advanced(plan.backward))


def _advanced(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    made = {equation.name for stage in stages for equation in stage.equations}
    first: list[Stage] = []
    for stage in stages:
        (equation, *others) = stage.equations
        alone = not others and equation.out.index is None
        if alone and not any(read.name in made for read in refs(equation.expr)):
            first.append(stage)
            made.discard(equation.name)
    return (*first, *(stage for stage in stages if stage not in first))
