"""`bptt count`: parameters, symbolic and at given sizes, and as each framework counts them.

Read next: `reports.commands.verify`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import derive
from derive.counts import count_report
from reports.commands.failure import Failure
from reports.commands.output import one_or_list, print_json, print_text, table
from reports.commands.systems import read_sizes, read_systems

LABELS = {"paper": "as written", "keras": "Keras", "pytorch": "PyTorch", "onnx": "ONNX"}


def count(arguments: Sequence[str], *, sizes: str, as_json: bool, strict: bool) -> int:
    """Print the counts of each system."""
    systems = read_systems(arguments, strict=strict)
    given = read_sizes(sizes, systems)
    reports = [counts_of(system, given) for system in systems]
    if as_json:
        print_json(one_or_list(reports))
    else:
        print_text("\n\n".join(_text(report) for report in reports))
    return 0


def counts_of(system: derive.System, given: Mapping[str, int]) -> dict[str, Any]:
    """The counts in their fixed JSON form.

    Raises:
        Failure: if a size is missing.
    """
    try:
        return count_report(system, own_sizes(system, given) if given else None)
    except ValueError as error:
        raise Failure(f"{system.name}: {error}") from error


def own_sizes(system: derive.System, given: Mapping[str, int]) -> dict[str, int]:
    """Those of the sizes that are of this system."""
    return {name: size for name, size in given.items() if name in map(str, system.dimensions)}


def _text(report: Mapping[str, Any]) -> str:
    parameters = report["parameters"]
    rows = [
        (name, " × ".join(map(str, each["shape"])) or "scalar", str(each["count"]))
        for name, each in parameters["each"].items()
    ]
    conventions = [
        (LABELS[name], "has no such layer" if count is None else str(count))
        for name, count in report["conventions"].items()
    ]
    head = f"{report['name']}: {parameters['symbolic']} parameters"
    total = f" = {parameters['total']}" if parameters["total"] != parameters["symbolic"] else ""
    return "\n\n".join(filter(None, [head + total, table(rows, "llr"), table(conventions)]))
