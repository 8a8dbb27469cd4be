"""Move out of a scan what does not depend on its recurrence.

In the forward part these are the products with inputs; in the backward part, which is linear in the cotangents, the
coefficients of the recurrence: ``o[t] * (1 - o[t])``.  They become maps over all steps before the loop.

Read next: `numeric.passes.pack`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy

from derive.expr import Op, Ref, is_op, plus, times
from derive.primitives import TABLE
from derive.rewrite import rebuild
from derive.system import Equation
from numeric.passes.draft import Draft, depends_on, made_by, map_stage, subexpressions
from numeric.schedule import Schedule, Stage, is_stepwise

Build = Callable[..., sympy.Expr]
FREE = ("rows", "transpose", "stop")  # views
COSTLY = ("matmul", "plus", "times", "power", "softmax", "logsumexp", "sum", "reduce_to", "concat", "scatter")


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
    return [*(map_stage(e, e.axis) for e in worker.before.values()), replace(stage, equations=equations)]


class _Hoist:
    """One scan being relieved."""

    def __init__(self, axis: str, recurrent: frozenset[str], draft: Draft) -> None:
        self.axis, self.recurrent, self.draft = axis, recurrent, draft
        self.before: dict[sympy.Expr, Equation] = {}

    def equation(self, equation: Equation) -> Equation:
        """The equation with reads of what is computed before."""
        return replace(equation, expr=self._walk(equation.expr, equation.name))

    def _walk(self, expr: sympy.Expr, owner: str) -> sympy.Expr:
        if not isinstance(expr, Op):
            return expr
        if not depends_on(expr, self.recurrent):
            return self._out(expr, f"{owner}_by") if self._is_worth(expr) else expr
        if TABLE[expr.primitive].binds:
            return expr
        if is_op(expr, "plus"):
            return self._grouped(expr.operands, owner, plus, "in")
        if is_op(expr, "times"):
            return self._grouped(expr.operands, owner, times, "by")
        return rebuild(expr, [self._walk(operand, owner) for operand in expr.operands])

    def _is_worth(self, expr: sympy.Expr) -> bool:
        """Whether it takes time at every step."""
        if not isinstance(expr, Op):
            return False
        if not is_stepwise(expr, self.axis):
            return any(op.primitive in COSTLY or TABLE[op.primitive].is_elementwise for op in subexpressions(expr))
        if expr.primitive in FREE:
            return self._is_worth(expr.operands[0])
        if is_op(expr, "times") and len(expr.operands) == 2 and expr.operands[0] == -1:
            return self._is_worth(expr.operands[1])
        return not (is_op(expr, "place") and not is_stepwise(expr.operands[0], self.axis))

    def _grouped(self, operands: Sequence[sympy.Expr], owner: str, build: Build, tail: str) -> sympy.Expr:
        """Operands of a sum or product, those without recurrence taken together."""
        known = [o for o in operands if not depends_on(o, self.recurrent) and not is_op(o, "place")]
        moving = [operand for operand in known if is_stepwise(operand, self.axis)]
        if len(moving) + any(map(self._is_worth, moving)) < 2:
            return build(*(self._walk(operand, owner) for operand in operands))
        group = self._out(build(*(operand for operand in operands if operand in known)), f"{owner}_{tail}")
        return build(*(self._walk(operand, owner) for operand in operands if operand not in known), group)

    def _out(self, expr: sympy.Expr, wish: str) -> Ref:
        if expr not in self.before:
            axis = self.axis if is_stepwise(expr, self.axis) else None
            self.before[expr] = self.draft.define(wish, expr, axis)
        return self.before[expr].out
