"""Products: parentheses that reach too far or not far enough, a factor left out, 1 − z for z.

Read next: `numeric.check.mistakes.windows`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derive.expr import Op, Ref, Step, is_op, neg, plus, ref, refs, step, times
from derive.system import Equation
from numeric.check.mistakes.mutant import Mutant, owner_of
from numeric.check.variants.edits import ONE, Edit, Path, factors, mapped, parts, terms
from numeric.check.variants.view import View


def misplaced(view: View) -> Iterator[Mutant]:
    """Parentheses: a factor at all summands, or at some only; a factor left out; 1 − z for z."""
    slopes = {(e.out, path, piece) for slope in view.slopes for e, path in slope.at for piece in slope.factors}
    yield from _shared(view)
    for equation in view.core:
        yield from _too_wide(view, equation)
        yield from _too_narrow(view, equation)
        for path, part in parts(equation.expr):
            if not is_op(part, "times"):
                continue
            for number, factor in enumerate(part.operands):
                if view.is_delta(factor) or factor.is_number:
                    continue
                where = ", ".join(dict.fromkeys((owner_of(view, factor), view.gate(equation.name))))
                edit = (Edit(equation.out, (*path, number), ONE),)
                if (equation.out, path, factor) not in slopes:
                    detail = f"the factor {factor} is missing in {equation.out}"
                    yield Mutant("misplaced-factor", where, detail, edit, f"without the factor {factor}")
                for inner in _inside(view, factor):
                    detail = f"{inner} where {factor} belongs, in {equation.out}"
                    edited = (Edit(equation.out, (*path, number), inner),)
                    yield Mutant("misplaced-factor", where, detail, edited, f"{inner} for {factor}", 1)
                other = _complement(factor)
                if other is not None:
                    detail = f"{other} where {factor} belongs, in {equation.out}"
                    edit = (Edit(equation.out, (*path, number), other),)
                    rank = 0 if _is_between(view, factor) else 2
                    yield Mutant("misplaced-factor", where, detail, edit, f"{other} for {factor}", rank)


def _inside(view: View, factor: sympy.Expr) -> list[sympy.Expr]:
    """What stands in a factor and has its shape: h, and U @ h, for U @ h + b."""
    if not isinstance(factor, Op) or (is_op(factor, "plus") and 1 in factor.operands):
        return []
    found = [part for path, part in parts(factor) if path and (view.is_primal(part) or is_op(part, "matmul"))]
    return [part for part in dict.fromkeys(found) if view.shape(part) == view.shape(factor)]


def _shared(view: View) -> Iterator[Mutant]:
    """A product that several equations have, and that its author computed once: a factor missing in all of them."""
    found: dict[sympy.Expr, list[tuple[Equation, Path]]] = {}
    for equation in view.equations:
        for path, part in parts(equation.expr):
            if is_op(part, "times"):
                found.setdefault(part, []).append((equation, path))
    for part, places in found.items():
        for factor in part.operands if len(places) > 1 else ():
            if factor.is_number or view.is_delta(factor):
                continue
            rest = times(*(f for f in part.operands if f != factor))
            edits = tuple(Edit(equation.out, path, rest) for equation, path in places)
            yield Mutant("misplaced-factor", owner_of(view, factor), f"{rest} where {part} belongs", edits, f"{rest}")


def _too_wide(view: View, equation: Equation) -> Iterator[Mutant]:
    summands = terms(equation.expr)
    if len(summands) < 2:
        return
    for path, term in summands:
        for _, factor in factors(term):
            if view.is_delta(factor) or (isinstance(factor, Op) and any(view.is_delta(r) for r in refs(factor))):
                continue
            others = [(p, t) for p, t in summands if p != path]
            for chosen in [others, *([o] for o in others)] if len(others) > 1 else [others]:
                edits = tuple(Edit(equation.out, p, times(t, factor)) for p, t in chosen)
                detail = f"in {equation.out}, {factor} multiplies {', '.join(str(t) for _, t in chosen)} too"
                yield Mutant("misplaced-factor", owner_of(view, factor), detail, edits, f"{factor} multiplies too much")


def _too_narrow(view: View, equation: Equation) -> Iterator[Mutant]:
    """``(a + b) * f`` written as ``a + b * f``, with a and b the terms of the cotangent that is multiplied."""
    for path, part in parts(equation.expr):
        if not is_op(part, "times"):
            continue
        for number, factor in enumerate(part.operands):
            if not isinstance(factor, Ref) or view.origin(factor.name)[0] != "cotangent":
                continue
            source = view.derivation.equations.get(factor)
            if source is None or len(summands := terms(source.expr)) < 2:
                continue
            rest = [f for i, f in enumerate(part.operands) if i != number]
            for _, kept in summands:
                left = [t for _, t in summands if t is not kept]
                detail = f"in {equation.out}, {times(*rest)} multiplies {kept} alone"
                new = plus(times(kept, *rest), *left)
                where = owner_of(view, rest[0])
                yield Mutant("misplaced-factor", where, detail, (Edit(equation.out, path, new),), detail, 1)
                for by in (1, -1):
                    moved = times(*(_later(view, f, by) for f in rest))
                    if moved != times(*rest):
                        detail = f"in {equation.out}, {moved} multiplies {kept}, not {times(*rest)}"
                        shifted = plus(times(kept, moved), *(times(t, *rest) for t in left))
                        edit = (Edit(equation.out, path, shifted),)
                        yield Mutant("time-shift", owner_of(view, rest[0]), detail, edit, detail, 1)
                detail = f"in {equation.out}, {times(*rest)} does not multiply {kept}"
                new = plus(kept, *(times(t, *rest) for t in left))
                yield Mutant("misplaced-factor", where, detail, (Edit(equation.out, path, new),), detail, 1)


def _later(view: View, expr: sympy.Expr, by: int) -> sympy.Expr:
    """The same values of the forward pass, read some steps later."""

    def moved(read: Ref) -> Ref:
        shifted = view.is_primal(read) and isinstance(read.index, Step)
        return ref(read.name, step(read.index.axis, read.index.shift + by)) if shifted else read  # type: ignore[union-attr]

    return mapped(expr, moved)


def _is_between(view: View, factor: sympy.Expr) -> bool:
    """Whether the values lie between 0 and 1, so that people write 1 − z: of a sigmoid, or of what is made of them."""
    names = [read.name for read in refs(factor) if read.name in view.primal.variables]
    made = [view.primal.equation(n).expr for n in names if view.primal.variables[n].role == "defined"]
    return any(is_op(e, "sigmoid") or is_op(e, "softmax") or is_op(e, "plus") for e in made)


def _complement(factor: sympy.Expr) -> sympy.Expr | None:
    if isinstance(factor, Ref) and isinstance(factor.index, Step):
        return plus(ONE, neg(factor))
    if is_op(factor, "plus") and len(factor.operands) == 2 and factor.operands[0] == 1:
        return neg(factor.operands[1])
    return None
