"""How much: a δ or a path counted twice or by half, limited inside the loop, or multiplied by a derivative once more.

Read next: `numeric.check.mistakes.steps`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy

from derive.expr import Ref, Step, apply, is_op, neg, plus, refs, times
from numeric.check.mistakes.mutant import Mutant, source_of
from numeric.check.variants.edits import ONE, Edit, parts, terms
from numeric.check.variants.view import View, axis_of

FACTORS = (("2", sympy.Integer(2)), ("1/2", sympy.Rational(1, 2)))
LIMITS = ("10", "5", "3", "2", "1", "1/2", "1/4", "1/5", "1/10", "1/20", "1/50", "1/100")  # that people write


def multiplied(view: View) -> Iterator[Mutant]:
    """A factor of 2 or 1/2 at a gate's δ, at what a step hands to the one before, or at one term of a sum."""
    sizes = view.derivation.sizes
    counts = {"1/B": sizes.batch, **{f"1/{axis.upper()}": sizes.steps(axis) for axis in view.whole.axes}}
    means = [(text, sympy.Rational(1, n)) for text, n in counts.items() if n > 2]
    for equation in view.core:
        if not isinstance(equation.out.index, Step):
            continue
        kind, owner = view.origin(equation.name)
        where = owner if kind == "contribution" else view.gate(equation.name)
        whole = kind == "contribution" or equation.out in view.gates
        for text, number in (*FACTORS, *(means if whole else ())):
            rank = int(whole and (text, number) in FACTORS)
            if whole:
                edit = (Edit(equation.out, (), times(number, equation.expr)),)
                detail = f"{equation.out} is multiplied by {text}"
                yield Mutant("scale", where, detail, edit, f"{kind} times {text}", 2 - rank)
            for path, term in terms(equation.expr) if len(terms(equation.expr)) > 1 else ():
                source = source_of(view, [r for r in term.atoms(Ref) if view.is_delta(r)])
                detail = f"{term} is multiplied by {text} in {equation.out}"
                edit = (Edit(equation.out, path, times(number, term)),)
                yield Mutant("scale", f"{source or where}, {where}", detail, edit, detail, 2)


def limited(view: View) -> Iterator[Mutant]:
    """Clipping at every step of the loop: of what is handed back, of a cotangent, of the δ of gates."""
    right = view.derivation.run([()])
    for equation in view.core:
        if not isinstance(equation.out.index, Step) or view.direction(equation.name) == 0:
            continue
        kind, owner = view.origin(equation.name)
        if kind != "contribution" and equation.out not in view.gates and owner not in view.primal.states:
            continue
        largest = max(float(np.abs(v).max()) for v in right.sequences[equation.name].values())
        where = owner if kind == "contribution" else view.gate(equation.name)
        for text in LIMITS:
            limit = sympy.Rational(text)
            if float(limit) < 2 * largest:  # mistakes beside it may make it larger
                detail = f"every entry of {equation.out} is limited to ±{float(limit):g} inside the loop"
                edit = (Edit(equation.out, (), clipped(equation.expr, limit)),)
                gates = "the gates" if equation.out in view.gates else kind
                yield Mutant("clip", where, detail, edit, f"{gates} limited to ±{float(limit):g} inside the loop", 2)


def clipped(expr: sympy.Expr, limit: sympy.Rational) -> sympy.Expr:
    """An expression limited to ±limit."""
    low, high = apply("relu", plus(expr, limit)), apply("relu", plus(expr, neg(limit)))
    return plus(low, neg(high), neg(limit))


def twice(view: View) -> Iterator[Mutant]:
    """The derivative of a softmax or sigmoid once more, where the loss has it in already: (p − y) · p (1 − p)."""
    for equation in view.core:
        if view.origin(equation.name)[0] != "cotangent":
            continue
        calls = [p for _, p in parts(equation.expr) if is_op(p, "softmax") or is_op(p, "sigmoid")]
        calls = [call for call in calls if all(axis_of(r) in (equation.axis, None) for r in refs(call))]
        for call in calls[:1]:
            more = times(call, plus(ONE, neg(call)))
            detail = f"{equation.out} is multiplied by the derivative of {call}, which it has in already"
            edit = (Edit(equation.out, (), times(equation.expr, more)),)
            also = ("derivative-of-activated", "missing-derivative")
            yield Mutant("misplaced-factor", view.gate(equation.name), detail, edit, detail, 1, also=also)


def unscaled(view: View) -> Iterator[Mutant]:
    """A number by which the forward pass multiplies, 1/√n of scores, forgotten going back and in the gradients."""
    found: dict[tuple[sympy.Expr, str], list[Edit]] = {}
    for equation in view.equations:
        for path, part in parts(equation.expr):
            deltas = [read for read in refs(part) if view.is_delta(read)]
            for number, factor in enumerate(part.operands if is_op(part, "times") and deltas else ()):
                if factor.is_number and abs(factor) != 1:
                    found.setdefault((factor, deltas[0].name), []).append(Edit(equation.out, (*path, number), ONE))
    for (factor, name), edits in found.items():
        detail = f"the factor {factor} of {name} is missing"
        for chosen in {tuple(edits), *((edit,) for edit in edits)}:
            text = detail if len(chosen) == len(edits) else f"{detail} in {chosen[0].out}"
            yield Mutant("misplaced-factor", view.gate(name), text, chosen, text, 1, also=("scale",))
