"""One equation written out: at fixed positions, or entry by entry in SymPy scalars.

`Clock` says which value a read means at a given step; `Expander` gives the entries of an expression from the
entries of what it reads, through the scalar meaning of every primitive; `VectorExpander` keeps vectors whole.

Read next: `derive.unroll`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import sympy

from derive.equation import Equation
from derive.errors import EquationError
from derive.expr import Fixed, Op, Ref, Step, apply, concat, fixed, plus, ref, transpose
from derive.primitives import TABLE, Entries, ShapeOf
from derive.rewrite import rebuild
from derive.structural import broadcast_entries
from derive.system import System
from derive.text import to_text

At = Mapping[str, int]  # the step of every axis that is running
Entry = tuple[int, int]
ZERO = sympy.Integer(0)


class Clock:
    """Which value ``h[t-1]``, ``h[T]`` or ``h[0]`` means, in sequences of known lengths.

    Args:
        system: whose quantities are read.
        lengths: number of steps by axis.
    """

    def __init__(self, system: System, lengths: Mapping[str, int]) -> None:
        self.system, self.lengths = system, lengths
        self.outside: dict[str, set[int]] = {}
        for name, positions in system.boundaries.items():
            for index in positions:
                self.outside.setdefault(name, set()).add(index.position(lengths[index.axis]))
        for equation in system.equations:
            if isinstance(equation.out.index, Fixed):
                self.outside.setdefault(equation.name, set()).update(self.boundary(equation).values())

    def boundary(self, equation: Equation) -> dict[str, int]:
        """The position that a boundary equation defines, as the step of its axis; nothing for one without time."""
        index = equation.out.index
        return {index.axis: index.position(self.lengths[index.axis])} if isinstance(index, Fixed) else {}

    def position(self, read: Ref, at: At) -> int | None:
        """The position that is read at a step.

        Raises:
            EquationError: if there is no such value.
        """
        index = read.index
        if index is None:
            return None
        length = self.lengths[index.axis]
        position = at[index.axis] + index.shift if isinstance(index, Step) else index.position(length)
        if 1 <= position <= length or position in self.outside.get(read.name, ()):
            return position
        raise EquationError(
            f"the sequence is too short: {to_text(read)} is position {position}, and {index.axis.upper()} = {length}",
            read.span,
        )

    def placed(self, read: Ref, at: At) -> Ref:
        """The same read with its position written out: ``h[t-1]`` at t = 3 is ``h[2]``."""
        position = self.position(read, at)
        return ref(read.name) if position is None else ref(read.name, fixed(read.index.axis, position))  # type: ignore[union-attr]


class VectorExpander:
    """Equations at fixed positions, vectors and matrices kept whole."""

    def __init__(self, shape_of: ShapeOf, clock: Clock) -> None:
        self.shape_of, self.clock = shape_of, clock

    def expand(self, expr: sympy.Expr, at: At) -> sympy.Expr:
        """`expr` at a step: sums over time written out, every read at a fixed position."""
        if isinstance(expr, Ref):
            return self.clock.placed(expr, at)
        if not isinstance(expr, Op):
            return expr
        if TABLE[expr.primitive].binds:
            axis = str(expr.static[0])
            steps = range(1, self.clock.lengths[axis] + 1)
            terms = [self.expand(expr.operands[0], {**at, axis: step}) for step in steps]
            return plus(*terms) if expr.primitive == "sum" else transpose(concat(*map(transpose, terms)))
        if expr.primitive == "place" and not _is_here(expr.static[0], at, self.clock.lengths):
            shape = self.shape_of(expr)
            return ZERO if shape == (1, 1) else apply("broadcast_to", ZERO, static=shape)
        operands = [self.expand(operand, at) for operand in expr.operands]
        if expr.primitive == "place":
            return operands[0]
        if expr.primitive == "unstack":
            return apply("take", operands[0], sympy.Integer(at[str(expr.static[0])] - 1))
        return rebuild(expr, operands)


class Expander:
    """Entries of expressions.

    Args:
        shape_of: shapes in symbolic dimensions.
        dims: size of every dimension.
        lengths: number of steps by axis.
        read: entries of a quantity read at a step.
        opaque: keep every function a name of our own, so that SymPy rewrites none.
    """

    def __init__(
        self,
        shape_of: ShapeOf,
        dims: Mapping[sympy.Symbol, sympy.Integer],
        lengths: Mapping[str, int],
        read: Callable[[Ref, At], Entries],
        opaque: bool = False,
    ) -> None:
        self.shape_of, self.dims, self.lengths, self.read, self.opaque = shape_of, dims, lengths, read, opaque
        self._sizes: dict[sympy.Expr, int] = {}

    def size(self, expr: sympy.Expr) -> Entry:
        """Rows and columns of an expression, as numbers."""
        rows, columns = self.shape_of(expr)
        return self.number(rows), self.number(columns)

    def number(self, dim: sympy.Expr) -> int:
        """The size of a dimension."""
        if dim not in self._sizes:
            self._sizes[dim] = int(sympy.sympify(dim).xreplace(dict(self.dims)))
        return self._sizes[dim]

    def expand(self, expr: sympy.Expr, at: At) -> Entries:
        """Entries of `expr` at a step."""
        if isinstance(expr, Ref):
            return self.read(expr, at)
        if not isinstance(expr, Op):
            return [[expr]]
        record = TABLE[expr.primitive]
        if record.binds:
            return self._over_time(expr, at)
        if expr.primitive == "place" and not _is_here(expr.static[0], at, self.lengths):
            rows, columns = self.size(expr)
            return [[ZERO] * columns for _ in range(rows)]
        operands = [self.expand(operand, at) for operand in expr.operands]
        if expr.primitive == "place":
            return operands[0]
        if expr.primitive == "unstack":
            return [[row[at[str(expr.static[0])] - 1]] for row in operands[0]]
        if record.is_elementwise:
            function = opaque_function(expr.primitive) if self.opaque else record.scalar or record.meaning
            return broadcast_entries(function, operands)
        static = tuple(self._static(kind, value) for kind, value in zip(record.static, expr.static, strict=False))
        if self.opaque and expr.primitive in ("softmax", "logsumexp", "stop"):
            return _opaque_entries(expr.primitive, operands)
        assert record.entries is not None
        return record.entries(static, operands)

    def _over_time(self, expr: Op, at: At) -> Entries:
        axis = str(expr.static[0])
        steps = range(1, self.lengths[axis] + 1)
        terms = [self.expand(expr.operands[0], {**at, axis: step}) for step in steps]
        if expr.primitive == "stack":
            return [[entry for part in row for entry in part] for row in zip(*terms, strict=True)]
        return broadcast_entries(sympy.Add, terms)

    def _static(self, kind: str, value: Any) -> Any:
        if kind == "slice":
            return tuple(self.number(end) for end in value.args)
        return self.number(value) if kind == "dim" else value


def ops(expr: sympy.Expr) -> Iterator[Op]:
    """Every application of a primitive inside an expression, innermost first."""
    if isinstance(expr, Op):
        for operand in expr.operands:
            yield from ops(operand)
        yield expr


def _is_here(index: Fixed, at: At, lengths: Mapping[str, int]) -> bool:
    return at[index.axis] == index.position(lengths[index.axis])


@cache
def opaque_function(name: str) -> Any:
    """A SymPy function about which SymPy knows nothing; a class of its own for every primitive."""
    return sympy.Function(f"{name}_")


def _opaque_entries(primitive: str, operands: list[Entries]) -> Entries:
    if primitive == "stop":
        return broadcast_entries(opaque_function("stop"), operands)
    exponentials = broadcast_entries(opaque_function("exp"), operands)
    totals = [sympy.Add(*column) for column in zip(*exponentials, strict=True)]
    if primitive == "logsumexp":
        return [[opaque_function("log")(total) for total in totals]]
    return [[entry / total for entry, total in zip(row, totals, strict=True)] for row in exponentials]
