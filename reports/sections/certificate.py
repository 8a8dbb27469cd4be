"""Sections 0 and 11: what was checked, in short at the beginning, in full at the end.

Read next: `reports.sections.code`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from derive.evidence import Evidence
from reports.context import Context
from reports.document import Block, Heading, Note, Prose, Table
from reports.inline import plain

PACKAGES = ("sympy", "numpy", "autograd", "torch")


def in_short(context: Context) -> list[Block]:
    """Pass or fail, by how many methods, over how many cases, and the worst error."""
    found = context.evidence
    if not found:
        return [Note("The equations were derived but not checked.", kind="warning", title="Not verified")]
    failed = [evidence for evidence in found if not evidence.holds]
    if failed:
        listed = "; ".join(f"{plain(e.claim)} ({plain(e.method)}{_at(e)})" for e in failed)
        return [
            Note(
                f"{len(failed)} of {len(found)} checks fail: {listed}.",
                kind="fail",
                title="The derivation does not hold",
            )
        ]
    cases = sum(evidence.cases for evidence in found)
    methods = ", ".join(dict.fromkeys(plain(evidence.method) for evidence in found))
    text = f"Checked by {len(found)} methods over {cases} cases in all: {methods}. {_worst(found)}{_versions()}."
    return [Note(text, kind="pass", title="The derivation holds")]


def in_full(context: Context) -> list[Block]:
    """One row for every check."""
    if not context.evidence:
        return []
    rows = tuple(
        (
            plain(evidence.claim),
            plain(evidence.method),
            str(evidence.cases),
            "exact" if evidence.worst is None else f"${number(evidence.worst)}$",
            "–" if evidence.tolerance is None else f"${number(evidence.tolerance)}$",
            "holds" if evidence.holds else "fails",
        )
        for evidence in context.evidence
    )
    details = "\n\n".join(
        f"{plain(e.method[:1].upper() + e.method[1:])}: {plain(e.detail)}." for e in context.evidence if e.detail
    )
    table = Table(("Claim", "Method", "Cases", "Worst", "Tolerance", ""), rows, align="llrrrl")
    return [Heading(1, "Certificate", "certificate"), table, *([Prose(details)] if details else [])]


def _at(evidence: Evidence) -> str:
    return f", worst at {plain(evidence.where)}" if evidence.where else ""


def _worst(found: Sequence[Evidence]) -> str:
    measured = [e for e in found if e.worst is not None and e.tolerance]
    if not measured:
        return ""
    worst = max(measured, key=lambda e: (e.worst or 0.0) / (e.tolerance or 1.0))
    return f"Closest to its tolerance: ${number(worst.worst)}$ of ${number(worst.tolerance)}$ ({plain(worst.method)}). "


def number(value: float | None) -> str:
    r"""``1.6 \times 10^{-16}``."""
    if value is None:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    if not exponent or value == 0:
        return "0" if value == 0 else rf"\text{{{value}}}"
    return mantissa if int(exponent) == 0 else rf"{mantissa} \times 10^{{{int(exponent)}}}"


@cache
def versions() -> dict[str, str]:
    """Of Python and the packages that took part."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _versions() -> str:
    return "With " + ", ".join(f"{name} {number}" for name, number in versions().items())
