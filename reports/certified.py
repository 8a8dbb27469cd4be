"""The certificate: what was checked of a system, in a form from which it can be checked again by anybody.

It holds the system as text and the SHA-256 of that text, the seed and number of random cases, the versions that took
part, and for every method its cases, its worst error and its tolerance; methods that could not be used with the reason.
Its form is published, `certificate.schema.json` beside this module. The last member is the SHA-256 of all others, so
that a certificate that was changed is known as such; who wrote it, it does not prove.

Read next: `reports.recheck`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

from derive.evidence import Evidence
from derive.system import System
from reports.sections.certificate import versions

FORMAT = "bptt certificate 1"
SEAL = "sha256"


@cache
def schema() -> dict[str, Any]:
    """The published form of a certificate."""
    found: dict[str, Any] = json.loads((files("reports") / "certificate.schema.json").read_text(encoding="utf-8"))
    return found


def certified(system: System, evidence: Sequence[Evidence]) -> dict[str, Any] | None:
    """The certificate of a verification; None for evidence that `numeric.verify` did not collect.

    Args:
        system: the primal.
        evidence: all that `numeric.verify` found of it.
    """
    plan = evidence[0].plan if evidence else None
    if plan is None or any(item.plan != plan for item in evidence):
        return None
    text = str(system)
    content: dict[str, Any] = {
        "format": FORMAT,
        "name": system.name,
        "system": {"text": text, "sha256": digest(text)},
        "seed": plan.seed,
        "cases": plan.cases,
        "versions": own_versions(),
        "evidence": [item.as_dict() for item in evidence],
        "skipped": [{"method": method, "reason": reason} for method, reason in plan.skipped],
        "holds": all(item.holds for item in evidence),
    }
    return content | {SEAL: seal(content)}


def own_versions() -> dict[str, str]:
    """Of this package, Python and the packages that took part."""
    try:
        return {"bptt": version("bptt"), **versions()}
    except PackageNotFoundError:  # run from its source
        return versions()


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def seal(certificate: Mapping[str, Any]) -> str:
    """SHA-256 of all members but the seal itself: JSON with sorted keys and no white space."""
    content = {key: value for key, value in certificate.items() if key != SEAL}
    return digest(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
