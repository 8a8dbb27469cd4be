"""`Dump`: arrays of somebody's code, in their own names, layouts and dtypes, checked when built.

Keys say what an array is: ``input/x``, ``initial/h``, ``param/Wf``, ``output/h`` (what the forward computed),
``cotangent/h`` (the upstream gradient of an output) or ``target/y`` and ``loss`` (of a code that differentiates a
loss), and ``grad/…`` under the name of what it is the gradient of.  What the names mean is found out elsewhere.

Read next: `numeric.check.conventions.axes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("input", "initial", "param", "output", "cotangent", "target", "grad")
BFLOAT16 = 2.0**-8  # spacing at 1


@dataclass(frozen=True)
class Dump:
    """Arrays by kind and name; real numbers are float64, whatever they came as, and integers are int64.

    Attributes:
        inputs, initial, params, outputs, cotangents, targets, grads: arrays by the author's names.
        loss: the printed loss, if there is one.
        precision: by key, ``param/Wf``, the spacing at 1 of the dtype that the array came in; 0 for integers.
        mask: 1 where a step of an example counts, 0 for padding, where that is known.
        wishes: by key, what the user says that an array is; see `numeric.check.bind.bind`.
    """

    inputs: Mapping[str, NDArray[Any]]
    initial: Mapping[str, NDArray[Any]]
    params: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, NDArray[Any]]
    cotangents: Mapping[str, NDArray[Any]]
    targets: Mapping[str, NDArray[Any]]
    grads: Mapping[str, NDArray[Any]]
    loss: float | None = None
    precision: Mapping[str, float] = field(default_factory=dict)
    wishes: Mapping[str, str] = field(default_factory=dict)
    mask: NDArray[Any] | None = None

    @classmethod
    def of(cls, mapping: Mapping[str, Any], precision: Mapping[str, float] | None = None) -> Dump:
        """A dump from arrays of any kind: NumPy, lists, whatever has ``__array__``.

        Args:
            mapping: arrays by key.
            precision: spacing at 1 by key, where an array came from a coarser dtype than it has now (bfloat16).

        Raises:
            ValueError: one line, for a key of no known kind, a key that is missing, an array that holds no numbers, NaN
                or infinity, or a sequence without steps.
        """
        found: dict[str, dict[str, NDArray[Any]]] = {kind: {} for kind in KINDS}
        spacing: dict[str, float] = {}
        loss = None
        for key, value in mapping.items():
            array, step = _numbers(key, value)
            spacing[key] = max(step, (precision or {}).get(key, 0.0))
            if key == "loss":
                if array.size != 1:
                    raise ValueError(f"loss is one number, not an array of shape {array.shape}")
                loss = float(array.ravel()[0])
                continue
            kind, slash, name = key.partition("/")
            if kind not in found or not slash or not name:
                raise ValueError(_unknown(key, kind))
            found[kind][name] = array
        _complete(found)
        inputs, initial, params, outputs, cotangents, targets, grads = (found[kind] for kind in KINDS)
        return cls(inputs, initial, params, outputs, cotangents, targets, grads, loss, spacing)

    def with_wishes(self, wishes: Mapping[str, str]) -> Dump:
        """The same arrays, and what the user says that some of them are.

        Raises:
            ValueError: if there is no such array.
        """
        kinds = (self.inputs, self.initial, self.params, self.outputs, self.cotangents, self.targets, self.grads)
        keys = [f"{kind}/{name}" for kind, arrays in zip(KINDS, kinds, strict=True) for name in arrays]
        for key in wishes:
            if key not in keys:
                close = next(iter(get_close_matches(key, keys, n=1)), keys[0])
                raise ValueError(f"the mapping speaks of {key!r}, which the dump has not; did you mean {close!r}?")
        return replace(self, wishes=dict(wishes))

    def spacing(self, kind: str) -> float:
        """The coarsest spacing at 1 among real arrays of a kind, float64's if there are none."""
        eps = float(np.finfo(np.float64).eps)
        return max((step for key, step in self.precision.items() if key.startswith(kind + "/")), default=eps) or eps

    @property
    def tolerance(self) -> float:
        """How far values that agree may differ, relative to the largest: 1e-9 for float64, 1e-4 for float32."""
        step = max((self.spacing(kind) for kind in ("input", "param", "output", "initial")), default=0.0)
        return 1e-9 if step < 1e-12 else min(1000 * step, 0.05)


def _numbers(key: str, value: Any) -> tuple[NDArray[Any], float]:
    """An array of float64 or int64, and the spacing of the dtype it came in."""
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{key} is no array: {str(error).splitlines()[0]}") from None
    if array.dtype.kind in "iub":
        return array.astype(np.int64), 0.0
    if array.dtype.name == "bfloat16":
        array, step = array.astype(np.float64), BFLOAT16
    elif array.dtype.kind == "f":
        step = float(np.finfo(array.dtype).eps)
        array = array.astype(np.float64)
    else:
        raise ValueError(f"{key} holds {array.dtype}, not real numbers")
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        what = "NaN" if np.isnan(array[place]) else "infinity"
        raise ValueError(f"{key} holds {what}, first at {list(place)}")
    return array, step


def _unknown(key: str, kind: str) -> str:
    close = next(iter(get_close_matches(kind, (*KINDS, "loss"), n=1)), None)
    hint = f"did you mean {close!r}?" if close else "keys begin with " + ", ".join(f"{k}/" for k in KINDS)
    return f"key {key!r} says nothing known of its array; {hint}"


def _complete(found: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    for kind, what in (("grad", "gradient to check"), ("input", "input")):
        if not found[kind]:
            raise ValueError(f"there is no {what}: a dump needs a key {kind}/NAME")
    if not found["cotangent"] and not found["target"]:
        raise ValueError("there is neither an upstream gradient, cotangent/NAME, nor a target of a loss, target/NAME")
    for kind, arrays in found.items():
        for name, array in arrays.items():
            if array.size == 0:
                raise ValueError(f"{kind}/{name} is empty, of shape {array.shape}: at least one step is needed")
            if kind not in ("input", "target") and array.dtype.kind == "i":
                found[kind] = {**found[kind], name: array.astype(np.float64)}  # type: ignore[index]
