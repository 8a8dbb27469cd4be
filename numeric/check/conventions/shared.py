"""An initial state that all examples share: one row for a whole batch, whose gradient is the sum over the examples.

Read next: `numeric.check.conventions.bind`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from numeric.check.bound import Bound, Claim
from numeric.check.conventions.claims import same
from numeric.check.dump import Dump

Where = dict[str, tuple[int, int]]  # by array, the axis of the examples and how many there are


def unshared(dump: Dump) -> Iterator[tuple[Dump, Where]]:
    """The dump with its initial states repeated for every example, in each way that shapes allow."""
    single = {name: [n for n, size in enumerate(a.shape) if size == 1] for name, a in dump.initial.items()}
    bare = {name: dump.initial[name].shape for name, axes in single.items() if not axes}
    if not single or any(len(shape) != 1 for shape in bare.values()):
        return
    single |= {name: [0] for name in bare}  # (H,), which has no axis of examples at all
    rows = {name: array[None] if name in bare else array for name, array in dump.initial.items()}
    lengths = {size for array in dump.inputs.values() for size in array.shape if size > 1}
    for batch in sorted(lengths):
        for axes in product(*single.values()):
            where = {name: (axis, batch) for name, axis in zip(single, axes, strict=True)}
            initial = {name: np.repeat(a, batch, where[name][0]) for name, a in rows.items()}
            grads = {
                name: np.repeat(a.reshape(rows[own].shape), batch, where[own][0])
                if (own := same(name, rows)) is not None and a.shape == dump.initial[own].shape
                else a
                for name, a in dump.grads.items()
            }
            yield replace(dump, initial=initial, grads=grads), where


def shared(bound: Bound, dump: Dump, where: Where) -> Bound:
    """The bound of a repeated dump, with the author's own gradients of the shared states again."""
    claims = tuple(
        _shared(claim, dump, *where[own]) if (own := same(claim.name, where)) is not None else claim
        for claim in bound.claims
    )
    note = f"{', '.join(where)}: one initial state for all examples, whose gradients add up"
    return replace(bound, claims=claims, notes=(*bound.notes, note))


def _shared(claim: Claim, dump: Dump, axis: int, batch: int) -> Claim:
    values = dump.grads[claim.name]
    if values.shape == claim.values.shape:
        return claim
    first, *more = (np.take(claim.index, [example], axis).reshape(values.shape) for example in range(batch))
    return replace(claim, values=values, index=first, more=tuple(more))
