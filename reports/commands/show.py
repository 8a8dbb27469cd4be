"""`bptt show`: forward and backward equations, shapes and count, on a terminal.

Read next: `reports.commands.count`.
"""

from __future__ import annotations

from collections.abc import Sequence

import derive
from derive.counts import parameter_count
from reports.commands.output import one_or_list, print_json, print_text, table
from reports.commands.systems import read_systems

NO_GRADIENT = "nothing: the outputs do not depend on anything that has a gradient"


def show(arguments: Sequence[str], *, as_json: bool, strict: bool) -> int:
    """Print each system and what follows from it."""
    systems = read_systems(arguments, strict=strict)
    if as_json:
        print_json(one_or_list([_record(system) for system in systems]))
    else:
        print_text("\n\n\n".join(_text(system) for system in systems))
    return 0


def _record(system: derive.System) -> dict[str, object]:
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
        "backward": _backward(system),
        "count": str(parameter_count(system)),
    }


def _backward(system: derive.System) -> list[str]:
    """The equations of the gradient, after those of the pre-activations and operands that it names; none if it is 0."""
    known = set(map(str, system.equations))
    try:
        adjoint = system.adjoint()
    except ValueError:  # no output depends on anything that has a gradient
        return []
    return [str(equation) for equation in adjoint.equations if str(equation) not in known]


def _text(system: derive.System) -> str:
    """The system for a reader: roles and shapes first, then forward, backward, count."""
    head = f"{system.name}: {system.title}" if system.title else system.name
    roles = [("inputs", system.inputs), ("parameters", system.parameters), ("constants", system.constants)]
    rows = [
        (name, role if name == names[0] else "", _shape_text(system, name))
        for role, names in [*roles, ("defined", system.defined)]
        for name in names
    ]
    blocks = [
        "\n".join(filter(None, [head, system.source, *(f"· {note}" for note in system.notes)])),
        "Shapes\n" + _indented(table([(role, name, shape) for name, role, shape in rows])),
        "Forward\n" + _indented("\n".join(map(str, system.equations))),
        "Backward\n" + _indented("\n".join(_backward(system) or [NO_GRADIENT])),
        f"Parameters: {parameter_count(system)}",
    ]
    return "\n\n".join(blocks)


def _shape_text(system: derive.System, name: str) -> str:
    shape = system.shapes[name]
    dims = [f"({dim})" if dim.is_Add and len(shape) > 1 else str(dim) for dim in shape]
    return " × ".join(dims) or "scalar"


def _indented(block: str) -> str:
    """Two spaces in front of every line."""
    return "\n".join(f"  {line}" for line in block.splitlines())
