"""A verdict in words, for a terminal and for a notebook.

Both are made of the fixed JSON form of a verdict, so that they say nothing that the form does not hold.

>>> print(text({"verdict": "undecided", "notes": ["no cell of the library computes these outputs"]}))
VERDICT    undecided
NOTE       no cell of the library computes these outputs

Read next: `numeric.check.verdict`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

LABEL = 11  # columns
STAGE = re.compile(r"([A-Z][A-Z0-9 =]*[A-Z0-9])(?:: *| {2,})(.*)", re.DOTALL)
COUNT = re.compile(r"\d+ of \d+ gradients agree")  # the line of gradients says it
SHOWN = 4  # gradients named in a line, and alternatives written out
HEADS = {
    "correct": "every gradient agrees with the derivation",
    "policy": "the gradient is that of a changed derivation, as people choose on purpose",
    "wrong": "the gradient is not the derivative of the forward pass",
    "undecided": "",
}

Line = tuple[str, str]  # a label, and what it says


def text(record: Mapping[str, Any], *, width: int = 118) -> str:
    """The lines of a verdict for a terminal.

    Args:
        record: the JSON form, `Verdict.as_json()`.
        width: columns that a line may take; longer ones go on below, indented.
    """
    return "\n".join(row for label, said in lines(record) for row in _wrapped(label, said, width))


def html(record: Mapping[str, Any]) -> str:
    """The same lines as an HTML table; whatever stands in an author's names is escaped."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;vertical-align:top">{escape(label)}</th>'
        f'<td style="text-align:left;white-space:pre-wrap">{escape(said)}</td></tr>'
        for label, said in lines(record)
    )
    return f"<table><tbody>{rows}</tbody></table>"


def lines(record: Mapping[str, Any]) -> Iterator[Line]:
    """What a verdict says, in the order in which it was found out."""
    yield "VERDICT", _joined(record["verdict"], HEADS.get(record["verdict"], ""))
    yield from _forward(record.get("forward") or {})
    stages = record.get("stages") or ()
    labelled = [match.groups() for match in map(STAGE.fullmatch, stages) if match]
    plain = [stage for stage in stages if not STAGE.fullmatch(stage) and not COUNT.match(stage)]
    yield from ((label, said) for label, said in labelled)
    if gradients := record.get("gradients"):
        yield "GRADIENTS", _gradients(gradients)
    yield from (("" if place else "WHERE", stage) for place, stage in enumerate(plain))
    yield from _diagnosis(record)
    yield from (("POLICY", policy) for policy in record.get("policies") or ())
    yield from (("NOTE", note) for note in record.get("notes") or ())


def _forward(forward: Mapping[str, Any]) -> Iterator[Line]:
    said = _joined(forward.get("architecture", ""), forward.get("convention", ""))
    if not said:
        return
    worst = forward.get("worst")
    difference = f"   (largest difference {worst:.0e})" if worst is not None else ""
    yield "FORWARD", ("matches " if forward.get("matches") else "nearest is ") + said + difference


def _gradients(gradients: Mapping[str, Mapping[str, Any]]) -> str:
    differ = [name for name, entry in gradients.items() if not entry["correct"]]
    errors = {name: entry["error"] for name, entry in gradients.items()}
    said = f"{len(gradients) - len(differ)} of {len(gradients)} agree"
    if not differ:
        known = [error for error in errors.values() if error is not None]
        return said + (f" ({max(known):.0e})" if known else "")
    differ.sort(key=lambda name: -float("inf") if errors[name] is None else -errors[name])
    named = [f"{name} {_size(errors[name])}" for name in differ[:SHOWN]]
    return said + f" ({', '.join(named)}{', …' if len(differ) > SHOWN else ''})"


def _size(error: float | None) -> str:
    return "not a number" if error is None else f"{error:.3g}"


def _diagnosis(record: Mapping[str, Any]) -> Iterator[Line]:
    findings: Sequence[Mapping[str, Any]] = record.get("diagnosis") or ()
    explained = record.get("explained")
    if not findings:
        if record["verdict"] == "wrong":
            yield "DIAGNOSIS", "unexplained: no mistake that was tried gives these numbers"
        return
    for place, finding in enumerate(findings):
        yield ("DIAGNOSIS" if place == 0 else "and"), _finding(finding)
    if explained:
        runner = record.get("runner_up")
        rest = f"; the next best explanation is off by {runner:.1g}" if runner is not None else ""
        yield "", f"(this gives every gradient that was compared{rest})"
    else:
        yield "", "(this does not give every gradient that was compared)"
    others = record.get("alternatives") or ()
    for group in others[:SHOWN]:
        yield "OR", " and ".join(map(_finding, group)) + "   (the same numbers)"
    if len(others) > SHOWN:
        yield "OR", f"one of {len(others) - SHOWN} others with the same numbers"
    for finding in findings:
        yield from _repair(finding.get("repair") or {})


def _finding(finding: Mapping[str, Any]) -> str:
    head = f"{finding['kind']} ({finding['where']})" if finding["where"] else finding["kind"]
    return _joined(head, finding.get("detail", ""))


def _repair(repair: Mapping[str, str]) -> Iterator[Line]:
    said, number = repair.get("text", ""), repair.get("equation", "")
    where = f"   ({'eqs.' if ',' in number else 'eq.'} {number} of the report)" if number else ""
    if said or where:
        yield "REPAIR", said + where
    code = repair.get("numpy")
    if code and code != said:
        yield ("" if said else "REPAIR"), code
    if names := repair.get("names"):
        yield "", f"({names})"


def _joined(head: str, tail: str) -> str:
    return ": ".join(filter(None, [head, tail]))


def _wrapped(label: str, said: str, width: int) -> list[str]:
    rows: list[str] = []
    for part in said.splitlines() or [""]:
        rows += textwrap.wrap(part, max(width - LABEL, 20), break_on_hyphens=False, subsequent_indent="") or [""]
    heads = [label.ljust(LABEL), *[" " * LABEL] * (len(rows) - 1)]
    return [(head + row).rstrip() for head, row in zip(heads, rows, strict=True)]
