"""`bptt list`: the architectures of the library by family, and the networks made of them.

Read next: `reports.commands.show`.
"""

from __future__ import annotations

from itertools import islice

import derive
from derive.architectures import FAMILIES
from derive.counts import parameter_count
from derive.networks import NAMED
from reports.commands.output import print_json, print_text, table


def list_architectures(*, as_json: bool) -> int:
    """Name, title, states and parameters of every architecture."""
    if as_json:
        print_json([_record(derive.load(e.name), name) for name, entries in FAMILIES.items() for e in entries])
        return 0
    systems = [derive.load(name) for name in derive.names()]
    rows = [(s.name, s.title, ", ".join(s.states), str(parameter_count(s))) for s in systems]
    head, *lines = table([("name", "title", "states", "parameters"), *rows]).splitlines()
    print_text(head)
    listed = iter(lines)
    for family, entries in FAMILIES.items():
        print_text("\n".join(["", family, *islice(listed, len(entries))]))
    networks = [(name, recipe.title) for name, recipe in NAMED.items()]
    print_text("\nNetworks, made of these\n\n" + table([("name", "title"), *networks]))
    return 0


def _record(system: derive.System, family: str) -> dict[str, object]:
    return {
        "name": system.name,
        "title": system.title,
        "family": family,
        "source": system.source,
        "states": list(system.states),
        "parameters": list(system.parameters),
    }
