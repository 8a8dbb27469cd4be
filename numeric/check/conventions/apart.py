"""Arrays of copies taken apart: what libraries keep of several layers, directions or biases in one array.

``h_0`` (layers · directions, B, H) of PyTorch, ``W`` (directions, 4H, D) and the bias ``B`` (8H) of ONNX, which is one
for the input and one for the recurrent product.  The parts are arrays of their own, under the names that index them,
``h_0[1]``, and what is found out about them is put together again.

Read next: `numeric.check.conventions.shared`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.check.bound import Bound, Claim
from numeric.check.conventions.claims import same
from numeric.check.conventions.readings import looks_last
from numeric.check.dump import KINDS, Dump

Arrays = Mapping[str, NDArray[Any]]
MOST = 12  # copies in one array
FIELDS = dict(zip(KINDS, ("inputs", "initial", "params", "outputs", "cotangents", "targets", "grads"), strict=True))


@dataclass(frozen=True)
class Cut:
    """How an array is taken apart: along which axis, in how many parts, and whether they keep the axis.

    Attributes:
        axis, parts: of the array.
        kept: whether the parts are slices, as of a bias (8H), not single entries, as of (layers, B, H).
        at: where slices of unequal width begin, but for the first; empty if all are as wide.
    """

    axis: int
    parts: int
    kept: bool = False
    at: tuple[int, ...] = ()

    def names(self, name: str, length: int) -> list[str]:
        """``h_0[1]``, ``Y[:, 0]``, ``B[16:]``."""
        lead, step = ":, " * self.axis, length // self.parts
        if not self.kept:
            return [f"{name}[{lead}{part}]" for part in range(self.parts)]
        ends = ["", *map(str, self.at or (part * step for part in range(1, self.parts))), ""]
        return [f"{name}[{lead}{a}:{b}]" for a, b in pairwise(ends)]

    def of(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """The parts."""
        found = np.split(array, self.at or self.parts, self.axis)
        return found if self.kept else [part.squeeze(self.axis) for part in found]

    def joined(self, parts: list[NDArray[Any]]) -> NDArray[Any]:
        """The array again."""
        return np.concatenate(parts, self.axis) if self.kept else np.stack(parts, self.axis)


Cuts = dict[str, Cut]  # by key, ``grad/h_0``


def apart(dump: Dump) -> Iterator[tuple[Dump, Callable[[Bound], Bound]]]:
    """The dump with arrays taken apart, in each way that shapes suggest, and how a bound is put together again."""
    for copies in [*_counts(dump), 1]:
        cuts = with_grads(dump, _copies(dump, copies) if copies > 1 else {})
        one = taken(dump, cuts)
        first = Together(cuts, dump)
        if cuts:
            yield one, first
        if halves := with_grads(one, _halves(one)):
            yield taken(one, halves), Together(halves, one, first)


def must_be(dump: Dump) -> bool:
    """Whether some array has more axes than any one quantity has: it holds copies."""
    axes = [(a, 2) for a in dump.initial.values()] + [
        (a, 3) for a in (*dump.outputs.values(), *dump.cotangents.values())
    ]
    return any(sum(n > 1 for n in array.shape) > most for array, most in axes)


def _counts(dump: Dump) -> list[int]:
    """How many copies there may be."""
    found = [a.shape[0] for a in dump.initial.values() if _axes(a) >= 3]
    found += [2] if all(a.ndim >= 2 and len(a) == 2 for a in dump.params.values()) else []  # directions
    found += [a.shape[0] for n, a in dump.outputs.items() if _axes(a) == 3 and looks_last(n)]
    found += [n for a in (*dump.outputs.values(), *dump.cotangents.values()) if _axes(a) >= 4 for n in a.shape]
    return [n for n in dict.fromkeys(found) if 1 < n <= MOST]


def _axes(array: NDArray[Any]) -> int:
    return sum(n > 1 for n in array.shape)


def _copies(dump: Dump, copies: int) -> Cuts:
    first = Cut(0, copies)
    found = {f"initial/{n}": first for n, a in dump.initial.items() if _axes(a) >= 3 and len(a) == copies}
    if all(a.ndim >= 2 and len(a) == copies for a in dump.params.values()):
        found |= {f"param/{n}": first for n in dump.params}
    like = {dump.initial[key.partition("/")[2]].shape for key in found if key.startswith("initial")}
    for kind, arrays in (("output", dump.outputs), ("cotangent", dump.cotangents)):
        for name, array in arrays.items():
            if _axes(array) >= 4 and copies in array.shape:
                found[f"{kind}/{name}"] = Cut(min((1, 0, 2, 3), key=lambda n: array.shape[n] != copies), copies)
            elif _axes(array) == 3 and len(array) == copies and (looks_last(name) or array.shape in like):
                found[f"{kind}/{name}"] = first
    return found


def _halves(dump: Dump) -> Cuts:
    """Biases that are two, one behind the other: twice as long as weights have rows."""
    found = {}
    rows = {n for a in dump.params.values() if _axes(a) > 1 for n in a.shape}
    for name, array in dump.params.items():
        if array.ndim == 0:
            continue
        axis = int(np.argmax(array.shape))
        length = array.shape[axis]
        if _axes(array) == 1 and length % 2 == 0 and length // 2 in rows:
            found[f"param/{name}"] = Cut(axis, 2, True)
    return found


def with_grads(dump: Dump, cuts: Cuts) -> Cuts:
    """Gradients are taken apart as what they are of."""
    found = {key: cut for key, cut in cuts.items() if key not in dump.wishes}
    for name, array in dump.grads.items():
        for kind in ("param", "input", "initial", "output", "cotangent"):
            own = same(name, getattr(dump, FIELDS[kind]))
            key = f"{kind}/{own}"
            if own is not None and key in found and array.shape == getattr(dump, FIELDS[kind])[own].shape:
                found[f"grad/{name}"] = found[key]
    return found


def taken(dump: Dump, cuts: Cuts) -> Dump:
    """The dump with the parts in the places of the arrays that are cut."""
    arrays: dict[str, dict[str, NDArray[Any]]] = {}
    precision = dict(dump.precision)
    for kind, field in FIELDS.items():
        arrays[field] = {}
        for name, array in getattr(dump, field).items():
            cut = cuts.get(f"{kind}/{name}")
            names = [name] if cut is None else cut.names(name, array.shape[cut.axis])
            for own, part in zip(names, [array] if cut is None else cut.of(array), strict=True):
                arrays[field][own] = part
                precision[f"{kind}/{own}"] = dump.precision.get(f"{kind}/{name}", 0.0)
    return replace(dump, **arrays, precision=precision)  # type: ignore[arg-type]


class Together:
    """Puts the claims of a bound together again."""

    def __init__(self, cuts: Cuts, dump: Dump, more: Callable[[Bound], Bound] = lambda bound: bound) -> None:
        self.cuts, self.dump, self.more = cuts, dump, more

    def __call__(self, bound: Bound) -> Bound:
        """The bound of the parts as one of the arrays."""
        known = {claim.name: claim for claim in bound.claims}
        claims: list[Claim] = []
        for name, array in self.dump.grads.items():
            cut = self.cuts.get(f"grad/{name}")
            names = [name] if cut is None else cut.names(name, array.shape[cut.axis])
            parts = [known[own] for own in names if own in known]
            if cut is None or len(parts) < len(names):
                claims += parts
            else:
                claims.append(_joined(name, parts, cut))
        split = [key.partition("/")[2] for key in self.cuts if not key.startswith("grad/")]
        notes = [f"{', '.join(dict.fromkeys(split))}: several in one array, taken apart"] if split else []
        return self.more(replace(bound, claims=tuple(claims), notes=(*bound.notes, *notes)))


def _joined(name: str, parts: list[Claim], cut: Cut) -> Claim:
    values, index = cut.joined([p.values for p in parts]), cut.joined([p.index for p in parts])
    return replace(parts[0], name=name, values=values, index=index)
