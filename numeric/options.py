"""How a kernel is compiled: what tells two kernels of one system apart.

Read next: `numeric.results`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from numeric.passes import PASSES, Pass

FLOATS = ("float64", "float32")


@dataclass(frozen=True)
class Options:
    """How a kernel is compiled.

    Attributes:
        dtype: float64 or float32.
        passes: by which its schedule is rewritten.
        checkpoint: steps between kept states, 0 for √T; None keeps all.
        compiled: whether loops are to be C functions.
    """

    dtype: str
    passes: tuple[Pass, ...]
    checkpoint: int | None = None
    compiled: bool = False


def options(dtype: DTypeLike, checkpoint: bool | int, compiled: bool = False) -> Options:
    """Options from what a caller gives.

    Raises:
        ValueError: for another dtype or a number of steps below 1.
    """
    name = np.dtype(dtype).name
    if name not in FLOATS:
        raise ValueError(f"dtype {name}: kernels compute in {' or '.join(FLOATS)}")
    if checkpoint is False:
        return Options(name, PASSES, None, compiled)
    if checkpoint is not True and int(checkpoint) < 1:
        raise ValueError(f"checkpoint: a number of steps, at least 1, not {checkpoint}")
    return Options(name, PASSES, 0 if checkpoint is True else int(checkpoint), compiled)
