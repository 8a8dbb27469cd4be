"""Blend two values by their difference: ``(1 - z[t]) * n[t] + z[t] * h[t-1]`` is ``n[t] + z[t] * (h[t-1] - n[t])``.

That is an operation less for each entry.  Only in scans, and only where the share depends on the recurrence: else the
factors can leave the loop as they are.

Read next: `numeric.passes.halve`.
"""

from __future__ import annotations

import sympy

from derive.expr import Op, Ref, is_op, plus, times
from derive.shapes import ShapeOf
from numeric.passes.draft import in_scans, terms_of
from numeric.schedule import Schedule

Product = tuple[sympy.Expr, sympy.Expr]  # a factor, and the others
ONE = sympy.Integer(1)


def blend(plan: Schedule) -> Schedule:
    """Rewrite sums with a share and the rest to one, scan by scan."""
    return in_scans(plan, _blend)


def _blend(expr: sympy.Expr, recurrent: frozenset[str], shape_of: ShapeOf) -> sympy.Expr:
    terms = terms_of(expr)
    for one in terms:
        for share, first in _products(one):
            if not isinstance(share, Ref) or share.name not in recurrent:
                continue
            for other in terms:
                second = dict(_products(other)).get(plus(ONE, times(-ONE, share)))
                if second is None or any(shape_of(part) != shape_of(expr) for part in (share, first, second)):
                    continue
                rest = [term for term in terms if term not in (one, other)]
                return plus(*rest, second, times(share, plus(first, times(-ONE, second))))
    return expr


def _products(term: sympy.Expr) -> list[Product]:
    """A product of two as a factor and the other, either way; empty for anything else."""
    if not isinstance(term, Op) or not is_op(term, "times") or len(term.operands) != 2:
        return []
    one, other = term.operands
    return [(one, other), (other, one)]
