"""`bptt show`: forward and backward equations, shapes and count, on a terminal.

What it prints is `reports.terminal`'s business.

Read next: `reports.commands.count`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import derive
from derive.counts import parameter_count
from reports import terminal
from reports.commands.failure import Failure
from reports.commands.output import one_or_list, print_json, print_text
from reports.commands.systems import read_systems
from reports.context import loss_of

Shown = TypeVar("Shown")


def show(arguments: Sequence[str], *, as_json: bool, strict: bool) -> int:
    """Print each system and what follows from it."""
    systems = read_systems(arguments, strict=strict)
    if as_json:
        print_json(one_or_list([_shown(system, _record) for system in systems]))
    else:
        print_text("\n\n\n".join(_shown(system, terminal.show) for system in systems))
    return 0


def _shown(system: derive.System, how: Callable[[derive.System], Shown]) -> Shown:
    try:
        return how(system)
    except ValueError as error:  # no output depends on anything that has a gradient
        raise Failure(f"{system.name} has no gradient: {error}") from error


def _record(system: derive.System) -> dict[str, object]:
    """The system as plain data; equations are in the equation language."""
    known = set(map(str, system.equations))
    gradient = system.adjoint(loss_of(system) or None)
    return {
        "name": system.name,
        "title": system.title,
        "source": system.source,
        "notes": list(system.notes),
        "inputs": list(system.inputs),
        "states": list(system.states),
        "outputs": list(system.outputs),
        "parameters": list(system.parameters),
        "shapes": {name: [str(dim) for dim in shape] for name, shape in system.shapes.items()},
        "forward": [str(equation) for equation in system.equations],
        "backward": [str(equation) for equation in gradient.equations if str(equation) not in known],
        "count": str(parameter_count(system)),
    }
