"""Mistakes in one gradient alone, whatever was right or wrong before it.

Each quantity has its own short list: its equation read otherwise (`numeric.check.mistakes.local_edits`), and what
happens to an array afterwards: zero, a sign, a factor, a transpose, a sum along the wrong axis, time reversed.

Read next: `numeric.check.diagnosis.hunt`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.expr import Fixed, Op, Ref, Step, ref, step
from derive.system import Equation
from numeric.check.mistakes import Mutant, local_edits
from numeric.check.variants.edits import ONE, edited, mapped, parts
from numeric.check.variants.lanes import Result
from numeric.check.variants.view import View

Array = NDArray[Any]


@dataclass(frozen=True)
class After:
    """Something done to a finished gradient.

    Attributes:
        kind, detail, rank: as of a `Mutant`.
        change: of (lanes, *shape).
    """

    kind: str
    detail: str
    change: Callable[[Array], Array]
    rank: int = 0


@dataclass(frozen=True)
class Local:
    """A mistake in the gradient of one quantity.

    Attributes:
        kind, where, detail, tag, rank, also: as of a `Mutant`.
        rivals: other mistakes that give the same numbers.
    """

    kind: str
    where: str
    detail: str
    tag: str
    rank: int
    also: tuple[str, ...] = ()
    rivals: tuple[Local, ...] = ()


class Locals:
    """The lists of all quantities, and the values that they give."""

    def __init__(self, view: View, scales: Mapping[str, float]) -> None:
        self.view, self.scales = view, scales
        self.edits: dict[str, tuple[Equation, list[Mutant]]] = {}
        self._again: dict[tuple[Ref, sympy.Expr], dict[tuple[str, str, str], sympy.Expr]] = {}
        for equation in view.equations:
            if equation.out in view.local:
                self.edits[view.local[equation.out]] = (equation, list(local_edits(view, equation)))

    def values(self, name: str, result: Result) -> Iterator[tuple[Local, Array]]:
        """Every mistake in the gradient of a quantity, with (lanes, size)."""
        base = result.gradient(name)
        owner = name.partition("[")[0]
        for after in self._after(name, base.shape):
            yield Local(after.kind, owner, after.detail, after.detail, after.rank), _flat(after.change(base))
        if name not in self.edits:
            return
        equation, mutants = self.edits[name]
        for mutant in mutants:
            try:
                found = self._evaluated(result, name, equation, mutant)
            except (ValueError, KeyError):  # shapes that do not fit, or a sum over another axis inside a product
                continue
            yield Local(mutant.kind, mutant.where, mutant.detail, mutant.tag, mutant.rank), _flat(found)

    def _evaluated(self, result: Result, name: str, equation: Equation, mutant: Mutant) -> Array:
        """(lanes, *shape): the gradient of a leaf, its equation read otherwise; NaN where that has no meaning.

        A lane whose own mistake stands in this equation too, a gate's δ for another's, has both.

        Raises:
            ValueError: if shapes do not fit.
        """
        right = edited(equation.expr, mutant.edits)
        values = _along(result, name, equation.out, right)
        if not (variants := result.variants.get(equation.out, ())):
            return values
        values = np.array(np.broadcast_to(values, (result.count, *values.shape[1:])))
        for expr, where in variants:
            change = substitution(equation.expr, expr)
            both = self._in(equation, expr, mutant) if change is None else substituted(right, change)
            try:
                result.chosen = where
                values[where] = np.nan if both is None else _along(result, name, equation.out, both)
            except (ValueError, KeyError):  # shapes that do not fit, or one step alone of what is read at every step
                values[where] = np.nan
            finally:
                result.chosen = None
                result.at.clear()
        return values

    def _in(self, equation: Equation, wrong: sympy.Expr, mutant: Mutant) -> sympy.Expr | None:
        """The same mistake in an equation that has another one already."""
        key = (equation.out, wrong)
        if key not in self._again:
            try:
                found = list(local_edits(self.view, Equation(equation.out, wrong)))
            except (ValueError, KeyError, IndexError):  # what is left has no such places
                found = []
            self._again[key] = {(m.kind, m.where, m.tag): edited(wrong, m.edits) for m in reversed(found)}
        return self._again[key].get((mutant.kind, mutant.where, mutant.tag))

    def _after(self, name: str, shape: tuple[int, ...]) -> Iterator[After]:
        yield After("zero-gradient", "it is zero", np.zeros_like)
        yield After("sign", "the sign is wrong", np.negative)
        for label, factor in self.scales.items():
            yield After("scale", f"multiplied by {label}", lambda v, f=factor: v * f)  # type: ignore[misc]
        var = self.view.primal.variables[name.partition("[")[0]]
        body = shape[1:]
        if var.axis is None and len(body) == 1:
            yield After("wrong-axis", "the sum runs over all axes", lambda v: v * 0 + v.sum(1, keepdims=True))
            yield After("wrong-axis", "the mean over its entries", lambda v: v * 0 + v.mean(1, keepdims=True), 1)
        if "[" in name and len(body) > 1:  # one initial value that all examples share: their gradients add up
            axes = tuple(range(1, len(body) + 1))
            share = body[0]
            yield After(
                "wrong-axis", "the sum runs over all axes", lambda v: v * 0 + v.sum(axes, keepdims=True) / share
            )
        if var.axis is not None and "[" not in name:
            yield After("time-shift", "the steps are in reverse order", lambda v: v[:, ::-1])
            for by in (1, -1):
                yield After("time-shift", f"stored {by:+d} step", lambda v, b=by: _moved(v, b))  # type: ignore[misc]
            for text, chosen in (("last", -1), ("first", 0)):
                kind = f"{text}-step-only"
                yield After(kind, f"zero but at the {text} step", lambda v, c=chosen: _only(v, c))  # type: ignore[misc]


def untouched(
    found: Iterable[tuple[Local, Array]], locals_: Locals, name: str, result: Result
) -> Iterator[tuple[Local, Array]]:
    """The values, which are made of the equation as it should be; NaN in lanes that read it otherwise."""
    variants = result.variants.get(locals_.edits[name][0].out, ()) if name in locals_.edits else ()
    changed = [lane for _, where in variants for lane in where]
    for local, values in found:
        if changed:
            values = np.array(np.broadcast_to(values, (result.count, *values.shape[1:])))
            values[changed] = np.nan
        yield local, values


def _along(result: Result, name: str, out: Ref, expr: sympy.Expr) -> Array:
    if out.index is None:
        return result.gradient(name, result.value(out, expr))
    axis = out.index.axis
    steps = result.derivation.sizes.steps(axis)
    if isinstance(out.index, Fixed):
        result.at[axis] = out.index.position(steps)
        value = result.value(out, expr)
        del result.at[axis]
        return result.gradient(name, value)
    found = []
    for position in range(1, steps + 1):
        result.at[axis] = position
        found.append(result.value(out, expr))
    del result.at[axis]
    lanes = max(v.shape[0] for v in found)
    stacked = np.stack([np.broadcast_to(v, (lanes, *v.shape[1:])) for v in found], 1)
    return result.gradient(name, stacked)


Change = Mapping[tuple[str, int], tuple[str, int]]  # quantities and shifts that are read, by what belongs there


def substitution(right: sympy.Expr, wrong: sympy.Expr) -> Change | None:
    """What is read otherwise in an expression, wherever it is read; None if that is not all that differs."""
    found: dict[tuple[str, int], tuple[str, int]] = {}
    for (path, mine), (other, theirs) in zip_longest(parts(right), parts(wrong), fillvalue=(None, ONE)):
        if path != other or type(mine) is not type(theirs):
            return None
        if isinstance(mine, Ref) and isinstance(theirs, Ref):
            if not isinstance(mine.index, Step) or not isinstance(theirs.index, Step):
                if mine != theirs:
                    return None
                continue
            new = (theirs.name, theirs.index.shift)
            if found.setdefault((mine.name, mine.index.shift), new) != new:
                return None
        elif isinstance(mine, Op):
            if mine.args[:2] != theirs.args[:2]:
                return None
        elif mine != theirs:
            return None
    return found


def substituted(expr: sympy.Expr, change: Change) -> sympy.Expr:
    """The expression, other quantities read."""
    return mapped(expr, lambda read: _exchanged(read, change))


def _exchanged(read: Ref, change: Change) -> Ref:
    """A read after a substitution; one at a single step as the read at every step that it was made of."""
    if isinstance(read.index, Step):
        name, shift = change.get((read.name, read.index.shift), (read.name, read.index.shift))
        return ref(name, step(read.index.axis, shift))
    if isinstance(read.index, Fixed):
        axis, from_end, offset = read.index.args
        shift = int(offset) - (not from_end)
        name, new = change.get((read.name, shift), (read.name, shift))
        return Ref(ref(name).args[0], Fixed(axis, from_end, offset + new - shift))
    return read


def _flat(value: Array) -> Array:
    return value.reshape(value.shape[0], -1)


def _moved(value: Array, by: int) -> Array:
    moved = np.zeros_like(value)
    if by > 0:
        moved[:, by:] = value[:, :-by]
    else:
        moved[:, :by] = value[:, -by:]
    return moved


def _only(value: Array, step: int) -> Array:
    left = np.zeros_like(value)
    left[:, step] = value[:, step]
    return left
