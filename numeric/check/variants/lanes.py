"""Many derivations at once: an adjoint and its mutants, each in a lane of its own.

Values are arrays (lanes, examples, rows, columns).  What no edit has touched yet is computed once, with one lane; an
equation that some lanes read otherwise is computed for these lanes again.  A thousand mutants of an LSTM cost about as
much as ten evaluations one by one, and that is what makes pairs of mistakes findable.

Read next: `numeric.check.variants.view`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.expr import Fixed, Ref, Step, is_op, ref, step
from derive.system import Equation, System
from numeric.arrays import Sizes
from numeric.check.bound import Bound
from numeric.check.variants.compute import compiled, summed
from numeric.check.variants.edits import Edit, edited
from numeric.reference import evaluate

Array = NDArray[Any]
Weights = Mapping[tuple[str, int], Array]  # (lanes,) by quantity and position
Lane = tuple[Edit, ...]


class Derivation:
    """The adjoint of a bound system, with everything that its mutants share.

    Args:
        bound: the values are those of its system.
        system: whose adjoint; default the same.  A backward pass may be that of another cell than the forward.

    Attributes:
        whole: the adjoint.
        added: its equations beyond those of the primal, in an order that can be computed, with the axis that each
            group runs along and in which direction.
        leaves: by address name of the `Space` (``W``, ``x``, ``h[0]``), the left side that has its gradient.
    """

    def __init__(self, bound: Bound, system: System | None = None) -> None:
        self.bound = bound
        self.primal = system or bound.system
        self.whole: System = self.primal.adjoint(outputs=tuple(bound.cotangents))
        values = evaluate(bound.system, bound.parameters, bound.inputs, bound.initial, _steps(bound))
        self.sizes: Sizes = values.sizes
        primal = bound.system
        self.once: dict[str, Array] = {}
        self.sequences: dict[str, dict[int, Array]] = {}
        for name, var in primal.variables.items():
            if var.axis is None:
                self.once[name] = self._own(name, values[name])
            else:
                inside = range(1, self.sizes.steps(var.axis) + 1)
                known = {**values.boundary(name), **{t: values.at(name, t) for t in inside}}
                self.sequences[name] = {t: self._own(name, value) for t, value in known.items()}
        for of, given in bound.cotangents.items():
            upstream = self.whole.find("upstream", of)
            assert upstream is not None
            if upstream.axis is None:
                self.once[upstream.name] = self._own(of, given)
            else:
                self.sequences[upstream.name] = {t + 1: self._own(of, value) for t, value in enumerate(given)}
                _, _, position = next((n for n in bound.direct if n.partition("[")[0] == of), "").partition("[")
                if position.removesuffix("]").isdigit():  # mistakes may read it at the wrong step
                    self.sequences[upstream.name][int(position[:-1])] = self._own(of, bound.direct[f"{of}[{position}"])
        self.parts: dict[str, Ref] = {}  # by the author's name, shares of an upstream gradient
        for author, (of, share) in bound.parts.items():
            axis, hidden = primal.variables[of].axis, f"share of {author}"
            if axis is None:
                self.once[hidden], self.parts[author] = self._own(of, share), ref(hidden)
            else:
                self.sequences[hidden] = {t + 1: self._own(of, value) for t, value in enumerate(share)}
                self.parts[author] = ref(hidden, step(axis))
        made = {equation.out for equation in self.primal.equations}
        self.added = [c for c in self.whole.components if c.equations[0].out not in made]
        self.equations: dict[Ref, Equation] = {e.out: e for c in self.added for e in c.equations}
        self.widest = max((int(np.prod(v.shape[2:])) for s in self.sequences.values() for v in s.values()), default=1)
        self.order = {out: number for number, out in enumerate(self.equations)}
        self.leaves = {name: out for name in bound.space.shapes if (out := self._leaf(name)) is not None}

    def _own(self, name: str, value: Any) -> Array:
        """(1, examples, rows, columns) of a public array."""
        var = self.bound.system.variables[name]
        array = np.asarray(value)
        array = array.astype(float) if var.classes is None else array
        for _ in range(2 - len(var.shape)):
            array = array[..., None]
        return array[None] if array.ndim == 3 else array[None, None]

    def _leaf(self, name: str) -> Ref | None:
        base, _, position = name.partition("[")
        cotangent = self.whole.find("cotangent", base)
        if cotangent is None:
            return None
        given = self.primal.boundaries.get(base, ()) if position else ()
        for out in self.equations:
            if out.name == cotangent.name and (out.index in given if position else not isinstance(out.index, Fixed)):
                return out
        return None

    def run(
        self, lanes: Sequence[Lane], weights: Weights | None = None, without: frozenset[Ref] = frozenset()
    ) -> Result:
        """Gradients of every lane.

        Args:
            lanes: the edits of each; one whose edits contradict each other, or do not fit, is `Result.broken`.
            weights: of quantities at positions, (lanes,).
            without: left sides that nobody will ask for.
        """
        return Result(self, lanes, weights or {}, without)


def _steps(bound: Bound) -> dict[str, int] | None:
    """Lengths of axes along which no input runs, from the cotangents."""
    variables = bound.system.variables
    driven = {variables[name].axis for name in bound.inputs}
    found = {
        axis: len(value)
        for name, value in bound.cotangents.items()
        if (axis := variables[name].axis) is not None and axis not in driven
    }
    return found or None


class Result:
    """Values of an adjoint in every lane."""

    def __init__(
        self, derivation: Derivation, lanes: Sequence[Lane], weights: Weights, without: frozenset[Ref]
    ) -> None:
        self.derivation, self.count, self.weights = derivation, len(lanes), weights
        self.sizes = derivation.sizes
        self.once = dict(derivation.once)
        self.sequences = {name: dict(values) for name, values in derivation.sequences.items()}
        self.at: dict[str, int] = {}
        self.chosen: Array | None = None  # the lanes that are being computed; None for all
        self.broken = np.zeros(self.count, bool)
        by_equation: dict[Ref, dict[frozenset[Edit], list[int]]] = {}
        for lane, edits in enumerate(lanes):
            for out in {edit.out for edit in edits}:
                mine = frozenset(edit for edit in edits if edit.out == out)
                by_equation.setdefault(out, {}).setdefault(mine, []).append(lane)
        self.variants = {
            out: [(self._edited(out, edits, where), np.array(where)) for edits, where in found.items()]
            for out, found in by_equation.items()
        }
        for name, position in weights:
            if name in derivation.sequences and position in derivation.sequences[name]:
                self.sequences[name][position] = self._weighted(name, position, self.sequences[name][position])
        with np.errstate(all="ignore"):
            for component in derivation.added:
                if component.equations[0].out not in without:
                    self._component(component.equations, component.axis, component.direction)

    def _edited(self, out: Ref, edits: frozenset[Edit], where: list[int]) -> sympy.Expr:
        expr = self.derivation.equations[out].expr
        try:
            return edited(expr, edits)
        except ValueError:
            self.broken[where] = True
            return expr

    def _component(self, equations: Sequence[Equation], axis: str | None, direction: int) -> None:
        if axis is None:
            for equation in equations:
                self._equation(equation)
            return
        positions = range(1, self.sizes.steps(axis) + 1)
        for position in positions if direction >= 0 else reversed(positions):
            self.at[axis] = position
            for equation in equations:
                self._equation(equation)
        del self.at[axis]

    def _equation(self, equation: Equation) -> None:
        name, index = equation.name, equation.out.index
        if isinstance(index, Fixed):
            self.at[index.axis] = index.position(self.sizes.steps(index.axis))
        value = self.value(equation.out, equation.expr)
        variants = self.variants.get(equation.out, ())
        if variants:  # a copy, for it may be another quantity's array
            value = np.array(np.broadcast_to(value, (self.count, *value.shape[1:])))
        for expr, where in variants:
            try:
                self.chosen = where
                value[where] = self.value(equation.out, expr)
            except ValueError:  # shapes that do not fit: a transpose of what is not square
                self.broken[where] = True
            finally:
                self.chosen = None
        if index is None:
            self.once[name] = value
        else:
            position = self.at[index.axis]
            self.sequences.setdefault(name, {})[position] = self._weighted(name, position, value)
        if isinstance(index, Fixed):
            del self.at[index.axis]

    def _weighted(self, name: str, position: int, value: Array) -> Array:
        factor = self.weights.get((name, position))
        return value if factor is None else value * factor[:, None, None, None]

    def value(self, out: Ref, expr: sympy.Expr) -> Array:
        """An expression in the place of a right side, (lanes, examples, rows, columns); 1 where they share it."""
        whole, sizes = self.derivation.whole, self.sizes
        rows, columns = (sizes.number(dim) for dim in whole.shape_of(out))
        shared = out.name not in whole.batched
        if not shared:
            value = compiled(expr)(self)
        else:
            parts = expr.operands if is_op(expr, "plus") else (expr,)
            value = reduce(add, (summed(part, self) for part in parts))
        examples = 1 if shared else sizes.batch
        shape = (value.shape[0], examples, rows, columns)
        return value if value.shape == shape else np.broadcast_to(value, shape)

    def read(self, expr: Ref) -> Array:
        """A quantity at the step that is being computed; zero outside of what there is."""
        name, index = expr.name, expr.index
        if index is None:
            known = self.once.get(name)
            if known is None:
                raise ValueError(f"{name} is not known yet")
            value = known
        else:
            shifted = isinstance(index, Step)
            steps = self.sizes.steps(index.axis)
            position = self.at[index.axis] + index.shift if shifted else index.position(steps)
            if name not in self.sequences:
                raise ValueError(f"{name} is not known yet")
            found = self.sequences[name].get(position)
            if found is None:
                rows, columns = self.derivation.whole.shape_of(expr)
                return np.zeros((1, 1, self.sizes.number(rows), self.sizes.number(columns)))
            value = found
        return value if self.chosen is None or value.shape[0] == 1 else value[self.chosen]

    def gradient(self, name: str, value: Array | None = None) -> Array:
        """(lanes, …) of a name of the `Space`, as its public array; of another value of its equation, if given."""
        space = self.derivation.bound.space
        shape = space.shapes[name]
        out = self.derivation.leaves.get(name)
        if out is None:
            return np.zeros((1, *shape))
        if value is not None:
            return value.reshape(value.shape[0], *shape)
        if out.index is None or isinstance(out.index, Fixed):
            steps = self.sizes.steps(out.index.axis) if out.index is not None else 0
            array = self.once[out.name] if out.index is None else self.sequences[out.name][out.index.position(steps)]
            return array.reshape(array.shape[0], *shape)
        steps = self.sizes.steps(out.index.axis)
        lanes = max(self.sequences[out.name][t].shape[0] for t in range(1, steps + 1))
        found = [self.sequences[out.name][t] for t in range(1, steps + 1)]
        stacked = np.stack([np.broadcast_to(v, (lanes, *v.shape[1:])) for v in found], 1)
        return stacked.reshape(lanes, *shape)
