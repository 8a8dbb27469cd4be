"""The gradient of one leaf alone: its equation read otherwise, everything before it right.

Read next: `numeric.check.mistakes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import sympy

from derive.expr import Fixed, Ref, Step, apply, is_op, neg, plus, ref, refs, step, transpose
from derive.system import Equation
from numeric.check.mistakes.mutant import Mutant, owner_of, source_of
from numeric.check.mistakes.slopes import functions_of
from numeric.check.variants.edits import (
    ONE,
    ZERO,
    Edit,
    Path,
    at_end,
    but_first,
    edited,
    mapped,
    parts,
    terms,
    wrapped,
)
from numeric.check.variants.view import View, axis_of, stem


def local_edits(view: View, equation: Equation) -> Iterator[Mutant]:
    """Mistakes in the gradient of one leaf alone: its equation read otherwise, everything before it right."""
    out, expr = equation.out, equation.expr
    name = view.local[out]
    owner = name.partition("[")[0]
    sums = expr.operands if is_op(expr, "plus") else (expr,)
    if all(is_op(one, "sum") and one.static == sums[0].static for one in sums):
        axis = str(sums[0].static[0])
        backward = all(view.direction(r.name) <= 0 for r in refs(expr) if view.is_delta(r))
        for from_end, text in ((True, "the last step"), (False, "the first step")):
            each = [mapped(one.operands[0], lambda r, e=from_end: at_end(r, axis, e)) for one in sums]  # type: ignore[misc]
            only = plus(*each)
            detail = f"only {text} counts, where a sum over {axis} belongs"
            visited = from_end != backward  # the backward pass comes to this step last, and an `=` for `+=` keeps it
            kind, other = "first-step-only", "last-step-only"
            edits = (Edit(out, (), only),)
            if visited:
                yield Mutant("not-accumulated", owner, detail, edits, "only the step visited last")
            yield Mutant(other if from_end else kind, owner, detail, edits, f"only {text}", int(visited))
            short = plus(expr, neg(only))
            detail = f"the sum over {axis} leaves {text} out"
            yield Mutant("drop-path", owner, detail, (Edit(out, (), short),), f"without {text}")
            for number, one in enumerate(each) if visited and len(each) > 1 else ():
                detail = f"of {sums[number]} only {text} counts"
                edits = (Edit(out, (number,), one),)
                yield Mutant("not-accumulated", owner, detail, edits, "only the step visited last, in one term", 1)
    yield from _some_terms(view, equation, owner)
    yield from _exchanged(view, equation, owner)
    for path, term in terms(expr):
        if len(terms(expr)) > 1:
            detail = f"without {term}"
            where = source_of(view, [r for r in refs(term) if view.is_delta(r)])
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
        if part.name in view.primal.defined and isinstance(part.index, Fixed):
            yield from _other_places(view, equation, path, part, owner)
        if view.is_primal(part):
            yield from _other_values(view, equation, path, part, owner)
        elif view.is_delta(part):
            yield from _other_deltas(view, equation, path, part, owner)
            yield from _shares(view, equation, path, part, owner)
            yield from _once_more(view, equation, path, part, owner)


def _some_terms(view: View, equation: Equation, owner: str) -> Iterator[Mutant]:
    """Of several terms one alone, as `=` for `+=` leaves it; or those of one copy of a cell left out."""
    summands = terms(equation.expr)
    if len(summands) < 3:
        return
    for path, term in summands:
        edits = tuple(Edit(equation.out, p, ZERO) for p, _ in summands if p != path)
        yield Mutant("drop-path", owner, f"{equation.out} is {term} alone", edits, "one term alone")
    loops: dict[frozenset[str], list[tuple[Path, str]]] = {}
    for path, term in summands:
        deltas = [r for r in refs(term) if view.is_delta(r)]
        loops.setdefault(view.component(deltas[0].name) if deltas else frozenset(), []).append(
            (path, source_of(view, deltas))
        )
    for mine in loops.values():
        if 1 < len(mine) < len(summands):
            edits = tuple(Edit(equation.out, path, ZERO) for path, _ in mine)
            gates = ", ".join(dict.fromkeys(gate for _, gate in mine))
            yield Mutant("drop-path", gates or owner, f"{equation.out} without the terms of {gates}", edits, "a loop")


def _exchanged(view: View, equation: Equation, owner: str) -> Iterator[Mutant]:
    """Of several gates two that take each other's δ, here alone; in all copies of a cell at once too."""
    read = list(dict.fromkeys(r for r in refs(equation.expr) if r in view.gates))
    copies: dict[str, dict[Ref, Ref]] = {}
    for one, other in combinations(read, 2):
        if view.shape(one) == view.shape(other):
            pair = {one: other, other: one}
            tag = exchange_tag((view.gate(one.name), view.gate(other.name)))
            yield _swapped(view, equation, owner, pair, tag)
            if copy_of(view, one) == copy_of(view, other):
                copies.setdefault(tag, {}).update(pair)
    for tag, pairs in copies.items():
        if len(pairs) > 2:
            yield _swapped(view, equation, owner, pairs, tag)


def copy_of(view: View, delta: Ref) -> str:
    """What tells the copy of a cell that a gate belongs to from the others: ``_l`` of a_l."""
    return view.gate(delta.name).removeprefix(stem(view.gate(delta.name)))


def _swapped(view: View, equation: Equation, owner: str, pairs: Mapping[Ref, Ref], tag: str) -> Mutant:
    edits = tuple(Edit(equation.out, p, pairs[r]) for p, r in parts(equation.expr) if isinstance(r, Ref) and r in pairs)
    where = ", ".join(dict.fromkeys((owner, *(view.gate(one.name) for one in pairs))))
    detail = f"{', '.join(map(str, pairs))} are exchanged in {equation.out}"
    return Mutant("swap-gates", where, detail, edits, tag, 1)


def exchange_tag(gates: Sequence[str]) -> str:
    """What the exchange of two gates is called, wherever it happens."""
    return f"the gates {' and '.join(sorted(map(stem, gates)))} are exchanged"


def _factored(view: View, equation: Equation, path: tuple[int, ...], term: sympy.Expr, owner: str) -> Iterator[Mutant]:
    for place, part in parts(term, path):
        if not is_op(part, "times"):
            continue
        for number, factor in enumerate(part.operands):
            if not factor.is_number and not view.is_delta(factor):
                detail = f"the factor {factor} is missing in {equation.out}"
                edit = (Edit(equation.out, (*place, number), ONE),)
                yield Mutant("misplaced-factor", owner_of(view, factor) or owner, detail, edit, detail)


def _other_values(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    assert isinstance(part.index, Step)
    for by in (1, -1):
        new = ref(part.name, step(part.index.axis, part.index.shift + by))
        detail = f"{new} where {part} belongs, in {equation.out}"
        yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, new),), f"{part.name} {by:+d} step")
        if by < 0 and part.index.shift in (0, -1) and view.primal.variables[part.name].classes is None:
            around = wrapped(part, 0 if part.index.shift else by)
            detail = f"a negative index reads the last step where {part} belongs, in {equation.out}"
            yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, around),), f"{part.name} wraps")
        if part.index.shift < 0 < by:
            detail = f"{new} where {part} belongs, in {equation.out}"
            edits = (Edit(equation.out, path, but_first(new, part)),)
            yield Mutant("time-shift", owner, f"{detail}, but for the first step", edits, f"{part.name} but first")
    yield from _inside_operand(view, equation, path, part, owner)
    for function in functions_of(view, part.name):
        detail = f"{apply(function, part)} where {part} belongs, in {equation.out}"
        edits = (Edit(equation.out, path, apply(function, part)),)
        yield Mutant("misplaced-factor", owner, detail, edits, f"{function} of {stem(part.name)}", 1)
    if part.index.shift:
        new = ref(part.name, step(part.index.axis, -part.index.shift))
        detail = f"{new} where {part} belongs, in {equation.out}"
        yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, new),), f"{part.name} the other way")
    for from_end, text in ((True, "the last step"), (False, "the first step")):
        new = at_end(part, part.index.axis, from_end)
        detail = f"{new} at every step where {part} belongs, in {equation.out}"
        yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, new),), f"{part.name} of {text}")
    for other in view.sequences:
        if other.name != part.name and axis_of(other) == axis_of(part) and view.shape(other) == view.shape(part):
            shifts = (part.index.shift, -1, 0, 1) if other.name in view.primal.states else (part.index.shift, 0)
            for shift in dict.fromkeys(shifts):
                new = ref(other.name, step(part.index.axis, shift))
                detail = f"{new} where {part} belongs, in {equation.out}"
                edits = (Edit(equation.out, path, new),)
                tag = f"{stem(other.name)} {abs(shift)} for {stem(part.name)}"
                yield Mutant("misplaced-factor", owner, detail, edits, tag, 2)


def _other_places(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    """The state of one step, the last for a read-out of it, taken at the step before or at the other end."""
    assert isinstance(part.index, Fixed)
    axis, from_end, offset = part.index.args
    if part.index.is_boundary:
        return
    before = Ref(part.args[0], Fixed(axis, from_end, offset + (-1 if from_end else 1)))
    detail = f"{before} where {part} belongs, in {equation.out}"
    yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, before),), f"{part.name} of the step beside", 1)
    opposite = Ref(part.args[0], Fixed(axis, sympy.Integer(1 - from_end), sympy.Integer(1 if from_end else 0)))
    detail = f"{opposite} where {part} belongs, in {equation.out}"
    also = ("first-step-only" if from_end else "last-step-only",)
    edits = (Edit(equation.out, path, opposite),)
    yield Mutant("time-shift", owner, detail, edits, f"{part.name} of the other end", 1, also=also)


def _shares(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    """A δ before all that belongs to it has been added: what the loss alone sends to a state, not the next step."""
    whole = view.derivation.equations.get(part)  # at this step, so that it is no initial value's
    if whole is None or not isinstance(part.index, Step) or len(terms(whole.expr)) < 2:
        return
    for chosen, term in terms(whole.expr):
        left = edited(whole.expr, (Edit(whole.out, chosen, ZERO),))
        read = [r for r in refs(term) if view.is_delta(r)]
        kinds = {"contribution": "cut-recurrence", "upstream": "cotangent-missing"}
        kind = next((kinds[view.origin(r.name)[0]] for r in read if view.origin(r.name)[0] in kinds), "drop-path")
        detail = f"{left} where {part} belongs, in {equation.out}"
        where = ", ".join(dict.fromkeys((owner, view.gate(part.name))))
        also = ("drop-path",) if kind != "drop-path" else ()
        yield Mutant(kind, where, detail, (Edit(equation.out, path, left),), f"{kind} of a δ", 1, also=also)


def _inside_operand(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    """``r[t] * h[t]`` for ``r[t] * h[t-1]``, where the product has a name of its own."""
    origin = view.primal.variables[part.name].origin
    if origin is None or origin.kind != "operand":
        return
    expr, at = view.primal.equation(part.name).expr, part.index.shift if isinstance(part.index, Step) else 0

    def moved(read: Ref, chosen: Ref, by: int) -> Ref:
        here = by if read == chosen else 0
        return (
            ref(read.name, step(read.index.axis, read.index.shift + at + here))
            if isinstance(read.index, Step)
            else read
        )

    for chosen in dict.fromkeys(r for r in refs(expr) if view.is_primal(r)):
        for by in (1, -1):
            new = mapped(expr, lambda read, chosen=chosen, by=by: moved(read, chosen, by))  # type: ignore[misc]
            detail = f"{new} where {part} belongs, in {equation.out}"
            yield Mutant(
                "time-shift", owner, detail, (Edit(equation.out, path, new),), f"{chosen.name} {by:+d} step", 1
            )


def _once_more(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    """An initial value's gradient sent back through the recurrence once more, after the loop."""
    if not isinstance(part.index, Fixed) or not isinstance(equation.out.index, Fixed):
        return
    axis, from_end, offset = part.index.args
    for source in view.core:
        if source.name != part.name or not isinstance(source.out.index, Step) or len(terms(source.expr)) > 1:
            continue
        deltas = [r for r in refs(source.expr) if view.is_delta(r)]
        if len(deltas) != 1 or view.shape(deltas[0]) != view.shape(part):
            continue

        def again(read: Ref, delta: Ref = deltas[0]) -> Ref:
            shift = read.index.shift if isinstance(read.index, Step) else 0
            there = Ref(read.args[0], Fixed(axis, from_end, offset + shift)) if read.index is not None else read
            return part if read == delta else there

        new = mapped(source.expr, again)
        detail = f"{equation.out} is {new}: a step further back than the recurrence goes"
        yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, new),), "a step further back", 1)


def _other_deltas(view: View, equation: Equation, path: tuple[int, ...], part: Ref, owner: str) -> Iterator[Mutant]:
    mine = view.origin(part.name)[1]
    for by in (1, -1) if part.index is not None else ():
        new = ref(part.name, step(part.index.axis, part.index.shift + by)) if isinstance(part.index, Step) else None
        if isinstance(part.index, Fixed) and by > 0:
            new = Ref(part.args[0], Fixed(part.index.args[0], part.index.args[1], part.index.args[2] + by))
        if new is not None:
            detail = f"{new} where {part} belongs, in {equation.out}"
            yield Mutant("time-shift", owner, detail, (Edit(equation.out, path, new),), f"δ of {mine} {by:+d} step", 1)
    for other in view.deltas:
        if other.name == part.name or view.shape(other) != view.shape(part):
            continue
        if part.index is not None and axis_of(other) != axis_of(part):
            continue
        new = ref(other.name, part.index) if part.index is not None else other
        same_gate = view.gate(other.name) == view.gate(part.name)
        kind = "missing-derivative" if same_gate else "swap-gates" if isinstance(part.index, Step) else "time-shift"
        rank = 0 if same_gate or other in view.gates else 2
        detail = f"{new} where {part} belongs, in {equation.out}"
        where = view.gate(part.name) if same_gate else owner
        tag = "before the derivative" if same_gate else f"another gate's δ for {mine}"
        if part in view.gates and other in view.gates:
            names = (view.gate(part.name), view.gate(other.name))
            where, tag = ", ".join(dict.fromkeys((owner, *names))), exchange_tag(names)
        yield Mutant(kind, where, detail, (Edit(equation.out, path, new),), tag, rank)
