"""Calling somebody's functions as an adapter says, and what went in and came out as a dump.

Every call begins afresh: objects are copied, globals are set and put back, arguments are copies, so that code that
works in place does no harm.  Gradients are looked for where people leave them: among the results, in ``self.dW``,
``self.grads["W"]``, ``W.grad``, or in the change of a parameter that was updated in place.

Read next: `numeric.check.held`.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from numeric.check.adapter import Adapter, call, sizes_of
from numeric.check.files import Array
from numeric.check.foreign import as_array
from numeric.check.roles import CACHE

PARAMETERS = 0.5  # the size of parameters: with smaller ones mistakes are small too
# Apart from each other, from T + 1 for T = 1, 2, 6, 9, and from the 3 and 4 gates of a cell
SIZES = {"B": 5, "T": 6, "D": 11, "H": 8, "O": 13}
DEPTH = 2  # of objects in objects
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


@dataclass
class Code:
    """Somebody's functions.

    Attributes:
        forward, backward: the functions; no forward where one function does both.
        owner: the object whose methods they are, or the class.
        module: the global variables that they read.
    """

    backward: Callable[..., Any]
    forward: Callable[..., Any] | None = None
    owner: Any = None
    module: dict[str, Any] = field(default_factory=dict)


def draw(adapter: Adapter, sizes: Mapping[str, int], rng: np.random.Generator, dtype: DTypeLike) -> dict[str, Array]:
    """Arrays by role and name: parameters of size 0.5, inputs of size 1, classes as integers, targets one-hot.

    One-hot targets are what every loss takes: a softmax cross-entropy of other numbers would have another gradient.
    """
    drawn: dict[str, Array] = {}
    for key, form in adapter.shapes.items():
        role = key.partition("/")[0]
        integers, shape = sizes_of(form, sizes)
        if integers:
            drawn[key] = rng.integers(0, sizes["O" if role == "target" else "D"], shape)
        elif role == "target":
            axis = next((k for k, n in enumerate(form.split()) if n == "O"), -1)
            best = rng.standard_normal(shape)
            drawn[key] = (best == best.max(axis, keepdims=True)).astype(dtype)
        else:
            scale = PARAMETERS if role in ("param", "initial") else 1.0
            drawn[key] = (scale * rng.standard_normal(shape)).astype(dtype)
    return drawn


def made(code: Code, make: str, names: Mapping[str, Any]) -> Any:
    """The object whose methods are called: a copy, or made of its class as `make` says."""
    if not make:
        return None if isinstance(code.owner, type) else copy.deepcopy(code.owner)
    maker, _ = call(make.partition("(")[2].rpartition(")")[0])
    values = [_value(argument, names) for argument in maker.args]
    return code.owner(*values, **{word.arg: _value(word.value, names) for word in maker.keywords if word.arg})


class Session:
    """One object, or one state of the globals, on which calls follow each other."""

    def __init__(self, code: Code, adapter: Adapter) -> None:
        self.code, self.adapter = code, adapter
        self.owner: Any = None
        self.places: dict[str, str] = {}

    def run(self, drawn: Mapping[str, Array], sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Array]:
        """Call forward and backward.

        Args:
            drawn: by role and name.
            sizes: as they were drawn.
            rng: for cotangents.

        Returns:
            What a dump holds.

        Raises:
            ValueError: if something that is needed is not there; what the functions raise goes through.
        """
        names: dict[str, Any] = dict(sizes)
        names |= {key.partition("/")[2]: np.array(value) for key, value in drawn.items()}
        before = dict(self.code.module)
        if self.owner is None:
            self.owner = made(self.code, self.adapter.make, names)
            self.places = {**_identical(self.owner, names), **self.adapter.state}
        names |= {"self": self.owner, "module": self.code.module}
        try:
            for name, path in self.places.items():
                _store(path, names[name], names)
            return self._called(drawn, names, sizes, rng)
        finally:
            self.code.module.clear()
            self.code.module.update(before)

    def _called(
        self, drawn: Mapping[str, Array], names: dict[str, Any], sizes: Mapping[str, int], rng: np.random.Generator
    ) -> dict[str, Array]:
        dump: dict[str, Array] = dict(drawn)
        if self.code.forward is not None:
            results = self._call(self.code.forward, self.adapter.forward, names)
            if "loss" in results:
                dump["loss"] = as_array(results["loss"], "loss")[0].astype(float).reshape(())
            names |= {name: value for name, value in results.items() if name not in self.adapter.leaves}
            dump |= {f"output/{name}": value for name, value in _outputs(results, sizes).items()}
        for argument, output in self.adapter.cotangents.items():
            dump |= _cotangent(argument, output, dump, sizes, rng)
            names[argument] = np.array(dump[f"cotangent/{_aim(argument, output)}"])
        results = self._call(self.code.backward, self.adapter.backward, names)
        fused = self.code.forward is None
        if (
            fused
            and (loss := next((results.pop(n) for n in ("loss", "cost", "L", "J") if n in results), None)) is not None
        ):
            dump["loss"] = as_array(loss, "loss")[0].astype(float).reshape(())
        return dump | gradients_of(self.adapter, results, names, drawn, sizes, self.places, fused=fused)

    def _call(self, function: Callable[..., Any], line: str, names: Mapping[str, Any]) -> dict[str, Any]:
        arguments, results = call(line)
        bound = getattr(self.owner, function.__name__, function) if self.owner is not None else function
        values = [_value(argument, names) for argument in arguments.args]
        value = bound(*values, **{word.arg: _value(word.value, names) for word in arguments.keywords if word.arg})
        found: dict[str, Any] = {}
        if results is not None:
            _match(results, value, found)
        return found


def _identical(owner: Any, names: Mapping[str, Any], path: str = "self") -> dict[str, str]:
    """Where an object, or one in it, keeps the arrays that it was made of."""
    arrays = {id(value): name for name, value in names.items() if isinstance(value, np.ndarray)}
    places: dict[str, str] = {}
    for attribute, value in (getattr(owner, "__dict__", None) or {}).items():
        items = value.items() if isinstance(value, dict) else ()
        places |= {arrays[id(v)]: f"{path}.{attribute}[{k!r}]" for k, v in items if id(v) in arrays}
        if id(value) in arrays:
            places[arrays[id(value)]] = f"{path}.{attribute}"
        elif path.count(".") < DEPTH and not isinstance(value, (dict, list, tuple, np.ndarray)):
            places |= _identical(value, names, f"{path}.{attribute}")
    return places


def _aim(argument: str, output: str) -> str:
    return stripped(argument, []) if output.endswith("[T]") else output.removesuffix("[0:]")


def _cotangent(
    argument: str, output: str, dump: Mapping[str, Array], sizes: Mapping[str, int], rng: np.random.Generator
) -> dict[str, Array]:
    """A random upstream gradient; ``h[T]`` is that of the last step, ``h[0:]`` has an entry for the initial state."""
    source = output.removesuffix("[T]").removesuffix("[0:]")
    if f"output/{source}" not in dump:
        raise ValueError(f"the forward function returns no array {source}, of which {argument} is a cotangent")
    value, name = dump[f"output/{source}"], _aim(argument, output)
    axis = next((k for k, n in enumerate(value.shape) if n == sizes["T"] + 1), None)
    found: dict[str, Array] = {}
    if output.endswith("[0:]") and axis is None:
        raise ValueError(f"{source} has no entry for its initial state")
    if output.endswith("[T]"):
        axis = axis if axis is not None else next((k for k, n in enumerate(value.shape) if n == sizes["T"]), None)
        if axis is None:
            raise ValueError(f"{source} has no axis of time")
        found[f"output/{name}"] = value = np.take(value, -1, axis)
    elif axis is not None and not output.endswith("[0:]"):
        value = np.delete(value, 0, axis)
    return found | {f"cotangent/{name}": rng.standard_normal(value.shape).astype(value.dtype)}


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
        found[leaf] = results.pop(path) if path in results else _look(path, {**names, **results})
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
        if place and re.match(r"d|g|result", name):
            found[place] = rest.pop(name)
    for leaf in from_key:
        if leaf not in found and (left := _left(places, leaf, names)) is not None:
            found[leaf] = left
    if adapter.rate:
        rate = float(_look(adapter.rate, names))
        for leaf in (k for k, role in adapter.leaves.items() if role == "param"):
            after = np.asarray(_look(places.get(leaf, leaf), names))
            if not np.array_equal(after, drawn[from_key[leaf]]):
                found.setdefault(leaf, (drawn[from_key[leaf]] - after) / rate)
    grads = {f"grad/{leaf}": as_array(value, leaf)[0] for leaf, value in found.items() if value is not None}
    if not grads:
        raise ValueError(
            "no gradient was found among the results of the backward function, in its object or its globals"
        )
    if fused:
        return grads | {f"output/{name}": value for name, value in _outputs(rest, sizes).items()}
    inner = {stripped(name, []) or name: value for name, value in rest.items() if re.match(r"d\w|grad", name)}
    return grads | {
        f"grad/{name}": value for name, value in _outputs(inner, sizes).items() if f"grad/{name}" not in grads
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
    beside = _look(parent, names) if parent and "[" not in last else own
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
    return getattr(_look(place, names), "grad", None) if place else None


def _same(value: Any, array: Array) -> bool:
    return getattr(value, "shape", None) == array.shape


def _flat(results: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Results by name; those in a dictionary by its keys."""
    for name, value in results.items():
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            yield from _flat(value)
        elif value is not None:
            yield name, value


def _outputs(results: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Array]:
    """Results that are arrays over the sizes of the problem; lists and dictionaries over time are stacked."""
    stacked = {n * sizes["H"] for n in (1, 2, 3, 4)}
    known = {1, 3, 4, sizes["T"], sizes["T"] + 1, sizes["B"], sizes["O"], sizes["D"], *stacked}
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
        if (
            array.ndim
            and array.dtype.kind == "f"
            and set(array.shape) <= known
            and set(array.shape) & {sizes["O"], *stacked}
        ):
            arrays[name] = _without_zero_end(array, sizes["T"])
    return arrays


def _without_zero_end(array: Array, steps: int) -> Array:
    """T + 1 states of which the last is a zero that index −1 reaches, as the T that were computed."""
    axis = next((k for k, n in enumerate(array.shape) if n == steps + 1), None)
    if axis is None or np.take(array, -1, axis).any() or not np.take(array, 0, axis).any():
        return array
    return np.delete(array, -1, axis)


# --- the notation of an adapter -------------------------------------------------------------------------------------


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name not in names:
                raise ValueError(f"adapter: nothing is called {name}; it needs a shape, or stands among the results")
            return names[name]
        case ast.List(elts=parts):
            return [_value(part, names) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, names) for part in parts)
        case ast.Set(elts=parts):
            return {part.id: _value(part, names) for part in parts if isinstance(part, ast.Name)}
        case ast.Dict(keys=keys, values=parts):
            return {_value(k, names): _value(v, names) for k, v in zip(keys, parts, strict=True) if k is not None}
    raise ValueError(f"adapter: {ast.unparse(node)} cannot be passed")


def _match(node: ast.expr, value: Any, names: dict[str, Any]) -> None:
    if isinstance(node, ast.Name):
        if node.id != "_":
            names[node.id] = value
        return
    parts = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
    if not isinstance(value, (tuple, list)) or len(value) != len(parts):
        count = f"{len(value)} results" if isinstance(value, (tuple, list)) else f"a {type(value).__name__}"
        raise ValueError(f"a function returned {count}, and the adapter says '{ast.unparse(node)}'")
    for part, item in zip(parts, value, strict=True):
        _match(part, item, names)


def _steps(path: str) -> tuple[str, list[tuple[bool, str]]]:
    """``self.params['W']`` as its head and the attributes and items that follow."""
    node, steps = ast.parse(path, mode="eval").body, list[tuple[bool, str]]()
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name):
                steps.append((False, name))
            case ast.Subscript(value=inner, slice=ast.Constant(value=str(name))):
                steps.append((True, name))
            case ast.Name(id=head):
                return head, steps[::-1]
            case _:
                raise ValueError(f"adapter: {path!r} is not a place, as self.W, self.params['W'] or module.W")
        node = inner


def _look(path: str, names: Mapping[str, Any]) -> Any:
    head, steps = _steps(path)
    value = _value(ast.Name(head), names)
    for item, name in steps:
        value = value[name] if item or isinstance(value, dict) else getattr(value, name)
    return value


def _store(path: str, value: Any, names: Mapping[str, Any]) -> None:
    head, steps = _steps(path)
    place = _value(ast.Name(head), names)
    for item, name in steps[:-1]:
        place = place[name] if item or isinstance(place, dict) else getattr(place, name)
    item, name = steps[-1]
    if item or isinstance(place, dict):
        place[name] = value
    else:
        setattr(place, name, value)
