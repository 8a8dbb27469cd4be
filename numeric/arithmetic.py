"""The few array operations that the evaluator needs, over several kinds of numbers.

`numeric.reference` is written once and runs over any `Arithmetic`: NumPy, autograd's NumPy (reverse mode), complex
numbers (complex step), torch.  Operators ``+ * @ **`` and indexing belong to the arrays; what differs is here.

Functions are evaluated from the scalar *meaning* of a primitive, ``1/(1 + exp(-x))``, not from its NumPy text: the
kernel prints the latter, and the two must agree.  The meaning is not stabilised: arguments beyond ±700 overflow.

Complex forms are analytic off the kinks: ``abs(z)`` is ``sign(Re z) z``, ``step(z)`` is ``step(Re z)``.  At the kinks
every arithmetic follows the policy of `derive.primitives`, because there |x|′ = sign(x) with sign(0) = 0.

Read next: `numeric.structure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import autograd.numpy
import numpy
import sympy
from autograd.tracer import getval

from derive.primitives import TABLE

Array = Any  # numpy.ndarray, an autograd box, a torch tensor, …: whatever the arithmetic is about


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Array operations over one kind of numbers.

    Attributes:
        name: for messages.
        functions: exp, log, sqrt, sin, cos, tanh, sign, abs and step by name.
        concat: (arrays, axis) → one array.
        total: (array, axis) → sum, the axis kept.
        swap: the last two axes exchanged.
        broadcast: (array, shape) → array.
        stop: the same value, without derivative.
        constant: (NumPy array, dtype) → array.
        dtype: of given arrays → the dtype of what is computed.
    """

    name: str
    functions: MappingProxyType[str, Callable[[Array], Array]]
    concat: Callable[[Sequence[Array], int], Array]
    total: Callable[[Array, int], Array]
    swap: Callable[[Array], Array]
    broadcast: Callable[[Array, tuple[int, ...]], Array]
    stop: Callable[[Array], Array]
    constant: Callable[[numpy.ndarray, Any], Array]
    dtype: Callable[[Sequence[Array]], Any]


def _over_numpy(xp: Any, name: str, stop: Callable[[Array], Array], **own: Callable[[Array], Array]) -> Arithmetic:
    functions = {key: getattr(xp, key) for key in ("exp", "log", "sqrt", "sin", "cos", "tanh", "sign", "abs")}
    functions["step"] = lambda x: (getval(x) > 0).astype(x.dtype)
    functions.update(own)
    return Arithmetic(
        name=name,
        functions=MappingProxyType(functions),
        concat=lambda parts, axis: xp.concatenate(parts, axis=axis),
        total=lambda x, axis: xp.sum(x, axis=axis, keepdims=True),
        swap=lambda x: xp.swapaxes(x, -1, -2),
        broadcast=lambda x, shape: x if x.shape == shape else x + numpy.zeros(shape, x.dtype),
        stop=stop,
        constant=lambda x, dtype: x.astype(dtype, copy=False),
        dtype=_common_dtype,
    )


def _common_dtype(arrays: Sequence[Array]) -> Any:
    inexact = [x.dtype for x in arrays if x.dtype.kind in "fc"]
    return numpy.result_type(*inexact) if inexact else numpy.dtype(float)


NUMPY = _over_numpy(numpy, "NumPy", lambda x: x)
# autograd's own |x|′ is x / |x|, whose derivative is noise instead of 0
AUTOGRAD = _over_numpy(autograd.numpy, "autograd", getval, abs=lambda x: numpy.sign(getval(x)) * x)
COMPLEX = _over_numpy(
    numpy,
    "complex NumPy",
    lambda x: x.real + 0j,
    abs=lambda x: numpy.sign(x.real) * x,
    sign=lambda x: numpy.sign(x.real) + 0j,
    step=lambda x: (x.real > 0) + 0j,
)


@cache
def torch_arithmetic() -> Arithmetic:
    """The same over torch tensors.

    Raises:
        ModuleNotFoundError: where torch is not installed.
    """
    import torch

    functions = {key: getattr(torch, key) for key in ("exp", "log", "sqrt", "sin", "cos", "tanh", "abs")}
    functions["sign"] = lambda x: torch.sign(x.detach())
    functions["step"] = lambda x: (x.detach() > 0).to(x.dtype)
    return Arithmetic(
        name="torch",
        functions=MappingProxyType(functions),
        concat=lambda parts, axis: torch.cat(tuple(parts), dim=axis),
        total=lambda x, axis: torch.sum(x, dim=axis, keepdim=True),
        swap=lambda x: torch.swapaxes(x, -1, -2),
        broadcast=lambda x, shape: torch.broadcast_to(x, shape),
        stop=lambda x: x.detach(),
        constant=lambda x, dtype: torch.from_numpy(x).to(dtype),
        dtype=lambda arrays: arrays[0].dtype if arrays else torch.float64,
    )


Scalar = Callable[[Arithmetic, Sequence[Array]], Array]


@cache
def meaning(primitive: str) -> Scalar:
    """An elementwise primitive as a function of arrays, from the SymPy expression of its scalar meaning."""
    record = TABLE[primitive]
    assert record.meaning is not None
    assert record.arity is not None
    symbols = [sympy.Symbol(f"x{i}", real=True) for i in range(record.arity)]
    return _scalar(record.meaning(*symbols), symbols)


NAMES = {sympy.Heaviside: "step", sympy.Abs: "abs"}


def _scalar(expr: sympy.Expr, symbols: list[sympy.Symbol]) -> Scalar:
    if expr in symbols:
        position = symbols.index(expr)
        return lambda arithmetic, xs: xs[position]
    if expr.is_Rational:
        number = float(expr)
        return lambda arithmetic, xs: number
    parts = [_scalar(argument, symbols) for argument in expr.args]
    if expr.is_Add:
        return lambda arithmetic, xs: sum((part(arithmetic, xs) for part in parts[1:]), parts[0](arithmetic, xs))
    if expr.is_Mul:
        return lambda arithmetic, xs: _product(part(arithmetic, xs) for part in parts)
    if expr.is_Pow and expr.exp.is_Rational:
        exponent = expr.exp
        return lambda arithmetic, xs: power(arithmetic, parts[0](arithmetic, xs), exponent)
    if not isinstance(expr, sympy.Function):
        raise TypeError(f"{expr} is no scalar function that can be evaluated")
    name = NAMES.get(expr.func, expr.func.__name__)
    return lambda arithmetic, xs: arithmetic.functions[name](parts[0](arithmetic, xs))


def _product(factors: Any) -> Array:
    result = None
    for factor in factors:
        result = factor if result is None else result * factor
    return result


def power(arithmetic: Arithmetic, base: Array, exponent: sympy.Rational) -> Array:
    """``base ** exponent`` with a rational exponent, by multiplication, division and roots where these are exact."""
    if exponent == -1:
        return 1.0 / base
    if exponent == sympy.Rational(1, 2):
        return arithmetic.functions["sqrt"](base)
    return base ** (int(exponent) if exponent.is_Integer else float(exponent))
