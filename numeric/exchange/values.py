"""The parameters of a layer, and its blocks as frameworks have them: into each other.

A framework that stores two biases where the system has one: their sum comes in, and the sum and zero go out.  Only n of
a GRU that resets after the product has two that differ, and there the reset gate multiplies the second.

Read next: `numeric.exchange.survey`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from numeric.exchange.names import Array
from numeric.exchange.places import Block, Key, Place

MATRICES = ("input", "recurrent", "projection")
Dims = Mapping[sympy.Symbol, int]


def to_parameters(place: Place, blocks: Mapping[Key, Array], dims: Dims, like: np.dtype) -> dict[str, Array]:
    """The parameters of a layer from the blocks of a framework.

    Raises:
        ValueError: for a bias or a peephole that is not zero and has no place in the system.
    """
    columns: dict[str, dict[int, Array]] = {}
    units = int(place.layer.units.subs(dims))
    wanted = {key: block for key, block in blocks.items() if "bias" not in key[0]}
    wanted |= _biases_in(place, blocks)
    for (part, gate), held in place.blocks.items():
        array = wanted.pop((part, gate), np.zeros(units, like))
        arrays = [array] if part in MATRICES or array.ndim == 1 else list(array)
        for block, value in zip(held, [*arrays, *[np.zeros_like(arrays[0])] * len(held)], strict=False):
            low = 0 if block.low is None else int(block.low.subs(dims))
            columns.setdefault(block.parameter, {})[low] = value if block.sign > 0 else -value
    for (part, gate), array in wanted.items():
        if np.any(array):
            raise ValueError(
                f"the {'bias' if part == 'inner' else part} of {gate} is not zero, and the system has none"
            )
    return {name: _joined(parts) for name, parts in columns.items()}


def _joined(parts: Mapping[int, Array]) -> Array:
    arrays = [parts[low] for low in sorted(parts)]
    return np.array(arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1), order="C")


def _biases_in(place: Place, blocks: Mapping[Key, Array]) -> dict[Key, Array]:
    """Biases by gate, as the system adds them up; two of one gate in rows."""
    found: dict[Key, Array] = {}
    for gate in {gate for part, gate in blocks if "bias" in part}:
        first = blocks.get(("bias", gate), blocks.get(("input bias", gate)))
        second = blocks.get(("recurrent bias", gate))
        if first is None:
            raise ValueError(f"gate {gate} has a recurrent bias alone")
        if gate == "n" and place.layer.kind == "gru-after":
            found["bias", gate] = first
            if second is not None:
                found["inner", gate] = second
        elif second is None:
            found["bias", gate] = first
        else:
            both = len(place.blocks.get(("bias", gate), ())) > 1
            found["bias", gate] = np.stack([first, second]) if both else first + second
    return found


def to_blocks(place: Place, parameters: Mapping[str, Array], dims: Dims, *, biased: bool) -> dict[Key, Array]:
    """The blocks of a layer as frameworks have them, from the parameters of a system.

    Args:
        place: where they are.
        parameters: of the system.
        dims: numbers for its dimensions.
        biased: whether there are biases even if the system has none.
    """
    found: dict[Key, Array] = {}
    for (part, gate), held in place.blocks.items():
        if part not in ("bias", "inner"):
            found[part, gate] = _cut(held[0], parameters, dims)
    zero = np.zeros(int(place.layer.units.subs(dims)), np.result_type(*parameters.values()))
    for gate in [gate for part, gate in place.blocks if part == "input"]:
        outer = [_cut(block, parameters, dims) for block in place.blocks.get(("bias", gate), ())]
        inner = [_cut(block, parameters, dims) for block in place.blocks.get(("inner", gate), ())]
        if place.layer.bias or biased:
            found |= _biases_out(gate, outer, inner, zero)
    return found


def _biases_out(gate: str, outer: Sequence[Array], inner: Sequence[Array], zero: Array) -> dict[Key, Array]:
    first, second = outer[:1], inner or outer[1:]
    return {
        ("bias", gate): sum(outer, zero),
        ("input bias", gate): sum(outer if inner else first, zero),
        ("recurrent bias", gate): sum(second, zero),
    }


def _cut(block: Block, parameters: Mapping[str, Array], dims: Dims) -> Array:
    array = parameters[block.parameter]
    if block.low is not None and block.high is not None:
        array = array[:, int(block.low.subs(dims)) : int(block.high.subs(dims))]
    return array if block.sign > 0 else -array
