"""Inputs that are several, or were multiplied elsewhere: pre-activations ``gx`` (T, B, 4H) of all gates in one array.

Kernels of recurrences get the products of the inputs from a matrix product before them.  Where equations read such
pre-activations one by one, the array is taken apart; a known cell reads them through weights that are the identity:
``W @ gx = gx`` has the right forward and the right gradients, in whatever order the gates stand.

Read next: `numeric.check.conventions.bind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from derive.system import System
from numeric.check.bound import Bound
from numeric.check.conventions.apart import Cut, Together, taken, with_grads
from numeric.check.conventions.claims import same
from numeric.check.dump import Dump

GATES = (1, 3, 4, 2)  # of a cell
IDENTITY = "identity"


def several(dump: Dump, system: System | None) -> Iterator[tuple[Dump, Callable[[Bound], Bound]]]:
    """The dump with one input taken apart, where the equations have more inputs than there are arrays."""
    parts = 1 if system is None else len(system.inputs) - len(dump.inputs) + 1
    for name, array in dump.inputs.items() if parts > 1 else ():
        for cut in _cuts(array, parts):
            cuts = with_grads(dump, {f"input/{name}": cut})
            yield taken(dump, cuts), Together(cuts, dump)


def _cuts(array: NDArray[np.generic], parts: int) -> Iterator[Cut]:
    """Entries of an axis of that length, equal slices, and of two parts slices of any width."""
    axes = range(array.ndim - 1, -1, -1)
    yield from (Cut(axis, parts) for axis in axes if array.shape[axis] == parts)
    yield from (Cut(axis, parts, True) for axis in axes if array.shape[axis] % parts == 0)
    if parts == 2:
        for axis in axes:
            yield from (Cut(axis, 2, True, (at,)) for at in range(1, array.shape[axis]) if 2 * at != array.shape[axis])


def projected(dump: Dump) -> Iterator[tuple[Dump, Callable[[Bound], Bound]]]:
    """The dump with weights of an input that are the identity, where its width is that of all gates of a parameter."""
    if len(dump.inputs) != 1 or not dump.params or IDENTITY in dump.params:
        return
    ((name, array),) = dump.inputs.items()
    if array.dtype.kind == "i":
        return
    matrices = [a.shape for a in dump.params.values() if a.ndim > 1]
    wide = {n for shape in matrices for n in (*shape, shape[0] * shape[-1])}
    tall = {n for a in (*dump.outputs.values(), *dump.cotangents.values()) for n in a.shape}
    for flat in _flattened(dump, name, array):
        width = flat.inputs[name].shape[-1]
        if width in wide and any(width == gates * rows for gates in GATES for rows in tall):
            changed = replace(flat, params={**flat.params, IDENTITY: np.eye(width)})
            yield changed, partial(_multiplied, dump=dump, name=name)


def _flattened(dump: Dump, name: str, array: NDArray[np.generic]) -> Iterator[Dump]:
    """The dump, and with gates that have an axis of their own, the last or the one before it, beside their rows."""
    if array.ndim > 1:
        yield dump
    if array.ndim > 2:
        inputs = {name: array.reshape(*array.shape[:-2], -1)}
        own = [grad for grad, a in dump.grads.items() if same(grad, dump.inputs) is not None and a.shape == array.shape]
        yield replace(
            dump, inputs=inputs, grads={**dump.grads, **{n: dump.grads[n].reshape(inputs[name].shape) for n in own}}
        )


def _multiplied(bound: Bound, dump: Dump, name: str) -> Bound:
    """The bound, with claims in the author's shapes, and what was found said."""
    claims = tuple(
        replace(c, values=c.values.reshape(shape), index=c.index.reshape(shape))
        if c.values.shape != (shape := dump.grads[c.name].shape)
        else c
        for c in bound.claims
    )
    note = f"input/{name} is taken for products of the input that were computed elsewhere: pre-activations of the gates"
    return replace(bound, claims=claims, notes=(*bound.notes, note))
