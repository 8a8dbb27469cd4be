"""`bptt show`: forward and backward equations, shapes and count, on a terminal.

Read next: `reports.commands.count`.
"""

from __future__ import annotations

from collections.abc import Sequence

import derive
from reports.commands.output import one_or_list, print_json, print_text, table
from reports.commands.systems import read_systems


def show(arguments: Sequence[str], *, as_json: bool, strict: bool) -> int:
    """Print each system and what follows from it."""
    systems = read_systems(arguments, strict=strict)
    if as_json:
        print_json(one_or_list([record(system) for system in systems]))
    else:
        print_text("\n\n\n".join(text(system) for system in systems))
    return 0


def record(system: derive.System) -> dict[str, object]:
    """The system as plain data; equations and declarations are in the equation language."""
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
        "backward": backward(system),
        "count": str(system.parameter_count()),
    }


def backward(system: derive.System) -> list[str]:
    """The equations of the gradient, after those of the pre-activations and operands that it names."""
    adjoint = system.adjoint()
    known = set(map(str, system.equations))
    return [str(equation) for equation in adjoint.equations if str(equation) not in known]


def text(system: derive.System) -> str:
    """The system for a reader: roles and shapes first, then forward, backward, count."""
    head = f"{system.name}: {system.title}" if system.title else system.name
    roles = [("inputs", system.inputs), ("parameters", system.parameters), ("constants", system.constants)]
    rows = [
        (name, role if name == names[0] else "", shape_text(system, name))
        for role, names in [*roles, ("defined", system.defined)]
        for name in names
    ]
    blocks = [
        "\n".join(filter(None, [head, system.source, *(f"· {note}" for note in system.notes)])),
        "Shapes\n" + indented(table([(role, name, shape) for name, role, shape in rows])),
        "Forward\n" + indented("\n".join(map(str, system.equations))),
        "Backward\n" + indented("\n".join(backward(system))),
        f"Parameters: {system.parameter_count()}",
    ]
    return "\n\n".join(blocks)


def shape_text(system: derive.System, name: str) -> str:
    """``H × D``, or ``scalar``."""
    return " × ".join(map(str, system.shapes[name])) or "scalar"


def indented(block: str) -> str:
    """Two spaces in front of every line."""
    return "\n".join(f"  {line}" for line in block.splitlines())
