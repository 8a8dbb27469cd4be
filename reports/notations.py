"""The notations that have a name, and how one is asked for: ``ng``, ``ng+bar``, or a file.

`standard` writes time as a subscript and names as the equations have them; `ng` writes a^{⟨t⟩}, Γ_f and c̃, as Andrew
Ng's course does; `pytorch` writes W_{if}, W_{hf}, b_{if} + b_{hf}. How gradients are written is chosen independently:
δh_t (`delta`), h̄_t (`bar`) or ∂L/∂h_t (`partial`). `bar` and `partial` alone are `standard` with them.

Read next: `reports.grouping`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from reports.mapping import read_mapping
from reports.notation import Cotangent, Notation

BASES = {
    notation.name: notation
    for notation in (
        Notation(),
        Notation("ng", base="ng", time="angle"),
        Notation("pytorch", base="pytorch"),
    )
}
COTANGENTS: dict[str, Cotangent] = {word: word for word in get_args(Cotangent)}
NOTATIONS = BASES | {word: Notation(word, cotangent=way) for word, way in COTANGENTS.items() if word != "delta"}
FILE = ".toml"


class UnknownNotation(LookupError):
    """A notation that does not exist; the message is one line and lists those there are."""

    def __init__(self, name: str) -> None:
        there = f"there are {', '.join(NOTATIONS)}, ng+bar and the like, and files that end in {FILE}"
        super().__init__(f"no notation is called {name!r}; {there}")


def notation(name: str, cotangent: str = "") -> Notation:
    """The notation of that name.

    Args:
        name: ``ng``, ``ng+bar``, or the path of a file that ends in ``.toml``.
        cotangent: ``delta``, ``bar`` or ``partial``, before all that the name says of it.

    Raises:
        UnknownNotation: one line.
        MappingError: if a file cannot be read or is none; one line that names file and key.
    """
    if name.endswith(FILE):
        found = read_mapping(name)
    else:
        base, plus, way = name.partition("+")
        if base not in NOTATIONS or (plus and (way not in COTANGENTS or base not in BASES)):
            raise UnknownNotation(name)
        found = NOTATIONS[base]
        found = replace(found, name=name, cotangent=COTANGENTS[way]) if plus else found
    if not cotangent:
        return found
    if cotangent not in COTANGENTS:
        raise UnknownNotation(f"{name}+{cotangent}")
    plain = found.name.partition("+")[0] if found.name not in COTANGENTS else "standard"
    return replace(found, name=f"{plain}+{cotangent}", cotangent=COTANGENTS[cotangent])
