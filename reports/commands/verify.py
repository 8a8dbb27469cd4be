"""`bptt verify`: the gradient against independent methods.

Read next: `numeric.verify`.
"""

from __future__ import annotations

from collections.abc import Sequence

import derive
import numeric
from numeric.evidence import Evidence
from reports.commands.output import print_json, print_text, table
from reports.commands.progress import progress
from reports.commands.systems import read_systems


def verify(arguments: Sequence[str], *, as_json: bool, strict: bool) -> int:
    """Print the evidence for each system; 1 if some of it does not hold."""
    systems = read_systems(arguments, strict=strict)
    found: list[tuple[derive.System, Sequence[Evidence]]] = []
    with progress() as say:
        for place, system in enumerate(systems, 1):
            say(f"verify {system.name} ({place} of {len(systems)})")
            found.append((system, numeric.verify(system)))
    if as_json:
        print_json([record(system, evidence) for system, evidence in found])
    else:
        print_text("\n\n".join(text(system, evidence) for system, evidence in found))
    return 0 if all(holds(evidence) for _, evidence in found) else 1


def holds(evidence: Sequence[Evidence]) -> bool:
    """Whether there is evidence, and all of it holds."""
    return bool(evidence) and all(item.holds for item in evidence)


def record(system: derive.System, evidence: Sequence[Evidence]) -> dict[str, object]:
    """The evidence as plain data."""
    return {
        "name": system.name,
        "holds": holds(evidence),
        "evidence": [
            {
                "claim": item.claim,
                "method": item.method,
                "cases": item.cases,
                "worst": item.worst,
                "tolerance": item.tolerance,
                "holds": item.holds,
            }
            for item in evidence
        ],
    }


def text(system: derive.System, evidence: Sequence[Evidence]) -> str:
    """The evidence as a table."""
    rows = [
        (i.claim, i.method, str(i.cases), f"{i.worst:.1e}", f"{i.tolerance:.1e}", "holds" if i.holds else "DOES NOT HOLD")
        for i in evidence
    ]
    head = ("claim", "method", "cases", "worst", "tolerance", "")
    verdict = "holds" if holds(evidence) else "DOES NOT HOLD"
    return f"{system.name}: {verdict}\n{table([head, *rows], 'llrrr')}"
