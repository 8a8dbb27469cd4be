"""Mistakes that people make, one family a file, as changes of the derived equations.

Every mutant is derived from the adjoint of the system at hand, so the search works for any cell and network.  The
same change at all gates, at all recurrent edges or of all weights is one mutant: people make one mistake everywhere.

Read next: `numeric.check.diagnosis.regions`.
"""

from __future__ import annotations

from dataclasses import replace

from numeric.check.mistakes.amounts import limited, multiplied, twice, unscaled
from numeric.check.mistakes.factors import misplaced
from numeric.check.mistakes.gradients import local_edits
from numeric.check.mistakes.mutant import Mutant, Window
from numeric.check.mistakes.reads import exchanged, replaced, shifted, swapped, transposed
from numeric.check.mistakes.slopes import activated, derivatives
from numeric.check.mistakes.steps import everywhere, handed, overwritten, wrapping
from numeric.check.mistakes.terms import dropped, entering, inside, signs, unlinked
from numeric.check.mistakes.weights import crossed, rerouted, sent_back
from numeric.check.mistakes.windows import truncations
from numeric.check.variants.edits import Edit
from numeric.check.variants.view import View, stem, without_copies

__all__ = ["Mutant", "Window", "local_edits", "mutants"]
FAMILIES = (
    *(dropped, unlinked, inside, entering, derivatives, transposed),
    *(shifted, swapped, misplaced, signs, exchanged, replaced),
    *(wrapping, everywhere, handed, overwritten, crossed, rerouted, sent_back),
    *(activated, multiplied, unscaled, twice, limited),
)


def mutants(view: View) -> list[Mutant]:
    """All single mistakes, each once; the same mistake at all places of its kind follows the single ones."""
    single = [m for family in FAMILIES for m in family(view)]
    groups: dict[tuple[str, ...], list[Mutant]] = {}
    for mutant in single:
        groups.setdefault((mutant.kind, mutant.tag), []).append(mutant)
        if (bare := _stems(mutant.where)) != mutant.where:  # the same mistake in all copies of a cell
            groups.setdefault((mutant.kind, bare, without_copies(mutant.detail)), []).append(mutant)
    joint = [_joined(group) for group in groups.values() if len(group) > 1]
    unique: dict[frozenset[Edit], Mutant] = {}
    for mutant in sorted((*single, *(m for m in joint if m is not None)), key=lambda m: m.rank):
        unique.setdefault(frozenset(mutant.edits), mutant)
    return [*unique.values(), *truncations(view)]


def _stems(where: str) -> str:
    """Places without what tells copies of a cell apart: ``c, f`` of ``c_l, f_l``."""
    return ", ".join(dict.fromkeys(map(stem, where.split(", "))))


def _joined(group: list[Mutant]) -> Mutant | None:
    edits = tuple(dict.fromkeys(edit for mutant in group for edit in mutant.edits))
    for out in {edit.out for edit in edits}:
        mine = [edit for edit in edits if edit.out == out]
        if any(a is not b and b.path[: len(a.path)] == a.path for a in mine for b in mine):
            return None  # one inside another
    where = ", ".join(dict.fromkeys(mutant.where for mutant in group))
    return replace(group[0], where=where, edits=edits, detail=f"{group[0].tag}, everywhere")
