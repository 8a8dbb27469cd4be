"""`bptt verify`: the gradient against independent methods.

Read next: `numeric.verify`.
"""

from __future__ import annotations

from collections.abc import Sequence

import derive
import numeric
from derive.evidence import Evidence
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
    return {"name": system.name, "holds": holds(evidence), "evidence": [item.as_dict() for item in evidence]}


def text(system: derive.System, evidence: Sequence[Evidence]) -> str:
    """The evidence as a table."""
    rows = [
        (item.claim, item.method, str(item.cases), error(item.worst), error(item.tolerance), outcome(item.holds))
        for item in evidence
    ]
    head = ("claim", "method", "cases", "worst", "tolerance", "")
    failing = [f"  {item}" for item in evidence if not item.holds]
    return "\n".join([f"{system.name}: {outcome(holds(evidence))}", table([head, *rows], "llrrr"), *failing])


def outcome(held: bool) -> str:
    """A word that is seen where it matters."""
    return "holds" if held else "DOES NOT HOLD"


def error(value: float | None) -> str:
    """A size of error, if the method is not exact."""
    return "exact" if value is None else f"{value:.1e}"
