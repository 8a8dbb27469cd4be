"""`Mutant`: one mistake, as a change of the derived equations.

Read next: `numeric.check.mistakes.terms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from derive.expr import Ref, refs
from numeric.check.variants.edits import Edit
from numeric.check.variants.view import View

Window = frozenset[tuple[str, int]]  # quantities, and the positions at which they are zero


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        kind: one of `numeric.check.verdict.KINDS`.
        where: quantities of the system, joined by commas.
        detail: what it does, in one line.
        edits: of the adjoint.
        tag: what the same mistake at other places has in common.
        rank: 0 for what people do often, 1 for what they do, 2 for what could be.
        windows: quantities and positions that are zero; of several, the gradients are added up.
        also: other kinds under which people know the same mistake.
    """

    kind: str
    where: str
    detail: str
    edits: tuple[Edit, ...]
    tag: str
    rank: int = 0
    windows: tuple[Window, ...] = (frozenset(),)
    also: tuple[str, ...] = ()


def source_of(view: View, deltas: Sequence[Ref]) -> str:
    """The gate of the first cotangent that is read."""
    return view.gate(deltas[0].name) if deltas else ""


def owner_of(view: View, expr: sympy.Expr) -> str:
    """The first quantity that is read, as the author calls it."""
    return next((view.gate(read.name) for read in refs(expr)), "")
