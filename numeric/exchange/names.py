"""Tensors by name: which layer, direction and role a name says, and names for all of a network.

Trees, such as those of Flax, become flat: ``cell/ii/kernel``.  A list becomes a tree with the keys 0, 1, 2…, except
that a list of arrays alone, as Keras' ``get_weights`` returns it, has no names: `numeric.exchange.lists` finds them.

Read next: `numeric.exchange.lists`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.check.foreign import as_array
from numeric.exchange.layouts import Framework

Array = NDArray[Any]


@dataclass
class Group:
    """The tensors of a layer in one direction: by role, and what they are called."""

    number: int
    way: int
    arrays: dict[str, Array] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> str:
        """Names and shapes, for errors."""
        return ", ".join(f"{name} {self.arrays[role].shape}" for role, name in self.names.items())


@dataclass(frozen=True)
class Said:
    """What a name says."""

    prefix: str
    layer: str
    way: int
    role: str


def flat(tensors: Any, name: str = "") -> dict[str, Any]:
    """A tree of mappings and lists as one mapping, its keys joined by /."""
    if isinstance(tensors, Mapping):
        items: Iterable[tuple[Any, Any]] = tensors.items()
    elif isinstance(tensors, list | tuple):
        items = enumerate(tensors)
    else:
        return {name: tensors}
    return {
        key: value
        for part, below in items
        for key, value in flat(below, f"{name}/{part}" if name else str(part)).items()
    }


def tree(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite of `flat`: nested mappings, as Flax has them.

    >>> tree({"cell/ii/kernel": 1, "cell/hi/bias": 2})
    {'cell': {'ii': {'kernel': 1}, 'hi': {'bias': 2}}}
    """
    found: dict[str, Any] = {}
    for name, value in tensors.items():
        *parts, last = name.split("/")
        below = found
        for part in parts:
            below = below.setdefault(part, {})
        below[last] = value
    return found


def as_arrays(tensors: Mapping[str, Any]) -> dict[str, Array]:
    """Arrays of any library as NumPy arrays of one dtype.

    Raises:
        ValueError: for what is no array of real numbers, and for arrays of several dtypes, which it names.
    """
    arrays = {name: as_array(value, name)[0] for name, value in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise ValueError(f"{name} has the dtype {array.dtype}; weights are floating-point numbers")
    kinds = {array.dtype: name for name, array in reversed(arrays.items())}
    if len(kinds) > 1:
        (one, first), (two, second) = list(kinds.items())[:2]
        raise ValueError(f"{first} is {one} and {second} is {two}; convert all of them to one dtype")
    return arrays


def said(layout: Framework, name: str) -> Said | None:
    """What a name says, or None if it is none of a recurrent layer."""
    match = re.fullmatch(layout.pattern, name)
    roles = {tensor.name for form in layout.forms.values() for tensor in form.tensors}
    if match is None or match["tensor"] not in roles:
        return None
    parts = match.groupdict()
    way = -1 if parts.get("way") in ("backward", "_reverse") else 1
    return Said(parts.get("prefix") or "", parts["layer"] or "", way, match["tensor"])


def sort_out(layout: Framework, names: Iterable[str]) -> tuple[dict[str, dict[str, Said]], list[str]]:
    """Networks by prefix, each with what its names say; and names that belong to no recurrent layer."""
    found = {name: said(layout, name) for name in names}
    recurrent = {t.name for f in layout.forms.values() for t in f.tensors if "recurrent" in t.parts}
    layers = {(s.prefix, s.layer, s.way) for s in found.values() if s is not None and s.role in recurrent}
    networks: dict[str, dict[str, Said]] = {}
    others = []
    for name, what in found.items():
        if what is None or (what.prefix, what.layer, what.way) not in layers:
            others.append(name)
        else:
            networks.setdefault(what.prefix, {})[name] = what
    return networks, others


def grouped(layout: Framework, arrays: Mapping[str, Array]) -> list[Group]:
    """The layers of one network, from the input up, forward before backward.

    Raises:
        ValueError: for names that belong to none, and for several networks in one.
    """
    networks, others = sort_out(layout, arrays)
    if not networks:
        raise ValueError(f"there is no recurrent layer of {layout.name} in {_listed(arrays) or 'nothing'}")
    if len(networks) > 1:
        quoted = " and ".join(f"prefix={prefix!r}" for prefix in list(networks)[:3])
        raise ValueError(f"there are {len(networks)} networks: choose one by {quoted}")
    ((prefix, names),) = networks.items()
    if others:
        hint = f"; prefix={prefix!r} leaves out what is not of the network" if prefix else ""
        raise ValueError(f"{_listed(others)}: no tensor of a recurrent layer of {layout.name}{hint}")
    numbers = _numbered(layout, list(dict.fromkeys(what.layer for what in names.values())), names)
    groups: dict[tuple[int, int], Group] = {}
    for name, what in names.items():
        for way, array in _halves(layout, name, arrays[name], what.way):
            group = groups.setdefault((numbers[what.layer], -way), Group(numbers[what.layer], way))
            if what.role in group.arrays:
                raise ValueError(f"{name} and {group.names[what.role]} are both {what.role} of one layer")
            group.arrays[what.role], group.names[what.role] = array, name
    found = [groups[key] for key in sorted(groups)]
    for one, other in pairwise(found):
        for role in one.names.keys() ^ other.names.keys() if one.number == other.number else ():
            name = one.names.get(role) or other.names[role]
            raise ValueError(f"{name} is there for one direction, and missing for the other")
    return found


def _numbered(layout: Framework, layers: list[str], names: Mapping[str, Said]) -> dict[str, int]:
    """Layers in order: by the numbers in their names if these differ in nothing else, or else as they appear."""
    if len({re.sub(r"\d+", "#", layer) for layer in layers}) == 1:
        layers = sorted(layers, key=lambda layer: [int(number) for number in re.findall(r"\d+", layer)])
    if layout.name == "pytorch" and layers != [str(n) for n in range(len(layers))] and layers != [""]:
        missing = next(n for n in range(len(layers)) if str(n) not in layers)
        raise ValueError(f"there is {list(names)[-1]}, and nothing of layer {missing}")
    return {layer: number for number, layer in enumerate(layers)}


def _halves(layout: Framework, name: str, array: Array, way: int) -> Sequence[tuple[int, Array]]:
    if not layout.axis:
        return [(way, array)]
    if array.ndim < 2 or array.shape[0] not in (1, 2):
        raise ValueError(f"{name} has the shape {array.shape}; its first axis is that of the directions, 1 or 2")
    return list(zip((1, -1), array, strict=False))


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def named(layout: Framework, arrays: Sequence[tuple[int, int, dict[str, Array]]]) -> dict[str, Array]:
    """Names for the arrays of all layers: (number, way, by role), forward before backward."""
    found: dict[str, Array] = {}
    deep = max(number for number, _, _ in arrays) > 0
    for number, way, roles in arrays:
        two = sum(n == number for n, _, _ in arrays) == 2
        if not two and way < 0 and layout.ways != ("", "", ""):
            raise ValueError(f"{layout.name} has no name for a layer that runs backward only")
        text = layout.ways[0 if not two else 1 if way > 0 else 2]
        for role, array in roles.items():
            name = (layout.deep if deep else layout.single).format(layer=number, way=text, tensor=role)
            if layout.axis:
                array = np.concatenate([found[name], array[None]]) if name in found else array[None]
            found[name] = np.ascontiguousarray(array)
    return found
