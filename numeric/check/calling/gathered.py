"""What functions returned, or left somewhere, as entries of a dump: outputs and gradients by name.

Gradients are looked for where people leave them: among the results, in ``self.dW``, ``self.grads["W"]``, ``W.grad``, or
in the change of a parameter that was updated in place.

Read next: `numeric.check.calling.calls`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from numeric.check.calling.adapter import Adapter, call
from numeric.check.calling.places import look
from numeric.check.calling.roles import CACHE
from numeric.check.files import Array
from numeric.check.foreign import as_array

FORMS = (
    "d{0}",
    "dLd{0}",
    "dL_d{0}",
    "dJd{0}",
    "d_{0}",
    "grad_{0}",
    "g_{0}",
    "{0}_grad",
    "{0}grad",
    "grad{0}",
    "delta_{0}",
    "g{0}",
)


def gradients_of(
    adapter: Adapter,
    results: dict[str, Any],
    names: Mapping[str, Any],
    drawn: Mapping[str, Array],
    sizes: Mapping[str, int],
    places: Mapping[str, str],
    *,
    fused: bool,
) -> dict[str, Array]:
    """The gradients that a backward function returned or left somewhere, as ``grad/NAME``; other results too."""
    from_key = {key.partition("/")[2]: key for key in drawn if not key.startswith("target/")}
    found: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for leaf, path in adapter.gradients.items():
        found[leaf] = results.pop(path) if path in results else look(path, {**names, **results})
    for name, value in _flat(results):
        leaf = stripped(name, list(from_key))
        if leaf and leaf not in found:
            found[leaf] = value
        else:
            rest[name] = value
    for group in _lists(adapter):  # lists of gradients for lists of arrays
        free = [name for name, value in rest.items() if isinstance(value, (list, tuple)) and len(value) == len(group)]
        fits = [n for n in free if all(_same(v, drawn[from_key[k]]) for v, k in zip(rest[n], group, strict=True))]
        if fits and not set(group) & set(found):
            found |= dict(zip(group, rest.pop(fits[0]), strict=True))
    for name in list(rest):  # a result of another name has the place of an argument
        place = next((k for k in from_key if k not in found and _same(rest[name], drawn[from_key[k]])), None)
        if place and (not fused or re.match(r"d|g|result", name)):
            found[place] = rest.pop(name)
    for leaf in from_key:
        if leaf not in found and (left := _left(places, leaf, names)) is not None:
            found[leaf] = left
    if adapter.rate:
        rate = float(look(adapter.rate, names))
        params = [name for name, role in adapter.leaves.items() if role == "param"]
        steps = {k: drawn[from_key[k]] - np.asarray(look(places.get(k, k), names)) for k in params}
        if any(step.any() for step in steps.values()):  # then what did not change has the gradient zero
            found = {**{name: step / rate for name, step in steps.items()}, **found}
    grads = {f"grad/{leaf}": as_array(value, leaf)[0] for leaf, value in found.items() if value is not None}
    if not grads:
        raise ValueError(
            "no gradient was found among the results of the backward function, in its object or its globals"
        )
    if fused:
        return grads | {f"output/{name}": value for name, value in outputs_of(rest, sizes).items()}
    inner = {stripped(name, []) or name: value for name, value in rest.items() if re.match(r"d\w|grad", name)}
    return grads | {
        f"grad/{name}": value
        for name, value in outputs_of(inner, sizes, gates=True).items()
        if f"grad/{name}" not in grads
    }


def _lists(adapter: Adapter) -> list[list[str]]:
    """The names in each list that the functions take."""
    arguments, _ = call(adapter.forward or adapter.backward)
    lists = [node.elts for node in arguments.args if isinstance(node, (ast.List, ast.Tuple))]
    return [[part.id for part in parts if isinstance(part, ast.Name)] for parts in lists]


def stripped(name: str, leaves: Sequence[str]) -> str:
    """What a gradient's name says it belongs to: dWx, grad_Wx, Wx_grad or Wx; without leaves, the name without d."""
    if not leaves:
        return re.sub(r"^(d_?|grad_?|g_|delta_?)|_?grad$", "", name)
    plain = {leaf.lower().replace("_", ""): leaf for leaf in reversed(leaves)}
    if name in leaves:
        return name
    for form in FORMS:
        pattern = re.escape(form).replace(r"\{0\}", "(.+)")
        match = re.fullmatch(pattern, name)
        if match and (leaf := plain.get(match[1].lower().replace("_", ""))):
            return leaf
    return ""


def _left(places: Mapping[str, str], leaf: str, names: Mapping[str, Any]) -> Any:
    """A gradient that was left beside its parameter, in an object or among the globals."""
    place, own = places.get(leaf, ""), names["self"]
    parent, _, last = place.rpartition(".")
    beside = look(parent, names) if parent and "[" not in last else own
    for name in (form.format(n) for n in dict.fromkeys((last, leaf)) if n for form in FORMS):
        if beside is not None and not isinstance(beside, dict) and hasattr(beside, name):
            return getattr(beside, name)
        if place.startswith("module") and isinstance(names["module"].get(name), np.ndarray):
            return names["module"][name]
    for store in ("grads", "gradients", "grad", "g", "G", "d", "dparams"):
        held = getattr(own, store, None)
        if isinstance(held, Mapping):
            key = next((k for k in held if isinstance(k, str) and stripped(k, [leaf]) == leaf), None)
            if key is not None:
                return held[key]
        elif isinstance(held, (list, tuple)) and len(held) == len(places) and leaf in places:
            return held[list(places).index(leaf)]
    return getattr(look(place, names), "grad", None) if place else None


def _same(value: Any, array: Array) -> bool:
    return getattr(value, "shape", None) == array.shape


def _flat(results: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Results by name; those in a dictionary by its keys."""
    for name, value in results.items():
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            yield from _flat(value)
        elif value is not None:
            yield name, value


def outputs_of(
    results: Mapping[str, Any], sizes: Mapping[str, int], *, gates: bool = False, wanted: Collection[str] = ()
) -> dict[str, Array]:
    """Results that are arrays over the sizes of the problem; lists and dictionaries over time are stacked.

    `gates` allows an axis of three or four gates; what is `wanted` may have any shape.
    """
    stacked = {n * sizes["H"] for n in (1, 2, 3, 4)}
    known = {1, *((3, 4) if gates else ()), sizes["T"], sizes["T"] + 1, sizes["B"], sizes["O"], sizes["D"], *stacked}
    arrays: dict[str, Array] = {}
    results = {
        name: value for name, value in results.items() if not CACHE.fullmatch(name) or not isinstance(value, dict)
    }
    for name, value in _flat(results):
        value = [value[key] for key in sorted(value)] if isinstance(value, Mapping) else value
        if isinstance(value, (list, tuple)) and not all(hasattr(part, "shape") for part in value):
            continue
        try:
            array, _ = as_array(value, name)
        except ValueError:
            continue
        fits = array.ndim and set(array.shape) <= known and set(array.shape) & {sizes["O"], *stacked}
        if array.dtype.kind == "f" and (fits or name in wanted):
            arrays[name] = _without_zero_end(array, sizes["T"])
    return arrays


def _without_zero_end(array: Array, steps: int) -> Array:
    """T + 1 states of which the last is a zero that index −1 reaches, as the T that were computed."""
    axis = next((k for k, n in enumerate(array.shape) if n == steps + 1), None)
    if axis is None or np.take(array, -1, axis).any() or not np.take(array, 0, axis).any():
        return array
    return np.delete(array, -1, axis)
