"""What is read: a weight for its transpose, another step, another gate's δ, another quantity of the same shape.

Read next: `numeric.check.mistakes.factors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import sympy

from derive.expr import Op, Ref, Step, apply, is_op, ref, step, transpose
from derive.primitives import TABLE
from derive.system import Equation
from numeric.check.mistakes.mutant import Mutant, owner_of
from numeric.check.variants.edits import Edit, Path, but_first, parts
from numeric.check.variants.view import View, axis_of


def transposed(view: View) -> Iterator[Mutant]:
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
            yield Mutant(
                "transpose",
                _block(view, part, weight.name),
                detail,
                (Edit(equation.out, path, new),),
                f"{into} weights",
            )


def _block(view: View, part: sympy.Expr, weight: str) -> str:
    """Some columns of a weight, as `numeric.check.diagnosis.speech` reads them: ``0:4|W_f``."""
    if not is_op(part, "rows"):
        return weight
    return ":".join(str(view.derivation.sizes.number(end)) for end in part.static[0]) + f"|{weight}"


def read_in(view: View, name: str, equation: Equation) -> str:
    """Where a value of the forward pass is read: its name, and the gate whose equation reads it."""
    return ", ".join(dict.fromkeys((name, view.gate(equation.name))))


def shifted(view: View) -> Iterator[Mutant]:
    """A value of the forward pass read a step too late or too early."""
    for equation in view.core:
        for path, part in parts(equation.expr):
            if not view.is_primal(part):
                continue
            assert isinstance(part, Ref)
            assert isinstance(part.index, Step)
            for by in dict.fromkeys((1, -1, -2 * part.index.shift or 1)):  # the last: on the other side
                new = ref(part.name, step(part.index.axis, part.index.shift + by))
                detail = f"{new} where {part} belongs, in {equation.out}"
                tag = f"{part.name} is read {by:+d} step"
                if part.index.shift < 0 < by:
                    yield _but_first(view, equation, path, part, new)
                often = part.name in view.primal.states or view.origin(equation.name)[0] == "contribution"
                where = read_in(view, part.name, equation)
                yield Mutant("time-shift", where, detail, (Edit(equation.out, path, new),), tag, 1 - often)


def exchanged(view: View) -> Iterator[Mutant]:
    """Two blocks of one size taken for each other: of a weight, or of the gradient of states side by side."""
    blocks: dict[sympy.Expr, dict[sympy.Expr, list[tuple[Equation, Path, sympy.Expr]]]] = {}
    for equation in view.equations:
        for path, part in parts(equation.expr):
            if is_op(part, "rows") and (is_op(part.operands[0], "transpose") or view.is_delta(part.operands[0])):
                blocks.setdefault(part.operands[0], {}).setdefault(part.static[0], []).append((equation, path, part))
    for whole, slices in blocks.items():
        for one, other in combinations(slices, 2):
            places = [*slices[one], *slices[other]]
            if len({view.shape(part) for _, _, part in places}) > 1:
                continue
            back = []
            for equation, path, part in places:
                chosen = other if part.static[0] == one else one
                back.append(Edit(equation.out, path, apply("rows", whole, static=(chosen,))))
            where = [str(whole.operands[0])] if isinstance(whole, Op) else [view.gate(e.name) for e, _, _ in places]
            span = f"rows {_span(one)} and {_span(other)}"
            detail = f"{span} of {whole.operands[0] if isinstance(whole, Op) else whole} are exchanged going back"
            tag = f"{span} exchanged going back"
            yield Mutant("swap-gates", ", ".join(dict.fromkeys(where)), detail, tuple(back), tag, 1)


def _span(span: sympy.Tuple) -> str:
    return f"{span[0]}:{span[1]}"


def _but_first(view: View, equation: Equation, path: Path, part: Ref, new: Ref) -> Mutant:
    """The same, where the first step reads the initial state all the same."""
    detail = f"{new} where {part} belongs, in {equation.out}, but for the first step"
    edit = Edit(equation.out, path, but_first(new, part))
    where = read_in(view, part.name, equation)
    return Mutant("time-shift", where, detail, (edit,), f"{part.name} is read +1 step, but for the first")


def swapped(view: View) -> Iterator[Mutant]:
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
                    yield Mutant("swap-gates", where, detail, edits, detail, 1)
            for old, new in pair.items():
                targets = [e for e in view.equations if e.out not in (first, second)]
                detail = f"{new} where {old} belongs"
                edits = tuple(_reading(view, targets, {old: new}))
                if edits:
                    yield Mutant("swap-gates", view.gate(old.name), detail, edits, detail, 1)


def _reading(view: View, equations: Iterable[Equation], change: dict[Ref, Ref]) -> Iterator[Edit]:
    order = view.derivation.order
    for equation in equations:
        for path, part in parts(equation.expr):
            if isinstance(part, Ref) and part in change and order[change[part]] < order[equation.out]:
                yield Edit(equation.out, path, change[part])


def replaced(view: View) -> Iterator[Mutant]:
    """Another quantity of the same shape in the place of one that belongs there."""
    for equation in view.core:
        for path, part in parts(equation.expr):
            if isinstance(part, Op) and TABLE[part.primitive].is_elementwise and len(part.operands) == 1:
                detail = f"{part.operands[0]} where {part} belongs, in {equation.out}"
                edit = (Edit(equation.out, path, part.operands[0]),)
                where = owner_of(view, part)
                yield Mutant("derivative-of-activated", where, detail, edit, detail, 0)
            if not isinstance(part, Ref) or not isinstance(part.index, Step):
                continue
            is_delta = view.is_delta(part)
            if not is_delta and not view.is_primal(part):
                continue
            for other in _alternatives(view, equation, part, is_delta):
                where = view.gate(part.name)
                gates = _is_gate(view, part) and _is_gate(view, other)
                kind = "swap-gates" if is_delta or gates else "misplaced-factor"
                if is_delta and view.gate(part.name) == view.gate(other.name):
                    kind = "missing-derivative"
                if not is_delta and view.gate_of(part.name) == view.gate_of(other.name):
                    kind = "derivative-of-activated" if other.index == part.index else "time-shift"
                detail = f"{other} where {part} belongs, in {equation.out}"
                yield Mutant(kind, where, detail, (Edit(equation.out, path, other),), detail, 2)


def _alternatives(view: View, equation: Equation, part: Ref, is_delta: bool) -> Iterator[Ref]:
    """Quantities of the same shape and axis; cotangents only if they are known by then."""
    order = view.derivation.order
    for other in view.deltas if is_delta else view.sequences:
        if other.name == part.name or axis_of(other) != axis_of(part):
            continue
        if view.shape(other) != view.shape(part):
            continue
        if is_delta and order[other] >= order[equation.out]:
            continue
        if is_delta:
            yield other
            continue
        assert isinstance(part.index, Step)
        shifts = (part.index.shift, -1, 0, 1) if other.name in view.primal.states else (part.index.shift,)
        yield from (ref(other.name, step(part.index.axis, shift)) for shift in dict.fromkeys(shifts))


def _is_gate(view: View, read: Ref) -> bool:
    return view.primal.find("pre-activation", read.name) is not None
