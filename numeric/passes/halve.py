"""Turn sigmoids of sums of products into tanh of half the sum: σ(z) = ½ + ½ tanh(z/2).

The half goes into the weights, so that a loop computes one tanh for all gates of a cell.  This is how a kernel
computes σ anyway: with absolute, not relative, accuracy near 0.

Read next: `numeric.passes.split`.
"""

from __future__ import annotations

from dataclasses import replace

import sympy

from derive.expr import Op, Ref, apply, is_op, matmul, plus, refs, times
from derive.system import Equation
from numeric.passes.draft import Draft, is_time_free, map_stage, terms_of
from numeric.schedule import Schedule, Stage, reads

HALF = sympy.Rational(1, 2)


def halve(plan: Schedule) -> Schedule:
    """Rewrite every ``f[t] = sigmoid(z[t])`` of a scan whose z nobody else reads."""
    draft = Draft(plan)
    count: dict[str, int] = {}
    for stage in plan.stages:
        for _, read, _ in reads(stage.equations):
            count[read.name] = count.get(read.name, 0) + 1
    kept = {*plan.outputs, *plan.final, *plan.gradients.values(), *plan.boundaries}
    once = {name for name, number in count.items() if number == 1} - kept
    halves: dict[sympy.Expr, Equation] = {}
    parts = []
    for stages in (plan.forward, plan.backward):
        rewritten: list[Stage] = []
        for stage in stages:
            known = len(halves)
            halved = _halved(stage, once, halves, draft)
            rewritten += [map_stage(e, None) for e in list(halves.values())[known:]]
            rewritten.append(halved)
        parts.append(rewritten)
    return draft.finish(*parts)


def _halved(stage: Stage, once: set[str], halves: dict[sympy.Expr, Equation], draft: Draft) -> Stage:
    if stage.kind != "scan":
        return stage
    sums = {e.out: e for e in stage.equations if e.name in once and not e.is_boundary}
    found: dict[Ref, Equation] = {}  # z → its half
    equations: list[Equation] = []
    for equation in stage.equations:
        argument = equation.expr.operands[0] if is_op(equation.expr, "sigmoid") else None
        if isinstance(argument, Ref) and argument in sums:
            terms = terms_of(sums[argument].expr)
            if all(_shared_part(term, draft) is not None for term in terms):
                half = plus(*(_half(term, halves, draft) for term in terms))
                found[argument] = draft.define(f"{argument.name}_half", half, stage.axis)
                tanh = apply("tanh", found[argument].out)
                equation = replace(equation, expr=plus(times(HALF, tanh), HALF))
        equations.append(equation)
    return replace(stage, equations=tuple(found.get(e.out, e) for e in equations))


def _shared_part(term: sympy.Expr, draft: Draft) -> sympy.Expr | None:
    """The shared matrix of a product, or all of something shared; None where a half would cost at every step."""
    if isinstance(term, Op) and is_op(term, "matmul"):
        matrix = matmul(*term.operands[:-1])
        return matrix if _is_shared(matrix, draft) and draft.plan.shape_of(matrix)[1] != 1 else None
    return term if _is_shared(term, draft) else None


def _half(term: sympy.Expr, halves: dict[sympy.Expr, Equation], draft: Draft) -> sympy.Expr:
    shared = _shared_part(term, draft)
    assert shared is not None
    if shared not in halves:
        name = next(refs(shared)).name
        halves[shared] = draft.define(f"{name}_half", times(HALF, shared), None)
    half = halves[shared].out
    return half if shared == term else matmul(half, term.operands[-1])


def _is_shared(expr: sympy.Expr, draft: Draft) -> bool:
    return is_time_free(expr) and not any(read.name in draft.batched for read in refs(expr))
