"""Gather sums of products: ``W_f.T @ dz_f[t] + W_i.T @ dz_i[t]`` is ``W.T @ dz[t]`` with both stacked.

The cotangents that a loop computes are written side by side into one buffer (`numeric.layout`), so stacking them
costs nothing.  Where a product for all steps needs other cotangents beside some of a loop's, as the inputs of a GRU do,
all of them lie side by side, ``[da_n, da_z, da_r, da_n * r]``: either product reads adjacent rows.

Read next: `numeric.passes.collect`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.expr import Op, Ref, apply, concat, is_op, matmul, plus, refs, transpose
from derive.system import Equation
from numeric.passes.draft import (
    Additions,
    Draft,
    common_name,
    is_here,
    is_time_free,
    made_by,
    map_stage,
    rows_among,
    terms_of,
)
from numeric.schedule import Schedule, Stage

Product = tuple[sympy.Expr, sympy.Expr, Ref]  # the term, its matrix, its column


def gather(plan: Schedule) -> Schedule:
    """Gather products with columns of the same step that one scan computes."""
    draft = Draft(plan)
    known: dict[frozenset[sympy.Expr], Equation] = {}  # what has been stacked so far, by its parts
    parts = []
    for stages in (plan.forward, plan.backward):
        additions = Additions(stages)
        for i, stage in enumerate(stages):
            for j, equation in enumerate(stage.equations):
                products = _products(equation, draft)
                joined = _joined(products, known, draft, additions, (i, j))
                if joined is None:
                    joined, products = _among(products, stage, known, draft)
                if joined is not None:
                    _gather(equation, products, joined, known, draft, additions, i)
                if is_op(equation.expr, "concat") and not equation.is_boundary:
                    known.setdefault(frozenset(equation.expr.operands), equation)
        parts.append(additions.result())
    return draft.finish(*parts)


def _products(equation: Equation, draft: Draft) -> list[Product]:
    found: list[Product] = []
    for term in terms_of(equation.expr):
        if isinstance(term, Op) and is_op(term, "matmul") and equation.axis is not None:
            matrix, column = matmul(*term.operands[:-1]), term.operands[-1]
            shared = is_time_free(matrix) and not any(read.name in draft.batched for read in refs(matrix))
            if not shared or not isinstance(column, Ref) or not is_here(column, equation.out.index):
                continue
            if len(draft.variables[column.name].shape) == 1 and column not in [c for _, _, c in found]:
                found.append((term, matrix, column))
    return found


def _joined(
    products: list[Product],
    known: dict[frozenset[sympy.Expr], Equation],
    draft: Draft,
    additions: Additions,
    place: tuple[int, int],
) -> Equation | None:
    """The equation that stacks the columns; a new one only where that is free."""
    columns, stage = [column for _, _, column in products], additions.stages[place[0]]
    if len(columns) < 2:
        return None
    found = known.get(frozenset(columns))
    if found is not None and found.axis == stage.axis and isinstance(found.expr, Op):
        return found if len(found.expr.operands) == len(columns) else None
    taken = {part for parts in known for part in parts}
    if stage.kind != "scan" or taken & set(columns) or not made_by(stage).issuperset(c.name for c in columns):
        return None
    columns = _widened(columns, additions.stages, place, taken, draft)
    equation = draft.define(common_name([column.name for column in columns]), concat(*columns), stage.axis)
    additions.before_equation.setdefault(place, []).append(equation)
    known[frozenset(columns)] = equation
    return equation


def _widened(
    columns: list[Ref], stages: Sequence[Stage], place: tuple[int, int], taken: set[sympy.Expr], draft: Draft
) -> list[Ref]:
    """The columns, behind those that products for all steps need beside some of them: the latter lie in between."""
    i, j = place
    ready = {equation.out for equation in stages[i].equations[:j]} - taken
    for stage in stages[i + 1 :]:
        for equation in stage.equations if stage.kind == "map" else ():
            wanted = [column for _, _, column in _products(equation, draft)]
            both = [column for column in columns if column in wanted]
            more = [column for column in wanted if column not in columns]
            if both and more and ready.issuperset(more):
                return [*more, *both, *(column for column in columns if column not in both)]
    return columns


def _among(
    products: list[Product], stage: Stage, known: dict[frozenset[sympy.Expr], Equation], draft: Draft
) -> tuple[Equation | None, list[Product]]:
    """A stack of which some of the columns are neighbours, and the products with these."""
    for joined in known.values():
        parts = joined.expr.operands if isinstance(joined.expr, Op) else ()
        inside = [product for product in products if product[2] in parts]
        columns = {column for _, _, column in inside}
        if len(inside) > 1 and joined.axis == stage.axis and rows_among(parts, columns, draft.plan) is not None:
            return joined, inside
    return None, products


def _gather(
    equation: Equation,
    products: list[Product],
    joined: Equation,
    known: dict[frozenset[sympy.Expr], Equation],
    draft: Draft,
    additions: Additions,
    position: int,
) -> None:
    assert isinstance(joined.expr, Op)
    by_column = {column: matrix for _, matrix, column in products}
    parts = [transpose(by_column[column]) for column in joined.expr.operands if column in by_column]
    rows = rows_among(joined.expr.operands, by_column.keys(), draft.plan)
    assert rows is not None
    all_of_it = len(by_column) == len(joined.expr.operands)
    column = joined.out if all_of_it else apply("rows", joined.out, static=(rows,))
    stacked = next((e for e in known.values() if e.expr == concat(*parts)), None)
    if stacked is None:
        name = common_name([next(refs(part)).name for part in parts])
        plain = all(isinstance(part, Ref) for part in parts)
        stacked = draft.define(name if plain else f"{name}_{equation.name}", concat(*parts), None)
        known[frozenset(parts)] = stacked
        additions.before_stage.setdefault(position, []).append(map_stage(stacked, None))
    terms = list(terms_of(equation.expr))
    terms[terms.index(products[0][0])] = matmul(transpose(stacked.out), column)
    gone = [term for term, _, _ in products[1:]]
    additions.changed[equation.out] = plus(*(term for term in terms if term not in gone))
