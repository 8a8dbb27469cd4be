"""Which steps: an index that wraps around, a value or δ of another step, what a layer hands down at one step alone.

Read next: `numeric.check.mistakes.weights`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derive.expr import Fixed, Ref, Step, apply, is_op, ref, refs, step
from derive.system import Equation
from numeric.check.mistakes.mutant import Mutant, source_of
from numeric.check.mistakes.reads import read_in
from numeric.check.variants.edits import ONE, ZERO, Edit, Path, at_end, mapped, parts, terms
from numeric.check.variants.edits import wrapped as around
from numeric.check.variants.view import View


def everywhere(view: View) -> Iterator[Mutant]:
    """A value of another step wherever it is read, going back and in the gradients: its author kept the wrong one."""
    places: dict[Ref, list[tuple[Equation, Path]]] = {}
    for equation in view.equations:
        for path, part in parts(equation.expr):
            if view.is_primal(part) and isinstance(part, Ref) and isinstance(part.index, Step):
                places.setdefault(part, []).append((equation, path))
    for read, found in places.items():
        if view.primal.variables[read.name].classes is not None:
            continue
        assert isinstance(read.index, Step)
        others = [(ref(read.name, step(read.index.axis, read.index.shift + by)), by) for by in (1, -1)]
        changes: list[tuple[sympy.Expr, str]] = [(new, f"{new} wherever {read} belongs") for new, _ in others]
        backward = read.index.shift > 0
        if not backward:
            wraps = 0 if read.index.shift < 0 else -1
            changes.append((around(read, wraps), f"a negative index reads the last step where {read} belongs"))
        core = {equation.out for equation, _ in found} - set(view.local)
        for new, detail in changes:
            edits = tuple(Edit(equation.out, path, new) for equation, path in found)
            where = ", ".join(dict.fromkeys((read.name, *(view.local.get(e.out, "") for e, _ in found)))).strip(", ")
            if len(core) and len(found) > 1:
                yield Mutant("time-shift", where, detail, edits, detail, 1)


def wrapping(view: View) -> Iterator[Mutant]:
    """A negative index: at the first step the last one is read, in one place of the loop."""
    for equation in view.core:
        for path, part in parts(equation.expr):
            if not view.is_primal(part) or not isinstance(part, Ref) or not isinstance(part.index, Step):
                continue
            if view.primal.variables[part.name].classes is None and part.index.shift <= 0:
                new = around(part, 0 if part.index.shift else -1)
                detail = f"in {equation.out} a negative index reads the last step where {part} belongs"
                where = read_in(view, part.name, equation)
                yield Mutant("time-shift", where, detail, (Edit(equation.out, path, new),), f"{part.name} wraps", 1)


def handed(view: View) -> Iterator[Mutant]:
    """What a layer, a read-out or a loss hands down: at one step alone, of one step at all, or of the step beside."""
    for equation in view.core:
        if not isinstance(equation.out.index, Step) or view.origin(equation.name)[0] == "contribution":
            continue
        axis = equation.out.index.args[0]
        above = [(path, term) for path, term in terms(equation.expr) if _is_from_above(view, equation, term)]
        if not above or view.direction(equation.name) == 0:
            continue
        reads = [r for _, term in above for r in refs(term) if view.is_delta(r)]
        source = source_of(view, reads)
        where = ", ".join(dict.fromkeys((source, view.gate(equation.name))))
        by_loss = all(view.direction(r.name) == 0 for r in reads)
        for from_end, text in ((ONE, "last"), (ZERO, "first")):
            only = Fixed(axis, from_end, ONE - from_end)
            edits = tuple(Edit(equation.out, path, apply("place", term, static=(only,))) for path, term in above)
            kind, other = f"{text}-step-only", "cotangent-missing"
            kinds = (other, kind) if by_loss else (kind, other)
            detail = f"what {source} hands down enters {equation.out} at the {text} step alone"
            yield Mutant(kinds[0], where, detail, edits, detail, 1, also=(*kinds[1:], "drop-path"))
            edits = tuple(Edit(equation.out, path, _at(view, term, only)) for path, term in above)
            detail = f"what {source} hands down at the {text} step enters {equation.out} at every step"
            if from_end:
                also = ("time-shift",)
                yield Mutant("cotangent-at-every-step", where, detail, edits, detail, 1, also=also)
        for by in (1, -1):
            edits = tuple(Edit(equation.out, path, _moved(view, term, by)) for path, term in above)
            detail = f"what {source} hands down enters {equation.out} {'a step early' if by > 0 else 'a step late'}"
            yield Mutant("time-shift", where, detail, edits, detail, 1)


def _is_from_above(view: View, equation: Equation, term: sympy.Expr) -> bool:
    """Whether a term reads cotangents of its own step that are known for all steps before this loop begins."""
    reads = [r for r in refs(term) if view.is_delta(r)]
    mine = view.component(equation.name)
    here = [r.index == equation.out.index and view.component(r.name) != mine for r in reads]
    return bool(reads) and all(here)


def _at(view: View, term: sympy.Expr, position: Fixed) -> sympy.Expr:
    return mapped(term, lambda r: Ref(r.args[0], position) if view.is_delta(r) else r)


def _moved(view: View, term: sympy.Expr, by: int) -> sympy.Expr:
    def moved(read: Ref) -> sympy.Expr:
        later = view.is_delta(read) and isinstance(read.index, Step)
        return ref(read.name, step(read.index.axis, read.index.shift + by)) if later else read  # type: ignore[union-attr]

    return mapped(term, moved)


def overwritten(view: View) -> Iterator[Mutant]:
    """A sum over steps inside the network, of keys that all steps read: only the step visited last is left of it."""
    for equation in view.core:
        for path, part in parts(equation.expr):
            if not is_op(part, "sum") or len(path) > 1:
                continue
            axis, deltas = str(part.static[0]), [r for r in refs(part) if view.is_delta(r)]
            last = any(view.direction(r.name) > 0 for r in deltas)  # the backward pass runs forward
            only = mapped(part.operands[0], lambda read, axis=axis, last=last: at_end(read, axis, last))  # type: ignore[misc]
            text = "last" if last else "first"
            where = ", ".join(dict.fromkeys((source_of(view, deltas), view.gate(equation.name))))
            detail = f"of {part} in {equation.out} only the {text} step counts"
            also = (f"{text}-step-only",)
            yield Mutant("not-accumulated", where, detail, (Edit(equation.out, path, only),), detail, 1, also=also)
