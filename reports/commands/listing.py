"""`bptt list`: the architectures of the library, and the networks made of them.

Read next: `reports.commands.show`.
"""

from __future__ import annotations

import derive
from derive.counts import parameter_count
from derive.networks import NAMED
from reports.commands.output import print_json, print_text, table


def list_architectures(*, as_json: bool) -> int:
    """Name, title, states and parameters of every architecture."""
    systems = [derive.load(name) for name in derive.names()]
    if as_json:
        print_json([_record(system) for system in systems])
        return 0
    rows = [(s.name, s.title, ", ".join(s.states), str(parameter_count(s))) for s in systems]
    print_text(table([("name", "title", "states", "parameters"), *rows]))
    networks = [(name, recipe.title) for name, recipe in NAMED.items()]
    print_text("\nNetworks, made of these\n\n" + table([("name", "title"), *networks]))
    return 0


def _record(system: derive.System) -> dict[str, object]:
    return {
        "name": system.name,
        "title": system.title,
        "source": system.source,
        "states": list(system.states),
        "parameters": list(system.parameters),
    }
