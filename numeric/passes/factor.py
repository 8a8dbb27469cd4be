"""Take common factors out of sums, within one step of a scan.

``dh[t] * h[t-1] - dh[t] * n[t]`` is ``dh[t] * (h[t-1] - n[t])``.  What is left in parentheses does not depend on the
recurrence, so that it can leave the loop.

Read next: `numeric.passes.inline`.
"""

from __future__ import annotations

import sympy

from derive.expr import Op, Ref, is_op, plus, times
from derive.shapes import ShapeOf
from numeric.passes.draft import depends_on, in_scans, terms_of
from numeric.schedule import Schedule


def factor(plan: Schedule) -> Schedule:
    """Take out what is recurrent, scan by scan."""
    return in_scans(plan, _grouped)


def _grouped(expr: sympy.Expr, recurrent: frozenset[str], shape_of: ShapeOf) -> sympy.Expr:
    terms = list(terms_of(expr))
    groups: dict[Ref, list[tuple[int, sympy.Expr]]] = {}
    for i, term in enumerate(terms):
        found = _one_factor(term, recurrent)
        if found is not None and shape_of(found[0]) == shape_of(found[1]) == shape_of(expr):
            groups.setdefault(found[0], []).append((i, found[1]))
    gone: set[int] = set()
    for common, members in groups.items():
        if len(members) > 1:
            terms[members[0][0]] = times(common, plus(*(rest for _, rest in members)))
            gone |= {i for i, _ in members[1:]}
    return plus(*(term for i, term in enumerate(terms) if i not in gone)) if gone else expr


def _one_factor(term: sympy.Expr, recurrent: frozenset[str]) -> tuple[Ref, sympy.Expr] | None:
    """The only recurrent factor of a product, and the product of the others."""
    if not (isinstance(term, Op) and is_op(term, "times")):
        return None
    moving = [operand for operand in term.operands if depends_on(operand, recurrent)]
    rest = [operand for operand in term.operands if not depends_on(operand, recurrent)]
    if len(moving) != 1 or not isinstance(moving[0], Ref) or all(operand.is_number for operand in rest):
        return None
    return moving[0], times(*rest) if len(rest) > 1 else rest[0]
