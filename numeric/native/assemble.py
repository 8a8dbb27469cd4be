"""From a schedule to a module whose loops are in C where that was asked for and is possible; else why not.

Read next: `numeric.room`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from numeric.emit import Module, emit
from numeric.native.build import Unavailable, functions_of, source
from numeric.native.sink import sink
from numeric.options import Options
from numeric.passes import optimise
from numeric.schedule import Schedule


@dataclass(frozen=True)
class Assembled:
    """What a kernel is made of.

    Attributes:
        plan: the schedule after all passes.
        module: its Python text.
        loops: functions in C that the text calls.
        native: the C text; empty if all is NumPy.
        reason: why something, or all, is NumPy although C was asked for; empty if nothing is.
    """

    plan: Schedule
    module: Module
    loops: Mapping[str, Callable[..., None]]
    native: str = ""
    reason: str = ""


def assemble(plan: Schedule, options: Options) -> Assembled:
    """Optimise a schedule and write it."""
    plan = optimise(plan, options.passes)
    reason = ""
    if options.compiled:
        sunk = sink(plan)
        module = emit(sunk, options.dtype, compiled=True)
        reason = "; ".join(module.left)
        if module.loops:
            try:
                return Assembled(sunk, module, functions_of(module.loops, options.dtype), source(module.loops), reason)
            except Unavailable as error:
                reason = str(error)
        else:
            reason = reason or "there is no loop over time"
    return Assembled(plan, emit(plan, options.dtype), {}, "", reason)
