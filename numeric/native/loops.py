"""The loops of a module in C, and those that stay NumPy with the reason.

Read next: `numeric.native.build`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derive.system import Equation
from numeric.emit_blocks import around
from numeric.emit_maps import turned
from numeric.emit_ops import Expressions
from numeric.emit_trailing import Follow
from numeric.layout import Layout
from numeric.native.functions import Unsupported
from numeric.native.loop import Loop, Writer
from numeric.schedule import Stage


class Native:
    """Loops so far.

    Args:
        layout: where everything lives.
        need: called with the name of a helper or function of NumPy that the Python text uses.

    Attributes:
        loops: written in C.
        left: scans that stay NumPy, each with the reason.
    """

    def __init__(self, layout: Layout, need: Callable[[str], None]) -> None:
        self.layout, self.need = layout, need
        self.loops: list[Loop] = []
        self.left: list[str] = []

    def lines(self, stage: Stage, maps: Sequence[Equation], follow: Follow | None = None) -> list[str] | None:
        """Python statements for a scan of columns; None if it stays NumPy.

        Args:
            stage: the scan.
            maps: what it alone reads, and cannot compute itself.
            follow: what follows it, a block of steps at a time.
        """
        place, numbers = Expressions(self.layout, self.need), self.layout.plan.numbers
        now = self.layout.fresh("now") if follow is not None else ""
        try:
            writer = Writer(self.layout, stage, self.need, now, follow.count if follow is not None else "")
            loop, before, call = writer.finish(self.layout.fresh(f"loop_{len(self.loops) + 1}"))
        except Unsupported as reason:
            self.left.append(f"{stage.equations[0].name} …: {reason}")
            return None
        self.loops.append(loop)
        lines = [call] if follow is None else around(follow, stage, [call], now, self.layout.fresh("low"))
        return [*(line for e in maps for line in turned(e, place, numbers.get(e.out), "    ")), *before, *lines]

    def leave(self, stage: Stage) -> None:
        """Note a scan of something else than columns."""
        if stage not in self.layout.columns:
            names = ", ".join(dict.fromkeys(equation.name for equation in stage.equations))
            self.left.append(f"{names}: more than shared matrices times columns, and functions of entries")
