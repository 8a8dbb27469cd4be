"""Other weights and other right sides: a δ sent back through another gate's weight, two gates' products exchanged.

Read next: `numeric.check.mistakes.factors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import sympy

from derive.expr import Ref, is_op, refs
from derive.system import Equation
from numeric.check.mistakes.mutant import Mutant
from numeric.check.mistakes.terms import way_of
from numeric.check.variants.edits import Edit, parts, terms
from numeric.check.variants.view import View


def rerouted(view: View) -> Iterator[Mutant]:
    """A δ sent back through another weight of the same shape, or through another block of its own."""
    places = [
        (equation, path, part)
        for equation in view.core
        for path, term in terms(equation.expr)
        for path, part in parts(term, path)
        if _weight(view, part) is not None
    ]
    known = list(dict.fromkeys(part for _, _, part in places))
    for equation, path, part in places:
        for other in known:
            mine, theirs = _weight(view, part), _weight(view, other)
            if mine is None or theirs is None or other == part or view.shape(other) != view.shape(part):
                continue
            detail = f"{other} where {part} belongs, in {equation.out}"
            where = ", ".join(dict.fromkeys((str(mine), str(theirs))))
            yield Mutant(
                "swap-gates", where, detail, (Edit(equation.out, path, other),), detail, 2, also=("drop-path",)
            )


def _weight(view: View, part: sympy.Expr) -> sympy.Expr | None:
    """The weight of ``W.T`` or ``rows(W.T, i:j)``."""
    inner = part.operands[0] if is_op(part, "rows") else part
    if is_op(inner, "transpose") and getattr(inner.operands[0], "name", "") in view.primal.parameters:
        return inner.operands[0]
    return None


def crossed(view: View) -> Iterator[Mutant]:
    """Two cotangents that take each other's products: δi = δc · i and δg = δc · g."""
    single = [e for e in view.core if len(terms(e.expr)) == 1 and is_op(e.expr, "times")]
    for one, other in combinations(single, 2):
        if view.shape(one.out) != view.shape(other.out) or one.out.index != other.out.index or one.expr == other.expr:
            continue
        kinds = {view.origin(one.name)[0], view.origin(other.name)[0]}
        if kinds != {"cotangent"} or not (_is_known(view, other, one) and _is_known(view, one, other)):
            continue
        edits = (Edit(one.out, (), other.expr), Edit(other.out, (), one.expr))
        where = f"{view.gate(one.name)}, {view.gate(other.name)}"
        detail = f"{other.expr} and {one.expr} are exchanged between {one.out} and {other.out}"
        yield Mutant("swap-gates", where, detail, edits, detail, 1, also=("misplaced-factor",))


def _is_known(view: View, source: Equation, at: Equation) -> bool:
    """Whether what one right side reads is known where another stands."""
    order = view.derivation.order
    return all(order.get(read, -1) < order[at.out] for read in refs(source.expr))


def sent_back(view: View) -> Iterator[Mutant]:
    """The weights of two gates exchanged wherever their δ go back; or their peepholes."""
    for one, other in combinations(view.gates, 2):
        if view.shape(one) != view.shape(other) or one.index != other.index:
            continue
        pair = {one: other, other: one}
        for way in ("products", "peepholes"):
            found = [
                Edit(equation.out, (*path, *inner), pair[part])
                for equation in view.equations
                if view.whole.variables[equation.name].axis is not None
                for path, term in terms(equation.expr)
                if way_of(view, term) == way
                for inner, part in parts(term)
                if isinstance(part, Ref) and part in pair
            ]
            where = ", ".join((view.gate(one.name), view.gate(other.name)))
            detail = f"the weights ({way}) that {one} and {other} go back through are exchanged"
            if len(found) > 1:
                yield Mutant("swap-gates", where, detail, tuple(found), detail, 1)
