"""Initial and final states as frameworks lay them out, by the same places as the weights.

    pytorch   h (layers · directions, B, R), and c (layers · directions, B, H) of an LSTM: (h, c)
    onnx      the same for one layer: initial_h and initial_c (directions, B, H)
    keras     a list: h, and c, of the first layer forward, then backward, then of the next, each (B, H)
    flax      a list of carries: (c, h) of an LSTM, h of others

Read next: `numeric.exchange.files`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from derive.conventions import embeddings_named
from derive.system import System
from numeric.check.foreign import as_array
from numeric.exchange.layouts import framework
from numeric.exchange.names import Array
from numeric.exchange.places import places


def load_states(name: str, states: Any, system: System) -> dict[str, Array]:
    """States by name, as `Kernel.forward` takes them, from a framework's.

    Raises:
        ValueError: one line, if there are too many or too few.
    """
    held = [place.states for place in places(embeddings_named(system))]
    layout, count = framework(name), len(held[0])
    if layout.name in ("pytorch", "onnx"):
        given = list(states.values()) if isinstance(states, Mapping) else states
        stacked = [given] if count == 1 and len(np.shape(given)) == 3 else list(given)
        arrays = [as_array(array, layout.name)[0] for array in stacked]
        if len(arrays) != count or any(array.ndim != 3 or len(array) != len(held) for array in arrays):
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise ValueError(f"states of the shapes {shapes}, expected {count} with {len(held)} rows of examples each")
        return {state: array[row] for row, names in enumerate(held) for state, array in zip(names, arrays, strict=True)}
    wanted = [state for names in held for state in (names[::-1] if layout.name == "flax" else names)]
    found = [array for one in states for array in (one if isinstance(one, list | tuple) else [one])]
    if len(found) != len(wanted):
        raise ValueError(f"there are {len(found)} states, expected {len(wanted)}, for {', '.join(wanted)}")
    return {state: as_array(array, state)[0] for state, array in zip(wanted, found, strict=True)}


def dump_states(name: str, states: Mapping[str, Array], system: System) -> list[Array]:
    """States as a framework has them, from those of a run, by name: `Run.final`.

    Returns:
        In the order of the framework: [h] or [h, c] of PyTorch and ONNX, all of Keras and of Flax one after the other.

    Raises:
        ValueError: one line, if one is missing.
    """
    held = [place.states for place in places(embeddings_named(system))]
    layout = framework(name)
    for missing in [state for names in held for state in names if state not in states]:
        raise ValueError(f"the state {missing} of {system.name} is missing")
    if layout.name in ("pytorch", "onnx"):
        return [np.stack([states[names[which]] for names in held]) for which in range(len(held[0]))]
    return [states[state] for names in held for state in (names[::-1] if layout.name == "flax" else names)]
