"""What a kernel returns: a `Run` forward, and `Gradients`.

Read next: `numeric.kernel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.arrays import Sizes
from numeric.padding import Masks

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Run:
    """What a forward pass computed.

    Attributes:
        outputs: (T, B, …) by name; a time-free quantity (B, …).  Zero at padded steps.
        final: by name of each state the values that the next chunk of the sequence needs, shaped as `initial`.  With
            lengths, those of the states of a recurrence, at the last true step.
    """

    outputs: Mapping[str, Floats]
    final: Mapping[str, Floats]
    kernel: Any = field(repr=False)  # the `numeric.kernel.Kernel` that made it
    sizes: Sizes = field(repr=False)
    saved: tuple[Any, ...] | None = field(repr=False)
    padded: Padded | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Padded:
    """A run on sequences of unequal length: that of the system with masks, and the masks."""

    run: Run
    masks: Masks


@dataclass(frozen=True)
class Gradients:
    """What a backward pass computed: cotangents, shaped as what they belong to.

    Attributes:
        parameters: of every parameter, summed over steps and examples.
        inputs: of every input that holds no indices.
        initial: of every given boundary value.
    """

    parameters: Mapping[str, Floats]
    inputs: Mapping[str, Floats]
    initial: Mapping[str, Floats]
