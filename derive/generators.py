"""Elementwise functions as rational functions of generators, for exact proofs.

An exact proof cannot evaluate tanh.  It treats every value of a transcendental function as an independent generator
and keeps only what calculus says about it: with y = tanh(x), y′ = 1 − y².  Here every primitive is brought into that
form from its scalar meaning and `sympy.diff` alone, so the proof shares no rule with `derive.adjoint`:

* ``tanh``, ``sin``, ``cos``, ``log``, roots and signs of an argument are generators;
* ``exp(x)`` is a generator E; where a meaning is no polynomial in E, the generator is S = 1/(1 + exp(−x)) instead,
  with exp(x) = S/(1 − S), so that σ, silu and softplus become polynomials with polynomial derivatives;
* |a| = s·a and step(a) = (1 + s)/2 with the generator s = sign(a), whose derivative is zero.

Read next: `derive.arithmetic`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy

from derive.primitives import TABLE, Primitive

X = sympy.symbols("x0 x1 x2", real=True)


@dataclass(frozen=True)
class Generator:
    """An independent value of a proof: ``kind`` of ``argument``.

    Attributes:
        kind: "exp", "sigmoid", "tanh", "sin", "cos", "log", "sign" or "root q".
        argument: in terms of the operands x0, x1 … and of earlier generators.
        symbol: what stands for it in a `Form`.
    """

    kind: str
    argument: sympy.Expr
    symbol: sympy.Symbol


@dataclass(frozen=True)
class Form:
    """A primitive in terms of generators.

    Attributes:
        generators: in an order in which they can be evaluated.
        value: (numerator, denominator), polynomials in the operands and the generators.
        slopes: the same of the derivative by every operand.
    """

    generators: tuple[Generator, ...]
    value: tuple[sympy.Poly, sympy.Poly]
    slopes: tuple[tuple[sympy.Poly, sympy.Poly], ...]

    @property
    def is_polynomial(self) -> bool:
        """Whether value and derivatives are polynomials, with generators of polynomials."""
        return all(bottom.is_ground for _, bottom in (self.value, *self.slopes))


def form(name: str) -> Form:
    """The form of an elementwise primitive, from its meaning and `sympy.diff`."""
    return _form(TABLE[name])


@cache
def _form(record: Primitive) -> Form:
    assert record.meaning is not None
    operands = X[: record.arity or 1]
    value, slopes = meaning_and_slopes(record)
    for sigmoid in (False, True):
        writer = Writer(sigmoid)
        written = [writer.write(expr) for expr in (value, *slopes)]
        gens = (*operands, *(g.symbol for g in writer.generators))
        fractions = [_fraction(expr, gens) for expr in written]
        result = Form(tuple(writer.generators), fractions[0], tuple(fractions[1:]))
        if result.is_polynomial or not any(g.kind == "exp" for g in writer.generators):
            break
    return result


def meaning_and_slopes(record: Primitive) -> tuple[sympy.Expr, list[sympy.Expr]]:
    """The scalar meaning and its derivative by every operand; second derivatives at kinks are taken as zero."""
    assert record.meaning is not None
    operands = X[: record.arity or 1]
    value = record.meaning(*operands)
    slopes = [sympy.diff(value, x).replace(sympy.DiracDelta, lambda *_: sympy.Integer(0)) for x in operands]
    return value, slopes


def _fraction(expr: sympy.Expr, gens: tuple[sympy.Symbol, ...]) -> tuple[sympy.Poly, sympy.Poly]:
    top, bottom = sympy.fraction(sympy.cancel(sympy.together(expr)))
    scale = sympy.Poly(bottom, *gens)
    if scale.is_ground:
        return sympy.Poly(top / bottom, *gens), sympy.Poly(1, *gens)
    return sympy.Poly(top, *gens), scale


class Writer:
    """Rewrites SymPy expressions as rational functions of generators.

    Args:
        sigmoid: use S with exp(x) = S/(1 − S) in place of exp(x).
    """

    def __init__(self, sigmoid: bool = False) -> None:
        self.sigmoid = sigmoid
        self.generators: list[Generator] = []

    def write(self, expr: sympy.Expr) -> sympy.Expr:
        """`expr` with generators for its functions.

        Raises:
            TypeError: for a function that has no form here.
        """
        if expr.is_Symbol or expr.is_Rational:
            return expr
        if isinstance(expr, sympy.exp):
            return self._exp(expr.args[0])
        if expr.is_Pow and expr.exp.is_Rational:
            base = self.write(expr.base)
            return base**expr.exp if expr.exp.is_Integer else self._named(f"root {expr.exp.q}", base) ** expr.exp.p
        if expr.is_Add or expr.is_Mul:
            return expr.func(*map(self.write, expr.args))
        argument = self.write(expr.args[0])
        if isinstance(expr, sympy.Abs):
            return argument * self._named("sign", argument)
        if isinstance(expr, sympy.Heaviside):
            return (1 + self._named("sign", argument)) / 2
        if expr.func in (sympy.sign, sympy.tanh, sympy.sin, sympy.cos, sympy.log):
            return self._named(expr.func.__name__, argument)
        raise TypeError(f"{expr} has no form in generators")

    def _exp(self, argument: sympy.Expr) -> sympy.Expr:
        """Sums become products: SymPy joins exp(a)·exp(b) to exp(a + b) where it differentiates."""
        if argument.is_Add:
            return sympy.Mul(*map(self._exp, argument.args))
        number, rest = argument.as_coeff_Mul()
        if number.is_Integer and number != 1:
            return self._exp(rest) ** number
        if not self.sigmoid:
            return self._named("exp", self.write(argument))
        s = self._named("sigmoid", self.write(argument))
        return s / (1 - s)

    def _named(self, kind: str, argument: sympy.Expr) -> sympy.Symbol:
        argument = sympy.cancel(argument)
        for generator in self.generators:
            if (generator.kind, generator.argument) == (kind, argument):
                return generator.symbol
        symbol = sympy.Symbol(f"k{len(self.generators)}", real=True)
        self.generators.append(Generator(kind, argument, symbol))
        return symbol


def is_zero(expr: sympy.Expr) -> bool:
    """Whether an expression vanishes identically, every function value being an independent generator."""
    written = Writer().write(expr)
    return bool(sympy.fraction(sympy.together(written))[0].expand() == 0)
