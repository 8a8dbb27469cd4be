"""Padded sequences: a mask of zeros and ones beside the data, and what a forward pass may do with it.

A mask may be an input, a target, the lengths of the sequences, or stand in the targets themselves: −1 or −100 where
nothing counts, or 0 for padding.  With it, states are carried over padding or are zero there, what is put out is zero
there, the loss leaves it out, or several of these.

Read next: `numeric.check.conventions.search`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.equation import Equation, Var
from derive.errors import EquationError
from derive.expr import apply, ref, step, times
from derive.networks import masked
from derive.networks.rename import Names, assembled, only_axis
from derive.system import System
from numeric.check.conventions.candidates import Candidate
from numeric.check.dump import Dump

MASK = "m"
IGNORED = (-1, -100)  # indices of no class
WAYS = ("states carried over padding", "padded outputs zero", "padded states zero")


def unpadded(dump: Dump) -> Iterator[Dump]:
    """The dump with its mask known, in each way that it may be one."""
    for kind in ("inputs", "targets"):
        arrays: Mapping[str, NDArray[Any]] = getattr(dump, kind)
        for name in [n for n in arrays if len(arrays) > 1]:
            mask = _mask(name, arrays[name], dump)
            if mask is not None:
                rest = {n: a for n, a in arrays.items() if n != name}
                without = (
                    replace(dump, inputs=rest, mask=mask)
                    if kind == "inputs"
                    else replace(dump, targets=rest, mask=mask)
                )
                yield without
                yield replace(without, inputs={**without.inputs, name: mask})
    whole = {n: a for n, a in dump.targets.items() if a.dtype.kind == "i"}
    for name, array in whole.items():
        if int(array.min()) in IGNORED:
            yield _leaving_out(dump, name, array >= 0)


def without_zeros(dump: Dump) -> Iterator[Dump]:
    """The dump with targets of class 0 left out, as padding; to be tried where no other loss is the printed one."""
    for name, array in dump.targets.items():
        if array.dtype.kind == "i" and array.ndim > 1 and int(array.max()) > 1 and not array.all() and array.any():
            yield _leaving_out(dump, name, array != 0)


def _leaving_out(dump: Dump, name: str, counts: NDArray[Any]) -> Dump:
    targets = {**dump.targets, name: np.maximum(dump.targets[name], 0)}
    return replace(dump, targets=targets, mask=counts.astype(float))


def _mask(name: str, array: NDArray[Any], dump: Dump) -> NDArray[Any] | None:
    """A mask of two axes out of an array, or of lengths."""
    others = [a for n, a in dump.inputs.items() if n != name]
    axes = [n for n in array.shape if n > 1]
    if len(axes) == 2 and np.isin(array, (0, 1)).all() and any(set(axes) <= set(a.shape) for a in others):
        return array.astype(float)
    if "len" in name.lower() and array.dtype.kind == "i" and len(axes) == 1 and int(array.min()) > 0:
        steps = [n for a in others for n in a.shape[:3] if n >= int(array.max()) and n != array.size]
        return (np.arange(steps[0]) < array.reshape(-1, 1)).astype(float) if steps else None
    return None


def padded(candidate: Candidate) -> Iterator[Candidate]:
    """What a candidate may do with a mask."""
    for way in WAYS:
        intended = candidate.intended
        yield replace(
            candidate,
            words=f"{candidate.words}, {way}",
            make=partial(_padded, candidate.make, way),
            intended=None if intended is None else partial(_padded, intended, way),
        )


@cache
def _padded(make: Callable[[], System], way: str) -> System:
    """The system of a cell with a mask.

    Raises:
        ValueError: if there is nothing to mask.
    """
    system = make()
    try:
        axis = only_axis(system)
        equations, variables = system.equations, dict(system.variables)
        if way == WAYS[0]:
            carried = masked(system, axis, mask=MASK)
            equations, variables = carried.equations, dict(carried.variables)
        name = next((n for n, var in variables.items() if n not in system.variables and var.role == "input"), None)
        if name is None:
            name = Names(variables).fresh(MASK)
            variables[name] = Var(name, (), axis, "input")
        real = apply("stop", ref(name, step(axis)))
        if way == WAYS[2]:
            zero = [e.name in system.states and not e.is_boundary for e in equations]
            equations = tuple(
                replace(e, expr=times(real, e.expr)) if one else e for e, one in zip(equations, zero, strict=True)
            )
        out = "h" if "h" in system.defined else system.outputs[-1]
        shown = replace(variables[out], name=Names(variables).fresh(f"{out}_real"))
        variables[shown.name] = shown
        line = Equation(ref(shown.name, step(axis)), times(real, ref(out, step(axis))))
        return assembled((*equations, line), variables, system)
    except EquationError as reason:
        raise ValueError(str(reason)) from None


def weighted(system: System) -> System:
    """A system with a loss that is summed over time, of which padded steps are left out.

    Raises:
        EquationError: if no loss is summed over time.
    """
    total = next(e for e in system.equations if e.name == system.outputs[-1])
    axis = only_axis(system)
    name = next((n for n in system.inputs if n.startswith(MASK)), None)
    variables = dict(system.variables)
    if name is None:
        name = Names(variables).fresh(MASK)
        variables[name] = Var(name, (), axis, "input")
    if getattr(total.expr, "primitive", "") != "sum":
        raise EquationError("the loss is not summed over time")
    summed = apply("sum", times(apply("stop", ref(name, step(axis))), total.expr.operands[0]), static=total.expr.static)
    equations = [Equation(e.out, summed) if e is total else e for e in system.equations]
    return assembled(equations, variables, system)
