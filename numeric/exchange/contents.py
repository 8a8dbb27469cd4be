"""What a file of weights holds: which framework's, which recurrent networks, and what else.

Read next: `numeric.exchange.states`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numeric.exchange.layouts import FRAMEWORKS, framework
from numeric.exchange.names import Array, sort_out


@dataclass(frozen=True)
class Contents:
    """Tensors sorted out.

    Attributes:
        framework: whose names they have.
        networks: recurrent networks by prefix of their names; each its tensors by the rest of the name.
        others: names of tensors that belong to none.
    """

    framework: str
    networks: Mapping[str, Mapping[str, Array]]
    others: tuple[str, ...]


def contents(arrays: Mapping[str, Array], name: str | None = None) -> Contents:
    """What tensors are, by their names.

    Args:
        arrays: by name.
        name: the framework; default the one whose names they have.

    Raises:
        ValueError: one line, if no framework has such names.
    """
    for layout in [framework(name)] if name else FRAMEWORKS.values():
        networks, others = sort_out(layout, arrays)
        if networks:
            parts = {p: {key.removeprefix(p): arrays[key] for key in said} for p, said in networks.items()}
            return Contents(layout.name, parts, tuple(others))
    known = ", ".join(list(arrays)[:3]) or "nothing"
    raise ValueError(f"no recurrent layer of {name or ', '.join(FRAMEWORKS)} has names like {known}")
