"""Loops over blocks of steps around a loop over columns: what it reads is computed before it, what follows behind it.

What a loop alone reads is computed for as few steps as the cache has room for, so that it is still there when it is
read; what follows it for as many as make a product worth while, and around the former.

Read next: `numeric.emit_recurrence`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from derive.expr import is_op
from derive.system import Equation
from numeric.emit_coefficients import coefficients
from numeric.emit_maps import turned
from numeric.emit_ops import Expressions
from numeric.emit_trailing import Follow
from numeric.instructions import Spot
from numeric.layout import Layout
from numeric.passes.draft import subexpressions
from numeric.schedule import Stage

COLUMNS = 1024  # steps times examples of a product over a block; measured: fewer cost time
HELD = 2**16  # numbers that a scan may hold for what follows, of which each block is still in the cache; measured
FEW = 256  # the same where the product is not added to a larger one


class Blocks:
    """The blocks of one loop.

    Args:
        layout: where everything lives.
        stage: the scan.
        maps: what it alone needs, computed before each block.
        follow: what follows each block.

    Attributes:
        labels: names that tell the blocks apart.
    """

    def __init__(self, layout: Layout, stage: Stage, maps: Sequence[Equation], follow: Follow | None) -> None:
        self.layout, self.stage, self.maps, self.follow = layout, stage, maps, follow
        self.now = layout.fresh("now") if maps or follow else ""
        self.low = layout.fresh("low") if maps or follow else ""
        self.outer = self.now, self.low  # where both are there, those of the larger blocks
        self.here = ""
        if maps and follow:
            self.now, self.low, self.here = layout.fresh("now"), layout.fresh("low"), layout.fresh("here")
        self.labels = [self.low] if self.low else []
        self.computed = {layout.view(equation.name, 0) for equation in maps}
        self.held = {layout.view(e.name, 0) for e in stage.equations if e.name in layout.held}

    def span(self, spot: Spot) -> str:
        """The index of the steps of a block in a sequence; empty where all of it belongs to the block."""
        if spot.base in self.computed:
            return ""
        return self.here if spot.base in self.held else self.now

    def lines(self, rows: str, loop: Sequence[str], need: Callable[[str], None], homes: Mapping[str, str]) -> list[str]:
        """A loop over steps with loops over blocks around it.

        Args:
            rows: how many it touches at a step.
            loop: its statements.
            need: called with the name of a helper that the text uses.
            homes: where maps are written that need no room of their own, by name (`emit_coefficients.lodged`).
        """
        if not self.maps and self.follow is None:
            return list(loop)
        axis, layout = str(self.stage.axis), self.layout
        steps = Expressions(layout, need).steps_of(axis)
        inside = list(loop)
        if self.maps:
            block = layout.fresh("block")
            room, inside = self._before(block, steps, inside, need, homes)
            few = any(is_op(op, "matmul") for e in self.maps for op in subexpressions(e.expr))
            least = f", {FEW} // {layout.batch}" if few else ""
            size = [f"    {block} = max(1, CACHE // ({layout.batch} * ({rows})){least})", *room]
            if self.follow is None:
                return [*size, *inside]
        assert self.follow is not None
        lines = around(self.follow, self.stage, inside, *self.outer)
        return [*size, *lines] if self.maps else lines

    def _before(
        self, block: str, steps: str, loop: Sequence[str], need: Callable[[str], None], homes: Mapping[str, str]
    ) -> tuple[list[str], list[str]]:
        """Room for what the loop alone reads, and the loop with it computed before."""
        now, low = self.outer
        end, room = f"{self.low} + {block}", list[str]()
        spans, first, last = [f"        {self.now} = slice({self.low}, {end})"], "0", steps
        if self.follow is not None:
            first, last = low, f"{now}.stop"
            spans = [
                f"        {self.now} = slice({self.low}, min({end}, {last}))",
                f"        {self.here} = slice({self.low} - {low}, {end} - {low})",
            ]
        place, maps = Expressions(self.layout, need, span=self.now), list[str]()
        for equation in self.maps:
            number = self.layout.plan.numbers.get(equation.out)
            found = coefficients(equation, place, number)
            if found is None:
                maps += turned(equation, place, number, "        ", room)
                continue
            name = self.layout.names[equation.name]
            where = homes.get(equation.name)
            if where is None:
                own, width = self.layout.fresh(f"{name}_room"), place.size(place.shape_of(equation.out)[0])
                room.append(f"    {own} = empty((min({steps}, {block}), {width}, {self.layout.batch})).mT")
                where = f"{own}[:{last} - {self.low}]"
            maps += [f"        {line}" for line in (f"{name} = {where}", *found)]
        return room, [
            f"    for {self.low} in {_ordered(f'range({first}, {last}, {block})', self.stage)}:",
            *spans,
            *maps,
            *(f"    {line}" for line in loop),
        ]


def around(follow: Follow, stage: Stage, inside: Sequence[str], now: str, low: str) -> list[str]:
    """A loop over blocks around statements for one, and what follows each.

    Args:
        follow: what follows.
        stage: the scan.
        inside: statements for a block.
        now, low: names of the index of its steps and of the first.
    """
    layout = follow.layout
    steps, block = Expressions(layout, follow.need).steps_of(str(stage.axis)), layout.fresh("block")
    follow.write(block, low, now)
    return [
        f"    {block} = -(-{steps} // (1 + {steps} * {layout.batch} // max({COLUMNS}, {HELD} // ({follow.rows()}))))",
        *follow.before,
        f"    for {low} in {_ordered(f'range(0, {steps}, {block})', stage)}:",
        f"        {now} = slice({low}, min({low} + {block}, {steps}))",
        *follow.opening,
        *(f"    {line}" for line in inside),
        *follow.closing,
    ]


def _ordered(steps: str, stage: Stage) -> str:
    return steps if stage.direction > 0 else f"reversed({steps})"
