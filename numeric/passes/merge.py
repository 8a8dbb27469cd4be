"""Merge equations that say the same, and sums into one table: ``take(E, k[t])``, which every gate of a cell reads.

The gates' products then share an operand and can be packed, and the gradient of the table is one sum of columns
instead of one for every gate.

Read next: `numeric.passes.halve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy

from derive.expr import Op, Ref, apply, is_op, plus, ref
from derive.rewrite import rebuild
from derive.system import Equation
from numeric.passes.draft import Draft, map_stage, terms_of
from numeric.schedule import Schedule, Stage, reads


def merge(plan: Schedule) -> Schedule:
    """Merge equal maps of the forward part, then sums of columns into the same places of one table."""
    same = _same(plan)
    renamed = plan.with_stages(lambda stage: _renamed(stage, same)) if same else plan
    forward = tuple(s for s in renamed.forward if not (s.kind == "map" and s.equations[0].name in same))
    draft = Draft(renamed)
    return draft.finish(forward, _gathered(renamed, draft))


def _same(plan: Schedule) -> dict[str, str]:
    """Maps whose value another has, and which; nothing reads them outside 1…T."""
    kept = {
        *plan.outputs,
        *plan.final,
        *plan.boundaries,
        *(e.name for s in plan.stages for e in s.equations if e.is_boundary),
    }
    first: dict[tuple[str | None, sympy.Expr], str] = {}
    found: dict[str, str] = {}
    for stage in plan.forward:
        (equation, *others) = stage.equations
        if stage.kind == "map" and not others and equation.name not in kept:
            other = first.setdefault((stage.axis, equation.expr), equation.name)
            if other != equation.name:
                found[equation.name] = other
    return found


def _renamed(stage: Stage, names: Mapping[str, str]) -> Stage:
    def put(expr: sympy.Expr) -> sympy.Expr:
        if isinstance(expr, Ref) and expr.name in names:
            return ref(names[expr.name], expr.index)
        return rebuild(expr, [put(operand) for operand in expr.operands]) if isinstance(expr, Op) else expr

    return replace(stage, equations=tuple(replace(e, expr=put(e.expr)) for e in stage.equations))


def _gathered(plan: Schedule, draft: Draft) -> list[Stage]:
    """The backward part; what only one table reads is summed before it is."""
    count: dict[str, int] = {}
    for stage in plan.stages:
        for _, read, _ in reads(stage.equations):
            count[read.name] = count.get(read.name, 0) + 1
    kept = {*plan.gradients.values(), *plan.boundaries}
    alone = {
        s.equations[0].out: s.equations[0].expr
        for s in plan.backward
        if s.kind == "map" and count.get(s.equations[0].name) == 1 and s.equations[0].name not in kept
    }
    found: list[Stage] = []
    gone: set[str] = set()
    for stage in plan.backward:
        equations: list[Equation] = []
        for equation in stage.equations:
            groups: dict[tuple[str, Ref], list[Op]] = {}
            for term in terms_of(equation.expr):
                key = _table(term)
                if key is not None and isinstance(term, Op) and term.operands[0].operands[0] in alone:
                    groups.setdefault(key, []).append(term)
            expr = equation.expr
            for (axis, _), terms in groups.items():
                if len(terms) > 1:
                    first = terms[0].operands[0]
                    total = draft.define(
                        f"{equation.name}_{axis}", plus(*(alone[t.operands[0].operands[0]] for t in terms)), axis
                    )
                    gone |= {t.operands[0].operands[0].name for t in terms}
                    found.append(map_stage(total, axis))
                    scattered = apply("scatter", total.out, first.operands[1], static=first.static)
                    one = apply("sum", scattered, static=terms[0].static)
                    expr = plus(one, *(term for term in terms_of(expr) if term not in terms))
            equations.append(replace(equation, expr=expr))
        found.append(replace(stage, equations=tuple(equations)))
    return [stage for stage in found if stage.equations[0].name not in gone]


def _table(term: sympy.Expr) -> tuple[str, Ref] | None:
    """Axis and index of ``sum[t](scatter(v[t], k[t], V))``."""
    if not (isinstance(term, Op) and is_op(term, "sum") and is_op(term.operands[0], "scatter")):
        return None
    value, index = term.operands[0].operands
    both = isinstance(value, Ref) and isinstance(index, Ref) and value.index == index.index
    return (str(term.static[0]), index) if both else None
