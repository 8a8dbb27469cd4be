"""A step read as commutative algebra of its entries, to recognise what it computes.

Products with a matrix become ``lin(W, v)``, one for each part of a concatenation; sums and products commute, named
intermediates are written out.  Then ``[h, x]`` or separate matrices, ``z*n + (1-z)*h`` or ``h + z*(n-h)`` look alike.

Read next: `derive.layers`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy

from derive.expr import Op, Ref, Step, is_op
from derive.primitives import TABLE
from derive.structural import bounds
from derive.system import System
from derive.text import to_text

LIN = sympy.Function("lin")


class NoLayer(Exception):
    """A system, or a part of it, that is no layer of any framework."""


@dataclass(frozen=True)
class Affine:
    """The argument of a gate: Σ W v + Σ p ∘ c + Σ b."""

    products: tuple[tuple[str, sympy.Expr], ...]  # weight with its columns, and what it multiplies
    diagonals: tuple[tuple[str, sympy.Expr], ...]
    biases: tuple[str, ...]

    @property
    def weights(self) -> tuple[str, ...]:
        """Every parameter in it."""
        return (*(name for name, _ in self.products), *(name for name, _ in self.diagonals), *self.biases)


class Algebra:
    """Right sides as commutative algebra of entries.

    Args:
        system: whose quantities.
        within: names of one recurrence; its intermediates are written out, its states are symbols.
        states: of that recurrence.
    """

    def __init__(self, system: System, within: Iterable[str] = (), states: Iterable[str] = ()) -> None:
        self.system, self.within, self.states = system, frozenset(within), frozenset(states)
        self.recurrent = {e.name for c in system.components if c.direction for e in c.equations}
        self.inlined: set[str] = set()  # maps outside of the recurrence that were written out
        self.columns: dict[str, tuple[str, sympy.Expr, sympy.Expr]] = {}  # of what stands in `lin`: "W[0:H]"

    def definition(self, name: str) -> sympy.Expr:
        """The right side of a quantity.

        Raises:
            NoLayer: if it uses what no layer has.
        """
        expr = self.entry(self.system.equation(name).expr)
        return sympy.expand(expr, deep=True, power_base=False, power_exp=False, log=False)

    def entry(self, expr: sympy.Expr) -> sympy.Expr:
        """An expression, entry by entry."""
        if isinstance(expr, Ref):
            return self._read(expr)
        if not isinstance(expr, Op):
            return expr
        if expr.primitive == "matmul":
            return self._product(expr)
        shape = self.system.shape_of(expr)
        if shape[1] != 1 or any(self.system.shape_of(o) != shape and not o.is_number for o in expr.operands):
            raise NoLayer(f"{to_text(expr)} is not elementwise")
        operands = [self.entry(operand) for operand in expr.operands]
        if expr.primitive == "plus":
            return sympy.Add(*operands)
        if expr.primitive == "times":
            return sympy.Mul(*operands)
        if TABLE[expr.primitive].is_elementwise or expr.primitive == "softmax":
            return sympy.Function(f"fn_{expr.primitive}")(*operands)
        raise NoLayer(f"{expr.primitive} is in no layer")

    def _read(self, read: Ref) -> sympy.Expr:
        var, index = self.system.variables[read.name], read.index
        now = isinstance(index, Step) and index.shift == 0
        if var.role == "constant":
            raise NoLayer(f"{read.name} is a constant")
        if now and not var.is_leaf and read.name not in self.states:
            if read.name in self.recurrent - self.within:
                raise NoLayer(f"{read.name} is another recurrence")
            if read.name not in self.within:
                self.inlined.add(read.name)
            return self.entry(self.system.equation(read.name).expr)
        return self.symbol(read)

    @staticmethod
    def symbol(read: Ref) -> sympy.Symbol:
        """What stands for a read: its text, ``h[t-1]``."""
        return sympy.Symbol(to_text(read))

    def _product(self, expr: Op) -> sympy.Expr:
        if len(expr.operands) != 2 or not isinstance(expr.operands[0], Ref):
            raise NoLayer(f"{to_text(expr)} is not a weight times a column")
        weight, column = expr.operands
        if self.system.variables[weight.name].role != "parameter" or self.system.shape_of(column)[1] != 1:
            raise NoLayer(f"{to_text(expr)} is not a weight times a column")
        if not is_op(column, "concat"):
            self.columns[weight.name] = (weight.name, sympy.Integer(0), self.system.shape_of(column)[0])
            return LIN(self.symbol(weight), self._operand(column))
        terms = []
        for part, (low, high) in zip(column.operands, bounds(column, self.system.shape_of), strict=True):
            block = f"{weight.name}[{low}:{high}]"
            self.columns[block] = (weight.name, low, high)
            terms.append(LIN(sympy.Symbol(block), self._operand(part)))
        return sympy.Add(*terms)

    def _operand(self, column: sympy.Expr) -> sympy.Expr:
        """What a weight multiplies: another layer's output keeps its name."""
        if isinstance(column, Ref) and column.name not in self.within:
            return self.symbol(column)
        return sympy.expand(self.entry(column))


def affine(expr: sympy.Expr) -> Affine:
    """The argument of a gate.

    Raises:
        NoLayer: if it is not affine.
    """
    products: list[tuple[str, sympy.Expr]] = []
    diagonals: list[tuple[str, sympy.Expr]] = []
    biases: list[str] = []
    for term in sympy.Add.make_args(expr):
        if term.func == LIN:
            products.append((str(term.args[0]), term.args[1]))
        elif term.is_Symbol and "[" not in term.name:
            biases.append(term.name)
        elif term.is_Mul and len(term.args) == 2 and all(factor.is_Symbol for factor in term.args):
            weight, state = sorted(term.args, key=lambda symbol: ("[" in symbol.name, symbol.name))
            if "[" in weight.name or "[" not in state.name:
                raise NoLayer(f"{term} is no peephole")
            diagonals.append((weight.name, state))
        else:
            raise NoLayer(f"{term} is not affine")
    return Affine(tuple(products), tuple(diagonals), tuple(biases))


def is_function(expr: sympy.Expr) -> bool:
    """Whether it is an activation of something."""
    return isinstance(expr, sympy.core.function.AppliedUndef) and expr.func.__name__.startswith("fn_")


def activation(expr: sympy.Expr) -> str:
    """The name of an activation."""
    return str(expr.func.__name__).removeprefix("fn_")
