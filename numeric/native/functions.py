"""What one call of a step is in C: an expression of numbers, by the name of its NumPy function.

Read next: `numeric.native.loop`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy

from derive.primitives import TABLE
from numeric.printer import Printer, bare

FUNCTIONS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "square": "{0} * {0}",
    "tanh": "tanh_of({0})",
    "exp": "exp_of({0})",
    "log": "C(log)({0})",
    "sqrt": "C(sqrt)({0})",
    "sin": "C(sin)({0})",
    "cos": "C(cos)({0})",
    "abs": "C(fabs)({0})",
    "sign": "sign_of({0})",
    "maximum": "maximum_of({0}, {1})",
    "minimum": "minimum_of({0}, {1})",
}
COPY = "np.copyto({out}, {0})"
POWER = re.compile(r"\{out\}\[\.\.\.\] = \(?\{0\}\)?\*\*(\S+)")


class Unsupported(ValueError):
    """What has no form in C, in one line."""


def _template(name: str) -> str:
    """The statement that `numeric.lowering` writes for a record whose NumPy text is no single call."""
    record = TABLE[name]
    places = [f"{{{i}}}" for i in range(record.arity or 1)]
    return f"{{out}}[...] = {bare(Printer()._fill(record.numpy, places))}"


STATEMENTS = {COPY: "{0}", _template("silu"): "{0} * ((REAL)0.5 * tanh_of((REAL)0.5 * {0}) + (REAL)0.5)"}


def c_call(function: str, inputs: Sequence[str]) -> str:
    """A call as a C expression.

    Args:
        function: as in `numeric.instructions.Call`.
        inputs: names or literals.

    Raises:
        Unsupported: for a function without a form in C.
    """
    power = POWER.fullmatch(function)
    if power is not None:
        return c_power(inputs[0], power[1])
    if function == "logaddexp" and _is_zero(inputs[0]):
        return f"softplus_of({inputs[1]})"
    if function == "heaviside" and _is_zero(inputs[1]):
        return f"step_of({inputs[0]})"
    template = FUNCTIONS.get(function) or STATEMENTS.get(function)
    if template is None:
        raise Unsupported(f"{function} has no form in C")
    return template.format(*inputs)


def _is_zero(text: str) -> bool:
    return text == c_number(sympy.Integer(0))


def c_power(base: str, exponent: str) -> str:
    """A power with a fixed exponent, by multiplication where that is short."""
    count = abs(int(exponent)) if re.fullmatch(r"-?\d+", exponent) else 0
    if 0 < count <= 4:
        product = " * ".join([base] * count)
        return product if not exponent.startswith("-") else f"1 / ({product})"
    return f"C(pow)({base}, (REAL){float(exponent)!r})"


def c_number(value: sympy.Expr) -> str:
    """A number as a C literal.

    Raises:
        Unsupported: if it is not real and finite.
    """
    if not (value.is_real and value.is_finite):
        raise Unsupported(f"{value} is no number in C")
    text = repr(float(value))
    return f"((REAL){text})"


def c_size(dim: sympy.Expr, names: dict[sympy.Symbol, str]) -> str:
    """A dimension as a C expression, closed so that it may be a factor.

    Raises:
        Unsupported: for anything but sums of products with whole coefficients.
    """
    dim = sympy.expand(dim)
    if dim.is_Symbol:
        return names[dim]
    if dim.is_Integer:
        return f"{int(dim)}L" if dim >= 0 else f"({int(dim)}L)"
    if dim.is_Add:
        return f"({' + '.join(c_size(term, names) for term in dim.args)})"
    if dim.is_Mul:
        return f"({' * '.join(c_size(factor, names) for factor in dim.args)})"
    if dim.is_Pow and dim.exp.is_Integer and dim.exp > 0:
        return f"({' * '.join([c_size(dim.base, names)] * int(dim.exp))})"
    raise Unsupported(f"the size {dim} has no form in C")
