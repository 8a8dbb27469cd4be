"""Vanishing and exploding gradients in numbers: state Jacobians of given weights, their products, and the bound beside.

The blocks that `derive.stability` names are evaluated factor by factor at every step, so a Jacobian is exact up to
rounding, with no differences taken.  Products run against time: ∂s_T/∂s_{T−k} = J_T J_{T−1} … J_{T−k+1}.

Read next: `numeric.examples`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.bounds import Bound, Norm
from derive.equation import Equation, Var
from derive.expr import Op, Ref, Step, ref, refs, step
from derive.factors import Factor, Product
from derive.jacobian import Block
from derive.operands import NameSupply
from derive.reach import ancestors
from derive.shapes import unpair
from derive.stability import Recurrence, stability
from derive.system import System
from numeric.arithmetic import NUMPY
from numeric.arrays import Arrays, sizes_of
from numeric.reference import Values, evaluate

Floats = NDArray[np.float64]
LARGEST = 2**26  # numbers in the Jacobians of all steps, half a gigabyte


@dataclass(frozen=True)
class Spectra:
    """What a recurrence does to gradients, at given weights and inputs.

    The state is one column, with n rows; of a recurrence of lag m it holds the states of m steps, newest first.

    Attributes:
        recurrence: its equations.
        jacobians: ∂s/∂(s one step before), in the direction of the recurrence (T, B, n, n).
        products: ∂s_last/∂s_(k steps before) for k = 0…T (T + 1, B, n, n); the last is by the initial state.
        gradients: ‖∂L/∂s_(k steps before)‖ for a loss with a unit gradient at the last step (T + 1, B).
        bounds: the bound for the norms of the products (T + 1,).
    """

    recurrence: Recurrence
    jacobians: Floats
    products: Floats
    gradients: Floats
    bounds: Floats

    @property
    def norms(self) -> Floats:
        """Spectral norms of the products (T + 1, B)."""
        return _largest(self.products)

    @property
    def pairs(self) -> Floats:
        """Spectral norms of ∂s_i/∂s_j between any two steps, in the order they are computed (T + 1, T + 1, B).

        The first row and column are of the initial state; 0 where j is later than i.
        """
        steps, batch, rows, _ = self.jacobians.shape
        found = np.zeros((steps + 1, steps + 1, batch))
        for last in range(steps + 1):
            product = np.broadcast_to(np.eye(rows), (batch, rows, rows))
            for first in range(last, -1, -1):
                found[last, first] = _largest(product)
                product = product @ self.jacobians[first - 1] if first else product
        return found

    @property
    def singular_values(self) -> Floats:
        """Of every step Jacobian, largest first (T, B, n)."""
        return np.asarray(np.linalg.svd(self.jacobians, compute_uv=False))

    @property
    def eigenvalues(self) -> NDArray[np.complex128]:
        """Of every step Jacobian (T, B, n)."""
        return np.asarray(np.linalg.eigvals(self.jacobians)).astype(np.complex128)

    @property
    def radii(self) -> Floats:
        """Spectral radius of every step Jacobian (T, B); never larger than its norm, and no bound for it."""
        return np.asarray(np.abs(self.eigenvalues).max(-1))


def spectra(
    system: System,
    parameters: Arrays,
    inputs: Arrays,
    initial: Arrays | None = None,
    steps: Mapping[str, int] | None = None,
    *,
    cotangent: Floats | None = None,
) -> list[Spectra]:
    """State Jacobians, their products over lags, and bounds, for every recurrence of a system.

    Args:
        system: any system whose states are columns.
        parameters, inputs, initial, steps: as for `numeric.reference.evaluate`.
        cotangent: ∂L/∂s of the last step (n,); default every entry of the first state alike, with norm 1.

    Raises:
        ValueError: one line, if there is no recurrence, a state is a matrix, or an array does not fit.
    """
    found = stability(system).recurrences
    return [spectra_of(each, parameters, inputs, initial, steps, cotangent=cotangent) for each in found]


def spectra_of(
    recurrence: Recurrence,
    parameters: Arrays,
    inputs: Arrays,
    initial: Arrays | None = None,
    steps: Mapping[str, int] | None = None,
    *,
    cotangent: Floats | None = None,
) -> Spectra:
    """The same for one recurrence of `derive.stability`; arguments and errors as for `spectra`."""
    values = _Blocks(recurrence, parameters, inputs, initial, steps)
    jacobians = values.jacobians()
    products = _products(jacobians)
    rows = jacobians.shape[-1]
    seed = values.seed(rows) if cotangent is None else np.asarray(cotangent, float)
    if seed.shape != (rows,):
        raise ValueError(f"the cotangent of {', '.join(recurrence.states)} is ({rows},), not {seed.shape}")
    gradients = np.linalg.norm(np.einsum("i,tbij->tbj", seed, products), axis=-1)
    return Spectra(recurrence, jacobians, products, gradients, values.bounds(len(jacobians)))


def _products(jacobians: Floats) -> Floats:
    """Products of the newest k, for k = 0…T."""
    steps, batch, rows, _ = jacobians.shape
    products = np.empty((steps + 1, batch, rows, rows))
    products[0] = np.eye(rows)
    for k in range(steps):
        products[k + 1] = products[k] @ jacobians[steps - 1 - k]
    return products


def _largest(matrices: Floats) -> Floats:
    """Spectral norms; infinite where a product has overflowed."""
    finite = np.asarray(np.isfinite(matrices).all((-2, -1)))
    safe = np.where(finite[..., None, None], matrices, 0.0)
    return np.where(finite, np.linalg.norm(safe, 2, axis=(-2, -1)), np.inf)


class _Blocks:
    """The factors of all blocks, computed by an extended system: one more quantity for each expression."""

    def __init__(
        self,
        recurrence: Recurrence,
        parameters: Arrays,
        inputs: Arrays,
        initial: Arrays | None,
        steps: Mapping[str, int] | None,
    ) -> None:
        self.recurrence, self.primal = recurrence, recurrence.system
        self.names: dict[sympy.Expr, str] = {}
        self.sizes = sizes_of(self.primal, parameters, inputs, initial, steps)
        self.steps, self.batch = self.sizes.steps(recurrence.axis), self.sizes.batch
        numbers = self.steps * self.batch * (recurrence.lag * sum(map(self._rows, recurrence.states))) ** 2
        if numbers > LARGEST:
            raise ValueError(f"the state Jacobians of all steps are {numbers:,} numbers, at most {LARGEST:,} are held")
        self.values = self._evaluate(parameters, inputs, initial, steps)

    def _expressions(self) -> list[sympy.Expr]:
        factors = [f.expr for b in self.recurrence.jacobian.all_lags.values() for term in b.terms for f in term]
        norms = [norm.expr for bound in self.recurrence.terms for norm in bound.norms]
        return [expr for expr in dict.fromkeys((*factors, *norms)) if isinstance(expr, Op)]

    def _evaluate(
        self, parameters: Arrays, inputs: Arrays, initial: Arrays | None, steps: Mapping[str, int] | None
    ) -> Values:
        primal, supply = self.primal, NameSupply(set(self.primal.variables))
        needed = self._needed()
        equations = [e for e in primal.equations if e.name in needed]
        variables = {name: var for name, var in primal.variables.items() if var.is_leaf or name in needed}
        initial = {name: array for name, array in (initial or {}).items() if name in variables}
        for expr in self._expressions():
            timed = any(isinstance(read.index, Step) for read in refs(expr))
            name = self.names[expr] = supply.fresh("factor")
            axis = self.recurrence.axis if timed else None
            variables[name] = Var(name, unpair(primal.shape_of(expr)), axis)
            equations.append(Equation(ref(name, step(axis) if axis else None), expr))
        self.extended = System(tuple(equations), variables, primal.name)
        return evaluate(self.extended, parameters, inputs, initial, steps, xp=NUMPY)

    def _needed(self) -> set[str]:
        """What the factors are computed from: of a deep network, the layers below."""
        blocks = self.recurrence.jacobian.all_lags.values()
        read = [f.expr for b in blocks for term in b.terms for f in term]
        read += [norm.expr for bound in self.recurrence.terms for norm in bound.norms]
        return ancestors(self.primal, {r.name for expr in read for r in refs(expr)} | set(self.recurrence.states))

    def array(self, expr: sympy.Expr) -> Floats:
        """An expression at every step (T, B, rows, columns)."""
        rows, columns = (self.sizes.number(dim) for dim in self.primal.shape_of(expr))
        if isinstance(expr, Ref) and isinstance(expr.index, Step) and expr.index.shift:
            steps = range(1 + expr.index.shift, self.steps + 1 + expr.index.shift)
            value = np.stack([self.values.at(expr.name, t) for t in steps])
        elif isinstance(expr, (Ref, Op)):
            name = self.names[expr] if isinstance(expr, Op) else expr.name
            value = np.asarray(self.values[name])
            if self.extended.variables[name].axis is None:
                batched = value.size > rows * columns
                value = value[None] if batched else value[None, None]
        else:
            value = np.full((1, 1, 1, 1), float(expr))
        value = value.reshape(*value.shape[:2], rows, columns)
        return np.broadcast_to(value, (self.steps, self.batch, rows, columns))

    def jacobians(self) -> Floats:
        """The state Jacobian of every step, in the direction of the recurrence."""
        lags = self.recurrence.lag
        heights = [self._rows(name) for name in self.recurrence.states]
        places = dict(zip(self.recurrence.states, np.cumsum([0, *heights[:-1]]), strict=True))
        total = sum(heights)
        result = np.zeros((self.steps, self.batch, lags * total, lags * total))
        result[..., total:, : (lags - 1) * total] = np.eye((lags - 1) * total)  # older states move down
        for (of, wrt, lag), block in self.recurrence.jacobian.all_lags.items():
            top, left = places[of], places[wrt] + (abs(lag) - 1) * total
            result[..., top : top + self._rows(of), left : left + self._rows(wrt)] += self.block(block)
        return result if self.recurrence.direction > 0 else result[::-1]

    def _rows(self, name: str) -> int:
        return self.sizes.number(self.primal.shape_of(ref(name))[0])

    def block(self, block: Block) -> Floats:
        """One block at every step (T, B, rows of `of`, rows of `wrt`)."""
        total = np.zeros((self.steps, self.batch, self._rows(block.of), self._rows(block.wrt)))
        for term in block.terms:
            total = total + self._product(term, self._rows(block.of))
        return total

    def _product(self, term: Product, rows: int) -> Floats:
        product = np.broadcast_to(np.eye(rows), (self.steps, self.batch, rows, rows))
        for factor in term:
            product = self._times(product, factor)
        return product

    def _times(self, product: Floats, factor: Factor) -> Floats:
        if factor.kind in ("embed", "rows"):
            low, high = (self.sizes.number(dim) for dim in factor.part.args)
            identity = np.eye(self.sizes.number(factor.expr))
            return product @ (identity[:, low:high] if factor.kind == "embed" else identity[low:high])
        value = self.array(factor.expr)
        if factor.kind == "matrix":
            return product @ value
        scaled = product * np.swapaxes(value, -1, -2)
        return scaled if factor.kind == "diag" else scaled - (product @ value) @ np.swapaxes(value, -1, -2)

    def seed(self, rows: int) -> Floats:
        """The gradient of a loss that reads the first state alone."""
        own = self._rows(self.recurrence.states[0])
        return np.concatenate([np.full(own, own**-0.5), np.zeros(rows - own)])

    # --- bounds ------------------------------------------------------------------------------------------------

    def bounds(self, steps: int) -> Floats:
        """‖(matrix of block bounds)^k‖ for k = 0…T, every norm at its largest over steps and examples."""
        states, lags = self.recurrence.states, self.recurrence.lag
        width = len(states)
        matrix = np.eye(lags * width, k=-width)
        for (of, wrt, lag), terms in self.recurrence.bounds.items():
            left = states.index(wrt) + (abs(lag) - 1) * width
            matrix[states.index(of), left] += sum(self.bound(bound) for bound in terms)
        power, found = np.eye(lags * width), []
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps + 1):
                found.append(float(_largest(power[None])[0]))
                power = power @ matrix
        return np.array(found)

    def bound(self, bound: Bound) -> float:
        """A bound with its norms in numbers."""
        return float(bound.number) * float(np.prod([self.norm(norm) for norm in bound.norms]))

    def norm(self, norm: Norm) -> float:
        """A norm, at its largest over steps and examples."""
        value = self.array(norm.expr)
        return float(_largest(value).max() if norm.kind == "2" else np.abs(value).max())
