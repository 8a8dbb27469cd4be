"""From a `Bound` to a `Verdict`: right, right by some policy, wrong and why, or wrong and nobody knows.

Read next: `numeric.check.arrays`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from derive.reach import dependent
from numeric.check.bound import Bound
from numeric.check.diagnosis.clock import Clock
from numeric.check.diagnosis.findings import (
    Case,
    alternatives_of,
    findings_of,
    only_said_otherwise,
    policies_of,
    wrong_forward,
)
from numeric.check.diagnosis.hunt import Search
from numeric.check.diagnosis.localise import errors, multiples, stages
from numeric.check.diagnosis.speech import Speech
from numeric.check.variants.lanes import Derivation
from numeric.check.variants.view import View
from numeric.check.verdict import Finding, Outcome, Verdict

LATE = (
    "the time was over before everything was tried: a dump of fewer steps and examples (T = 6, B = 3) is searched in "
    "seconds, and --budget gives more time"
)
READINGS = 6  # of one dump that mistakes are looked for in


def judge(
    bounds: Sequence[Bound],
    *,
    budget: float = 45.0,
    progress: Callable[[str], None] | None = None,
    otherwise: Callable[[Bound], Sequence[Bound]] | None = None,
) -> Verdict:
    """The verdict on the first reading that is right, else on the one that needs the fewest mistakes.

    Args:
        bounds: readings of one dump, the most plausible first.
        budget: seconds for the search.
        progress: called with a line of text now and then.
        otherwise: what a reading that is not right may be without something that is no mistake; nothing if that is not
            in it.
    """
    clock = Clock()
    cases = [case for bound in bounds for case in _cases(bound, clock, budget, progress)]
    if (right := _right(cases)) is not None:
        return _verdict(right)
    if otherwise is not None and (more := [one for bound in bounds for one in otherwise(bound)]):
        cases = [case for bound in more for case in _cases(bound, clock, budget, progress)]
        if (right := _right(cases)) is not None:
            return _verdict(right)
    for least, stage in enumerate((Search.one, Search.more), 1):
        open_ = [case for case in cases[:READINGS] if not case.found]
        for number, case in enumerate(open_):
            now = clock.now()
            case.search.until = now + max(budget - now, 0.0) / (len(open_) - number)
            case.found = stage(case.search)
            if case.cost <= (False, False, least):  # no other reading needs fewer mistakes
                break
        if any(case.found for case in cases):
            break
    best = min(cases, key=lambda case: case.cost)
    verdict = _verdict(best)
    return verdict if best.found or clock.now() < budget else replace(verdict, notes=(*verdict.notes, LATE))


def _right(cases: Sequence[Case]) -> Case | None:
    """The first that needs no mistake."""
    for case in cases:
        if not case.reduced:
            case.found = case.search.as_it_is()
            if case.found and not case.mistakes:
                return case
    return None


def _cases(bound: Bound, clock: Clock, until: float, progress: Callable[[str], None] | None) -> Iterator[Case]:
    """A reading; the same for the intended cell; and last without gates and the like, which may be misplaced."""
    yield _case(bound, clock, until, progress)
    if bound.intended is not None and set(bound.intended.variables) <= set(bound.system.variables):
        yield _case(bound, clock, until, progress, forward=True)
    plain = tuple(c for c in bound.claims if not set(c.quantities(bound.space)) & set(bound.system.defined))
    if 0 < len(plain) < len(bound.claims):
        yield _case(replace(bound, claims=plain), clock, until, progress, reduced=True)


def _case(
    bound: Bound,
    clock: Clock,
    until: float,
    progress: Callable[[str], None] | None,
    *,
    forward: bool = False,
    reduced: bool = False,
) -> Case:
    view = View(Derivation(bound, bound.intended if forward else None))
    return Case(bound, view, Search(view, bound.scales, named_scales(view), clock, until, progress), forward, reduced)


def named_scales(view: View) -> dict[str, float]:
    """Factors that people forget or add."""
    sizes = view.derivation.sizes
    numbers = {"B": sizes.batch, **{axis.upper(): sizes.steps(axis) for axis in view.whole.axes}}
    for name in view.derivation.bound.cotangents:
        for read in dependent(view.primal, view.primal.parameters):
            var = view.primal.variables[read]
            if name == "L" and var.axis and len(var.shape) == 1 and view.primal.find("pre-activation", read) is None:
                numbers.setdefault(str(var.shape[0]), sizes.number(var.shape[0]))
    found = {"2": 2.0, "1/2": 0.5}
    items = [(text, number) for text, number in numbers.items() if number > 1]
    for text, number in items:
        found |= {text: float(number), f"1/{text}": 1 / number, f"2/{text}": 2 / number}
    for i, (a, m) in enumerate(items):
        for b, n in items[i + 1 :]:
            found |= {f"{a}·{b}": float(m * n), f"1/({a}·{b})": 1 / (m * n)}
    return found


def _verdict(case: Case) -> Verdict:
    bound, view = case.bound, case.view
    best = case.found[0] if case.found else None
    base = view.derivation.run([()])
    scale = case.search.bench.reference
    if best is not None and not best.overall.kind:
        scale = best.overall.factor
    elif best is not None and only_said_otherwise(case, best.overall):
        scale *= best.overall.factor
    gradients, correct = errors(case.search.bench.regions, base, scale)
    notes = list(bound.notes)
    diagnosis: tuple[Finding, ...] = ()
    alternatives: tuple[tuple[Finding, ...], ...] = ()
    if best is not None:
        diagnosis = findings_of(case, best)
        alternatives = alternatives_of(case, diagnosis)
        if not diagnosis and len(bound.scales) > 1 and best.overall.detail != next(iter(bound.scales)):
            notes.append(f"the loss that is differentiated: {best.overall.detail}")
    if case.reduced:
        notes.append("gradients of gates or pre-activations fit nowhere, and are left out")
    if best is None:
        diagnosis = tuple(wrong_forward(case, Speech(bound)))
    elif only_said_otherwise(case, best.overall):
        notes.append(f"the loss that is differentiated is the printed one {best.overall.detail}")
    notes += [f"the forward pass differs from {bound.architecture}: {text}" for text in bound.changed]
    policies = policies_of(diagnosis)
    outcome: Outcome = "correct" if best is not None and not diagnosis else "wrong"
    if diagnosis and len(policies) == len(diagnosis):
        outcome = "policy"
    if best is None and bound.doubt and not multiples(case.search.bench.regions, base):
        outcome, diagnosis = "undecided", ()
        notes.append(
            f"{bound.doubt}: say what is differentiated, as cotangent/NAME of an output or as the name of a loss"
        )
    if best is not None and best.error > 1e3 * max(r.tolerance for r in case.search.bench.regions) * 1e-3:
        notes.append(f"agreement to {best.error:.1g} only: digits were lost")
    return Verdict(
        verdict=outcome,
        matches=True,
        architecture=bound.architecture,
        convention=bound.convention,
        worst=bound.worst,
        gradients=gradients,
        correct=frozenset(correct),
        diagnosis=diagnosis,
        alternatives=alternatives,
        explained=best is not None,
        runner_up=case.search.bench.closest,
        policies=policies,
        stages=stages(case.search.bench.regions, base, view, scale) if outcome != "correct" else (),
        notes=tuple(dict.fromkeys(notes)),
    )
