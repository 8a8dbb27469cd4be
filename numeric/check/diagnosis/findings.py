"""What an explanation says to the author: findings, those with the same numbers, and what is a policy.

Read next: `numeric.check.diagnosis.judge`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from numeric.check.bound import Bound
from numeric.check.diagnosis.explanation import Explanation, Overall
from numeric.check.diagnosis.hunt import Search
from numeric.check.diagnosis.repair import repair, repair_of
from numeric.check.diagnosis.speech import Speech
from numeric.check.variants.view import View
from numeric.check.verdict import Finding


@dataclass
class Case:
    """One reading of the dump, searched.

    Attributes:
        bound, view, search: of this reading.
        forward: whether the backward pass is that of the intended cell, not of the one that was computed.
        reduced: whether gradients of gates and the like are left out, which may stand for something else.
        found: explanations, the most plausible first.
    """

    bound: Bound
    view: View
    search: Search
    forward: bool = False
    reduced: bool = False
    found: Sequence[Explanation] = ()

    @property
    def mistakes(self) -> int:
        """Those that this reading itself is."""
        return (self.forward or self.bound.literal) + bool(self.bound.lacking)

    @property
    def cost(self) -> tuple[bool, bool, int]:
        """Smaller is better: unexplained last, then by the number of mistakes."""
        return not self.found, self.reduced, (self.found[0].cost if self.found else 0) + self.mistakes


def findings_of(case: Case, explanation: Explanation) -> tuple[Finding, ...]:
    """What holds together, in the author's names."""
    speech, found = Speech(case.bound), []
    if explanation.cost or case.forward or case.bound.literal:
        found += wrong_forward(case, speech)
    for mutant in explanation.mutants:
        correct = repair(case.view, mutant, speech)
        kind = "cut-recurrence" if mutant.tag == "truncate:1" and mutant.kind == "truncate" else mutant.kind
        found.append(Finding(kind, speech.place(mutant.where), speech.text(mutant.detail), correct))
    overall = explanation.overall
    if overall.kind and not only_said_otherwise(case, overall):
        found.append(Finding(overall.kind, ", ".join(overall.claims) or "all gradients", overall.detail))
    for local, claims in explanation.local:
        quantity = next(r.quantity for r in case.search.bench.regions if r.claim == claims[0])
        correct = repair_of(case.view, quantity, speech)
        owners = (*claims, quantity.partition("[")[0], *case.bound.system.parameters)
        more = [name for name in local.where.split(", ") if name and name not in owners]
        where = ", ".join(claims) + (f" (of {speech.named(more)})" if more else "")
        found.append(Finding(local.kind, where, speech.text(local.detail), correct))
    if case.bound.lacking:
        where = speech.place(", ".join(case.bound.lacking))
        found.append(Finding("cotangent-missing", where, "the upstream gradient of the initial value is not added"))
    return tuple(found)


def only_said_otherwise(case: Case, overall: Overall) -> bool:
    """Whether a factor of all gradients is that between a printed loss and another common one: no mistake."""
    if not case.bound.lenient or overall.kind != "scale" or overall.claims:
        return False
    means = [1.0, *(s for label, s in case.search.bench.named.items() if label.startswith("1/"))]  # of B, T, classes
    total = overall.factor * case.search.bench.reference
    squared = any("½" in label for label in case.bound.scales)
    halves = (1.0, 2.0, 0.5) if squared else (1.0,)
    return any(abs(total / (mean * half) - 1) < 1e-4 for mean in means for half in halves)


def wrong_forward(case: Case, speech: Speech) -> list[Finding]:
    """That the forward is not the cell that its author had in mind, where the gradient is not right for it."""
    bound = case.bound
    if not bound.changed:
        return []
    where = list(bound.cotangents)
    if bound.intended is not None:
        meant = {e.out: e.expr for e in bound.intended.equations}
        found = [e.name for e in bound.system.equations if e.out in meant and meant[e.out] != e.expr]
        where = found or where
    detail = "; ".join(bound.changed)
    if case.forward:
        detail += ": the backward pass is right without this change"
    return [Finding("wrong-forward", speech.place(", ".join(where)), detail)]


def alternatives_of(case: Case, chosen: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], ...]:
    """Other findings with the same numbers."""
    seen = {frozenset((f.kind, f.where) for f in chosen)}
    others = []
    for explanation in (*case.found[1:], *(other for one in case.found for other in _by_other_names(one))):
        found = findings_of(case, explanation)
        key = frozenset((f.kind, f.where) for f in found)
        if key not in seen:
            seen.add(key)
            others.append(found)
    let_go = [m.where.partition(", ")[0] for m in case.found[0].mutants if m.tag == "a contribution is 0"]
    if let_go:  # nothing is handed back: whoever sees two mistakes in it is right too
        zeros = Speech(case.bound).place(", ".join(f"{state}[0]" for state in let_go))
        others.append((*chosen, Finding("zero-gradient", zeros, "nothing goes back to the initial state")))
    if all(not region.values.any() for region in case.search.bench.regions):
        names = dict.fromkeys(region.claim for region in case.search.bench.regions)
        others.append((Finding("zero-gradient", ", ".join(names), "all are zero"),))
    ends = ("everywhere", "is 0", "is missing") if len(case.view.primal.states) == 1 else ("everywhere",)
    cut = [f for f in chosen if f.kind == "cut-recurrence" and f.detail.endswith(ends)]
    if cut:
        rest = tuple(f for f in chosen if f not in cut)
        new = (Finding("truncate", cut[0].where, "the recurrence is followed for 1 step"), *rest)
        if frozenset((f.kind, f.where) for f in new) not in seen:
            others.append(new)
    return tuple(others)


def _by_other_names(explanation: Explanation) -> Iterator[Explanation]:
    """The same explanation, one of its mistakes called as others call it."""
    for number, mutant in enumerate(explanation.mutants):
        for kind in mutant.also:
            mutants = list(explanation.mutants)
            mutants[number] = replace(mutant, kind=kind, also=())
            yield replace(explanation, mutants=tuple(mutants))
    for number, (local, claims) in enumerate(explanation.local):
        for other in (*(replace(local, kind=kind, also=(), rivals=()) for kind in local.also), *local.rivals):
            changed = list(explanation.local)
            changed[number] = (other, claims)
            yield replace(explanation, local=tuple(changed))


def policies_of(diagnosis: Sequence[Finding]) -> tuple[str, ...]:
    """Those findings that people choose on purpose, as ``--allow`` has them."""
    found = []
    for finding in diagnosis:
        if finding.kind == "clip":
            found.append("clip:value" if "entry" in finding.detail else "clip:norm")
        if finding.kind == "truncate":
            steps = re.search(r"(\d+) step", finding.detail)
            if steps is not None and int(steps[1]) >= 2:
                found.append(f"truncate:{steps[1]}")
    return tuple(found)
