"""Pack products that share their right operand: the gates of a cell become rows of one product.

``W_f @ x[t]`` and ``W_i @ x[t]`` are rows of ``W @ x[t]`` with ``W = [W_f, W_i]``, stacked once.

Read next: `numeric.passes.lift`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from derive.expr import Op, Ref, apply, concat, is_op, matmul, plus, refs
from derive.system import Equation
from numeric.passes.draft import Additions, Draft, common_name, is_time_free, map_stage, terms_of
from numeric.schedule import Schedule, Stage, is_stepwise

Place = tuple[int, int]  # stage, equation
Member = tuple[Place, Equation, sympy.Expr]  # its product, matrix @ operand


def pack(plan: Schedule) -> Schedule:
    """Pack the products with matrices that have no time, within scans and among maps."""
    draft = Draft(plan)
    defined = {name for name, var in plan.variables.items() if var.is_leaf}
    parts = []
    for stages in (plan.forward, plan.backward):
        additions = Additions(stages)
        for (axis, right), members in _groups(stages, draft).items():
            if len(members) > 1:
                _pack(axis[0], right, members, draft, additions, defined | _earlier(stages, members[0][0][0], plan))
        parts.append(additions.result())
    return draft.finish(*parts)


def _earlier(stages: Sequence[Stage], position: int, plan: Schedule) -> set[str]:
    """What is computed before a stage."""
    before = [*stages[:position], *(plan.forward if stages is plan.backward else ())]
    return {equation.name for stage in before for equation in stage.equations}


def _groups(stages: Sequence[Stage], draft: Draft) -> dict[tuple[tuple[str, int], sympy.Expr], list[Member]]:
    """Products by axis (and scan) and right operand; at most one from an equation."""
    found: dict[tuple[tuple[str, int], sympy.Expr], list[Member]] = {}
    for i, stage in enumerate(stages):
        for j, equation in enumerate(stage.equations):
            if equation.axis is None:
                continue
            where = (equation.axis, i if stage.kind == "scan" else -1)
            seen = set()
            for product, right in _products(equation, draft):
                if right not in seen:
                    seen.add(right)
                    found.setdefault((where, right), []).append(((i, j), equation, product))
    return found


def _products(equation: Equation, draft: Draft) -> Iterator[tuple[Op, sympy.Expr]]:
    shape_of = draft.plan.shape_of
    for term in terms_of(equation.expr):
        if isinstance(term, Op) and is_op(term, "matmul"):
            matrix, right = matmul(*term.operands[:-1]), term.operands[-1]
            shared = is_time_free(matrix) and not any(read.name in draft.batched for read in refs(matrix))
            is_product = shape_of(matrix)[1] != 1 and shape_of(right)[1] == 1
            if shared and is_product and equation.axis is not None and is_stepwise(right, equation.axis):
                yield term, right


def _pack(
    axis: str, right: sympy.Expr, members: list[Member], draft: Draft, additions: Additions, defined: set[str]
) -> None:
    shape_of = draft.plan.shape_of
    (i, j), _, _ = members[0]
    members = sorted(members, key=lambda member: _is_given(member[2], draft))  # what undergoes the same lies together
    matrices = [matmul(*product.operands[:-1]) for _, _, product in members if isinstance(product, Op)]
    if not all(read.name in defined for matrix in matrices for read in refs(matrix)):
        return
    stacked = draft.define(_wish(matrices, right), concat(*matrices), None)
    additions.before_stage.setdefault(i, []).append(map_stage(stacked, None))
    packed = draft.define(common_name([e.name for _, e, _ in members]), matmul(stacked.out, right), axis)
    if additions.stages[i].kind == "scan":
        additions.before_equation.setdefault((i, j), []).append(packed)
    else:
        additions.before_stage[i].append(map_stage(packed, axis))
    low: sympy.Expr = sympy.Integer(0)
    for (_, equation, product), matrix in zip(members, matrices, strict=True):
        high = sympy.expand(low + shape_of(matrix)[0])
        rows = apply("rows", packed.out, static=(sympy.Tuple(low, high),))
        terms = list(terms_of(additions.expr(equation)))
        terms[terms.index(product)] = rows
        additions.changed[equation.out] = plus(*terms)
        low = high


def _is_given(product: sympy.Expr, draft: Draft) -> bool:
    """Whether its matrix is as it was given, no multiple of it (`numeric.passes.halve`)."""
    return all(draft.variables[read.name].is_leaf for read in refs(matmul(*product.operands[:-1])))


def _wish(matrices: Sequence[sympy.Expr], right: sympy.Expr) -> str:
    """``W`` for W_f and W_i; ``W_h`` for their columns that multiply h."""
    name = common_name([next(refs(matrix)).name for matrix in matrices])
    plain = all(isinstance(matrix, Ref) for matrix in matrices)
    operand = next((read.name for read in refs(right)), "")
    return name if plain or not operand else f"{name}_{operand}"
