"""A system as functions that compute it, one step and one equation at a time.

A `Run` is one evaluation in progress: what is known so far, and which step is being computed.  Every expression
becomes a function of a run; nothing is packed, hoisted or transformed.  Values are arrays (…, rows, columns).

Read next: `numeric.reference`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from operator import add
from typing import Any

import numpy
import sympy

from derive.expr import Fixed, Op, Ref, Step, is_op
from derive.order import Component
from derive.primitives import TABLE
from derive.system import Equation, System
from numeric.arithmetic import Arithmetic, Array, meaning
from numeric.arrays import Sizes
from numeric.structure import STRUCTURE, joined


@dataclass
class Run:
    """One evaluation in progress.

    Attributes:
        at: the step or position being computed, by axis.
        once: values of time-free quantities.
        sequences: values by name and position; 1…T is the core, others are boundary values.
    """

    system: System
    xp: Arithmetic
    sizes: Sizes
    dtype: Any
    at: dict[str, int] = field(default_factory=dict)
    once: dict[str, Array] = field(default_factory=dict)
    sequences: dict[str, dict[int, Array]] = field(default_factory=dict)

    def enter(self, name: str, array: Any) -> None:
        """A leaf, from its public array."""
        var = self.system.variables[name]
        array = numpy.asarray(array) if var.classes is not None else self.own(array)
        if var.axis is None:
            self.once[name] = _rows_columns(array, var.shape)
        else:
            self.sequences.setdefault(name, {}).update(
                {t + 1: _rows_columns(array[t], var.shape) for t in range(self.sizes.steps(var.axis))}
            )

    def enter_initial(self, name: str, positions: tuple[Fixed, ...], array: Any) -> None:
        """Given boundary values; zero, or class 0, where nothing is given."""
        var = self.system.variables[name]
        for k, position in enumerate(positions):
            if array is None:
                shape = (self.sizes.batch, *map(self.sizes.number, var.shape))
                value = self.filled(shape, 0.0) if var.classes is None else numpy.zeros(shape, int)
            else:
                value = array[k] if len(positions) > 1 else array
                value = self.own(value) if var.classes is None else numpy.asarray(value)
            self.sequences.setdefault(name, {})[self.position(position)] = _rows_columns(value, var.shape)

    def own(self, array: Any) -> Array:
        """A given array in this arithmetic; one that is already (a traced one) as it is."""
        if isinstance(array, numpy.generic) or not hasattr(array, "shape"):
            array = numpy.asarray(array)
        return self.xp.constant(array, self.dtype) if isinstance(array, numpy.ndarray) else array

    def read(self, name: str, position: int) -> Array:
        """A sequence at a position."""
        found = self.sequences.get(name, {})
        if position not in found:
            axis = self.system.variables[name].axis
            assert axis is not None
            raise ValueError(
                f"{self.system.name} reads {name}[{position}], which has no value: the sequence is too short "
                f"({axis.upper()} = {self.sizes.steps(axis)})"
            )
        return found[position]

    def position(self, index: Fixed) -> int:
        """A fixed position as a number."""
        return index.position(self.sizes.steps(index.axis))

    def filled(self, shape: tuple[int, ...], value: float) -> Array:
        """An array of one number."""
        return self.xp.constant(numpy.full(shape, value), self.dtype)


def _rows_columns(array: Array, shape: tuple[sympy.Expr, ...]) -> Array:
    """(…, rows, columns) from a public array whose last axes are `shape`."""
    if len(shape) == 2:
        return array
    return array[..., None] if len(shape) == 1 else array[..., None, None]


# --- equations as functions of a run ----------------------------------------------------------------------------

Compute = Callable[[Run], Array]


@lru_cache(maxsize=512)
def program(system: System) -> tuple[Callable[[Run], None], ...]:
    """The components of a system as functions that fill in a run, in computable order."""
    return tuple(_component(component, system) for component in system.components)


def _component(component: Component, system: System) -> Callable[[Run], None]:
    equations = [_equation(equation, system) for equation in component.equations]
    axis = component.axis
    if axis is None:
        return lambda run: equations[0](run)

    def scan(run: Run) -> None:
        positions = range(1, run.sizes.steps(axis) + 1)
        for position in positions if component.direction >= 0 else reversed(positions):
            run.at[axis] = position
            for equation in equations:
                equation(run)
        del run.at[axis]

    return scan


def _equation(equation: Equation, system: System) -> Callable[[Run], None]:
    name, index = equation.name, equation.out.index
    dims = system.shape_of(equation.out)
    if name in system.batched:
        compute = _expression(equation.expr)
    else:
        terms = equation.expr.operands if is_op(equation.expr, "plus") else (equation.expr,)
        compute = _over_examples([_expression(term) for term in terms])

    def store(run: Run) -> None:
        if isinstance(index, Fixed):
            run.at[index.axis] = run.position(index)
        batch = (run.sizes.batch,) if name in system.batched else ()
        value = run.xp.broadcast(compute(run), (*batch, *map(run.sizes.number, dims)))
        if index is None:
            run.once[name] = value
        else:
            run.sequences.setdefault(name, {})[run.at[index.axis]] = value
        if isinstance(index, Fixed):
            del run.at[index.axis]

    return store


def _over_examples(terms: list[Compute]) -> Compute:
    """The sum of terms for something shared: each term that differs between examples is summed over them."""

    def compute(run: Run) -> Array:
        values = [term(run) for term in terms]
        return reduce(add, (run.xp.total(v, 0)[0] if len(v.shape) == 3 else v for v in values))

    return compute


def _expression(expr: sympy.Expr) -> Compute:
    if isinstance(expr, Ref):
        return _read(expr)
    if not isinstance(expr, Op):
        value = float(expr)
        return lambda run: run.filled((1, 1), value)
    operands = [_expression(operand) for operand in expr.operands]
    if expr.primitive in ALONG_TIME:
        return ALONG_TIME[expr.primitive](operands[0], expr)
    if TABLE[expr.primitive].is_elementwise:
        function = meaning(expr.primitive)
        return lambda run: function(run.xp, [operand(run) for operand in operands])
    rule, static = STRUCTURE[expr.primitive], expr.static
    if expr.primitive == "power":
        return lambda run: rule(run.xp, static, [operand(run) for operand in operands])
    return lambda run: rule(run.xp, _numbers(run, static), [operand(run) for operand in operands])


def _numbers(run: Run, static: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        tuple(run.sizes.number(dim) for dim in part) if isinstance(part, sympy.Tuple) else run.sizes.number(part)
        for part in static
    )


def _read(expr: Ref) -> Compute:
    name, index = expr.name, expr.index
    if index is None:
        return lambda run: run.once[name]
    axis = index.axis
    if isinstance(index, Step):
        shift = index.shift
        return lambda run: run.read(name, run.at[axis] + shift)
    assert isinstance(index, Fixed)
    return lambda run: run.read(name, run.position(index))


def _at_every_step(operand: Compute, axis: str) -> Compute:
    """The list of values of an operand at t = 1…T."""

    def values(run: Run) -> list[Array]:
        outside = run.at.get(axis)
        found = []
        for position in range(1, run.sizes.steps(axis) + 1):
            run.at[axis] = position
            found.append(operand(run))
        if outside is None:
            del run.at[axis]
        else:
            run.at[axis] = outside
        return found

    return values


def _sum(operand: Compute, call: Op) -> Compute:
    values = _at_every_step(operand, str(call.static[0]))
    return lambda run: reduce(add, values(run))


def _stack(operand: Compute, call: Op) -> Compute:
    values = _at_every_step(operand, str(call.static[0]))
    return lambda run: joined(run.xp, values(run), -1)


def _unstack(operand: Compute, call: Op) -> Compute:
    axis = str(call.static[0])
    return lambda run: operand(run)[..., run.at[axis] - 1 : run.at[axis]]


def _place(operand: Compute, call: Op) -> Compute:
    """The value if the position being computed is the one asked for, else zero."""
    position = call.static[0]
    axis = position.axis

    def compute(run: Run) -> Array:
        value = operand(run)
        return value if run.at[axis] == run.position(position) else run.filled(tuple(value.shape), 0.0)

    return compute


ALONG_TIME: dict[str, Callable[[Compute, Op], Compute]] = {
    "sum": _sum,
    "stack": _stack,
    "unstack": _unstack,
    "place": _place,
}
