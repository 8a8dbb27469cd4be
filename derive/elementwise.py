"""Elementwise primitives, and how their derivatives are derived.

A record states the scalar meaning, say ``1/(1 + exp(-x))``.  `partial` differentiates it with `sympy.diff` and
looks for the form a person would write, in this order: a constant; a polynomial in the output y (``tanh`` gives
1 − y², ``sigmoid`` gives y(1 − y), ``exp`` gives y), found by fitting and *verified exactly*; another primitive
(``softplus`` gives ``sigmoid``); else the derivative is lifted term by term into the language.  The result
consists of primitives again, so it can be differentiated again.

Read next: `derive.structural`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import sympy

from derive.expr import apply, plus, power, times
from derive.primitives import TABLE, Primitive, broadcast, register

_X = sympy.symbols("x0 x1", real=True)
_S = sympy.Symbol("s", positive=True)


def _opaque(name: str) -> type[sympy.Function]:
    """A SymPy function that stays a name, evaluates numerically and differentiates through the record's meaning."""

    def fdiff(self: sympy.Function, argindex: int = 1) -> sympy.Expr:
        variables = [sympy.Dummy(f"x{i}", real=True) for i in range(len(self.args))]
        meaning = TABLE[name].meaning
        assert meaning is not None
        slope = _at_kinks(sympy.diff(meaning(*variables), variables[argindex - 1]))
        return slope.subs(dict(zip(variables, self.args, strict=True)))

    def evaluate(self: sympy.Function, precision: int) -> sympy.Expr:
        meaning = TABLE[name].meaning
        assert meaning is not None
        return meaning(*self.args)._eval_evalf(precision)

    return type(name, (sympy.Function,), {"fdiff": fdiff, "_eval_evalf": evaluate})


SIGMOID, SOFTPLUS, SILU, RELU, STEP, MAXIMUM, MINIMUM = map(
    _opaque, ("sigmoid", "softplus", "silu", "relu", "step", "max", "min")
)


def _at_kinks(expr: sympy.Expr) -> sympy.Expr:
    """Second derivatives at a kink are taken as zero (the policy of `derive.primitives`)."""
    return expr.replace(sympy.DiracDelta, lambda *args: sympy.Integer(0)).doit()


@cache
def partial(name: str, operand: int = 0) -> Callable[..., sympy.Expr]:
    """Derivative of an elementwise primitive by one operand, as a function (y, *operands) → expression.

    Args:
        name: a key of the table.
        operand: which operand, from 0.

    Returns:
        A builder: given the output and the operands as expressions of the language, the derivative.
    """
    record = TABLE[name]
    assert record.meaning is not None
    assert record.arity is not None
    variables = _X[: record.arity]
    meaning = record.meaning(*variables)
    slope = _at_kinks(sympy.diff(meaning, variables[operand]))
    if slope.is_number:
        return lambda y, *xs: slope
    points = _points(variables, record.domain)
    in_output = _polynomial_in_output(slope, meaning, points)
    if in_output is not None:
        return in_output
    for other in TABLE.values():
        if other.is_elementwise and other.arity == record.arity and other.name != name:
            assert other.meaning is not None
            if _equal(slope, other.meaning(*variables), points):
                same = other.name
                return lambda y, *xs: apply(same, *xs)
    sigmoid_form = sympy.expand(sympy.cancel(slope.subs(sympy.exp(-_X[0]), 1 / _S - 1)))
    chosen = sigmoid_form if _S in sigmoid_form.free_symbols else slope
    return lambda y, *xs: lift(chosen, {**dict(zip(variables, xs, strict=True)), _S: apply("sigmoid", xs[0])})


def power_partial(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    """Derivative of ``base ** exponent``: exponent · base^(exponent − 1)."""
    return times(exponent, power(base, exponent - 1)) if exponent != 2 else times(exponent, base)


def _points(variables: tuple[sympy.Symbol, ...], domain: tuple[float, float]) -> list[dict[sympy.Symbol, sympy.Expr]]:
    """Five points inside the domain, the same in every run."""
    low, high = (sympy.Rational(str(end)) for end in domain)
    fractions = [sympy.Rational(n, 97) for n in (13, 29, 41, 67, 83)]
    return [
        {x: low + (high - low) * fractions[(i + 2 * k) % len(fractions)] for k, x in enumerate(variables)}
        for i in range(len(fractions))
    ]


def _values(expr: sympy.Expr, points: list[dict[sympy.Symbol, sympy.Expr]]) -> list[complex]:
    """Values at the points; complex, because log is tried outside its domain."""
    values = [expr.evalf(15, subs=point) for point in points]  # five times as fast as substituting first
    return [complex(v if v.is_number else expr.subs(p)) for v, p in zip(values, points, strict=True)]


def _equal(a: sympy.Expr, b: sympy.Expr, points: list[dict[sympy.Symbol, sympy.Expr]]) -> bool:
    """Exact equality, asked only where numbers already agree."""
    if a == b:
        return True
    if any(abs(x - y) > 1e-9 for x, y in zip(_values(a, points), _values(b, points), strict=True)):
        return False
    rational = (a - b).xreplace({sympy.exp(-_X[0]): _S})  # zero with exp(-x) as a symbol of its own is zero with it
    return bool(sympy.cancel(rational) == 0 or sympy.simplify(a - b) == 0)


def _polynomial_in_output(
    slope: sympy.Expr, meaning: sympy.Expr, points: list[dict[sympy.Symbol, sympy.Expr]]
) -> Callable[..., sympy.Expr] | None:
    """Fit a/y + b + c y + d y² to the slope, and verify it exactly; None if there is no such form."""
    outputs, slopes = ([value.real for value in _values(expr, points)] for expr in (meaning, slope))
    if min(map(abs, outputs)) < 1e-6 or len(set(outputs)) < len(outputs):
        return None
    rows = [[Fraction(y) ** power for power in (-1, 0, 1, 2)] for y in outputs[:4]]
    fitted = _solve(rows, [Fraction(value) for value in slopes[:4]])
    a, b, c, d = (sympy.Rational(v.limit_denominator(64)) for v in fitted)
    if not _equal(slope, a / meaning + b + c * meaning + d * meaning**2, points):
        return None

    def build(y: sympy.Expr, *xs: sympy.Expr) -> sympy.Expr:
        if a == 0 and b == 0 and c != 0 and d != 0:  # y (c + d y) reads better than c y + d y²
            return times(y, plus(c, times(d, y)))
        terms = [times(a, power(y, -1)), b, times(c, y), times(d, power(y, 2))]
        kept = [term for term, weight in zip(terms, (a, b, c, d), strict=True) if weight != 0]
        return plus(*kept)

    return build


def _solve(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Solve a small regular system of linear equations."""
    table = [[*row, value] for row, value in zip(rows, right, strict=True)]
    for i in range(len(table)):
        pivot = max(range(i, len(table)), key=lambda k: abs(table[k][i]))
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [value / table[i][i] for value in table[i]]
        for k in range(len(table)):
            if k != i:
                table[k] = [v - table[k][i] * w for v, w in zip(table[k], table[i], strict=True)]
    return [row[-1] for row in table]


def lift(expr: sympy.Expr, names: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """A scalar SymPy expression in terms of primitives.

    Raises:
        TypeError: if it contains a function that is no primitive.
    """
    if expr in names:
        return names[expr]
    if expr.is_Rational:
        return expr
    if expr.is_Add:
        return plus(*(lift(term, names) for term in expr.as_ordered_terms()))
    if expr.is_Mul:
        return times(*(lift(factor, names) for factor in expr.as_ordered_factors()))
    if expr.is_Pow and expr.exp.is_Rational:
        if expr.exp == sympy.Rational(1, 2):
            return apply("sqrt", lift(expr.base, names))
        return power(lift(expr.base, names), expr.exp)
    if isinstance(expr, sympy.Heaviside):
        return apply("step", lift(expr.args[0], names))
    for record in TABLE.values():
        if record.scalar is expr.func:
            return apply(record.name, *(lift(argument, names) for argument in expr.args))
    raise TypeError(f"{expr} is not made of primitives")


def _record(name: str, meaning: Callable[..., sympy.Expr], numpy: str, latex: str, **more: object) -> Primitive:
    return Primitive(name=name, shape=broadcast, meaning=meaning, numpy=numpy, latex=latex, **more)  # type: ignore[arg-type]


register(
    _record("tanh", sympy.tanh, "np.tanh({0})", r"\tanh\left({0}\right)", scalar=sympy.tanh, slope=sympy.Integer(1)),
    # σ through tanh: one vectorised function, no overflow; absolute (not relative) accuracy near zero
    _record(
        "sigmoid",
        lambda x: 1 / (1 + sympy.exp(-x)),
        "(0.5 * np.tanh(0.5 * {0}) + 0.5)",
        r"\sigma\left({0}\right)",
        scalar=SIGMOID,
        slope=sympy.Rational(1, 4),
    ),
    _record(
        "relu",
        lambda x: x * sympy.Heaviside(x, 0),
        "np.maximum({0}, 0.0)",
        r"\operatorname{{relu}}\left({0}\right)",
        scalar=RELU,
        slope=sympy.Integer(1),
    ),
    _record(
        "step",
        lambda x: sympy.Heaviside(x, 0),
        "np.heaviside({0}, 0.0)",
        r"\operatorname{{step}}\left({0}\right)",
        scalar=STEP,
        slope=sympy.Integer(0),
    ),
    _record(
        "sign",
        sympy.sign,
        "np.sign({0})",
        r"\operatorname{{sign}}\left({0}\right)",
        scalar=sympy.sign,
        slope=sympy.Integer(0),
    ),
    _record("abs", sympy.Abs, "np.abs({0})", r"\left|{0}\right|", scalar=sympy.Abs, slope=sympy.Integer(1)),
    _record("exp", sympy.exp, "np.exp({0})", r"\exp\left({0}\right)", scalar=sympy.exp),
    _record("log", sympy.log, "np.log({0})", r"\log\left({0}\right)", scalar=sympy.log, domain=(0.2, 3.0)),
    _record("sqrt", sympy.sqrt, "np.sqrt({0})", r"\sqrt{{{0}}}", scalar=sympy.sqrt, domain=(0.2, 3.0)),
    _record("sin", sympy.sin, "np.sin({0})", r"\sin\left({0}\right)", scalar=sympy.sin, slope=sympy.Integer(1)),
    _record("cos", sympy.cos, "np.cos({0})", r"\cos\left({0}\right)", scalar=sympy.cos, slope=sympy.Integer(1)),
    _record(
        "softplus",
        lambda x: sympy.log(1 + sympy.exp(x)),
        "np.logaddexp(0.0, {0})",
        r"\operatorname{{softplus}}\left({0}\right)",
        scalar=SOFTPLUS,
        slope=sympy.Integer(1),
    ),
    _record(
        "silu",
        lambda x: x / (1 + sympy.exp(-x)),
        "({0} * (0.5 * np.tanh(0.5 * {0}) + 0.5))",
        r"\operatorname{{silu}}\left({0}\right)",
        scalar=SILU,
        source="x·σ(x), Elfwing et al. 2017, arXiv 1702.03118",
    ),
    _record(
        "max",
        lambda a, b: (a + b + sympy.Abs(a - b)) / 2,
        "np.maximum({0}, {1})",
        r"\max\left({0}, {1}\right)",
        scalar=MAXIMUM,
        arity=2,
        slope=sympy.Integer(1),
    ),
    _record(
        "min",
        lambda a, b: (a + b - sympy.Abs(a - b)) / 2,
        "np.minimum({0}, {1})",
        r"\min\left({0}, {1}\right)",
        scalar=MINIMUM,
        arity=2,
        slope=sympy.Integer(1),
    ),
)
