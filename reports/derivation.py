r"""The steps of a derivation, generated from the rules that fired.

For a quantity v: who reads it? Every reader r contributes ∂L/∂r · ∂r/∂v, and ∂r/∂v is what the rules of the primitives
between r and v say. Here the rules of `derive.primitives.TABLE` are run again, one reader at a time, and every record
that fired is written down by name. So the text cannot disagree with the adjoint: a wrong rule would show in both, and
a test changes one to see that the text changes.

Read next: `reports.forms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import sympy

from derive.elementwise import partial
from derive.equation import PRIMAL, Equation
from derive.expr import Fixed, Index, Op, Ref, Step, apply, axis_symbol, plus, ref, refs, times
from derive.primitives import TABLE, ShapeOf
from derive.rewrite import replace as substitute
from derive.simplify import shifted, tidied
from derive.structural import fit
from derive.system import System


@dataclass(frozen=True)
class Edge:
    """One equation that reads a quantity.

    Attributes:
        reader: the equation.
        read: the quantity, at the index at which it is read.
        contribution: what reaches the quantity, in terms of the reader's cotangent, at the reader's own time.
        rules: names of the records that fired between them, outermost first.
    """

    reader: Equation
    read: Ref
    contribution: sympy.Expr
    rules: tuple[str, ...]

    @property
    def delay(self) -> int:
        """How many steps after v the reader stands: v[t-1] is read one step later."""
        return -self.read.index.shift if isinstance(self.read.index, Step) else 0


@dataclass(frozen=True)
class Path:
    """A chain of readers from a quantity to a cotangent that has its own equation.

    Attributes:
        edges: from the quantity outwards; all but the last go through quantities whose δ is not printed.
        column: the whole contribution, at the quantity's own time.
    """

    edges: tuple[Edge, ...]
    column: sympy.Expr


class Readings:
    """Who reads what in a system, and what flows back.

    Args:
        adjoint: the adjoint, with its primal, every cotangent named.
        kept: names of the cotangents that are printed; others are passed through.
    """

    def __init__(self, adjoint: System, kept: frozenset[str]) -> None:
        self.adjoint, self.kept = adjoint, kept
        self._edges: dict[str, list[Edge]] = {}
        self.cotangent = {
            var.origin.of: name
            for name, var in adjoint.variables.items()
            if var.origin is not None and var.origin.kind == "cotangent"
        }
        derived = {name for name, var in adjoint.variables.items() if var.origin is not None} - {
            name for name, var in adjoint.variables.items() if var.origin and var.origin.kind in PRIMAL
        }
        self.primal = tuple(e for e in adjoint.equations if e.name not in derived)

    def edges(self, name: str) -> list[Edge]:
        """All readers of a quantity that pass something back, same step first, then by delay."""
        if name not in self._edges:
            self._edges[name] = self._found(name)
        return self._edges[name]

    def _found(self, name: str) -> list[Edge]:
        found: dict[tuple[Ref, Index | None], Edge] = {}
        for equation in self.primal:
            if equation.name not in self.cotangent:
                continue
            seed = ref(self.cotangent[equation.name], equation.out.index)
            context = (equation.axis,) if equation.axis else ()
            for read, value, rules in self._pull(equation.expr, seed, context, equation.out, name, ()):
                old = found.get((equation.out, read.index))
                total = value if old is None else plus(old.contribution, value)
                fired = rules if old is None else (*old.rules, *(rule for rule in rules if rule not in old.rules))
                found[equation.out, read.index] = Edge(equation, read, total, fired)
        edges = [replace(edge, contribution=tidied(edge.contribution)) for edge in found.values()]
        return sorted(edges, key=lambda edge: _place(edge.read.index))

    def paths(self, name: str) -> list[Path]:
        """The terms of the chain rule for a quantity."""
        result = []
        for edge in self.edges(name):
            bar = self.cotangent[edge.reader.name]
            axis = edge.reader.axis
            if bar in self.kept or axis is None or self.adjoint.variables[name].axis != axis:
                result.append(Path((edge,), self._moved(edge.contribution, edge)))
                continue
            for path in self.paths(edge.reader.name):
                inner = path.column
                whole = substitute(edge.contribution, lambda r: inner if r.name == bar else r)  # noqa: B023
                result.append(Path((edge, *path.edges), self._moved(tidied(whole), edge)))
        return result

    def _moved(self, value: sympy.Expr, edge: Edge) -> sympy.Expr:
        axis, index = edge.reader.axis, edge.read.index
        if axis is not None and isinstance(index, Step) and index.axis == axis and index.shift:
            return shifted(value, axis, -index.shift)
        if isinstance(index, Fixed) and not index.is_boundary:
            return apply("place", value, static=(index,))
        return value

    def _pull(
        self,
        expr: sympy.Expr,
        ybar: sympy.Expr,
        context: tuple[str, ...],
        value: sympy.Expr,
        name: str,
        rules: tuple[str, ...],
    ) -> Iterator[tuple[Ref, sympy.Expr, tuple[str, ...]]]:
        """(read, what reaches it, records fired) for every read of `name` in an expression."""
        if isinstance(expr, Ref):
            if expr.name == name:
                keep = expr.index.axis if isinstance(expr.index, Step) else None
                yield expr, _summed(ybar, tuple(axis for axis in context if axis != keep)), rules
            return
        if not isinstance(expr, Op) or not any(read.name == name for read in refs(expr)):
            return
        record = TABLE[expr.primitive]
        if record.binds:
            axis = str(expr.static[0])
            inside = {r.index.axis for r in refs(expr.operands[0]) if isinstance(r.index, Step)}
            outer = tuple(a for a in context if a == axis or a not in inside)
            ybar, context = _summed(ybar, outer), (*(a for a in context if a not in outer), axis)
        for position, operand in enumerate(expr.operands):
            if any(read.name == name for read in refs(operand)):
                contribution = vjp(expr, ybar, position, value, self.adjoint.shape_of)
                if contribution is not None:
                    yield from self._pull(operand, contribution, context, operand, name, (*rules, expr.primitive))


def _place(index: Index | None) -> tuple[int, int]:
    if isinstance(index, Step):
        return (0, 0) if index.shift == 0 else (1, index.shift)
    return 2, 0


def _summed(value: sympy.Expr, axes: Sequence[str]) -> sympy.Expr:
    for axis in axes:
        value = apply("sum", value, static=(axis_symbol(axis),))
    return value


def vjp(call: Op, ybar: sympy.Expr, position: int, value: sympy.Expr, shape_of: ShapeOf) -> sympy.Expr | None:
    """What a record sends to one operand: its written rule, or the derivative that follows from its meaning."""
    record = TABLE[call.primitive]
    if record.vjp is not None:
        return record.vjp(call, value, ybar, position, shape_of)
    slope = partial(call.primitive, position)(value, *call.operands)
    return None if slope == 0 else fit(times(ybar, slope), shape_of(call.operands[position]), shape_of)
