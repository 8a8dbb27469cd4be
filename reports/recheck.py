"""A certificate checked again: the system is read from its text, and every method runs again on the same random cases.

It holds if nothing in it was changed, it agrees with itself, and every method that it names and that can be used here
finds again what it says. Versions that differ, methods that cannot be used here, and errors that are others than
before, within what is allowed, are notes.

Read next: `reports.commands.recheck`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from derive.errors import EquationError
from derive.evidence import Evidence
from derive.language import parse
from derive.system import System
from numeric.verify import verify
from reports.certified import FORMAT, SEAL, digest, own_versions, schema, seal
from reports.schema import FormError, complaint, read_json

CLOSE = 0.01  # tolerances are products of counts and condition numbers, the same up to rounding


@dataclass(frozen=True)
class Recheck:
    """What became of a certificate.

    Attributes:
        name: of its system.
        reasons: why it does not hold; empty if it does.
        notes: what is otherwise than when it was written, and does not matter.
        evidence: what was found now; empty if it was not worth running anything.
    """

    name: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return not self.reasons


def read_certificate(path: str | Path) -> dict[str, Any]:
    """A certificate from its file, or from the JSON file of a report.

    Raises:
        FormError: one line, if it is none.
    """
    content = read_json(path)
    if isinstance(content, dict) and "format" not in content and "certificate" in content:
        content = content["certificate"]
        if content is None:
            raise FormError(f"{path} is a report of a system that was not verified, and has no certificate")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormError(f"{path} is no certificate: its format is not {FORMAT!r}")
    wrong = complaint(content, schema())
    if wrong:
        raise FormError(f"{path} is no certificate: {wrong}")
    return content


def recheck(certificate: dict[str, Any], progress: Callable[[str], None] | None = None) -> Recheck:
    """Check a certificate again.

    Args:
        certificate: as `read_certificate` gives it.
        progress: called with the name of each method before it runs.

    Raises:
        FormError: if the text in it is no system, or the system cannot be verified.
    """
    name = certificate["name"]
    changed = [*_changes(certificate), *_contradictions(certificate)]
    if changed:
        return Recheck(name, tuple(changed))
    system = _system(certificate)
    try:
        found = verify(system, cases=certificate["cases"], seed=certificate["seed"], progress=progress)
    except ValueError as error:
        raise FormError(f"{name} cannot be verified: {error}") from error
    here, then = own_versions(), certificate["versions"]
    differing = [name for name in dict.fromkeys([*then, *here]) if then.get(name) != here.get(name)]
    notes = [
        f"{package if package.isidentifier() else repr(package)} was {then.get(package, 'absent')}, "
        f"is {here.get(package, 'absent')}"
        for package in differing
    ]
    reasons, more = _compared(certificate["evidence"], found, same=not notes)
    return Recheck(name, tuple(reasons), tuple(notes + more), tuple(found))


def _changes(certificate: dict[str, Any]) -> list[str]:
    """What was changed after the certificate was written."""
    reasons = []
    if digest(certificate["system"]["text"]) != certificate["system"]["sha256"]:
        reasons.append("the text of the system is not the one whose SHA-256 is given")
    if seal(certificate) != certificate[SEAL]:
        reasons.append("something in the certificate was changed: its SHA-256 is another")
    return reasons


def _contradictions(certificate: dict[str, Any]) -> list[str]:
    """Where a certificate disagrees with itself."""
    evidence = certificate["evidence"]
    reasons = [
        f"{item['method']}: it is said to hold, with an error of {item['worst']:.1e} above {item['tolerance']:.1e}"
        for item in evidence
        if item["holds"] and None not in (item["worst"], item["tolerance"]) and item["worst"] > item["tolerance"]
    ]
    reasons += [f"{item['method']}: it did not hold when it was written" for item in evidence if not item["holds"]]
    if certificate["holds"] != all(item["holds"] for item in evidence):
        reasons.append("what it says of the whole is not what it says of the parts")
    return reasons


def _system(certificate: dict[str, Any]) -> System:
    try:
        return parse(certificate["system"]["text"], name=certificate["name"])
    except EquationError as error:
        raise FormError(f"the text in the certificate is no system: {str(error).splitlines()[0]}") from error


def _compared(then: Sequence[dict[str, Any]], now: Sequence[Evidence], *, same: bool) -> tuple[list[str], list[str]]:
    """Reasons and notes, method by method; `same` if nothing has another version."""
    reasons = [str(evidence) for evidence in now if not evidence.holds]
    notes: list[str] = []
    found = {_key(evidence.claim, evidence.method): evidence for evidence in now}
    for item in then:
        evidence = found.pop(_key(item["claim"], item["method"]), None)
        if evidence is None:
            (reasons if same else notes).append(f"{item['method']}: not repeated, because it cannot be used here")
            continue
        fresh = evidence.as_dict()
        if item["cases"] != fresh["cases"]:
            reasons.append(f"{item['method']}: {item['cases']} cases were compared, now {fresh['cases']}")
        for word in ("tolerance", "worst"):
            before, after = item[word], fresh[word]
            if before == after:
                continue
            text = f"{item['method']}: {word} was {_number(before)}, is {_number(after)}"
            strict = same and word == "tolerance" and not _close(before, after)
            (reasons if strict or (before is None) != (after is None) else notes).append(text)
    notes += [f"{evidence.method}: new" for evidence in found.values()]
    if len(found) == len(now):
        reasons.append("no method that it names can be used here")
    return reasons, notes


def _key(claim: str, method: str) -> tuple[str, str]:
    """What makes a method the same under another version of a package."""
    return claim, re.sub(r"\b(torch) [^\s,]+", r"\1", method)


def _close(first: object, second: object) -> bool:
    if not isinstance(first, (int, float)) or not isinstance(second, (int, float)):
        return first == second
    return abs(first - second) <= CLOSE * max(abs(first), abs(second))


def _number(value: float | int | str | bool | None) -> str:
    return f"{value:.3e}" if isinstance(value, (int, float)) else "exact"
