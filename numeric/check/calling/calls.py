"""Calling somebody's functions as an adapter says, and what went in and came out as a dump.

Every call begins afresh: objects are copied, globals are set and put back, arguments are copies, so that code that
works in place does no harm.

Read next: `numeric.check.calling.held`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from numeric.check.calling.adapter import Adapter, call, sizes_of
from numeric.check.calling.gathered import gradients_of, outputs_of, stripped
from numeric.check.calling.places import give_names, store, value_of
from numeric.check.files import Array
from numeric.check.foreign import as_array

PARAMETERS = 0.5  # the size of parameters: with smaller ones mistakes are small too
# Apart from each other, from T + 1 for T = 1, 2, 6, 9, and from the 3 and 4 gates of a cell
SIZES = {"B": 5, "T": 6, "D": 11, "H": 8, "O": 13}
LOSSES = ("loss", "cost", "error", "L", "J")
DEPTH = 2  # of objects in objects


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
    values = [value_of(argument, names) for argument in maker.args]
    return code.owner(*values, **{word.arg: value_of(word.value, names) for word in maker.keywords if word.arg})


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
                store(path, names[name], names)
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
            wanted = {output.partition("[")[0] for output in self.adapter.cotangents.values()}
            if "loss" in results:
                dump["loss"] = np.array(float(_loss(results, None)))
            names |= {name: value for name, value in results.items() if name not in self.adapter.leaves}
            dump |= {f"output/{name}": value for name, value in outputs_of(results, sizes, wanted=wanted).items()}
        for argument, output in self.adapter.cotangents.items():
            dump |= _cotangent(argument, output, dump, sizes, rng)
            names[argument] = np.array(dump[f"cotangent/{_aim(argument, output)}"])
        results = self._call(self.code.backward, self.adapter.backward, names)
        fused = self.code.forward is None
        if fused or "target" in self.adapter.leaves.values():
            loss = _loss(results, self.owner)
            dump |= {} if loss is None else {"loss": np.array(float(loss))}
        return dump | gradients_of(self.adapter, results, names, drawn, sizes, self.places, fused=fused)

    def _call(self, function: Callable[..., Any], line: str, names: Mapping[str, Any]) -> dict[str, Any]:
        arguments, results = call(line)
        bound = getattr(self.owner, function.__name__, function) if self.owner is not None else function
        values = [value_of(argument, names) for argument in arguments.args]
        value = bound(*values, **{word.arg: value_of(word.value, names) for word in arguments.keywords if word.arg})
        found: dict[str, Any] = {}
        if results is not None:
            give_names(results, value, found)
        return found


def _loss(results: dict[str, Any], owner: Any) -> Any:
    """The loss, which is taken out of the results, or left in the object; None if there is none."""
    found = [results.pop(name) for name in LOSSES if name in results]
    found += [getattr(owner, name, None) for name in LOSSES[:3]]
    numbers = [value for value in found if value is not None and np.size(value) == 1]
    return np.ravel(as_array(numbers[0], "loss")[0])[0] if numbers else None


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
