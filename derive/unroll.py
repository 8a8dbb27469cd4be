"""The unrolled level: a system written out for t = 1…T, one line per named value.

The result is a list of assignments and never a nested expression: substituting h₁ into h₂ into h₃ multiplies the
size of a scalar LSTM by 8.8 a step, a list grows linearly.  Without sizes a line is an equation of the language at
fixed positions, ``h[2] = o[2] * tanh(c[2])``; with sizes it is a SymPy scalar, ``h_2_0 = o_2_0*tanh(c_2_0)``.

Read next: `derive.generators`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import sympy

from derive.dimensions import dimension
from derive.expand import At, Clock, Entry, Expander, VectorExpander
from derive.expr import Fixed, Ref, ref, refs
from derive.operands import NameSupply
from derive.system import Equation, System

Key = tuple[str, int | None, Entry | None]  # name, position, entry (row, column); None where there is none


@dataclass(frozen=True)
class Line:
    """``symbol = expr``: one value of one quantity.

    Attributes:
        name: the quantity.
        position: the step, or None for a quantity without time.
        entry: (row, column) of a scalar line; None for a whole vector or matrix.
        symbol: a SymPy Symbol (scalar lines) or a `Ref` at a fixed position.
        expr: in terms of the symbols of earlier lines and of leaves.
    """

    name: str
    position: int | None
    entry: Entry | None
    symbol: sympy.Expr
    expr: sympy.Expr

    def __str__(self) -> str:
        return f"{self.symbol} = {self.expr}"


@dataclass(frozen=True)
class Unrolled:
    """A system written out.

    Attributes:
        lines: assignments, each using only leaves and earlier lines.
        leaves: what is given, by symbol.
        symbols: the symbol of every value, by (name, position, entry).
        lengths: number of steps of every axis.
    """

    lines: tuple[Line, ...]
    leaves: Mapping[sympy.Expr, Key]
    symbols: Mapping[Key, sympy.Expr]
    lengths: Mapping[str, int]

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))

    def of(self, name: str) -> list[tuple[Key, sympy.Expr]]:
        """All values of one quantity, in order of position and entry."""
        found = [(key, symbol) for key, symbol in self.symbols.items() if key[0] == name]
        return sorted(found, key=lambda item: (item[0][1] or 0, item[0][2] or (0, 0)))


def unroll(
    system: System,
    steps: int | Mapping[str, int],
    sizes: Mapping[str, int] | None = None,
    *,
    classes: Mapping[str, Sequence[int]] | None = None,
    opaque: bool = False,
) -> Unrolled:
    """Write a system out for t = 1…T.

    Args:
        system: what to write out; an adjoint or tangent too.
        steps: number of steps, of all axes or by axis.
        sizes: of the dimensions, by name; without them the lines are vectors and matrices.
        classes: values of integer inputs, one per step, by name; default 0.
        opaque: leave every function as a name, so that SymPy rewrites none (``exp(a)*exp(b)`` stays), for the proof.

    Returns:
        The lines and the symbols in them.  Given boundary values are leaves.

    Raises:
        ValueError: if a dimension has no size, or a number of steps is missing or not positive.
        EquationError: if a fixed position does not exist in so short a sequence.
    """
    lengths = _lengths(system, steps)
    clock = Clock(system, lengths)
    if sizes is None:
        return _vectors(system, clock)
    known = {**sizes, **{axis.upper(): n for axis, n in lengths.items()}}
    missing = [str(d) for d in system.dimensions if str(d) not in known]
    if missing:
        raise ValueError(f"unrolling in scalars needs a size for {', '.join(missing)}")
    return _Scalars(system, clock, known, classes or {}, opaque).run()


def _lengths(system: System, steps: int | Mapping[str, int]) -> dict[str, int]:
    lengths = {axis: steps if isinstance(steps, int) else steps.get(axis, 0) for axis in system.axes}
    for axis, number in lengths.items():
        if number < 1:
            raise ValueError(f"unrolling needs a positive number of steps along {axis}")
    return lengths


def schedule(system: System, clock: Clock) -> Iterator[tuple[Equation, At]]:
    """Every equation at every step it holds at, in a computable order."""
    for component in system.components:
        if component.axis is None:
            for equation in component.equations:
                yield equation, clock.boundary(equation)
            continue
        steps = range(1, clock.lengths[component.axis] + 1)
        for step in steps if component.direction >= 0 else reversed(steps):
            for equation in component.equations:
                yield equation, {component.axis: step}


def position_of(equation: Equation, at: At) -> int | None:
    """Which value of its quantity an equation defines."""
    index = equation.out.index
    return None if index is None else at[index.axis]


def _vectors(system: System, clock: Clock) -> Unrolled:
    expander = VectorExpander(system.shape_of, clock)
    lines: list[Line] = []
    symbols: dict[Key, sympy.Expr] = {}
    leaves: dict[sympy.Expr, Key] = {}
    for equation, at in schedule(system, clock):
        position = position_of(equation, at)
        out = clock.placed(equation.out, at)
        expr = expander.expand(equation.expr, at)
        for read in refs(expr):
            key = (read.name, read.index.offset if isinstance(read.index, Fixed) else None, None)
            if key not in symbols:
                symbols[key] = read
                leaves[read] = key
        symbols[equation.name, position, None] = out
        lines.append(Line(equation.name, position, None, out, expr))
    return Unrolled(tuple(lines), MappingProxyType(leaves), MappingProxyType(symbols), clock.lengths)


class _Scalars:
    """Scalar lines in the making: symbols for entries, made when first met."""

    def __init__(
        self, system: System, clock: Clock, sizes: Mapping[str, int], classes: Mapping[str, Sequence[int]], opaque: bool
    ) -> None:
        self.system, self.clock, self.classes = system, clock, classes
        self.supply = NameSupply(set(sizes))
        self.symbols: dict[Key, sympy.Expr] = {}
        self.leaves: dict[sympy.Expr, Key] = {}
        self.known: dict[tuple[str, int | None], list[list[sympy.Expr]]] = {}
        dims = {dimension(name): sympy.Integer(n) for name, n in sizes.items()}
        self.expander = Expander(system.shape_of, dims, clock.lengths, self._read, opaque)

    def run(self) -> Unrolled:
        """All lines."""
        lines: list[Line] = []
        for equation, at in schedule(self.system, self.clock):
            position = position_of(equation, at)
            rows, columns = self.expander.size(equation.out)
            entries = self.expander.expand(equation.expr, at)
            if equation.expr.is_number:
                entries = [[equation.expr] * columns for _ in range(rows)]
            symbols = self._symbols(equation.name, position)
            for i in range(rows):
                for j in range(columns):
                    lines.append(Line(equation.name, position, (i, j), symbols[i][j], entries[i][j]))
        symbols_of, leaves = MappingProxyType(self.symbols), MappingProxyType(self.leaves)
        return Unrolled(tuple(lines), leaves, symbols_of, self.clock.lengths)

    def _read(self, read: Ref, at: At) -> list[list[sympy.Expr]]:
        position = self.clock.position(read, at)
        known = self.known.get((read.name, position))
        if known is None:
            if self.system.variables[read.name].classes is not None:
                given = self.classes.get(read.name, ())
                place = max(position or 1, 1)  # what is read before the first step is of the class of the first
                value = given[place - 1] if len(given) >= place else 0
                known = self.known[read.name, position] = [[sympy.Integer(value)]]
            else:
                known = self._symbols(read.name, position)
                for i, row in enumerate(known):
                    for j, symbol in enumerate(row):
                        self.leaves[symbol] = (read.name, position, (i, j))
        return known

    def _symbols(self, name: str, position: int | None) -> list[list[sympy.Expr]]:
        shape = self.system.variables[name].shape
        rows, columns = self.expander.size(ref(name))
        stem = name if position is None else f"{name}_{position}".replace("-", "m")
        result = []
        for i in range(rows):
            row = []
            for j in range(columns):
                wish = stem + "".join(f"_{index}" for index in (i, j)[: len(shape)])
                symbol = sympy.Symbol(self.supply.fresh(wish), real=True)
                self.symbols[name, position, (i, j)] = symbol
                row.append(symbol)
            result.append(row)
        self.known[name, position] = result
        return result
