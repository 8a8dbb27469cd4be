"""Mistakes that people make, as changes of the derived equations.

Every mutant is derived from the adjoint of the system at hand, so the search works for any cell and network.  The
same change at all gates, at all recurrent edges or of all weights is one mutant: people make one mistake everywhere.

Read next: `numeric.check.spread`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import sympy

from derive.elementwise import partial
from derive.expr import Fixed, Op, Ref, Step, apply, is_op, neg, plus, power, ref, refs, step, times, transpose
from derive.primitives import TABLE
from derive.system import Equation
from numeric.check.edits import ONE, ZERO, Edit, edited, factors, mapped, parts, terms
from numeric.check.view import Slope, View

Window = frozenset[tuple[str, int]]  # quantities, and the positions at which they are zero


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        kind: one of `numeric.check.verdict.KINDS`.
        where: quantities of the system, joined by commas.
        detail: what it does, in one line.
        edits: of the adjoint.
        tag: what the same mistake at other places has in common.
        rank: 0 for what people do, 1 for what could be.
        windows: quantities and positions that are zero; of several, the gradients are added up.
    """

    kind: str
    where: str
    detail: str
    edits: tuple[Edit, ...]
    tag: str
    rank: int = 0
    windows: tuple[Window, ...] = (frozenset(),)


def mutants(view: View) -> list[Mutant]:
    """All single mistakes, each once; the same mistake at all places of its kind follows the single ones."""
    single = [m for family in FAMILIES for m in family(view)]
    groups: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in single:
        groups.setdefault((mutant.kind, mutant.tag), []).append(mutant)
    joint = [_joined(group) for group in groups.values() if len(group) > 1]
    unique: dict[frozenset[Edit], Mutant] = {}
    for mutant in sorted((*single, *(m for m in joint if m is not None)), key=lambda m: m.rank):
        unique.setdefault(frozenset(mutant.edits), mutant)
    return list(unique.values())


def _joined(group: list[Mutant]) -> Mutant | None:
    edits = tuple(dict.fromkeys(edit for mutant in group for edit in mutant.edits))
    for out in {edit.out for edit in edits}:
        mine = [edit for edit in edits if edit.out == out]
        if any(a is not b and b.path[: len(a.path)] == a.path for a in mine for b in mine):
            return None  # one inside another
    where = ", ".join(dict.fromkeys(mutant.where for mutant in group))
    return replace(group[0], where=where, edits=edits, detail=f"{group[0].tag}, everywhere")


# --- families -------------------------------------------------------------------------------------------------------


def _dropped(view: View) -> Iterator[Mutant]:
    """A term left out: a recurrent edge, a cotangent from outside, a path."""
    for equation in view.core:
        summands = terms(equation.expr)
        for path, term in summands:
            deltas = [r for r in refs(term) if view.is_delta(r)]
            edit = (Edit(equation.out, path, ZERO),)
            if is_op(term, "place"):
                yield Mutant("cotangent-missing", _source(view, deltas), f"{equation.out} without {term}", edit, "")
            for read in deltas[:1]:
                kind, owner = view.origin(read.name)
                if kind == "contribution":
                    tag = "the recurrent edge is not followed"
                    yield Mutant("cut-recurrence", owner, f"{equation.out} ← {read} is missing", edit, tag)
                elif kind == "upstream":
                    tag = "the cotangent from outside is left out"
                    yield Mutant("cotangent-missing", owner, f"{equation.out} without {read}", edit, tag)
                elif len(summands) > 1:
                    where = view.gate(read.name)
                    tag = f"a path into {view.origin(equation.name)[1]} is left out"
                    yield Mutant("drop-path", where, f"{equation.out} without {term}", edit, tag)
                elif view.origin(equation.name)[0] == "contribution":
                    where = view.origin(equation.name)[1]
                    yield Mutant("cut-recurrence", where, f"{equation.out} is 0", edit, "a contribution is 0")
                else:
                    where = view.gate(equation.name)
                    yield Mutant("drop-path", where, f"{equation.out} is 0", edit, f"{equation.out} is 0")


def _source(view: View, deltas: list[Ref]) -> str:
    return view.gate(deltas[0].name) if deltas else ""


def _derivatives(view: View) -> Iterator[Mutant]:
    """The derivative of a function left out, taken of the value, or of another function."""
    for slope in view.slopes:
        name = slope.call.primitive
        for label, kind, new, rank in _instead(slope):
            edits = tuple(Edit(equation.out, path, _with(equation, path, slope, new)) for equation, path in slope.at)
            detail = f"{label} in place of the derivative of {slope.call}"
            yield Mutant(kind, slope.gate, detail, edits, f"{label} in place of {name}′", rank)


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
    yield "1 − y²", "derivative-of-activated", square, 0
    yield "y (1 − y)", "derivative-of-activated", gate, 0
    yield "1 − tanh(y)²", "derivative-of-activated", plus(ONE, neg(power(apply("tanh", y), 2))), 0
    yield "y", "derivative-of-activated", y, 1
    yield "1 − y", "derivative-of-activated", plus(ONE, neg(y)), 1
    yield "1 − x²", "derivative-of-activated", plus(ONE, neg(power(x, 2))), 0
    yield "x (1 − x)", "derivative-of-activated", times(x, plus(ONE, neg(x))), 0
    yield "the function itself", "derivative-of-activated", apply(name, x), 1
    yield f"{name}′ twice", "derivative-of-activated", times(*slope.factors, *slope.factors), 1
    for other in ("tanh", "sigmoid", "relu"):
        if other != name:
            yield f"{other}′(x)", "derivative-of-activated", partial(other)(apply(other, x), x), 1


def _transposed(view: View) -> Iterator[Mutant]:
    """A weight where its transpose belongs."""
    for equation in view.core:
        into = "recurrent" if view.origin(equation.name)[0] == "contribution" else "other"
        for path, part in parts(equation.expr):
            inner = part.operands[0] if is_op(part, "rows") else part
            if not is_op(inner, "transpose") or not isinstance(inner.operands[0], Ref):
                continue
            weight = inner.operands[0]
            if weight.name not in view.primal.parameters or len(set(view.shape(part))) > 1:
                continue
            new = transpose(part) if part is not inner else weight
            detail = f"{weight} where its transpose belongs, in {equation.out}"
            yield Mutant("transpose", weight.name, detail, (Edit(equation.out, path, new),), f"{into} weights")


def _shifted(view: View) -> Iterator[Mutant]:
    """A value of the forward pass read a step too late or too early."""
    for equation in view.core:
        for path, part in parts(equation.expr):
            if not view.is_primal(part):
                continue
            assert isinstance(part, Ref)
            assert isinstance(part.index, Step)
            for by in (1, -1):
                new = ref(part.name, step(part.index.axis, part.index.shift + by))
                detail = f"{new} where {part} belongs, in {equation.out}"
                tag = f"{part.name} is read {by:+d} step"
                yield Mutant("time-shift", part.name, detail, (Edit(equation.out, path, new),), tag, by < 0)


def _swapped(view: View) -> Iterator[Mutant]:
    """The deltas of two gates exchanged, everywhere or in the gradients of weights alone; or one for the other."""
    for number, first in enumerate(view.gates):
        for second in view.gates[number + 1 :]:
            if view.shape(first) != view.shape(second) or first.index != second.index:
                continue
            pair = {first: second, second: first}
            for title in ("everywhere", "in the gradients"):
                targets = [e for e in view.equations if title == "everywhere" or e.out in view.local]
                edits = tuple(_reading(view, targets, pair))
                where = f"{view.gate(first.name)}, {view.gate(second.name)}"
                detail = f"{first} and {second} are exchanged {title}"
                if edits:
                    yield Mutant("swap-gates", where, detail, edits, detail)
            for old, new in pair.items():
                targets = [e for e in view.equations if e.out not in (first, second)]
                detail = f"{new} where {old} belongs"
                edits = tuple(_reading(view, targets, {old: new}))
                if edits:
                    yield Mutant("swap-gates", view.gate(old.name), detail, edits, detail)


def _reading(view: View, equations: Iterable[Equation], change: dict[Ref, Ref]) -> Iterator[Edit]:
    order = view.derivation.order
    for equation in equations:
        for path, part in parts(equation.expr):
            if isinstance(part, Ref) and part in change and order[change[part]] < order[equation.out]:
                yield Edit(equation.out, path, change[part])


def _misplaced(view: View) -> Iterator[Mutant]:
    """Parentheses: a factor at all summands, or at some only; a factor left out; 1 − z for z."""
    for equation in view.core:
        yield from _too_wide(view, equation)
        yield from _too_narrow(view, equation)
        slopes = {factor for slope in view.slopes for factor in slope.factors}
        for path, part in parts(equation.expr):
            if not is_op(part, "times"):
                continue
            for number, factor in enumerate(part.operands):
                if view.is_delta(factor) or factor.is_number:
                    continue
                where = _owner(view, factor)
                edit = (Edit(equation.out, (*path, number), ONE),)
                if factor not in slopes:
                    detail = f"the factor {factor} is missing in {equation.out}"
                    yield Mutant("misplaced-factor", where, detail, edit, f"without the factor {factor}")
                other = _complement(factor)
                if other is not None:
                    detail = f"{other} where {factor} belongs, in {equation.out}"
                    edit = (Edit(equation.out, (*path, number), other),)
                    yield Mutant("misplaced-factor", where, detail, edit, f"{other} for {factor}")


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
                yield Mutant("misplaced-factor", _owner(view, factor), detail, edits, f"{factor} multiplies too much")


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
                where = _owner(view, rest[0])
                yield Mutant("misplaced-factor", where, detail, (Edit(equation.out, path, new),), detail)
                detail = f"in {equation.out}, {times(*rest)} does not multiply {kept}"
                new = plus(kept, *(times(t, *rest) for t in left))
                yield Mutant("misplaced-factor", where, detail, (Edit(equation.out, path, new),), detail)


def _owner(view: View, expr: sympy.Expr) -> str:
    return next((view.gate(read.name) for read in refs(expr)), "")


def _complement(factor: sympy.Expr) -> sympy.Expr | None:
    if isinstance(factor, Ref) and isinstance(factor.index, Step):
        return plus(ONE, neg(factor))
    if is_op(factor, "plus") and len(factor.operands) == 2 and factor.operands[0] == 1:
        return neg(factor.operands[1])
    return None


def _signs(view: View) -> Iterator[Mutant]:
    """A sign."""
    for equation in view.core:
        for path, term in terms(equation.expr):
            where = _owner(view, term) if len(terms(equation.expr)) > 1 else view.gate(equation.name)
            edit = (Edit(equation.out, path, neg(term)),)
            yield Mutant("sign", where, f"−({term}) in {equation.out}", edit, f"sign in {equation.out}")


def _entering(view: View) -> Iterator[Mutant]:
    """The loss enters at other steps than it should."""
    for equation in view.core:
        axis = equation.axis
        if axis is None:
            continue
        last = Fixed(sympy.Symbol(axis, integer=True), sympy.Integer(1), sympy.Integer(0))
        for path, part in parts(equation.expr):
            if is_op(part, "place"):
                where = _source(view, [r for r in refs(part) if view.is_delta(r)])
                detail = f"{part.operands[0]} enters at every step, not at {axis.upper()} alone"
                yield Mutant(
                    "cotangent-at-every-step", where, detail, (Edit(equation.out, path, part.operands[0]),), detail
                )
            if not isinstance(part, Ref) or not _enters(view, part):
                continue
            where = view.origin(part.name)[1]
            only = apply("place", part, static=(last,))
            detail = f"{part} enters at the last step only"
            yield Mutant("cotangent-missing", where, detail, (Edit(equation.out, path, only),), detail)
            detail = f"{part} does not enter at the last step"
            new = plus(part, neg(only))
            yield Mutant("cotangent-missing", where, detail, (Edit(equation.out, path, new),), detail)
            if isinstance(part.index, Step):
                at_end = ref(part.name, last)
                detail = f"{at_end} enters at every step"
                yield Mutant("cotangent-at-every-step", where, detail, (Edit(equation.out, path, at_end),), detail)


def _enters(view: View, read: Ref) -> bool:
    kind = view.origin(read.name)[0]
    return kind == "upstream" or (kind == "cotangent" and read.index is None)


def _replaced(view: View) -> Iterator[Mutant]:
    """Another quantity of the same shape in the place of one that belongs there."""
    for equation in view.core:
        for path, part in parts(equation.expr):
            if isinstance(part, Op) and TABLE[part.primitive].is_elementwise and len(part.operands) == 1:
                detail = f"{part.operands[0]} where {part} belongs, in {equation.out}"
                edit = (Edit(equation.out, path, part.operands[0]),)
                where = _owner(view, part)
                yield Mutant("derivative-of-activated", where, detail, edit, detail, 0)
            if not isinstance(part, Ref) or not isinstance(part.index, Step):
                continue
            is_delta = view.is_delta(part)
            if not is_delta and not view.is_primal(part):
                continue
            for other in _alternatives(view, equation, part, is_delta):
                where = view.gate(part.name)
                kind = (
                    "swap-gates" if is_delta or (_is_gate(view, part) and _is_gate(view, other)) else "misplaced-factor"
                )
                detail = f"{other} where {part} belongs, in {equation.out}"
                yield Mutant(kind, where, detail, (Edit(equation.out, path, other),), detail, 1)


def _alternatives(view: View, equation: Equation, part: Ref, is_delta: bool) -> Iterator[Ref]:
    """Quantities of the same shape and axis; cotangents only if they are known by then."""
    order = view.derivation.order
    for other in view.deltas if is_delta else view.sequences:
        if other.name == part.name or other.index.axis != part.index.axis:
            continue
        if view.shape(other) != view.shape(part):
            continue
        if is_delta and order[other] >= order[equation.out]:
            continue
        yield ref(other.name, part.index) if not is_delta else other


def _is_gate(view: View, read: Ref) -> bool:
    return view.primal.find("pre-activation", read.name) is not None


FAMILIES = (_dropped, _entering, _derivatives, _transposed, _shifted, _swapped, _misplaced, _signs, _replaced)


def local_edits(view: View, equation: Equation) -> Iterator[Mutant]:
    """Mistakes in the gradient of one leaf alone: its equation read otherwise, everything before it right."""
    out, expr = equation.out, equation.expr
    name = view.local[out]
    owner = name.partition("[")[0]
    if is_op(expr, "sum"):
        axis = str(expr.static[0])
        for kind, from_end, text in (("last-step-only", 1, "the last step"), ("not-accumulated", 0, "the first step")):
            only = mapped(expr.operands[0], lambda r, e=from_end: _at(r, axis, bool(e)))  # type: ignore[misc]
            detail = f"only {text} counts, where a sum over {axis} belongs"
            yield Mutant(kind, owner, detail, (Edit(out, (), only),), f"only {text}")
            short = plus(expr, neg(only))
            detail = f"the sum over {axis} leaves {text} out"
            yield Mutant("drop-path", owner, detail, (Edit(out, (), short),), f"without {text}")
    for path, term in terms(expr):
        if len(terms(expr)) > 1:
            detail = f"without {term}"
            where = _source(view, [r for r in refs(term) if view.is_delta(r)])
            yield Mutant("drop-path", where or owner, f"{out} {detail}", (Edit(out, path, ZERO),), detail)
            yield Mutant("sign", owner, f"−({term}) in {out}", (Edit(out, path, neg(term)),), f"−({term})")
        yield from _factored(view, equation, path, term, owner)
    for path, part in parts(expr):
        if (
            is_op(part, "transpose")
            and isinstance(part.operands[0], Ref)
            and view.shape(part)[0] == view.shape(part)[1]
        ):
            weight = part.operands[0]
            if weight.name in view.primal.parameters:
                detail = f"{weight} where its transpose belongs, in {out}"
                yield Mutant("transpose", weight.name, detail, (Edit(out, path, weight),), "weights")
        if is_op(part, "rows") and is_op(part.operands[0], "transpose") and len(set(view.shape(part))) == 1:
            weight = part.operands[0].operands[0]
            detail = f"{weight} where its transpose belongs, in {out}"
            yield Mutant("transpose", str(weight), detail, (Edit(out, path, transpose(part)),), "weights")
        if not isinstance(part, Ref):
            continue
        if view.is_primal(part):
            yield from _other_values(view, equation, path, part, owner)
        elif view.is_delta(part):
            yield from _other_deltas(view, equation, path, part, owner)


def _at(read: Ref, axis: str, from_end: bool) -> Ref:
    """A read at the last step, or at the first."""
    if not isinstance(read.index, Step) or read.index.axis != axis:
        return read
    shift = read.index.shift
    return Ref(read.args[0], Fixed(read.index.args[0], sympy.Integer(from_end), sympy.Integer(shift + (not from_end))))


def _factored(view: View, equation: Equation, path: tuple[int, ...], term: sympy.Expr, owner: str) -> Iterator[Mutant]:
    for place, part in parts(term, path):
        if not is_op(part, "times"):
            continue
        for number, factor in enumerate(part.operands):
            if not factor.is_number and not view.is_delta(factor):
                detail = f"the factor {factor} is missing in {equation.out}"
                edit = (Edit(equation.out, (*place, number), ONE),)
                yield Mutant("misplaced-factor", _owner(view, factor) or owner, detail, edit, detail)


def _other_values(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    assert isinstance(part.index, Step)
    for by in (1, -1):
        new = ref(part.name, step(part.index.axis, part.index.shift + by))
        detail = f"{new} where {part} belongs, in {equation.out}"
        yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, new),), f"{part.name} {by:+d} step")
    for other in view.sequences:
        if other.name != part.name and other.index.axis == part.index.axis and view.shape(other) == view.shape(part):
            for shift in dict.fromkeys((part.index.shift, 0)):
                new = ref(other.name, step(part.index.axis, shift))
                detail = f"{new} where {part} belongs, in {equation.out}"
                edits = (Edit(equation.out, path, new),)
                yield Mutant("misplaced-factor", owner, detail, edits, f"{new} for {part}", 1)


def _other_deltas(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    mine = view.origin(part.name)[1]
    for other in view.deltas:
        if other.name == part.name or view.shape(other) != view.shape(part):
            continue
        if part.index is not None and other.index.axis != part.index.axis:
            continue
        new = ref(other.name, part.index) if part.index is not None else other
        same_gate = view.gate(other.name) == view.gate(part.name)
        kind = "missing-derivative" if same_gate else "swap-gates" if isinstance(part.index, Step) else "time-shift"
        rank = 0 if same_gate or other in view.gates else 1
        detail = f"{new} where {part} belongs, in {equation.out}"
        where = view.gate(part.name) if same_gate else owner
        tag = "before the derivative" if same_gate else f"another gate's δ for {mine}"
        yield Mutant(kind, where, detail, (Edit(equation.out, path, new),), tag, rank)


__all__ = ["Mutant", "edited", "local_edits", "mutants"]
