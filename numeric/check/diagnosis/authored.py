"""An equation as a line of NumPy on the author's arrays: examples as rows or columns, weights as they are stored.

A quantity of one example is a column v in the system.  An author whose examples are rows holds vᵀ, one whose weights
multiply from the right holds Wᵀ.  So everything is printed either as it is or *turned*, (A v)ᵀ = vᵀ Aᵀ, and what turns
at the leaves is a name or a name with ``.T``.  Without a batch a vector has one axis, and neither way is needed but
``np.outer``.

Read next: `numeric.check.diagnosis.repair`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate, pairwise

import numpy as np
import sympy

from derive.expr import Op, Ref, apply, concat, is_op, neg, plus, transpose
from derive.primitives import TABLE
from derive.system import Equation
from derive.text import index_text, is_negative, number_text
from numeric.check.bound import Bound, Integers
from numeric.check.diagnosis.stored import stored_in
from numeric.check.variants.edits import parts
from numeric.check.variants.view import View

SUM, PRODUCT, ATOM = 1, 2, 3  # how tightly what stands around a piece of text binds
CALL = re.compile(r"np\.\w+\((?:[\d.]+|\{\d\}|, )*\)")
AXIS = {"rows": 1, "columns": 0, "vectors": 0}  # along which the entries of a vector lie
ENTRIES = {"rows": "1, keepdims=True", "columns": "0", "vectors": ""}
BATCH = {"rows": 0, "columns": 1}


class Unwritten(Exception):
    """What has no short form in NumPy, such as a matrix for each example."""


class Author:
    """How an author would write equations of a derivation.

    Args:
        view: the derivation.
        say: a quantity's name, as the author calls it.
    """

    def __init__(self, view: View, say: Callable[[str], str]) -> None:
        self.view, self.say = view, say
        self.bound: Bound = view.derivation.bound
        self.way = self.bound.orientation
        self.scalar = False

    def lines(self, equation: Equation, columns: tuple[int, int] | None = None) -> list[str]:
        """``dz_f[t] = df[t] * f[t] * (1 - f[t])``, or ``dWh = sum(h[t-1].T @ dz[t] for t in steps)``.

        Args:
            equation: of the derivation.
            columns: of the gradient of a matrix, those that are meant; None for all.  A line for each array that the
                author has them in.

        Raises:
            Unwritten: if there are no such lines.
        """
        out, expr = equation.out, equation.expr
        self.scalar = not self.view.whole.variables[out.name].shape
        left = self.say(out.name) + index_text(out.index)
        kind, owner = self.view.origin(out.name)
        if kind != "cotangent" or owner not in self.bound.system.parameters:
            if len(self.view.whole.variables[out.name].shape) > 1:
                raise Unwritten
            return [f"{left} = {self._text(expr, 0, self.way == 'rows')}"]
        blocks = [columns] if columns else self._blocks(expr, owner)
        return [self._gradient(expr, owner, block, left) for block in blocks]

    # --- gradients of parameters ------------------------------------------------------------------------------------

    def _blocks(self, expr: sympy.Expr, owner: str) -> list[tuple[int, int] | None]:
        """Columns of a matrix, by what they multiply, where no array of the author has all of them in that order."""
        if stored_in(self.bound, self.bound.space.addresses(owner)) is not None:
            return [None]
        term = next((part for _, part in parts(expr) if is_op(part, "matmul")), expr)
        last = term.operands[-1] if is_op(term, "matmul") else term
        read = last.operands[0] if is_op(last, "transpose") else last
        if not is_op(read, "concat"):
            return [None]
        ends = [0, *accumulate(self._entries(part) for part in read.operands)]
        return [*pairwise(ends)]

    def _gradient(self, expr: sympy.Expr, owner: str, columns: tuple[int, int] | None, left: str) -> str:
        wanted = self.bound.space.addresses(owner)
        rank = wanted.ndim
        if columns is not None:
            wanted, expr = wanted[:, slice(*columns)], self._part(expr, columns)
        stored = stored_in(self.bound, wanted)
        if stored is None and any(np.isin(wanted, claim.index).any() for claim in self.bound.claims):
            raise Unwritten
        turned = stored.transposed if stored is not None else rank == 2 and self.way == "rows"
        if stored is not None:
            left = f"d{stored.text}"
        kept = ", keepdims=True" if stored is not None and rank == 1 and len(stored.shape) == 2 else ""
        return f"{left} = {self._total(expr, turned, rank, kept)}"

    def _part(self, expr: sympy.Expr, columns: tuple[int, int]) -> sympy.Expr:
        """The same gradient of some columns: δ [h; x]ᵀ of h alone is δ hᵀ."""
        if is_op(expr, "sum"):
            return apply("sum", self._part(expr.operands[0], columns), static=expr.static)
        if is_op(expr, "plus"):
            return plus(*(self._part(term, columns) for term in expr.operands))
        last = expr.operands[-1] if is_op(expr, "matmul") else expr
        read = last.operands[0] if is_op(last, "transpose") else last
        if not is_op(read, "concat"):
            raise Unwritten
        ends = np.cumsum([0, *(self._entries(part) for part in read.operands)])
        first, after = (int(np.searchsorted(ends, column)) for column in columns)
        if (ends[first], ends[after]) != columns:
            raise Unwritten
        chosen = read.operands[first:after]
        one = chosen[0] if len(chosen) == 1 else concat(*chosen)
        return apply("matmul", *expr.operands[:-1], transpose(one))

    def _total(self, expr: sympy.Expr, turned: bool, rank: int, kept: str) -> str:
        summed = is_op(expr, "sum")
        term = expr.operands[0] if summed else expr
        terms = term.operands if is_op(term, "plus") else (term,)
        if not summed and any(is_op(t, "sum") for t in terms):
            raise Unwritten
        text = " + ".join(self._summand(one, turned, rank, kept) for one in terms)
        if not summed:
            return text
        return f"sum({text} for {expr.static[0]} in steps)"

    def _summand(self, term: sympy.Expr, turned: bool, rank: int, kept: str) -> str:
        if rank == 2:
            if not is_op(term, "matmul"):
                raise Unwritten
            return self._product(term, turned)
        text = self._text(term, ATOM, self.way == "rows")
        if self.way == "vectors":
            return text
        axis = "" if rank == 0 else str(BATCH[self.way])
        return f"{text}.sum({axis}{kept})"

    # --- expressions ------------------------------------------------------------------------------------------------

    def _text(self, expr: sympy.Expr, tight: int, turned: bool) -> str:
        if isinstance(expr, Ref):
            return self._read(expr, turned)
        if not isinstance(expr, Op):
            return _wrap(number_text(expr), PRODUCT if expr.is_negative or not expr.is_Integer else ATOM + 1, tight)
        if expr.primitive == "plus":
            return _wrap(self._sum(expr, turned), SUM, tight)
        if expr.primitive == "times":
            return _wrap(self._times(expr, turned), PRODUCT, tight)
        if expr.primitive == "power":
            return self._power(expr, tight, turned)
        if expr.primitive == "matmul":
            return _wrap(self._product(expr, turned), PRODUCT, tight)
        if expr.primitive == "transpose":
            return self._text(expr.operands[0], tight, not turned)
        if expr.primitive == "concat":
            return self._joined(expr, turned)
        if expr.primitive == "rows":
            return self._rows(expr, turned)
        if expr.primitive == "broadcast_to" and self.view.shape(expr.operands[0]) == (1, 1):
            return self._text(expr.operands[0], tight, turned)
        if expr.primitive == "reduce_to" and self.view.shape(expr) == (1, 1):
            return f"{self._text(expr.operands[0], ATOM, turned)}.sum({ENTRIES[self.way]})"
        if TABLE[expr.primitive].is_elementwise:
            if expr.primitive == "sigmoid":
                return f"sigmoid({self._text(expr.operands[0], 0, turned)})"
            template = TABLE[expr.primitive].numpy
            inside = 0 if CALL.fullmatch(template) else PRODUCT
            return template.format(*(self._text(operand, inside, turned) for operand in expr.operands))
        raise Unwritten

    def _sum(self, expr: Op, turned: bool) -> str:
        text = self._text(expr.operands[0], 0, turned)
        for term in expr.operands[1:]:
            minus = is_negative(term)
            text += (" - " if minus else " + ") + self._text(neg(term) if minus else term, SUM, turned)
        return text

    def _times(self, expr: Op, turned: bool) -> str:
        factors, sign = list(expr.operands), ""
        if factors[0] == -1:
            factors, sign = factors[1:], "-"
        return sign + " * ".join(self._text(factor, PRODUCT, turned) for factor in factors)

    def _power(self, expr: Op, tight: int, turned: bool) -> str:
        exponent = number_text(expr.static[0])
        text = f"{self._text(expr.operands[0], ATOM, turned)} ** {exponent if exponent.isdigit() else f'({exponent})'}"
        return _wrap(text, PRODUCT, tight)

    def _product(self, expr: Op, turned: bool) -> str:
        """A v, vᵀ Aᵀ, or the outer product v wᵀ, which also adds up examples."""
        operands = expr.operands
        first, last = operands[0], operands[-1]
        outer = self._columns(first) == 1 and self._entries(last) == 1
        if self.way == "vectors" and len(operands) == 2 and outer:
            pair = [self._text(first, 0, False), self._text(last, 0, False)]
            return f"np.outer({', '.join(reversed(pair) if turned else pair)})"
        if not outer and turned != (self.way == "rows"):
            raise Unwritten
        if self._columns(last) == 1 and self._entries(first) == 1 and self.way != "vectors":
            raise Unwritten  # an inner product for each example
        turned = turned and self.way != "vectors"
        order = reversed(operands) if turned else operands
        return " @ ".join(self._text(operand, ATOM, turned) for operand in order)

    def _joined(self, expr: Op, turned: bool) -> str:
        if any(self._columns(part) != 1 for part in expr.operands):
            raise Unwritten
        own = self.way == "rows"
        pieces = ", ".join(self._text(part, 0, own) for part in expr.operands)
        axis = f", {AXIS[self.way]}" if self.way == "rows" else ""
        text = f"np.concatenate([{pieces}]{axis})"
        return text if turned == own or self.way == "vectors" else f"{text}.T"

    def _rows(self, expr: Op, turned: bool) -> str:
        inner, number = expr.operands[0], self.view.derivation.sizes.number
        low, high = (number(end) for end in expr.static[0].args)
        if is_op(inner, "transpose") and isinstance(inner.operands[0], Ref) and inner.operands[0].index is None:
            name = inner.operands[0].name
            return self._weight(self.bound.space.addresses(name)[:, low:high], not turned)
        if self._columns(inner) != 1:
            raise Unwritten
        own = self.way == "rows"
        text = self._text(inner, ATOM, own) + (f"[:, {low}:{high}]" if own else f"[{low}:{high}]")
        return text if turned == own or self.way == "vectors" else f"{text}.T"

    def _read(self, read: Ref, turned: bool) -> str:
        if read.name in self.bound.space.shapes and read.name in self.bound.system.parameters:
            return self._weight(self.bound.space.addresses(read.name), turned)
        variable = self.view.whole.variables[read.name]
        if len(variable.shape) > 1:
            raise Unwritten
        text = self.say(read.name) + index_text(read.index)
        if not variable.shape and self.way == "rows" and not self.scalar and read.name in self.view.whole.batched:
            return f"{text}[:, None]"
        column = len(variable.shape) == 1 and self.way != "vectors" and turned != (self.way == "rows")
        return f"{text}.T" if column else text

    def _weight(self, wanted: Integers, turned: bool) -> str:
        stored = stored_in(self.bound, wanted)
        if stored is None:
            raise Unwritten
        if wanted.ndim == 2:
            return stored.text if stored.transposed == turned else f"{stored.text}.T"
        if wanted.ndim == 0:
            return f"{stored.text}.item()" if stored.shape else stored.text
        if self.way == "columns" and not self.scalar:
            return stored.text if len(stored.shape) == 2 and stored.shape[1] == 1 else f"{stored.text}.reshape(-1, 1)"
        fits = len(stored.shape) == 1 or (self.way == "rows" and stored.shape[0] == 1)
        return stored.text if fits else f"{stored.text}.ravel()"

    def _columns(self, expr: sympy.Expr) -> int:
        return self.view.shape(expr)[1]

    def _entries(self, expr: sympy.Expr) -> int:
        return self.view.shape(expr)[0]


def _wrap(text: str, level: int, tight: int) -> str:
    return f"({text})" if tight >= level else text
