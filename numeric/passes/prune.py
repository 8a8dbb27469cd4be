"""Leave out what no result needs.

Read next: `numeric.passes.advance`.
"""

from __future__ import annotations

from dataclasses import replace

from derive.expr import refs
from numeric.schedule import Schedule, Stage


def prune(plan: Schedule) -> Schedule:
    """Drop equations that nothing reads and that are no result."""
    needed = {*plan.outputs, *plan.final, *plan.gradients.values()}
    while True:
        equations = (e for stage in plan.stages for e in stage.equations if e.name in needed)
        more = {read.name for e in equations for read in refs(e.expr)} - needed
        if not more:
            break
        needed |= more

    def kept(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        trimmed = (replace(s, equations=tuple(e for e in s.equations if e.name in needed)) for s in stages)
        return tuple(stage for stage in trimmed if stage.equations)

    return replace(plan, forward=kept(plan.forward), backward=kept(plan.backward))
