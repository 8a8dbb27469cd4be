"""`bptt verify -o FILE` and `bptt verify --certificate FILE`: the certificate of a verification, and the same again.

Read next: `reports.commands.report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports.certified import FORMAT, SEAL, certified, seal
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text
from reports.commands.progress import after, progress
from reports.commands.systems import read_systems
from reports.commands.verify import evidence_of, table_of
from reports.files import FileError, write
from reports.jsonreport import to_json
from reports.recheck import read_certificate
from reports.recheck import recheck as checked_again
from reports.schema import FormError, read_json


def certify(arguments: Sequence[str], *, out: str, force: bool, as_json: bool, strict: bool) -> int:
    """Verify one system and write the certificate; 1 if something does not hold."""
    if len(arguments) != 1:
        raise Failure("a certificate is of one SYSTEM")
    (system,) = read_systems(arguments, strict=strict)
    if not force and Path(out).exists() and not _is_untouched(out):
        raise Failure(f"{out} exists and is no certificate as it was written; --force overwrites it")
    with progress() as say:
        evidence = evidence_of(system, after(f"verify {system.name}", say))
    certificate = certified(system, evidence)
    try:
        write(out, to_json(certificate), force=True)  # what is there was asked about before
    except FileError as error:
        raise Failure(str(error)) from error
    holds = all(item.holds for item in evidence)
    if as_json:
        print_json({"name": system.name, "holds": holds, "file": out, "certificate": certificate})
    else:
        print_text(f"{table_of(system.name, evidence)}\n\n{out}")
    return 0 if holds else 1


def _is_untouched(file: str) -> bool:
    """Whether a file is a certificate that nobody has changed, which another may replace."""
    try:
        content = read_json(file)
    except FormError:
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT and seal(content) == content.get(SEAL)


def recheck(path: str, *, as_json: bool) -> int:
    """Say whether a certificate still holds; 1 if it does not."""
    try:
        certificate = read_certificate(path)
        with progress() as say:
            found = checked_again(certificate, after(f"verify {certificate['name']}", say))
    except FormError as error:
        raise Failure(str(error)) from error
    if as_json:
        print_json(
            {
                "name": found.name,
                "holds": found.holds,
                "reasons": list(found.reasons),
                "notes": list(found.notes),
                "evidence": [item.as_dict() for item in found.evidence],
            }
        )
    else:
        lines = [f"{path}: the certificate of {found.name} {'holds' if found.holds else 'DOES NOT HOLD'}"]
        lines += [f"· {reason}" for reason in found.reasons]
        lines += [f"note: {note}" for note in found.notes]
        parts = ["\n".join(lines), *([table_of(found.name, found.evidence)] if found.evidence else [])]
        print_text("\n\n".join(parts))
    return 0 if found.holds else 1
