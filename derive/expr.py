"""Expressions: what the right side of an equation is made of.

Two node types suffice.  A `Ref` reads a quantity, ``h[t-1]`` or ``W``; an `Op` applies one primitive of the
table in `derive.primitives` to operands, ``tanh(a)`` or ``a + b``.  Numbers are SymPy numbers.  Both nodes are
SymPy expressions, so ``free_symbols``, ``subs``, ``==`` and ``sympy.latex`` work on them; their operators never
fall back to SymPy's `Add` and `Mul`, which re-sort the author's terms, nor to its matrix calculus, which
differentiates such expressions wrongly or silently to zero (sympy issues 21062, 26561, 25118, 17229).

Sums and products are n-ary and ordered: binary trees would hide common factors and lose the author's order.

Read next: `derive.primitives`, the table that gives every `Op` its meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy
from sympy.core.symbol import Str

from derive.errors import Span
from derive.index import Fixed, Index, Step, axis_symbol, fixed, step

__all__ = [  # the index types are part of the picture, so they can be had from here
    "PRINTERS",
    "Fixed",
    "Index",
    "Node",
    "Op",
    "Ref",
    "Step",
    "apply",
    "axis_symbol",
    "coerce",
    "concat",
    "fixed",
    "is_op",
    "matmul",
    "neg",
    "plus",
    "power",
    "ref",
    "refs",
    "scaled",
    "step",
    "times",
    "transpose",
]

PRINTERS: dict[str, Callable[[sympy.Expr], str]] = {}  # filled by derive.text and derive.typeset


class Node(sympy.Expr):
    """A `Ref` or an `Op`; operators build further nodes."""

    is_commutative = False
    _op_priority = 1000.0
    span: Span | None = None  # where it was written; no part of its identity

    def at(self, span: Span | None) -> Any:
        """This node, remembering where it was written."""
        self.span = span
        return self

    def __add__(self, other: Any) -> sympy.Expr:
        return plus(self, coerce(other))

    def __radd__(self, other: Any) -> sympy.Expr:
        return plus(coerce(other), self)

    def __sub__(self, other: Any) -> sympy.Expr:
        return plus(self, neg(coerce(other)))

    def __rsub__(self, other: Any) -> sympy.Expr:
        return plus(coerce(other), neg(self))

    def __neg__(self) -> sympy.Expr:
        return neg(self)

    def __mul__(self, other: Any) -> sympy.Expr:
        return times(self, coerce(other))

    def __rmul__(self, other: Any) -> sympy.Expr:
        return times(coerce(other), self)

    def __truediv__(self, other: Any) -> sympy.Expr:
        return times(self, power(coerce(other), -1))

    def __rtruediv__(self, other: Any) -> sympy.Expr:
        return times(coerce(other), power(self, -1))

    def __pow__(self, exponent: Any) -> sympy.Expr:
        return power(self, exponent)

    def __matmul__(self, other: Any) -> sympy.Expr:
        return matmul(self, coerce(other))

    def __rmatmul__(self, other: Any) -> sympy.Expr:
        return matmul(coerce(other), self)

    @property
    def T(self) -> sympy.Expr:
        """The transpose."""
        return transpose(self)

    def diff(self, *symbols: Any, **assumptions: Any) -> Any:
        """Refused: differentiate the system (`System.adjoint`, `System.tangent`), not one expression."""
        raise TypeError("differentiate the System (system.adjoint(), system.tangent()), not one expression")

    _eval_derivative = diff

    def extract_multiplicatively(self, c: Any) -> None:
        """Nothing is ever factored out of a node: SymPy's functions (``sympy.tanh(h[t])``) ask for it."""

    def could_extract_minus_sign(self) -> bool:
        """Never: the author's signs stay where they are."""
        return False

    def _sympystr(self, printer: Any) -> str:
        return PRINTERS["text"](self)

    _sympyrepr = _sympystr

    def _latex(self, printer: Any) -> str:
        return PRINTERS["latex"](self)


class Ref(Node):
    """A quantity read at some index: ``h[t-1]``, ``h[0]``, ``m[:]``, or without time: ``W``."""

    @property
    def name(self) -> str:
        """Name of the quantity."""
        return self.args[0].name

    @property
    def index(self) -> Index | None:
        """When it is read; None for a quantity without time."""
        return self.args[1] if len(self.args) > 1 else None


class Op(Node):
    """A primitive applied to operands; `static` holds what is no operand: an axis, a slice, dimensions, an exponent."""

    @property
    def primitive(self) -> str:
        """Name of the primitive, a key of `derive.primitives.TABLE`."""
        return self.args[0].name

    @property
    def static(self) -> tuple[sympy.Basic, ...]:
        """Arguments without a value of their own."""
        return tuple(self.args[1].args)

    @property
    def operands(self) -> tuple[sympy.Expr, ...]:
        """The expressions it is applied to."""
        return self.args[2:]


def ref(name: str, index: Index | None = None) -> Ref:
    """Read `name` at `index`."""
    symbol = sympy.Symbol(name)
    return Ref(symbol) if index is None else Ref(symbol, index)


def apply(primitive: str, *operands: sympy.Expr, static: tuple[Any, ...] = ()) -> Op:
    """Apply a primitive, without any rewriting."""
    return Op(Str(primitive), sympy.Tuple(*static), *operands)


def coerce(value: Any) -> sympy.Expr:
    """A node or number from what a user may write in Python: nodes, numbers, plain SymPy symbols and functions.

    Raises:
        TypeError: for anything that has no meaning in the equation language.
    """
    if isinstance(value, Node):
        return value
    expr = sympy.sympify(value, strict=True)
    if expr.is_Rational:
        return expr
    if expr.is_Float:
        return sympy.Rational(str(expr))
    if expr.is_Symbol:
        return ref(expr.name)
    if isinstance(expr, sympy.Indexed):
        return ref(str(expr.base), _index_from_sympy(expr.indices))
    operands = [coerce(arg) for arg in expr.args]
    if expr.is_Add:
        return plus(*operands)
    if expr.is_Mul:
        return times(*operands)
    if expr.is_Pow and expr.exp.is_Rational:
        return power(operands[0], expr.exp)
    if isinstance(expr, sympy.Function):
        return apply(expr.func.__name__.lower(), *operands)
    raise TypeError(f"{expr} has no meaning in an equation")


def _index_from_sympy(indices: tuple[sympy.Expr, ...]) -> Index:
    (index,) = indices
    symbols = sorted(index.free_symbols, key=str)
    if len(symbols) != 1 or not (index - symbols[0]).is_Integer:
        raise TypeError(f"index {index}: write t, t-1, t+2 with one axis")
    return step(str(symbols[0]), int(index - symbols[0]))


def is_op(expr: sympy.Basic, primitive: str) -> bool:
    """Whether `expr` is an `Op` of that primitive."""
    return isinstance(expr, Op) and expr.primitive == primitive


def _flat(primitive: str, operands: tuple[sympy.Expr, ...]) -> tuple[sympy.Expr, ...]:
    parts: list[sympy.Expr] = []
    for operand in operands:
        parts.extend(operand.operands if is_op(operand, primitive) else (operand,))
    return tuple(parts)


def plus(*terms: sympy.Expr) -> sympy.Expr:
    """Ordered sum; nested sums are flattened."""
    flat = _flat("plus", terms)
    while len(flat) > 1 and flat[0].is_number and flat[1].is_number:
        flat = (flat[0] + flat[1], *flat[2:])
    return flat[0] if len(flat) == 1 else apply("plus", *flat)


def times(*factors: sympy.Expr) -> sympy.Expr:
    """Ordered elementwise product; nested products are flattened, a factor 1 is dropped."""
    flat = [factor for factor in _flat("times", factors) if factor != 1]
    if not flat:
        return sympy.Integer(1)
    if len(flat) > 1 and flat[0].is_number and flat[1].is_number:
        return times(flat[0] * flat[1], *flat[2:])
    return flat[0] if len(flat) == 1 else apply("times", *flat)


def scaled(*factors: sympy.Expr) -> sympy.Expr:
    """Elementwise product with the numbers collected in front, as derived expressions have it."""
    flat = _flat("times", factors)
    numbers = [factor for factor in flat if factor.is_number]
    return times(sympy.Mul(*numbers), *(factor for factor in flat if not factor.is_number))


def neg(expr: sympy.Expr) -> sympy.Expr:
    """The negative; a leading number takes the sign."""
    if expr.is_number:
        return -expr
    if is_op(expr, "times") and expr.operands[0].is_number:
        return times(-expr.operands[0], *expr.operands[1:])
    return times(sympy.Integer(-1), expr)


def power(base: sympy.Expr, exponent: Any) -> sympy.Expr:
    """Elementwise power with a number as exponent."""
    exponent = sympy.sympify(exponent)
    if not exponent.is_Rational:
        raise TypeError(f"the exponent of a power is a number, not {exponent}")
    if base.is_number:
        return base**exponent
    if exponent == 1:
        return base
    if is_op(base, "power") and exponent.is_Integer and (base.static[0].is_Integer or exponent == -1):
        return power(base.operands[0], base.static[0] * exponent)
    return apply("power", base, static=(exponent,))


def matmul(*factors: sympy.Expr) -> sympy.Expr:
    """Ordered matrix product; nested products are flattened."""
    flat = _flat("matmul", factors)
    return flat[0] if len(flat) == 1 else apply("matmul", *flat)


def transpose(expr: sympy.Expr) -> sympy.Expr:
    """The transpose; twice is nothing, and a number is its own."""
    if expr.is_number:
        return expr
    return expr.operands[0] if is_op(expr, "transpose") else apply("transpose", expr)


def concat(*parts: sympy.Expr) -> sympy.Expr:
    """Rows stacked: ``[a, b]``."""
    flat = _flat("concat", parts)
    return flat[0] if len(flat) == 1 else apply("concat", *flat)


def refs(expr: sympy.Basic) -> Iterator[Ref]:
    """All reads in an expression, in order of appearance, repeated as often as they occur."""
    if isinstance(expr, Ref):
        yield expr
    elif isinstance(expr, Op):
        for operand in expr.operands:
            yield from refs(operand)
