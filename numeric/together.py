"""Products with inputs that stay in the loop: ``W_h @ h[t-1] + W_x @ x[t] + b`` as one product, where that is faster.

Passes take ``W_x @ x[t] + b`` out of a loop over columns, as one product for all steps.  Where the weights are few
enough to stay in the cache, ``[W_h, W_x, b] @ [h[t-1], x[t], 1]`` at every step is faster: there is no sequence of
summands to write and read again, and nothing to add.  The states are kept beside the inputs then, in one array.  Which
of the two it is depends on sizes, so the generated module has both.

Read next: `numeric.trailing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy

from derive.expr import Op, Ref, Step, is_op, matmul
from derive.system import Equation
from numeric.columns import is_shared_matrix
from numeric.passes.draft import terms_of
from numeric.schedule import Schedule, Stage, reads


@dataclass(frozen=True)
class Together:
    """A product with a state and inputs.

    Attributes:
        stage: the scan.
        name: of the sum of products, ``z``.
        state: whose value at the step before it reads.
        matrix: by which that is multiplied.
        summand: the map that gives the rest, ``W_x @ x[t] + b``.
        products: matrix and sequence of each of its products.
        biases: the rest of it.
        width: rows of the state and of the sequences, and one if there are biases.
    """

    stage: Stage
    name: str
    state: str
    matrix: sympy.Expr
    summand: str
    products: tuple[tuple[sympy.Expr, Ref], ...]
    biases: tuple[sympy.Expr, ...]
    width: sympy.Expr


def together(
    plan: Schedule, columns: Sequence[Stage], blocked: Mapping[str, Stage], kept: Iterable[str]
) -> list[Together]:
    """Products with inputs that may stay in their loop, at most one for each state.

    Args:
        plan: the schedule.
        columns: scans of columns.
        blocked: maps that one of these alone needs, and which.
        kept: sequences that are stored with one boundary value, alone in their array.
    """
    maps = {e.name: e for stage in plan.stages for e in stage.equations if e.name in blocked}
    count: dict[str, int] = {}
    for stage in plan.stages:
        for _, read, _ in reads(stage.equations):
            count[read.name] = count.get(read.name, 0) + 1
    once = {name for name in maps if count.get(name) == 1}
    free, found = set(kept), list[Together]()
    for stage in columns:
        for equation in stage.equations if stage in plan.forward else ():
            one = _together(plan, stage, equation, {name: maps[name] for name in once if blocked[name] is stage}, free)
            if one is not None:
                found.append(one)
                free.discard(one.state)
    return found


def _together(
    plan: Schedule, stage: Stage, equation: Equation, maps: Mapping[str, Equation], states: set[str]
) -> Together | None:
    terms = terms_of(equation.expr)
    product = next((t for t in terms if isinstance(t, Op) and is_op(t, "matmul")), None)
    rest = [term for term in terms if term is not product]
    if product is None or len(rest) != 1 or not isinstance(rest[0], Ref) or rest[0].name not in maps:
        return None
    found = _product(product, plan)
    if found is None or found[1].name not in states or _shift(found[1]) != -stage.direction or _shift(rest[0]) != 0:
        return None
    if not any(e.name == found[1].name for e in stage.equations):
        return None
    products, biases = list[tuple[sympy.Expr, Ref]](), list[sympy.Expr]()
    for term in terms_of(maps[rest[0].name].expr):
        one = _product(term, plan)
        if plan.shape_of(term) != plan.shape_of(equation.out):
            return None
        if one is not None and _shift(one[1]) == 0 and one[1].name not in maps:
            products.append(one)
        elif is_shared_matrix(term, plan):
            biases.append(term)
        else:
            return None
    rows = [plan.shape_of(read)[0] for read in (found[1], *(read for _, read in products))]
    if not products or plan.shape_of(equation.out)[0] == 1 or any(r == 1 for r in rows):
        return None
    width = sympy.expand(sum(rows, sympy.Integer(bool(biases))))
    return Together(stage, equation.name, found[1].name, found[0], rest[0].name, tuple(products), tuple(biases), width)


def _product(term: sympy.Expr, plan: Schedule) -> tuple[sympy.Expr, Ref] | None:
    """A shared matrix and the column that it is multiplied by."""
    if not isinstance(term, Op) or not is_op(term, "matmul"):
        return None
    matrix, column = matmul(*term.operands[:-1]), term.operands[-1]
    return (matrix, column) if isinstance(column, Ref) and is_shared_matrix(matrix, plan) else None


def _shift(read: Ref) -> int | None:
    return read.index.shift if isinstance(read.index, Step) else None
