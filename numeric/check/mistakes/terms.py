"""Terms of sums: a path left out, a sign, a loss that enters at other steps.

Read next: `numeric.check.mistakes.slopes`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derive.expr import Fixed, Op, Ref, Step, apply, is_op, neg, plus, ref, refs, times
from derive.system import Equation
from numeric.check.mistakes.mutant import Mutant, owner_of, source_of
from numeric.check.variants.edits import ONE, ZERO, Edit, Path, parts, terms
from numeric.check.variants.view import View, axis_of


def dropped(view: View) -> Iterator[Mutant]:
    """A term left out: a recurrent edge, a cotangent from outside, a path."""
    for equation in view.core:
        summands = terms(equation.expr)
        if len(summands) > 1 and view.origin(equation.name)[0] == "contribution":
            where = view.origin(equation.name)[1]
            edits = (Edit(equation.out, (), ZERO),)
            yield Mutant("cut-recurrence", where, f"{equation.out} is 0", edits, "a contribution is 0")
        for path, term in summands:
            deltas = [r for r in refs(term) if view.is_delta(r)]
            edit = (Edit(equation.out, path, ZERO),)
            if is_op(term, "place"):
                also = () if any(view.origin(r.name)[0] == "upstream" for r in deltas) else ("drop-path",)
                where, detail = source_of(view, deltas), f"{equation.out} without {term}"
                yield Mutant("cotangent-missing", where, detail, edit, "", also=also)
            for read in deltas[:1]:
                kind, owner = view.origin(read.name)
                if isinstance(equation.out.index, Fixed):
                    tag = "nothing goes back to the initial state"
                    yield Mutant("zero-gradient", f"{owner}[0]", f"{equation.out} is 0", edit, tag)
                elif kind == "contribution":
                    tag = "the recurrent edge is not followed"
                    yield Mutant(
                        "cut-recurrence", _through(view, owner, read), f"{equation.out} ← {read} is missing", edit, tag
                    )
                elif kind == "upstream":
                    tag = "the cotangent from outside is left out"
                    yield Mutant("cotangent-missing", owner, f"{equation.out} without {read}", edit, tag)
                elif len(summands) > 1:
                    where = ", ".join(dict.fromkeys((view.gate(read.name), view.gate(equation.name))))
                    tag = f"{way_of(view, term)} into {view.origin(equation.name)[1]} are left out"
                    yield Mutant("drop-path", where, f"{equation.out} without {term}", edit, tag)
                elif view.origin(equation.name)[0] == "contribution":
                    where = _through(view, view.origin(equation.name)[1], equation.out)
                    yield Mutant("cut-recurrence", where, f"{equation.out} is 0", edit, "a contribution is 0")
                else:
                    where = view.gate(equation.name)
                    yield Mutant("drop-path", where, f"{equation.out} is 0", edit, f"{equation.out} is 0")
        yield from _left_alone(view, equation)
        for read, places in _by_delta(view, equation).items():
            zeros = tuple(Edit(equation.out, path, ZERO) for path, _ in places)
            detail = f"{equation.out} without the terms of {read}"
            yield Mutant("drop-path", view.gate(read.name), detail, zeros, detail)


def way_of(view: View, term: sympy.Expr) -> str:
    """What kind of path a term follows: through a product with a weight, through a peephole, or neither."""
    if any(is_op(part, "matmul") for _, part in parts(term)):
        return "products"
    return "peepholes" if any(read.name in view.primal.parameters for read in refs(term)) else "direct paths"


def _left_alone(view: View, equation: Equation) -> Iterator[Mutant]:
    """Of several paths one alone, at each step, as somebody writes who thinks of one only."""
    summands = terms(equation.expr)
    for path, term in summands if len(summands) > 2 else ():
        others = [(p, t) for p, t in summands if p != path]
        read = [r for _, t in others for r in refs(t) if view.is_delta(r)]
        if any(view.origin(r.name)[0] in ("contribution", "upstream") for r in read):
            continue  # what comes from the next step, or from outside, is forgotten for a reason of its own
        gates = dict.fromkeys(source_of(view, [r for r in refs(t) if view.is_delta(r)]) for _, t in others)
        edits = tuple(Edit(equation.out, p, ZERO) for p, _ in others)
        detail = f"{equation.out} is {term} alone"
        yield Mutant("drop-path", ", ".join(filter(None, gates)), detail, edits, detail, 1)


def _by_delta(view: View, equation: Equation) -> dict[Ref, list[tuple[Path, sympy.Expr]]]:
    """Terms that read the same cotangent, where there are several of it, and others."""
    by: dict[Ref, list[tuple[Path, sympy.Expr]]] = {}
    for path, term in terms(equation.expr):
        for read in [r for r in refs(term) if view.is_delta(r)][:1]:
            by.setdefault(read, []).append((path, term))
    return {read: places for read, places in by.items() if 1 < len(places) < len(terms(equation.expr))}


def _through(view: View, state: str, edge: Ref) -> str:
    """A state, and the gate that multiplies what it hands to the step before: c and f."""
    found = [e.expr for e in view.core if e.name == edge.name and isinstance(e.out.index, Step)]
    gates = [r.name for e in found if is_op(e, "times") for r in e.operands if view.is_primal(r)]
    return ", ".join(dict.fromkeys((state, *gates)))


def unlinked(view: View) -> Iterator[Mutant]:
    """A gate's products left out wherever its δ goes back: into states and inputs, by one product of its author's."""
    for gate in view.gates:
        edits = []
        for equation in view.equations:
            if view.whole.variables[equation.name].axis is None:
                continue
            for path, term in terms(equation.expr):
                if is_op(term, "matmul") and gate in list(refs(term)):
                    edits.append(Edit(equation.out, path, ZERO))
        if len(edits) > 1:
            yield Mutant("drop-path", view.gate(gate.name), f"no product carries {gate} back", tuple(edits), "")


def inside(view: View) -> Iterator[Mutant]:
    """A term left out, or its sign wrong, in a sum inside a product: of the Jacobian of a softmax."""
    for equation in view.core:
        for path, part in parts(equation.expr):
            if path and is_op(part, "plus") and any(view.is_delta(read) for read in refs(part)):
                yield from _like_a_sigmoid(view, equation, path, part)
                for number, term in enumerate(part.operands):
                    where = view.gate(equation.name)
                    detail = f"{equation.out} without {term}"
                    yield Mutant("drop-path", where, detail, (Edit(equation.out, (*path, number), ZERO),), detail)
                    edit = (Edit(equation.out, (*path, number), neg(term)),)
                    yield Mutant("sign", where, f"−({term}) in {equation.out}", edit, f"sign of {term}")


def _like_a_sigmoid(view: View, equation: Equation, path: Path, part: Op) -> Iterator[Mutant]:
    """``α (1 − α) δα`` or ``δα`` for ``α (δα − Σ α δα)``: the diagonal of a softmax's Jacobian, or nothing."""
    whole = equation.expr
    for number in path[:-1]:
        whole = whole.operands[number]
    if is_op(whole, "times"):
        for value in (f for f in whole.operands if isinstance(f, Ref) and not view.is_delta(f)):
            new = times(part.operands[0], plus(ONE, neg(value)))
            detail = f"in {equation.out} the diagonal of the Jacobian alone"
            edit = (Edit(equation.out, path, new),)
            yield Mutant("missing-derivative", view.gate(equation.name), detail, edit, detail)
            rest = [f for f in whole.operands if f not in (value, part)]
            detail = f"in {equation.out} the Jacobian of the softmax is left out"
            edit = (Edit(equation.out, path[:-1], times(*rest, part.operands[0])),)
            yield Mutant("missing-derivative", view.gate(equation.name), detail, edit, detail)


def signs(view: View) -> Iterator[Mutant]:
    """A sign: of a term, or of all terms by one path, a difference the wrong way round."""
    for equation in view.core:
        for read, places in _by_delta(view, equation).items():
            edits = tuple(Edit(equation.out, path, neg(term)) for path, term in places)
            detail = f"the terms of {read} have the wrong sign in {equation.out}"
            yield Mutant("sign", view.gate(equation.name), detail, edits, detail)
        for path, term in terms(equation.expr):
            where = owner_of(view, term) if len(terms(equation.expr)) > 1 else view.gate(equation.name)
            edit = (Edit(equation.out, path, neg(term)),)
            yield Mutant("sign", where, f"−({term}) in {equation.out}", edit, f"sign in {equation.out}")


def entering(view: View) -> Iterator[Mutant]:
    """The loss enters at other steps than it should."""
    for equation in view.core:
        axis = equation.axis
        if axis is None:
            continue
        last = Fixed(sympy.Symbol(axis, integer=True), sympy.Integer(1), sympy.Integer(0))
        for path, part in parts(equation.expr):
            if is_op(part, "place"):
                where = source_of(view, [r for r in refs(part) if view.is_delta(r)])
                detail = f"{part.operands[0]} enters at every step, not at {axis.upper()} alone"
                yield Mutant(
                    "cotangent-at-every-step", where, detail, (Edit(equation.out, path, part.operands[0]),), detail
                )
            if isinstance(part, Ref) and part.index == equation.out.index and _is_placed(view, part):
                where = view.origin(part.name)[1]
                detail = f"{ref(part.name, last)} enters at every step, not at {axis.upper()} alone, in {equation.out}"
                edit = (Edit(equation.out, path, ref(part.name, last)),)
                yield Mutant("cotangent-at-every-step", where, detail, edit, detail)
            if not isinstance(part, Ref) or not _enters(view, part):
                continue
            where = view.origin(part.name)[1]
            for author, share in view.derivation.parts.items():
                if view.derivation.bound.parts[author][0] == where and axis_of(share) == axis_of(part):
                    detail = f"the cotangent {author} is left out of {part}"
                    edit = (Edit(equation.out, path, plus(part, neg(share))),)
                    yield Mutant("cotangent-missing", f"{author}, {where}", detail, edit, detail)
                    detail = f"the cotangent {author} enters twice"
                    edit = (Edit(equation.out, path, plus(part, share)),)
                    yield Mutant("scale", f"{author}, {where}", detail, edit, detail)
                    if _is_of_the_last_step(view, share):
                        detail = f"the cotangent {author} enters at every step, not at {axis.upper()} alone"
                        edit = (Edit(equation.out, path, plus(part, neg(share), ref(share.name, last))),)
                        yield Mutant("cotangent-at-every-step", f"{author}, {where}", detail, edit, detail)
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


def _is_of_the_last_step(view: View, share: Ref) -> bool:
    """Whether a share of an upstream gradient along time is zero but at the last step."""
    steps = view.derivation.sequences[share.name]
    return len(steps) > 1 and not any(value.any() for t, value in steps.items() if t != max(steps))


def _is_placed(view: View, read: Ref) -> bool:
    """Whether it is a cotangent that comes in at one step only."""
    equation = view.derivation.equations.get(read)
    return equation is not None and is_op(equation.expr, "place")


def _enters(view: View, read: Ref) -> bool:
    kind = view.origin(read.name)[0]
    return kind == "upstream" or (kind == "cotangent" and read.index is None)
