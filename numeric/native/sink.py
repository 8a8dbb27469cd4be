"""A pass for loops in C: what one loop alone reads, at its own step, is computed in that loop.

NumPy gains where a map over all steps leaves the loop (`numeric.passes.hoist`), for every call costs as much as a
thousand numbers.  A C loop has no calls: there a coefficient that is computed where it is used costs less than one
that is stored and read again.

Read next: `numeric.native.fuse`.
"""

from __future__ import annotations

from dataclasses import replace

from derive.expr import Ref
from numeric.columns import is_columnwise
from numeric.layout import Layout
from numeric.schedule import Schedule, Stage, reads


def sink(plan: Schedule) -> Schedule:
    """The schedule with maps moved into the scans of columns that alone read them."""
    layout = Layout(plan)
    readers: dict[str, set[str]] = {}
    for stage in plan.stages:
        for equation, read, _ in reads(stage.equations):
            readers.setdefault(read.name, set()).add(equation.name)
    homes: dict[Ref, list[Stage]] = {}  # by what a scan computes first: its maps
    moved: set[str] = set()
    for stage in reversed(plan.stages):
        name = stage.equations[0].name
        home = layout.blocked.get(name)
        if home is None or not is_columnwise(replace(home, equations=stage.equations), plan):
            continue
        if readers.get(name, set()) <= moved | {equation.name for equation in home.equations}:
            homes.setdefault(home.equations[0].out, []).insert(0, stage)
            moved.add(name)

    def part(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        kept = (stage for stage in stages if stage.equations[0].name not in moved)
        return tuple(_with(stage, homes.get(stage.equations[0].out, [])) for stage in kept)

    return replace(plan, forward=part(plan.forward), backward=part(plan.backward))


def _with(stage: Stage, maps: list[Stage]) -> Stage:
    return replace(stage, equations=(*(e for m in maps for e in m.equations), *stage.equations)) if maps else stage
