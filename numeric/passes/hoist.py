"""Move out of a scan what does not depend on its recurrence.

In the forward part these are the products with inputs; in the backward part, which is linear in the cotangents, the
coefficients of the recurrence: ``o[t] * (1 - o[t])``.  They become maps over all steps before the loop.

Read next: `numeric.passes.pack`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy

from derive.expr import Op, Ref, is_op, plus, times
from derive.primitives import TABLE
from derive.rewrite import rebuild
from derive.system import Equation
from numeric.passes.draft import Draft, depends_on, is_stepwise, made_by, map_stage
from numeric.schedule import Schedule, Stage

FREE = ("rows", "transpose", "stop", "place")  # views, or better asked for in the loop


def hoist(plan: Schedule) -> Schedule:
    """Give everything that a scan computes without its recurrence an equation before the scan."""
    draft = Draft(plan)
    parts = ([s for stage in part for s in _hoisted(stage, draft)] for part in (plan.forward, plan.backward))
    return draft.finish(*parts)


def _hoisted(stage: Stage, draft: Draft) -> list[Stage]:
    if stage.kind != "scan" or stage.axis is None:
        return [stage]
    worker = _Hoist(stage.axis, made_by(stage), draft)
    equations = tuple(worker.equation(equation) for equation in stage.equations)
    return [*(map_stage(e, stage.axis) for e in worker.before.values()), replace(stage, equations=equations)]


class _Hoist:
    """One scan being relieved."""

    def __init__(self, axis: str, recurrent: frozenset[str], draft: Draft) -> None:
        self.axis, self.recurrent, self.draft = axis, recurrent, draft
        self.before: dict[sympy.Expr, Equation] = {}

    def equation(self, equation: Equation) -> Equation:
        """The equation with reads of what is computed before."""
        return replace(equation, expr=self._walk(equation.expr, equation.name))

    def _walk(self, expr: sympy.Expr, owner: str) -> sympy.Expr:
        if not isinstance(expr, Op) or TABLE[expr.primitive].binds:
            return expr
        if not depends_on(expr, self.recurrent):
            return self._out(expr, owner) if self._is_worth(expr) else expr
        if is_op(expr, "plus"):
            return self._grouped(expr.operands, owner, plus, "in")
        if is_op(expr, "times"):
            return self._grouped(expr.operands, owner, times, "by")
        return rebuild(expr, [self._walk(operand, owner) for operand in expr.operands])

    def _is_worth(self, expr: sympy.Expr) -> bool:
        """Whether it takes time at every step."""
        if not isinstance(expr, Op) or not is_stepwise(expr, self.axis):
            return False
        if expr.primitive in FREE:
            return self._is_worth(expr.operands[0])
        if is_op(expr, "times") and len(expr.operands) == 2 and expr.operands[0] == -1:
            return self._is_worth(expr.operands[1])
        return True

    def _grouped(self, operands: Sequence[sympy.Expr], owner: str, build: object, tail: str) -> sympy.Expr:
        """Operands of a sum or product, those without recurrence taken together."""
        assert callable(build)
        free = [o for o in operands if not depends_on(o, self.recurrent) and is_stepwise(o, self.axis) and not is_op(o, "place")]
        if len(free) + any(map(self._is_worth, free)) < 2:
            return build(*(self._walk(operand, owner) for operand in operands))
        still = [o for o in operands if not depends_on(o, self.recurrent) and not is_stepwise(o, self.axis) and not is_op(o, "place")]
        together = build(*(o for o in operands if o in free or o in still))
        group = self._out(together, f"{owner}_{tail}", exact=True)
        rest = [self._walk(operand, owner) for operand in operands if operand not in free and operand not in still]
        return build(*rest, group)

    def _out(self, expr: sympy.Expr, owner: str, *, exact: bool = False) -> Ref:
        if expr not in self.before:
            self.before[expr] = self.draft.define(owner if exact else f"{owner}_by", expr, self.axis)
        return self.before[expr].out
