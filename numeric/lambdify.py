"""`lambdify`: one step of a system, and the derivative of that step, through `sympy.lambdify`.

The named assignments of the step are written out entry by entry for concrete small sizes: scalar SymPy expressions
with opaque functions (`Primitive.scalar`), which keep the batch as an array inside every symbol.  Each assignment is
differentiated by `sympy.diff` on its own and the chain rule runs over the names, so that nothing is ever nested (the
nested expression of an LSTM grows by a factor of nine a step) and nothing of `derive.adjoint` is used.  Subexpressions
that occur twice are shared by `sympy.cse`.  The text is printed by `numeric.printer`, as the kernels' is.

A step is what the core equations compute at one t from what they read: parameters, ``x[t]``, ``h[t-1]``, and in a
system that runs backward ``q[t+1]``.  What sums over time or reads fixed positions is no step.

Read next: `numeric.oracles`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy.utilities.iterables import topological_sort

from derive.expr import Op, Ref, Step, is_op
from derive.operands import NameSupply, name_operands
from derive.primitives import TABLE, Entries
from derive.system import System
from numeric.printer import Printer

Assignment = tuple[sympy.Symbol, sympy.Expr]
Arrays = Mapping[str, Any]
SMALL = 2


@dataclass(frozen=True)
class StepFunction:
    """One step of a system, compiled by SymPy.

    Attributes:
        reads: what the step is computed from, as text: ``W``, ``x[t]``, ``h[t-1]``.
        values: what it computes: ``z_h``, ``h``.
        source: the two generated functions.
    """

    reads: tuple[str, ...]
    values: tuple[str, ...]
    source: str
    _shapes: Mapping[str, tuple[int, ...]]
    _batched: frozenset[str]
    _forward: Callable[..., Any]
    _backward: Callable[..., Any]

    def forward(self, reads: Arrays) -> dict[str, Any]:
        """All values of the step.

        Args:
            reads: by `reads`: parameters ``(n, m)``, everything else ``(B, …)``.

        Returns:
            Arrays ``(B, …)`` by name.
        """
        return self._pack(self.values, self._forward(*self._entries(self.reads, reads)), self._batch(reads))

    def backward(self, reads: Arrays, cotangents: Arrays) -> dict[str, Any]:
        """Gradients of Σ cotangents · values with respect to everything that is read.

        Args:
            reads: as for `forward`.
            cotangents: ``(B, …)`` by name of a value; absent ones are zero.

        Returns:
            Arrays by `reads`; those of parameters are summed over the examples.
        """
        batch = self._batch(reads)
        filled = {name: np.zeros((batch, *self._shapes[name])) for name in self.values} | dict(cotangents)
        arguments = [*self._entries(self.reads, reads), *self._entries(self.values, filled)]
        found = self._pack(self.reads, self._backward(*arguments), batch)
        return {name: found[name] if name in self._batched else found[name].sum(axis=0) for name in self.reads}

    def _batch(self, reads: Arrays) -> int:
        return next((len(reads[name]) for name in self.reads if name in self._batched), 1)

    def _entries(self, names: Sequence[str], arrays: Arrays) -> list[Any]:
        found: list[Any] = []
        for name in names:
            shape = self._shapes[name]
            array = np.asarray(arrays[name])
            lead = array.shape[: array.ndim - len(shape)]
            if array.shape[len(lead) :] != shape:
                raise ValueError(f"{name}: expected {shape} for one example, got {array.shape}")
            found += [array[(..., *index)] for index in np.ndindex(*shape)]
        return found

    def _pack(self, names: Sequence[str], entries: Sequence[Any], batch: int) -> dict[str, Any]:
        found, position = {}, 0
        for name in names:
            shape = self._shapes[name]
            count = int(np.prod(shape, dtype=int))
            columns = [np.broadcast_to(entry, (batch,)) for entry in entries[position : position + count]]
            found[name] = np.stack(columns, axis=-1).reshape(batch, *shape)
            position += count
        return found


def lambdify(system: System, sizes: Mapping[str, int] | None = None) -> StepFunction:
    """Compile one step of a system and its derivative with SymPy.

    Args:
        system: core equations along one time axis, and time-free ones.
        sizes: a number for each dimension by name; those left out are 2.

    Raises:
        ValueError: if the system has no single step, or a size is unknown.
    """
    step = _Step(name_operands(system), sizes or {})
    values = [symbol for symbols in step.values.values() for symbol in symbols]
    bars = {symbol: sympy.Symbol(f"bar__{symbol}", real=True) for symbol in values}
    pulled, gradients = _pull_back(step.assignments, values, step.leaves, bars)
    forward = _compiled(step.leaves, step.assignments, values)
    backward = _compiled([*step.leaves, *bars.values()], [*step.assignments, *pulled], gradients)
    return StepFunction(
        tuple(step.reads),
        tuple(step.values),
        f"{inspect.getsource(forward)}\n{inspect.getsource(backward)}",
        step.shapes,
        frozenset(step.batched),
        forward,
        backward,
    )


class _Step:
    """The equations of one step as scalar assignments."""

    def __init__(self, system: System, sizes: Mapping[str, int]) -> None:
        self.system = system
        unknown = set(sizes) - {str(symbol) for symbol in system.dimensions}
        if unknown:
            there = ", ".join(map(str, system.dimensions))
            raise ValueError(f"{min(unknown)} is no dimension of {system.name}; there are {there}")
        self.sizes = {symbol: sizes.get(str(symbol), SMALL) for symbol in system.dimensions}
        self.supply = NameSupply(set())
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.batched: set[str] = set()
        self.reads: dict[str, list[sympy.Symbol]] = {}
        self.values: dict[str, list[sympy.Symbol]] = {}
        self.symbols: dict[str, Entries] = {}
        self.assignments: list[Assignment] = []
        if len(system.axes) > 1:
            raise ValueError(f"{system.name} has several time axes, {', '.join(system.axes)}: it has no single step")
        for component in system.components:
            for equation in component.equations:
                if not equation.is_boundary:
                    self._assign(equation.name, equation.expr)

    @property
    def leaves(self) -> list[sympy.Symbol]:
        """Symbols of everything that is read."""
        return [symbol for symbols in self.reads.values() for symbol in symbols]

    def _assign(self, name: str, expr: sympy.Expr) -> None:
        right = self._entries(expr)
        left = self._fresh(name, name)
        self.values[name] = [entry for row in left for entry in row]
        self.batched.add(name)
        flat = [entry for row in right for entry in row]
        self.assignments += list(zip(self.values[name], flat, strict=True))

    def _fresh(self, key: str, name: str) -> Entries:
        """Symbols for the entries of a quantity."""
        shape = tuple(int(sympy.sympify(dim).subs(self.sizes)) for dim in self.system.variables[name].shape)
        self.shapes[key] = shape
        rows, columns = (*shape, 1, 1)[:2]
        stem = self.supply.fresh(re.sub(r"\W+", "_", key).strip("_"))  # no author's name holds two underscores
        self.symbols[key] = [[sympy.Symbol(f"{stem}__{i}_{j}", real=True) for j in range(columns)] for i in range(rows)]
        return self.symbols[key]

    def _read(self, read: Ref) -> Entries:
        index = read.index
        if index is not None and not isinstance(index, Step):
            raise ValueError(f"{read} is read at a fixed position: {self.system.name} has no single step")
        here = read.name if index is None or index.shift == 0 else str(read)
        is_value = not self.system.variables[read.name].is_leaf and here == read.name
        key = read.name if is_value else str(read)
        if key in self.symbols:
            return self.symbols[key]
        if self.system.variables[read.name].classes is not None:
            raise ValueError(f"{read.name} holds indices, which are no SymPy numbers")
        found = self._fresh(key, read.name)
        self.reads[key] = [entry for row in found for entry in row]
        if index is not None or read.name in self.system.inputs:
            self.batched.add(key)
        return found

    def _entries(self, expr: sympy.Expr) -> Entries:
        if isinstance(expr, Ref):
            return self._read(expr)
        if not isinstance(expr, Op):
            return [[expr]]
        record = TABLE[expr.primitive]
        operands = [self._entries(operand) for operand in expr.operands]
        if expr.primitive == "stop":
            return self._stopped(operands[0])
        if record.scalar is not None:
            return _broadcast(record.scalar, operands)
        if record.entries is None:
            raise ValueError(f"{expr} runs over time: {self.system.name} has no single step")
        static = tuple(part if is_op(expr, "power") else part.subs(self.sizes) for part in expr.static)
        return record.entries(static, operands)

    def _stopped(self, entries: Entries) -> Entries:
        """The same values under names that are no values of the step, so that nothing flows back through them."""
        stem = self.supply.fresh("stop")
        symbols = [[sympy.Symbol(f"{stem}__{i}_{j}", real=True) for j in range(len(r))] for i, r in enumerate(entries)]
        for left, right in zip(symbols, entries, strict=True):
            self.assignments += list(zip(left, right, strict=True))
        return symbols


def _broadcast(function: Callable[..., sympy.Expr], operands: Sequence[Entries]) -> Entries:
    """A scalar function of every entry; a single row or column is repeated."""
    rows, columns = max(len(m) for m in operands), max(len(m[0]) for m in operands)
    return [
        [function(*(m[i % len(m)][j % len(m[0])] for m in operands), evaluate=False) for j in range(columns)]
        for i in range(rows)
    ]


def _pull_back(
    assignments: Sequence[Assignment],
    values: Sequence[sympy.Symbol],
    leaves: Sequence[sympy.Symbol],
    bars: Mapping[sympy.Symbol, sympy.Symbol],
) -> tuple[list[Assignment], list[sympy.Expr]]:
    """Reverse sweep over the assignments: one more assignment for the cotangent of each, and those of the leaves."""
    terms: dict[sympy.Symbol, list[sympy.Expr]] = {symbol: [bars[symbol]] for symbol in values}
    terms |= {leaf: [] for leaf in leaves}
    pulled: list[Assignment] = []
    for symbol, expr in reversed(assignments):
        if symbol not in terms:  # behind stop(…)
            continue
        total = sympy.Symbol(f"total__{symbol}", real=True)
        pulled.append((total, sympy.Add(*terms[symbol])))
        for read in sorted(expr.free_symbols, key=str):
            slope = sympy.diff(expr, read)
            if slope != 0 and read in terms:
                terms[read].append(total * slope)
    return pulled, [sympy.Add(*terms[leaf]) for leaf in leaves]


def _compiled(
    arguments: Sequence[sympy.Symbol], assignments: Sequence[Assignment], results: Sequence[sympy.Expr]
) -> Callable[..., Any]:
    def share(expressions: Iterable[sympy.Expr]) -> tuple[list[Assignment], list[sympy.Expr]]:
        """The named assignments and what they have in common, in computable order."""
        names = [symbol for symbol, _ in assignments]
        common, reduced = sympy.cse([expr for _, expr in assignments] + list(expressions), order="none")
        every = [*common, *zip(names, reduced, strict=False)]
        return _sorted(every), list(reduced[len(names) :])

    return sympy.lambdify(list(arguments), list(results), modules=[{"np": np}, "numpy"], printer=Printer, cse=share)


def _sorted(assignments: Sequence[Assignment]) -> list[Assignment]:
    by_name = dict(assignments)
    edges = [(name, read) for name, expr in assignments for read in expr.free_symbols if read in by_name]
    order = topological_sort((list(by_name), edges), key=str)
    return [(name, by_name[name]) for name in reversed(order)]
