"""Gradient checkpointing: the memory of √T steps instead of T, for one more forward pass.

Chen et al. 2016, arXiv 1604.06174, section 3.

A sequence run in chunks, carrying every boundary value, is the whole run.  So the forward pass keeps the inputs and
what is carried over each border, nothing else; the backward pass takes the chunks in reverse, computes each forward
once more, and sends the gradient of a chunk's initial values to the chunk before as the cotangent of its final ones.
Gradients of parameters add up over the chunks: the same numbers, summed in another order.

The functions made here are called as the generated ones are, so that a kernel need not know which it has.

Read next: `numeric.padding`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from derive.dimensions import length
from derive.expr import Fixed, Op, is_op, refs
from derive.reach import dependent
from derive.system import Equation, System
from numeric.emit import Module
from numeric.schedule import Schedule

Values = dict[str, Any]
WHOLE = ("place", "unstack", "stack", "sum")


@dataclass(frozen=True)
class Chunking:
    """How a system can be run in chunks.

    Attributes:
        axis: of time.
        direction: -1 if its states run backward in time.
        summed: time-free quantities that are sums over all steps: those of the chunks add up.
    """

    axis: str
    direction: int
    summed: frozenset[str]


def chunking(system: System) -> Chunking:
    """How a system can be run in chunks.

    Raises:
        ValueError: one line, if it has several axes or directions, or something sees more than one step at once.
    """
    if len(system.axes) != 1:
        raise ValueError(f"{system.name} cannot be run in chunks: it has {len(system.axes) or 'no'} time axes")
    (axis,) = system.axes
    moving = dependent(system, [name for name, var in system.variables.items() if var.axis is not None])
    summed = frozenset(e.name for e in system.equations if e.out.index is None and e.name in moving)
    for equation in system.equations:
        reason = _reason(equation, summed)
        if reason is not None:
            raise ValueError(f"{system.name} cannot be run in chunks: {reason}")
    sides = {position.from_end for positions in system.boundaries.values() for position in positions}
    if len(sides) == 2:
        raise ValueError(f"{system.name} cannot be run in chunks: it reads both earlier and later steps")
    return Chunking(axis, -1 if sides == {True} else 1, summed)


def _reason(equation: Equation, summed: frozenset[str]) -> str | None:
    """What sees more than one step at once."""
    if equation.is_boundary:
        return f"{equation.out} has an equation"
    for read in refs(equation.expr):
        if isinstance(read.index, Fixed):
            return f"{read} is read"
        if read.name in summed:
            return f"{read.name}, which depends on all steps, is read"
    if equation.name not in summed:
        return _whole(equation.expr, equation)
    for term in equation.expr.operands if is_op(equation.expr, "plus") else (equation.expr,):
        if not is_op(term, "sum"):
            return f"{equation.name}, which depends on all steps, is no sum over them"
        for operand in term.operands:
            if (found := _whole(operand, equation)) is not None:
                return found
    return None


def _whole(expr: sympy.Expr, equation: Equation) -> str | None:
    if not isinstance(expr, Op):
        return None
    if expr.primitive in WHOLE:
        return f"{equation.out} sees all steps at once, in {expr}"
    return next((found for operand in expr.operands if (found := _whole(operand, equation))), None)


# --- the functions ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chunks:
    """``forward`` and ``backward`` of a generated module, chunk by chunk.

    Attributes:
        plan, module: of the generated functions.
        how: what the system allows.
        every: steps of a chunk; None for √T.
        keep: whether a backward pass follows.
        run, pull: the generated functions.
    """

    plan: Schedule
    module: Module
    how: Chunking
    every: int | None
    keep: bool
    run: Callable[..., Any]
    pull: Callable[..., Any] | None

    def forward(self, *arguments: Any, **sizes: int) -> tuple[Values, Values, Any]:
        """As the generated ``forward``; what it saves are the arguments and what each chunk starts with."""
        given = dict(zip((*self.module.leaves, *self._starts()), arguments, strict=True))
        total = self._length(given, sizes)
        state: Values = {name: given[self._start(name)] for name in self.module.initial}
        outputs: Values = {}
        final: Values = {}
        borders: list[tuple[int, int, Values]] = []
        for low, high in self._spans(total):
            if self.keep:
                borders.append((low, high, state))
            found, last, saved = self._chunk(given, sizes, low, high, state)
            self._join(outputs, found, low, high, total, self.how.summed)
            final = {name: value.copy() for name, value in last.items()}
            del found, last, saved  # room for the next chunk
            state = {name: final[name] for name in self.module.initial}
        return outputs, final, (given, sizes, total, borders) if self.keep else None

    def backward(self, saved: Any, *cotangents: Any) -> tuple[Values, Values, Values]:
        """As the generated ``backward``."""
        assert self.pull is not None
        given, sizes, total, borders = saved
        up = dict(zip(self.plan.given_cotangents, cotangents, strict=True))
        parameters: Values = {}
        inputs: Values = {}
        initial: Values = {}
        for low, high, state in reversed(borders):
            chunk = self._chunk(given, sizes, low, high, state)[2]
            seeds = [self._cut(name, up[name], low, high) for name in self.plan.given_cotangents]
            found, moved, initial = self.pull(chunk, *seeds)
            self._join(parameters, found, low, high, total, frozenset(found))
            timeless = frozenset(name for name in moved if self.plan.variables[name].axis is None)
            self._join(inputs, moved, low, high, total, timeless)
            self._hand_over(up, initial)
            del chunk, found, moved  # room for the next chunk
        return parameters, inputs, initial

    # --- pieces ------------------------------------------------------------------------------------------------

    def _starts(self) -> tuple[str, ...]:
        return tuple(map(self._start, self.module.initial))

    @staticmethod
    def _start(name: str) -> str:
        return f"{name}[0]"  # no name of a quantity

    def _length(self, given: Mapping[str, Any], sizes: Mapping[str, int]) -> int:
        symbol = length(sympy.Symbol(self.how.axis))
        for text, known in self.module.sizes:
            if known == symbol:
                return sizes[text]
        return next(len(given[name]) for name in self.module.leaves if self.plan.variables[name].axis is not None)

    def _spans(self, total: int) -> Iterator[tuple[int, int]]:
        every = self.every or math.isqrt(total - 1) + 1
        starts = range(0, total, every)
        for low in starts if self.how.direction > 0 else reversed(starts):
            yield low, min(low + every, total)

    def _cut(self, name: str, value: Any, low: int, high: int) -> Any:
        return value[low:high] if self.plan.variables[name].axis is not None else value

    def _chunk(self, given: Values, sizes: Mapping[str, int], low: int, high: int, state: Values) -> Any:
        symbol = length(sympy.Symbol(self.how.axis))
        lengths = {text: high - low for text, known in self.module.sizes if known == symbol}
        leaves = [self._cut(name, given[name], low, high) for name in self.module.leaves]
        return self.run(*leaves, *(state[name] for name in self.module.initial), **{**sizes, **lengths})

    def _join(self, whole: Values, found: Values, low: int, high: int, total: int, added: frozenset[str]) -> None:
        """Put what a chunk computed where it belongs: along time, or added up; else it is the same for all."""
        for name, value in found.items():
            if name in added and name in whole:
                whole[name] += value
            elif name in added or self.plan.variables[name].axis is None:
                whole[name] = np.array(value)
            else:
                if name not in whole:
                    whole[name] = np.empty((total, *value.shape[1:]), value.dtype)
                whole[name][low:high] = value

    def _hand_over(self, up: Values, initial: Values) -> None:
        """The gradient of initial values is the cotangent of final ones in the chunk before."""
        for name, ends in self.plan.ends.items():
            if name in initial:
                up.update(zip(ends, [initial[name]] if len(ends) == 1 else initial[name], strict=True))
            else:
                up.update({end: 0 * up[end] for end in ends})
        for output, name in self.plan.upstream.items():
            if self.plan.variables[name].axis is None and output not in self.how.summed:
                up[name] = 0 * up[name]  # the same in all chunks, and counted once
