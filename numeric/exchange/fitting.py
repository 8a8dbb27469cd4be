"""The arrays of a layer against a form: do their shapes fit, at which sizes, and which block is where.

Read next: `numeric.exchange.survey`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from numeric.exchange.layouts import BIASES, SHAPES, Form, Tensor
from numeric.exchange.names import Array, Group
from numeric.exchange.places import Key

Sizes = dict[str, int]  # H, D and R


class Unfit(ValueError):
    """Arrays that are not of a form; the message is one line, the tensor and both shapes."""


def fit(form: Form, group: Group) -> Sizes:
    """The sizes at which the arrays of a layer have the shapes of a form.

    Raises:
        Unfit: for a tensor that is missing, that the form does not have, or whose shape is another.
    """
    tensors = {tensor.name: tensor for tensor in form.tensors}
    for role, name in group.names.items():
        if role not in tensors:
            raise Unfit(f"{name} is no tensor of {form.title}")
    biased = any(set(tensors[role].parts) & set(BIASES) for role in group.arrays)
    for tensor in form.tensors:
        needed = not tensor.is_optional or (biased and set(tensor.parts) & set(BIASES))
        if needed and tensor.name not in group.arrays:
            raise Unfit(f"{tensor.name} is missing beside {group.shapes}")
    projected = any(tensors[role].parts == ("projection",) for role in group.arrays)
    sizes: Sizes = {}
    here = [tensor for tensor in form.tensors if tensor.name in group.arrays]
    for tensor in sorted(here, key=lambda t: ("projection" not in t.parts, "recurrent" not in t.parts)):
        _measure(form, tensor, group, sizes, projected)
    return {**sizes, "R": sizes["R"] if projected else sizes["H"]}


def expected(form: Form, tensor: Tensor, projected: bool = True) -> list[tuple[int, str]]:
    """The shape of a tensor: for each axis a factor and the letter of a size, "" for none."""
    (letter, *others) = SHAPES[tensor.parts[0]]
    gates, parts = len(form.gates_of(tensor)) or 1, len(tensor.parts)
    axes = [(gates * (1 if tensor.apart else parts), letter), *((1, other) for other in others)]
    axes = [(factor, letter if projected or letter != "R" else "H") for factor, letter in axes]
    return [*([(parts, "")] if tensor.apart else []), *(axes[::-1] if tensor.transposed else axes)]


def _measure(form: Form, tensor: Tensor, group: Group, sizes: Sizes, projected: bool) -> None:
    """Learn sizes from a tensor, or find that they contradict what others say."""
    shape, axes = group.arrays[tensor.name].shape, expected(form, tensor, projected)
    fits = len(shape) == len(axes) and 0 not in shape
    for (factor, letter), size in sorted(zip(axes, shape, strict=False)):
        if letter and letter not in sizes and size % factor == 0:
            sizes[letter] = size // factor
        fits = fits and size == factor * sizes.get(letter, 1 if not letter else 0)
    if not fits:
        raise Unfit(f"{group.names[tensor.name]} has the shape {shape}, expected {shape_text(axes, sizes)}")


def shape_text(axes: list[tuple[int, str]], sizes: Mapping[str, int]) -> str:
    """``(4*H, D) = (12, D)``."""
    symbols = [f"{factor}*{letter}" if factor > 1 and letter else letter or str(factor) for factor, letter in axes]
    numbers = [str(factor * sizes[letter]) if letter in sizes else "" for factor, letter in axes]
    filled = [number or symbol for number, symbol in zip(numbers, symbols, strict=True)]
    ends = ",)" if len(axes) == 1 else ")"
    return f"({', '.join(symbols)}{ends}" + (f" = ({', '.join(filled)}{ends}" if filled != symbols else "")


def unpack(form: Form, group: Group) -> dict[Key, Array]:
    """The blocks of a layer by part and gate, each in the shape that `SHAPES` says."""
    found: dict[Key, Array] = {}
    for tensor in form.tensors:
        if tensor.name not in group.arrays:
            continue
        array = group.arrays[tensor.name]
        array = array.T if tensor.transposed else array.reshape(-1) if tensor.apart else array
        keys = [(part, gate) for part in tensor.parts for gate in form.gates_of(tensor) or [""]]
        found |= dict(zip(keys, np.split(array, len(keys)), strict=True))
    return found


def pack(form: Form, blocks: Mapping[Key, Array]) -> dict[str, Array]:
    """The arrays of a layer by role; what has no blocks is left out."""
    found: dict[str, Array] = {}
    for tensor in form.tensors:
        keys = [(part, gate) for part in tensor.parts for gate in form.gates_of(tensor) or [""]]
        if not all(key in blocks for key in keys):
            continue
        array = np.concatenate([blocks[key] for key in keys])
        found[tensor.name] = (
            array.T if tensor.transposed else array.reshape(len(tensor.parts), -1) if tensor.apart else array
        )
    return found
