"""Passes: schedules rewritten so that they run faster and compute the same.

Each is a pure function in a file of its own, and any subset of them gives the same results.  The order matters for
speed alone: what is split can be hoisted, what is hoisted can be packed.

Read next: `numeric.passes.draft`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from numeric.passes.advance import advance
from numeric.passes.blend import blend
from numeric.passes.collect import collect
from numeric.passes.factor import factor
from numeric.passes.fold import fold
from numeric.passes.gather import gather
from numeric.passes.halve import halve
from numeric.passes.hoist import hoist
from numeric.passes.inline import inline
from numeric.passes.join import join
from numeric.passes.lift import lift
from numeric.passes.merge import merge
from numeric.passes.pack import pack
from numeric.passes.part import part
from numeric.passes.prune import prune
from numeric.passes.share import share
from numeric.passes.split import split
from numeric.schedule import Schedule

Pass = Callable[[Schedule], Schedule]

PASSES: tuple[Pass, ...] = (
    fold,  # cotangents of final values enter through the boundary
    merge,  # what is said twice
    blend,  # a share of one and the rest of another
    halve,  # sigmoids are tanh of half the weights
    split,  # W @ [h, x] is W_h @ h + W_x @ x
    share,  # functions that are computed twice
    factor,  # common factors
    inline,  # products of products
    hoist,  # what does not depend on the recurrence leaves the loop
    pack,  # products with one right operand: gates
    lift,  # what all of them add
    gather,  # sums of products: cotangents of gates
    part,  # weight gradients of which others need the parts
    collect,  # weight gradients
    prune,  # what nobody reads
    join,  # gates side by side
    advance,  # what does not wait for a loop
)


def optimise(plan: Schedule, passes: Sequence[Pass] = PASSES) -> Schedule:
    """Apply passes in order."""
    return reduce(lambda plan, rewrite: rewrite(plan), passes, plan)
