"""Shapes inferred from text, in two phases.

Plain unification is wrong here: for an LSTM in concatenated form it may answer that x has D − H rows.  So:

1. *Rank*, a least fixpoint of "has one row" and "has one column".  Undeclared inputs are columns; an undeclared
   parameter is a matrix if it stands bare on the left of ``@`` (or in ``take``), else a column; what is defined
   starts at 1 × 1 and grows.
2. *Sizes*, linear equations over dimensions.  Where a symbol equals a sum, the lone symbol is eliminated, the
   dimensions of parameters before those of sequences.  Declared dimensions are rigid and distinct.

What remains is named after use, independent of the order of lines: states H, inputs D, outputs O, parameters K,
with a subscript where several sizes compete.

Read next: `derive.equation`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy

from derive.equation import Equation
from derive.errors import EquationError, Span
from derive.expr import Op, Ref, refs
from derive.naming import dimension_names
from derive.primitives import TABLE, Shape
from derive.ranks import Leaf, infer_ranks, is_guessed
from derive.shapes import ONE, pair, show, unpair
from derive.text import to_text

UNKNOWN = re.compile(r"(rows|columns)\(\w+\)")  # a size that is not known yet


class _Collect:
    """`Dims` that writes down what must be equal."""

    def __init__(self) -> None:
        self.found: list[tuple[sympy.Expr, sympy.Expr]] = []

    def same(self, *dims: sympy.Expr) -> sympy.Expr:
        self.found += [(dims[0], dim) for dim in dims[1:] if dim != dims[0]]
        return dims[0]

    def join(self, *dims: sympy.Expr) -> sympy.Expr:
        wide = [dim for dim in dims if dim != 1]
        return self.same(*wide) if wide else ONE

    def within(self, part: sympy.Expr, whole: sympy.Expr) -> None:
        """Known only when all sizes are."""

    def add(self, *dims: sympy.Expr) -> sympy.Expr:
        return sympy.Add(*dims)


def _first(name: str, equations: Sequence[Equation]) -> Span | None:
    """Where a quantity is first read."""
    spans = (read.span for equation in equations for read in refs(equation.expr) if read.name == name)
    return next(spans, None)


def infer(equations: Sequence[Equation], quantities: Mapping[str, Leaf]) -> dict[str, tuple[sympy.Expr, ...]]:
    """Shapes of all quantities.

    Args:
        equations: of the system.
        quantities: role and declared shape of every name in them.

    Raises:
        EquationError: if sizes contradict each other, or a declaration is needed.
    """
    ranks = infer_ranks(equations, quantities)
    sizes, origin = _unknowns(quantities, ranks)
    solved = _solve(_equalities(equations, sizes, quantities), origin, quantities)
    final = {name: tuple(sympy.expand(dim.xreplace(solved)) for dim in shape) for name, shape in sizes.items()}
    for name, leaf in quantities.items():
        if is_guessed(leaf) and sizes[name][0] != 1 and final[name][0] == 1:
            reason = f"{name} would be a single number: declare its shape, as in '{name} : H, H'"
            raise EquationError(reason, _first(name, equations))
    roles = {name: leaf.role for name, leaf in quantities.items()}
    names = dimension_names(final, origin, roles, equations)
    result = {}
    for name, leaf in quantities.items():
        shape = tuple(dim.xreplace(names) for dim in final[name])
        result[name] = leaf.shape if leaf.shape is not None else unpair(shape)
    return result


# --- sizes ------------------------------------------------------------------------------------------------------


def _unknowns(
    quantities: Mapping[str, Leaf], ranks: Mapping[str, Shape]
) -> tuple[dict[str, Shape], dict[sympy.Symbol, str]]:
    sizes: dict[str, Shape] = {}
    origin: dict[sympy.Symbol, str] = {}
    for name, leaf in quantities.items():
        if leaf.shape is not None:
            sizes[name] = pair(leaf.shape)
            continue
        dims = []
        for which, rank in zip(("rows", "columns"), ranks[name], strict=True):
            dim = ONE if rank == 1 else sympy.Symbol(f"{which}({name})", integer=True, positive=True)
            if rank != 1:
                origin[dim] = name
            dims.append(dim)
        sizes[name] = (dims[0], dims[1])
    return sizes, origin


@dataclass(frozen=True)
class _Equality:
    left: sympy.Expr
    right: sympy.Expr
    text: str
    shapes: tuple[tuple[str, Shape], ...]
    span: Span | None


def _equalities(
    equations: Sequence[Equation], sizes: Mapping[str, Shape], quantities: Mapping[str, Leaf]
) -> list[_Equality]:
    found: list[_Equality] = []

    def walk(expr: sympy.Expr) -> Shape:
        if isinstance(expr, Ref):
            return sizes[expr.name]
        if not isinstance(expr, Op):
            return ONE, ONE
        shapes = [walk(operand) for operand in expr.operands]
        dims = _Collect()
        shape = TABLE[expr.primitive].shape(dims, shapes, expr.static)
        if expr.primitive == "take" and isinstance(expr.operands[1], Ref):
            classes = quantities[expr.operands[1].name].classes
            dims.same(shapes[0][1], shapes[0][1] if classes is None else classes)
        shown = tuple((to_text(o), s) for o, s in zip(expr.operands, shapes, strict=True)) if dims.found else ()
        found.extend(_Equality(a, b, to_text(expr), shown, expr.span) for a, b in dims.found)
        return shape

    for equation in equations:
        shape = walk(equation.expr)
        if equation.is_boundary and equation.expr.is_number:
            continue
        wanted = sizes[equation.name]
        shown = ((to_text(equation.out), wanted), ("its right side", shape))
        found += [
            _Equality(a, b, str(equation), shown, equation.span) for a, b in zip(wanted, shape, strict=True) if a != b
        ]
    return found


def _solve(
    equalities: list[_Equality], origin: Mapping[sympy.Symbol, str], quantities: Mapping[str, Leaf]
) -> dict[sympy.Symbol, sympy.Expr]:
    solved: dict[sympy.Symbol, sympy.Expr] = {}
    reads: dict[sympy.Symbol, set[sympy.Symbol]] = {}  # which solved symbols have a symbol in their value
    pending, progress = equalities, True
    while pending and progress:
        progress, waiting = False, []
        for equality in pending:
            difference = sympy.expand((equality.left - equality.right).xreplace(solved))
            if difference == 0:
                continue
            choice = _lone_symbol(difference, origin, quantities)
            if choice is None:
                if not any(symbol in origin for symbol in difference.free_symbols) or _one_signed(difference):
                    raise _contradiction(equality, solved)
                waiting.append(equality)
                continue
            symbol, value = choice
            for known in reads.pop(symbol, set()):
                solved[known] = sympy.expand(solved[known].xreplace({symbol: value}))
                for other in solved[known].free_symbols:
                    reads.setdefault(other, set()).add(known)
            solved[symbol] = value
            for other in value.free_symbols:
                reads.setdefault(other, set()).add(symbol)
            progress = True
        pending = waiting
    if pending:
        raise EquationError(
            f"sizes in {pending[0].text} cannot be told apart: declare one, as in 'x : D'", pending[0].span
        )
    return solved


def _one_signed(difference: sympy.Expr) -> bool:
    """No positive dimensions can make this zero."""
    signs = {coefficient > 0 for coefficient in difference.as_coefficients_dict().values()}
    return len(signs) == 1


def _lone_symbol(
    difference: sympy.Expr, origin: Mapping[sympy.Symbol, str], quantities: Mapping[str, Leaf]
) -> tuple[sympy.Symbol, sympy.Expr] | None:
    """The symbol to eliminate from ``difference = 0``, with its value, a sum with positive terms."""
    candidates = []
    for term, coefficient in difference.as_coefficients_dict().items():
        if term in origin and abs(coefficient) == 1:
            value = sympy.expand(term - coefficient * difference)
            if all(c > 0 for c in value.as_coefficients_dict().values()):
                priority = {"parameter": 0, "constant": 0, "defined": 1}.get(quantities[origin[term]].role, 2)
                candidates.append((priority, str(term), term, value))
    return min(candidates, key=lambda c: c[:2])[2:] if candidates else None


def _contradiction(equality: _Equality, solved: Mapping[sympy.Symbol, sympy.Expr]) -> EquationError:
    shapes = [(text, show(sympy.expand(dim.xreplace(solved)) for dim in shape)) for text, shape in equality.shapes]
    shown = ", ".join(f"{text} is {UNKNOWN.sub('?', shape)}" for text, shape in shapes)
    return EquationError(f"shapes do not fit in {equality.text}: {shown}", equality.span)
