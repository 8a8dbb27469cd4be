"""`verify`: all oracles and the proof, for one system.

>>> import derive
>>> all(evidence.holds for evidence in verify(derive.load("rnn"), cases=2))
True

`numeric.verify` is this function; what else the module holds is had by ``from numeric.verify import …``.

Read next: `reports`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy

from derive.evidence import Evidence, Plan
from derive.proof import proofs
from derive.reach import default_wrt, moved_by
from derive.system import System
from numeric.agreement import with_kernel
from numeric.draws import Case
from numeric.draws import cases as draw_cases
from numeric.oracles import (
    NotDone,
    Subject,
    with_autograd,
    with_complex_step,
    with_dot_test,
    with_second_derivatives,
    with_torch,
)
from numeric.taylor import with_taylor

Oracle = Callable[[Subject, Sequence[Case]], Evidence]
ORACLES: dict[str, Oracle] = {
    "autograd": with_autograd,
    "complex step": with_complex_step,
    "dot test": with_dot_test,
    "Taylor slope": with_taylor,
    "torch": with_torch,
    "second derivatives": with_second_derivatives,
    "kernel": with_kernel,
}


def verify(
    system: System, *, cases: int = 8, seed: int = 0, progress: Callable[[str], None] | None = None
) -> list[Evidence]:
    """Check the gradient of a system by every oracle there is, and prove it.

    Args:
        system: the primal.
        cases: how many random cases every oracle looks at; eight go once through all regimes.
        seed: of the cases.
        progress: called with the name of each check before it runs.

    Returns:
        One `Evidence` for every check that was done.  What could not be done (torch is not installed) is absent,
        and named in the detail of the first.

    Raises:
        ValueError: if no output depends on anything that has a gradient, or no random case has finite values.
    """
    outputs = (*system.outputs, *system.states)
    if not moved_by(system, default_wrt(system)) & set(outputs):
        shown = ", ".join(dict.fromkeys(outputs))
        raise ValueError(f"{shown} does not depend on any parameter, real input or initial value outside of stop(…)")
    found = check(Subject.of(system), cases=cases, seed=seed, progress=progress)
    if progress is not None:
        progress("proof")
    plan = found[0].plan
    return [*found, *(replace(evidence, plan=plan) for evidence in proofs(system, seed=seed))]


def check(
    subject: Subject, *, cases: int = 8, seed: int = 0, progress: Callable[[str], None] | None = None
) -> list[Evidence]:
    """The oracles of `verify`, without the proof, for systems that are derived already (or somebody else's)."""
    found, missing = [], []
    drawn = list(draw_cases(subject.primal, cases, seed))
    for name, oracle in ORACLES.items():
        if progress is not None:
            progress(name)
        try:
            with numpy.errstate(all="ignore"):  # infinities and NaN are findings, not warnings
                found.append(oracle(subject, drawn))
        except NotDone as reason:
            missing.append((name, str(reason)))
    if missing:
        skipped = "not done: " + "; ".join(f"{name}: {reason}" for name, reason in missing)
        found[0] = replace(found[0], detail="; ".join([*filter(None, [found[0].detail]), skipped]))
    return [replace(evidence, plan=Plan(seed, cases, tuple(missing))) for evidence in found]


def as_json(name: str, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """The fixed JSON form of a verification: name, holds, evidence."""
    return {"name": name, "holds": all(e.holds for e in evidence), "evidence": [e.as_dict() for e in evidence]}
