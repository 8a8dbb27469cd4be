"""Derivatives of functions: left out, taken of the value, or of another function.

Read next: `numeric.check.mistakes.reads`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derive.elementwise import partial
from derive.expr import Op, Ref, apply, neg, plus, power, refs, times
from derive.primitives import TABLE
from derive.system import Equation
from numeric.check.mistakes.mutant import Mutant
from numeric.check.variants.edits import ONE, Edit, parts
from numeric.check.variants.view import Slope, View


def derivatives(view: View) -> Iterator[Mutant]:
    """The derivative of a function left out, taken of the value, or of another function."""
    for slope in view.slopes:
        name = slope.call.primitive
        for label, kind, new, rank in (*_instead(slope), *_of_others(view, slope)):
            if new == times(*slope.factors):
                continue
            edits = tuple(Edit(equation.out, path, _with(equation, path, slope, new)) for equation, path in slope.at)
            detail = f"{label} in place of the derivative of {slope.call}"
            yield Mutant(kind, slope.gate, detail, edits, f"{label} in place of {name}′", rank)


def functions_of(view: View, name: str) -> list[str]:
    """The functions that the forward pass applies to a quantity, tanh to c; to a state of which it has none, tanh."""
    calls = [part for e in view.primal.equations for path, part in parts(e.expr) if path and isinstance(part, Op)]
    found = [c.primitive for c in calls if TABLE[c.primitive].is_elementwise and len(c.operands) == 1]
    names = [
        getattr(c.operands[0], "name", "") for c in calls if TABLE[c.primitive].is_elementwise and len(c.operands) == 1
    ]
    own = list(dict.fromkeys(function for function, of in zip(found, names, strict=True) if of == name))
    return own or (["tanh"] if name in view.primal.states else [])


def activated(view: View) -> Iterator[Mutant]:
    """``tanh(c)`` where c belongs: a function of the forward pass, applied to a value that is read as it stands."""
    for equation in view.core:
        found = list(parts(equation.expr))
        calls = {path for path, part in found if isinstance(part, Op) and TABLE[part.primitive].is_elementwise}
        unary = {path for path in calls if (*path, 1) not in dict(found)}
        for path, part in found:
            if not isinstance(part, Ref) or not view.is_primal(part) or path[:-1] in unary:
                continue
            for function in functions_of(view, part.name):
                detail = f"{apply(function, part)} where {part} belongs, in {equation.out}"
                where = ", ".join(dict.fromkeys((part.name, view.gate(equation.name))))
                edit = (Edit(equation.out, path, apply(function, part)),)
                also = ("derivative-of-activated",)
                yield Mutant("misplaced-factor", where, detail, edit, f"{function} of {part.name}", 1, also=also)


def _of_others(view: View, slope: Slope) -> Iterator[tuple[str, str, sympy.Expr, int]]:
    """The derivative of another gate, or as a function of another state at the same step: 1 − h² for tanh′(c)."""
    for other in view.slopes:
        same = other.gate != slope.gate and other.value != slope.value and _is_like(view, other.value, slope.value)
        if same and times(*other.factors) != times(*slope.factors):
            yield f"the derivative of {other.value}", "swap-gates", times(*other.factors), 2
    name = slope.call.primitive
    for state in view.primal.states if name in ("tanh", "sigmoid") else ():
        index = next(refs(slope.value)).index
        here = next((read for read in view.sequences if read.name == state and read.index == index), None)
        if here is None or here == slope.value or view.shape(here) != view.shape(slope.value):
            continue
        square, gate = plus(ONE, neg(power(here, 2))), times(here, plus(ONE, neg(here)))
        yield f"{name}′ written with {here}", "derivative-of-activated", square if name == "tanh" else gate, 1


def _is_like(view: View, one: sympy.Expr, other: sympy.Expr) -> bool:
    """Whether two values of functions are of one shape, at one step, and have names."""
    if not isinstance(one, Ref) or not isinstance(other, Ref) or one.index != other.index:
        return False
    return view.shape(one) == view.shape(other)


def _with(equation: Equation, path: tuple[int, ...], slope: Slope, new: sympy.Expr) -> sympy.Expr:
    part = equation.expr
    for number in path:
        part = part.operands[number]
    rest = list(part.operands)
    for piece in slope.factors:
        rest.remove(piece)
    return times(*rest, new)


def _instead(slope: Slope) -> Iterator[tuple[str, str, sympy.Expr, int]]:
    y, (x,) = slope.value, slope.call.operands
    name = slope.call.primitive
    own = partial(name)
    yield "1", "missing-derivative", ONE, 0
    if len(slope.factors) > 1:
        for piece in slope.factors:
            rest = list(slope.factors)
            rest.remove(piece)
            short = "y" if times(*rest) == y else "1 − y" if times(*rest) == plus(ONE, neg(y)) else "a part"
            yield short, "missing-derivative", times(*rest), 0
    yield f"{name}′(y)", "derivative-of-activated", own(apply(name, y), y), 0
    square, gate = plus(ONE, neg(power(y, 2))), times(y, plus(ONE, neg(y)))
    yield "1 − y²", "derivative-of-activated", square, 1
    yield "y (1 − y)", "derivative-of-activated", gate, 1
    yield "1 − tanh(y)²", "derivative-of-activated", plus(ONE, neg(power(apply("tanh", y), 2))), 1
    yield "y", "derivative-of-activated", y, 2
    yield "1 − y", "derivative-of-activated", plus(ONE, neg(y)), 2
    yield "1 − x²", "derivative-of-activated", plus(ONE, neg(power(x, 2))), 1
    yield "x (1 − x)", "derivative-of-activated", times(x, plus(ONE, neg(x))), 1
    yield "the function itself", "derivative-of-activated", apply(name, x), 2
    yield f"{name}′ twice", "derivative-of-activated", times(*slope.factors, *slope.factors), 2
    for other in ("tanh", "sigmoid", "relu"):
        if other != name:
            yield f"{other}′(x)", "derivative-of-activated", partial(other)(apply(other, x), x), 2
