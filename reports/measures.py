"""What cells are compared by: sizes, counts, direct paths, growth of gradients; everything computed from the equations.

Read next: `reports.sections.comparison`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy

from derive.counts import Operations, operations, parameter_count, stored_numbers
from derive.errors import EquationError
from derive.expr import refs
from derive.setting import default_sizes
from derive.stability import DirectPath, Recurrence, Stability, stability
from derive.system import System
from numeric.ablation import without
from numeric.examples import Example, example
from numeric.regimes import SEED, SIZE, SPREAD, STEPS, Regime, at_norm
from reports.anatomy import gates, products
from reports.context import Context

UNITS, LENGTH = 64, 32  # of every dimension, and steps, for counts if nothing is said
NORMS = (1.0, 4.0)  # spectral norms of recurrent weights at which gradients are compared


@dataclass(frozen=True)
class Measures:
    """One system and what is measured of it.

    Attributes:
        context: the system and how to write about it.
        sizes: given, by name of a dimension or length; others are `UNITS` and `LENGTH`.
    """

    context: Context
    sizes: Mapping[str, int]

    @property
    def system(self) -> System:
        """The system."""
        return self.context.system

    # --- counts --------------------------------------------------------------------------------------------------

    @cached_property
    def parameters(self) -> sympy.Expr:
        """Number of parameters."""
        return parameter_count(self.system)

    @cached_property
    def forward(self) -> sympy.Expr:
        """Operations of the forward pass, a step."""
        return self._step(self._operations.forward)

    @cached_property
    def backward(self) -> sympy.Expr:
        """Operations of the backward pass, a step."""
        return self._step(self._operations.backward)

    @cached_property
    def kept(self) -> sympy.Expr:
        """Numbers kept for the backward pass, a step."""
        return self._step(stored_numbers(self.system))

    @cached_property
    def _operations(self) -> Operations:
        return operations(self.system)

    @cached_property
    def by_step(self) -> bool:
        """Whether costs are proportional to the length of a long sequence, and given for one step of it."""
        found = (self._operations.forward, self._operations.backward, stored_numbers(self.system))
        return all(self._lengths(value) <= 1 for value in found)

    def _lengths(self, value: sympy.Expr) -> int:
        """The degree of a polynomial in all lengths; 2 where there are several of them."""
        symbols = [s for s in value.free_symbols if str(s) in self.lengths]
        return len(symbols) and max(len(symbols), sympy.Poly(value, *symbols).total_degree())

    def _step(self, value: sympy.Expr) -> sympy.Expr:
        if not self.by_step:
            return value
        symbol = next((s for s in value.free_symbols if str(s) in self.lengths), None)
        return sympy.factor(value if symbol is None else sympy.expand(value).coeff(symbol))

    @property
    def lengths(self) -> frozenset[str]:
        """The lengths of its axes, by name."""
        return frozenset(axis.upper() for axis in self.system.axes)

    def number(self, value: sympy.Expr) -> int:
        """A count at the sizes."""
        names = {str(symbol): symbol for symbol in value.free_symbols}
        chosen = {name: self.sizes.get(name, LENGTH if name in self.lengths else UNITS) for name in names}
        return int(value.subs({names[name]: size for name, size in chosen.items()}))

    def units(self, budget: int) -> tuple[str, int] | None:
        """How large its first state can be without more parameters than `budget`, other sizes as they are."""
        shape = self.system.shapes[self.system.states[0]] if self.system.states else ()
        if len(shape) != 1 or not shape[0].is_Symbol or shape[0] not in self.parameters.free_symbols:
            return None
        name, low, high = str(shape[0]), 0, 2
        free = {str(s): s for s in self.parameters.free_symbols}

        def count(size: int) -> int:
            sizes = {n: size if n == name else self.sizes.get(n, UNITS) for n in free}
            return int(self.parameters.subs({free[n]: number for n, number in sizes.items()}))

        while count(high) <= budget:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if count(middle) <= budget else (low, middle)
        return name, low

    # --- memory --------------------------------------------------------------------------------------------------

    @property
    def gates(self) -> tuple[str, ...]:
        """Gates in the author's order."""
        found = gates(self.system)
        return tuple(name for name in self.system.defined if name in found)

    @cached_property
    def analysis(self) -> Stability | None:
        """Its state Jacobians; None where there are none to write."""
        try:
            return stability(self.system)
        except ValueError:  # documented: no recurrence, or the state is a matrix
            return None

    @property
    def recurrences(self) -> tuple[Recurrence, ...]:
        """Those whose state is a column."""
        return self.analysis.recurrences if self.analysis is not None else ()

    @property
    def direct(self) -> list[tuple[Recurrence, DirectPath]]:
        """Its direct paths."""
        return [(recurrence, path) for recurrence in self.recurrences for path in recurrence.direct]

    def scaled_by(self, gate: str) -> tuple[str, ...]:
        """What a gate multiplies, by name, in the author's order."""
        names: dict[str, None] = {}
        for equation in self.system.equations:
            for product in products(equation.expr):
                factors = [{read.name for read in refs(factor)} for factor in product.operands]
                if any(gate in factor for factor in factors):
                    names |= {name: None for factor in factors if gate not in factor for name in sorted(factor)}
        return tuple(names)

    # --- gradients in numbers -------------------------------------------------------------------------------------

    @cached_property
    def case(self) -> Example:
        """Random weights and one sequence, the same wherever they are asked for."""
        return example(self.system, STEPS, self.small, seed=SEED, spread=SPREAD)

    @property
    def small(self) -> dict[str, int]:
        """Sizes at which gradients are multiplied out."""
        return dict.fromkeys(default_sizes(self.system), SIZE)

    def at(self, recurrence: Recurrence, norm: float) -> Regime:
        """A recurrence with recurrent weights of one norm."""
        return at_norm(self.system, recurrence, self.case, self.small, norm)

    def growth_without(self, gate: str, norm: float) -> float | None:
        """Growth a step of the first recurrence at the same weights with a gate that is 1; None if nothing remains."""
        try:
            reduced = without(self.system, gate)
            found = stability(reduced).recurrences
        except (EquationError, ValueError):  # documented: nothing can be computed, or is recurrent, without it
            return None
        parameters = {name: array for name, array in self.case.parameters.items() if name in reduced.variables}
        inputs = {name: array for name, array in self.case.inputs.items() if name in reduced.variables}
        if not found or set(inputs) != set(self.case.inputs):
            return None
        case = Example(parameters, inputs, self.case.steps)
        return at_norm(reduced, found[0], case, self.small, norm).growth

    def parameters_of(self, gate: str) -> sympy.Expr:
        """Parameters that only this gate needs."""
        try:
            reduced = without(self.system, gate)
        except EquationError:  # documented: nothing can be computed without it
            return sympy.Integer(0)
        gone = [name for name in self.system.parameters if name not in reduced.variables]
        return sympy.factor(sum((sympy.Mul(*self.system.variables[name].shape) for name in gone), sympy.Integer(0)))
