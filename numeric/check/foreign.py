"""Arrays of any library as NumPy arrays, without importing that library.

PyTorch tensors are detached; what offers ``__array__`` or ``__dlpack__`` is read through it; lists of numbers and of
arrays are stacked.  Half precision becomes float32, and its spacing is remembered, as for files.

>>> as_arrays({"loss": 1, "grad/W": [[1.0, 2.0]]}).values["grad/W"].shape
(1, 2)

Read next: `numeric.check.wording`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from numeric.check.files import BFLOAT16, HALF, Array, Arrays


def as_arrays(values: Mapping[str, Any]) -> Arrays:
    """A mapping of anybody's arrays as NumPy arrays.

    Raises:
        ValueError: in one line, of what is no array of real numbers, with its key.
    """
    arrays, precisions = {}, {}
    for key, value in values.items():
        arrays[key], precision = as_array(value, key)
        if precision is not None:
            precisions[key] = precision
    return Arrays(arrays, precisions)


def as_array(value: Any, name: str = "it") -> tuple[Array, float | None]:
    """One array, and the spacing of its numbers at 1 where they had half precision.

    Raises:
        ValueError: if it is no array of real numbers.
    """
    try:
        array, precision = _converted(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise ValueError(f"{name} cannot be read as an array: {str(error).partition(chr(10))[0]}") from error
    if array.dtype == np.float16 or array.dtype.name == "bfloat16":
        precision = HALF if array.dtype == np.float16 else BFLOAT16
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has the dtype {array.dtype}, which is not of real numbers")
    return array, precision


def _converted(value: Any) -> tuple[Array, float | None]:
    if isinstance(value, np.ndarray):
        return np.asarray(value), None
    if isinstance(value, (list, tuple)):
        parts = [_converted(part) for part in value]
        known = [precision for _, precision in parts if precision is not None]
        return np.array([array for array, _ in parts]), max(known, default=None)
    if hasattr(value, "detach"):  # a tensor of PyTorch, perhaps on a device, of a type that NumPy lacks
        tensor = value.detach().cpu()
        short = str(tensor.dtype).endswith("bfloat16")
        return np.asarray((tensor.float() if short else tensor).numpy()), BFLOAT16 if short else None
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        return np.from_dlpack(value), None
    return np.asarray(value), None
