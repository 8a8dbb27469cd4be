"""Name functions that are computed more than once: ``tanh(c[t])`` of the LSTM, in the forward and the backward part.

Read next: `numeric.passes.hoist`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import sympy

from derive.expr import Op, Ref, Step, is_op, refs
from derive.primitives import TABLE
from derive.rewrite import rebuild
from derive.system import Equation
from numeric.passes.draft import Draft, depends_on, made_by, map_stage, subexpressions
from numeric.schedule import Schedule, Stage

COSTLY = ("softmax", "logsumexp")


def share(plan: Schedule) -> Schedule:
    """Give every repeated function call along one axis a name."""
    counts = Counter(call for stage in plan.stages for e in stage.equations for call in _calls(e.expr, (e.axis,)))
    repeated = {call for call, count in counts.items() if count > 1}
    if not repeated:
        return plan
    draft = Draft(plan)
    named: dict[Op, Equation] = {}
    parts = (
        [s for stage in part for s in _stages(stage, repeated, named, draft)] for part in (plan.forward, plan.backward)
    )
    return draft.finish(*parts)


def _wish(call: Op, lead: str) -> str:
    if _has_product(call):
        return f"{next(refs(call)).name}_{lead}"
    return f"{lead}_part" if call.primitive == "times" else f"{call.primitive}_{lead}"


def _axis(call: Op) -> str | None:
    """The one axis that a call runs along; None if it has several or reads fixed steps only."""
    axes = {read.index.axis for read in refs(call) if isinstance(read.index, Step)}
    moves = any(op.primitive in ("place", "unstack") or TABLE[op.primitive].binds for op in subexpressions(call))
    return axes.pop() if len(axes) == 1 and not moves else None


def _calls(expr: sympy.Expr, axes: tuple[str | None, ...]) -> Iterator[Op]:
    """Function calls along an axis that is current or bound where they stand."""
    if not isinstance(expr, Op):
        return
    inner = (*axes, str(expr.static[0])) if TABLE[expr.primitive].binds else axes
    costly = TABLE[expr.primitive].is_elementwise or expr.primitive in COSTLY or _has_product(expr)
    if costly and _axis(expr) in inner and _axis(expr):
        yield expr
    for operand in expr.operands:
        column = is_op(expr, "matmul") and operand == expr.operands[-1]
        column = column or (
            is_op(expr, "matmul") and is_op(expr.operands[-1], "transpose") and operand == expr.operands[0]
        )
        if (column or is_op(expr, "sum")) and is_op(operand, "times") and _axis(operand) in inner and _axis(operand):
            yield operand
        yield from _calls(operand, inner)


def _has_product(expr: sympy.Expr) -> bool:
    """``U @ h[t-1]``, or a sum with that."""
    if is_op(expr, "plus") and isinstance(expr, Op):
        return any(map(_has_product, expr.operands))
    if not is_op(expr, "matmul") or not isinstance(expr, Op):
        return False
    return isinstance(expr.operands[0], Ref) and expr.operands[0].index is None and isinstance(expr.operands[-1], Ref)


def _stages(stage: Stage, repeated: set[Op], named: dict[Op, Equation], draft: Draft) -> Iterator[Stage]:
    """The stage with names put in, after maps for those that it does not compute itself."""
    made = made_by(stage)
    equations: list[Equation] = []
    before: list[Stage] = []

    def name(call: Op, axis: str) -> Ref:
        if call not in named:
            inner = call if _has_product(call) else rebuild(call, [put(operand) for operand in call.operands])
            lead = next(read.name for read in refs(call) if isinstance(read.index, Step))
            named[call] = draft.define(_wish(call, lead), inner, axis)
            if depends_on(call, made | {e.name for e in equations}) and stage.kind == "scan" and stage.axis == axis:
                equations.append(named[call])
            else:
                before.append(map_stage(named[call], axis))
        return named[call].out

    def put(expr: sympy.Expr) -> sympy.Expr:
        if not isinstance(expr, Op):
            return expr
        if expr in repeated:
            axis = _axis(expr)
            assert axis is not None
            return name(expr, axis)
        return rebuild(expr, [put(operand) for operand in expr.operands])

    for equation in stage.equations:
        alone = isinstance(equation.expr, Op) and equation.expr in repeated and equation.expr not in named
        if alone and equation.axis == _axis(equation.expr):  # it has a name already
            named[equation.expr] = equation
            equations.append(replace(equation, expr=rebuild(equation.expr, [put(o) for o in equation.expr.operands])))
        else:
            new = put(equation.expr)
            equations.append(replace(equation, expr=new))
    yield from before
    yield replace(stage, equations=tuple(equations))
