"""Put products that are needed once into the product that needs them, within one step of a scan.

``di[t] = dc[t] * g[t]`` and ``dz_i[t] = di[t] * i[t] * (1 - i[t])`` become ``dc[t] * g[t] * i[t] * (1 - i[t])``.
All of it but ``dc[t]`` can leave the loop: the adjoint is linear in the cotangents.

Read next: `numeric.passes.hoist`.
"""

from __future__ import annotations

from dataclasses import replace

import sympy

from derive.expr import Op, Ref, is_op, times
from derive.rewrite import rebuild
from derive.system import Equation
from numeric.schedule import Schedule, Stage, reads


def inline(plan: Schedule) -> Schedule:
    """Inline products, scan by scan."""
    kept = {*plan.outputs, *plan.final, *plan.gradients.values(), *plan.boundaries}
    kept |= {e.name for stage in plan.stages for e in stage.equations if e.is_boundary}
    count: dict[str, int] = {}
    for stage in plan.stages:
        for _, read, _ in reads(stage.equations):
            count[read.name] = count.get(read.name, 0) + 1
    once = {name for name, number in count.items() if number == 1} - kept
    return plan.with_stages(lambda stage: _inlined(stage, once, plan))


def _inlined(stage: Stage, once: set[str], plan: Schedule) -> Stage:
    if stage.kind != "scan":
        return stage
    products = {e.out: e for e in stage.equations if e.name in once and is_op(e.expr, "times")}
    gone: set[Ref] = set()

    def put(expr: sympy.Expr) -> sympy.Expr:
        if not isinstance(expr, Op):
            return expr
        operands = [put(operand) for operand in expr.operands]
        if not is_op(expr, "times"):
            return rebuild(expr, operands)
        factors: list[sympy.Expr] = []
        for operand in operands:
            inner = products.get(operand) if isinstance(operand, Ref) else None
            if inner is not None and plan.shape_of(inner.expr) == plan.shape_of(expr):
                gone.add(operand)
                factors.append(put(inner.expr))
            else:
                factors.append(operand)
        return times(*factors)

    equations: list[Equation] = [replace(e, expr=put(e.expr)) for e in stage.equations]
    return replace(stage, equations=tuple(e for e in equations if e.out not in gone))
