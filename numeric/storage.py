"""What need not be stored: liveness of the quantities that scans of columns (`numeric.columns`) compute and read.

Read next: `numeric.together`.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from derive.expr import Fixed, Step, fixed
from derive.system import Equation
from numeric.passes.draft import subexpressions
from numeric.schedule import Schedule, Stage, reads


def blocked(plan: Schedule, columns: Sequence[Stage], barred: AbstractSet[str]) -> dict[str, Stage]:
    """Maps that one scan of columns alone needs, each step at that step, and the scan."""
    readers: dict[str, list[tuple[Stage, Equation, bool]]] = {}
    for stage in plan.stages:
        for equation, read, here in reads(stage.equations):
            readers.setdefault(read.name, []).append((stage, equation, here))
    kept = {*plan.outputs, *plan.final, *plan.gradients.values()}
    found: dict[str, Stage] = {}
    for stage in reversed(plan.stages):
        equation = stage.equations[0]
        if stage.kind != "map" or equation.name in kept or equation.name in barred:
            continue
        if not _can_wait(equation, stage, plan):
            continue
        homes = {id(s): s for s, e, _ in readers.get(equation.name, ()) for s in [found.get(e.name, s)]}
        (home, *others) = homes.values() or [stage]
        same_part = (home in plan.forward) == (stage in plan.forward)
        at_own_step = all(here for _, _, here in readers.get(equation.name, ()))
        if not others and home in columns and home.axis == stage.axis and same_part and at_own_step:
            found[equation.name] = home
    return dict(reversed(found.items()))


def _can_wait(equation: Equation, stage: Stage, plan: Schedule) -> bool:
    """Whether the steps of a map can be computed block by block."""
    found = list(reads([equation]))
    steps = [r for _, r, _ in found if isinstance(r.index, Step)]
    along = any(op.primitive in ("sum", "stack", "unstack", "place") for op in subexpressions(equation.expr))
    fixed_steps = any(isinstance(r.index, Fixed) for _, r, _ in found)
    same = bool(steps) and all(r.index.axis == stage.axis for r in steps if isinstance(r.index, Step))
    return same and not along and not fixed_steps and len(plan.variables[equation.name].shape) <= 1


def rolling(plan: Schedule, columns: Sequence[Stage]) -> set[str]:
    """What the backward part reads at the step before alone, before the next value is there."""
    found = set()
    for stage in columns:
        if stage in plan.backward:
            found |= {e.name for e in stage.equations if _rolls(e, stage, plan)}
    return found - {*plan.outputs, *plan.final, *plan.gradients.values(), *plan.boundaries}


def _rolls(equation: Equation, stage: Stage, plan: Schedule) -> bool:
    assert stage.axis is not None
    last = fixed(stage.axis, 1 if stage.direction < 0 else 0, from_end=stage.direction > 0)
    first = fixed(stage.axis, 1 if stage.direction < 0 else 0, from_end=stage.direction < 0)
    order = [e.out for e in stage.equations]
    shifted = False
    for home in plan.stages:
        for reader, read, _ in reads(home.equations):
            if read.name != equation.name:
                continue
            if isinstance(read.index, Fixed):
                if read.index != last:
                    return False
                continue
            early = home is stage and order.index(reader.out) < order.index(equation.out)
            if not early or not isinstance(read.index, Step) or read.index.shift != -stage.direction:
                return False
            shifted = True
    outside = [e.out.index for s in plan.stages for e in s.equations if e.is_boundary and e.name == equation.name]
    return shifted and outside == [first]


def edges(plan: Schedule, columns: Sequence[Stage], padded: AbstractSet[str]) -> set[str]:
    """What only its own step reads, and whose boundary values are a result."""
    found = {e.name for stage in columns for e in stage.equations if e.name in padded}
    leaves = {name for leaf, name in plan.gradients.items() if plan.variables[leaf].is_leaf}
    found -= {*plan.outputs, *plan.final, *leaves, *plan.boundaries}
    for stage in plan.stages:
        here_made = {e.name for e in stage.equations} if stage in columns else set()
        for _, read, here in reads(stage.equations):
            inside = here and read.name in here_made
            if not inside and not (isinstance(read.index, Fixed) and read.index.is_boundary):
                found.discard(read.name)
    return found
