"""`bptt count`: parameters, symbolic and at given sizes, and as each framework counts them.

Read next: `reports.commands.verify`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

import derive
from reports.commands.output import one_or_list, print_json, print_text, table
from reports.commands.systems import read_sizes, read_systems


def count(arguments: Sequence[str], *, sizes: str, as_json: bool, strict: bool) -> int:
    """Print the counts of each system."""
    systems = read_systems(arguments, strict=strict)
    given = read_sizes(sizes, systems)
    if as_json:
        print_json(one_or_list([record(system, given) for system in systems]))
    else:
        print_text("\n\n".join(text(system, given) for system in systems))
    return 0


def record(system: derive.System, sizes: Mapping[str, int]) -> dict[str, object]:
    """The counts as plain data: integers where all sizes are given, polynomials as text otherwise."""
    return {
        "name": system.name,
        "parameters": {
            "symbolic": str(system.parameter_count()),
            "total": at(system.parameter_count(), sizes),
            "each": {
                name: {
                    "shape": [at(d, sizes) for d in system.shapes[name]],
                    "count": at(own_count(system, name), sizes),
                }
                for name in system.parameters
            },
        },
        "conventions": {
            convention: None if value is None else at(value, sizes)
            for convention, value in derive.conventions(system).items()
        },
    }


def text(system: derive.System, sizes: Mapping[str, int]) -> str:
    """The counts as a table."""
    rows = [
        (
            name,
            " × ".join(str(at(d, sizes)) for d in system.shapes[name]) or "scalar",
            str(at(own_count(system, name), sizes)),
        )
        for name in system.parameters
    ]
    total = system.parameter_count()
    return "\n".join([f"{system.name}: {total} parameters", table(rows)])


def own_count(system: derive.System, name: str) -> sympy.Expr:
    """How many numbers a quantity has."""
    return sympy.Mul(*system.shapes[name])


def at(value: sympy.Expr, sizes: Mapping[str, int]) -> int | str:
    """A polynomial at these sizes, as text if some are missing."""
    found = value.subs({symbol: sizes[str(symbol)] for symbol in value.free_symbols if str(symbol) in sizes})
    return int(found) if found.is_Integer else str(found)
