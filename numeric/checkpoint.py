"""Gradient checkpointing: the memory of √T steps instead of T, for one more forward pass.

Chen et al. 2016, arXiv 1604.06174, section 3.

A sequence run in chunks, carrying every boundary value, is the whole run.  So the forward pass keeps the inputs and
what is carried over each border, nothing else; the backward pass takes the chunks in reverse, computes each forward
once more, and sends the gradient of a chunk's initial values to the chunk before as the cotangent of its final ones.
Gradients of parameters add up over the chunks: the same numbers, summed in another order.

The functions made here are called as the generated ones are, so that a kernel need not know which it has.  What they
call is generated for chunks (`numeric.chunked`).

Read next: `numeric.padding`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import sympy

from derive.dimensions import length
from derive.expr import Fixed, Op, is_op, refs
from derive.reach import dependent
from derive.system import Equation, System
from numeric.chunked import Chunked, chunked
from numeric.functions import functions
from numeric.native.assemble import Assembled
from numeric.room import Room
from numeric.schedule import Schedule

Values = dict[str, Any]
WHOLE = ("place", "unstack", "stack", "sum")
COLUMNS = 256  # steps times examples of a chunk: fewer in a product cost time
FEWER = 3  # a step that is computed takes about 10 times what a border keeps: the root of that


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
        plan: of the generated functions.
        made: their module for chunks.
        how: what the system allows.
        every: steps of a chunk; None for √T, or as few as a third of it where they are enough for a product.
        keep: whether a backward pass follows.
        prepare, run, pull: the generated functions.
    """

    plan: Schedule
    made: Chunked
    how: Chunking
    every: int | None
    keep: bool
    prepare: Callable[..., tuple[Any, ...]]
    run: Callable[..., Any]
    pull: Callable[..., Any] | None

    def forward(self, *arguments: Any, **sizes: int) -> tuple[Values, Values, Any]:
        """As the generated ``forward``; what it saves are the arguments and what each chunk starts with."""
        given = dict(zip((*self.made.leaves, *self._starts()), arguments, strict=True))
        prepared = self._prepared(given)
        total, batch = self._size(self._steps(), 0, given, sizes), self._size(None, 1, given, sizes)
        state: Values = {name: given[self._start(name)] for name in self.made.module.initial}
        outputs: Values = {}
        final: Values = {}
        borders: list[tuple[int, int, Values]] = []
        for low, high in self._spans(total, batch):
            if self.keep:
                borders.append((low, high, state))
            found, last, saved = self._chunk(prepared, given, sizes, low, high, state)
            self._join(outputs, found, low, high, total, self.how.summed)
            final = {name: value.copy() for name, value in last.items()}
            del found, last, saved  # room for the next chunk
            state = {name: final[name] for name in self.made.module.initial}
        moving = {name: given[name] for name in self.made.module.leaves}
        return outputs, final, (prepared, moving, sizes, total, borders) if self.keep else None

    def backward(self, saved: Any, *cotangents: Any) -> tuple[Values, Values, Values]:
        """As the generated ``backward``."""
        if self.pull is None:
            return {}, {}, {}
        prepared, given, sizes, total, borders = saved
        up = dict(zip(self.plan.given_cotangents, cotangents, strict=True))
        gradients: tuple[Values, Values] = {}, {}
        initial: Values = {}
        sums: Values = {}
        for low, high, state in reversed(borders):
            chunk = self._chunk(prepared, given, sizes, low, high, state)[2]
            seeds = [self._cut(name, up[name], low, high) for name in self.plan.given_cotangents]
            *found, initial, sums = self.pull(prepared, sums, chunk, *seeds)
            for whole, part in zip(gradients, found, strict=True):
                whole |= {name: part.pop(name) for name in self.made.totals & part.keys()}
                timeless = frozenset(name for name in part if self.plan.variables[name].axis is None)
                self._join(whole, part, low, high, total, timeless)
            self._hand_over(up, initial)
            del chunk, found, part  # room for the next chunk
        taken: list[Any] = []
        for whole in gradients:
            whole |= {name: _apart(whole[name], taken) for name in whole if name in self.made.totals}
        return *gradients, initial

    # --- pieces ------------------------------------------------------------------------------------------------

    def _prepared(self, given: Values) -> tuple[Any, ...]:
        """What all chunks share; with a backward pass to follow, in memory that no caller has."""
        leaves = [given[name] for name in self.made.leaves]
        found = self.prepare(*leaves)
        if not self.keep:
            return found
        return tuple(np.array(v) if any(np.may_share_memory(v, leaf) for leaf in leaves) else v for v in found)

    def _starts(self) -> tuple[str, ...]:
        return tuple(map(self._start, self.made.module.initial))

    @staticmethod
    def _start(name: str) -> str:
        return f"{name}[0]"  # no name of a quantity

    def _steps(self) -> sympy.Symbol:
        return length(sympy.Symbol(self.how.axis))

    def _size(self, symbol: sympy.Symbol | None, place: int, given: Values, sizes: Mapping[str, int]) -> int:
        """A size that a keyword tells, or else this place in the shape of every sequence; None is that of a batch."""
        told = (sizes[text] for text, known in self.made.module.sizes if known == symbol)
        return next(chain(told, (given[name].shape[place] for name in self.made.module.leaves)), 1)

    def _spans(self, total: int, batch: int) -> Iterator[tuple[int, int]]:
        """Chunks in the order of the forward pass, of about the same length: one finds the memory of another."""
        root = math.isqrt(total - 1) + 1
        every = self.every or min(root, max(-(-root // FEWER), -(-COLUMNS // batch)))
        count = -(-total // every)
        for low, high in pairwise(-(-number * total // count) for number in range(count + 1)):
            yield (low, high) if self.how.direction > 0 else (total - high, total - low)

    def _cut(self, name: str, value: Any, low: int, high: int) -> Any:
        return value[low:high] if self.plan.variables[name].axis is not None else value

    def _chunk(self, prepared: Any, given: Values, sizes: Mapping[str, int], low: int, high: int, state: Values) -> Any:
        module, steps = self.made.module, self._steps()
        lengths = {text: high - low for text, known in module.sizes if known == steps}
        leaves = [given[name][low:high] for name in module.leaves]
        initial = [state[name] for name in module.initial]
        return self.run(prepared, *leaves, *initial, **{**sizes, **lengths})

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


def _apart(value: Any, taken: list[Any]) -> Any:
    """An array that shares no memory with others, which may be rows of the same sum; it is taken then."""
    value = np.asarray(value)
    if not value.flags.c_contiguous or any(np.may_share_memory(value, other) for other in taken):
        value = np.array(value, order="C")
    taken.append(value)
    return value


def in_chunks(system: System, made: Assembled, room: Room, every: int | None, *, keep: bool) -> Chunks:
    """Functions that run a system in chunks.

    Args:
        system: the system.
        made: its module.
        room: where large arrays are made.
        every, keep: as of `Chunks`.

    Raises:
        ValueError: as `chunking`.
    """
    how, plan = chunking(system), made.plan
    own = chunked(made.module, tuple(name for name in plan.leaves if plan.variables[name].axis is not None))
    prepare, run, pull = functions(own.module, system.name, room, made.loops)
    assert prepare is not None
    return Chunks(plan, own, how, every, keep, prepare, run, pull)
