"""`bptt verify`: the gradient against independent methods.

Read next: `reports.commands.recheck`.
"""

from __future__ import annotations

from collections.abc import Sequence

import derive
from derive.evidence import Evidence
from numeric.verify import as_json as record
from numeric.verify import verify as evidence_for
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table
from reports.commands.progress import DONE, Say, after, progress
from reports.commands.systems import read_systems


def verify(arguments: Sequence[str], *, as_json: bool, strict: bool) -> int:
    """Print the evidence for each system; 1 if some of it does not hold."""
    systems = read_systems(arguments, strict=strict)
    found = []
    with progress(len(systems)) as say:
        for place, system in enumerate(systems, 1):
            tell = after(f"verify {system.name} ({place} of {len(systems)})", say)
            found.append((system, evidence_of(system, tell)))
            say(DONE)
    if as_json:
        print_json([record(system.name, evidence) for system, evidence in found])
    else:
        print_text("\n\n".join(table_of(system.name, evidence) for system, evidence in found))
    return 0 if all(item.holds for _, evidence in found for item in evidence) else 1


def evidence_of(system: derive.System, tell: Say) -> list[Evidence]:
    """The evidence for one system.

    Raises:
        Failure: if there is none to be had.
    """
    try:
        evidence = evidence_for(system, progress=tell)
    except ValueError as error:
        raise Failure(f"{system.name} cannot be verified: {error}") from error
    if not evidence:
        raise Failure(f"{system.name} cannot be verified: no check could be done")
    return evidence


def table_of(name: str, evidence: Sequence[Evidence]) -> str:
    """The evidence as a table, with what fails below it."""
    rows = [
        (item.claim, item.method, str(item.cases), _error(item.worst), _error(item.tolerance), _outcome(item.holds))
        for item in evidence
    ]
    head = ("claim", "method", "cases", "worst", "tolerance", "")
    verdict = _outcome(all(item.holds for item in evidence))
    failing = [str(item) for item in evidence if not item.holds]
    return "\n".join([f"{name}: {verdict}", table([head, *rows], "llrrr"), *failing])


def _outcome(held: bool) -> str:
    return "holds" if held else "DOES NOT HOLD"


def _error(value: float | None) -> str:
    return "exact" if value is None else f"{value:.1e}"
