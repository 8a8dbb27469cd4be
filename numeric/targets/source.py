"""`source`: a system as one file for NumPy, PyTorch, JAX or C.

Each file holds the forward pass, the derived backward pass, and a ``check()`` of one against the other.

Read next: `numeric.lambdify`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from derive.system import System
from numeric.targets.c import c_source
from numeric.targets.jax import jax_source
from numeric.targets.numpy import numpy_source
from numeric.targets.plan import Plan
from numeric.targets.torch import torch_source

TARGETS: dict[str, Callable[[System, Mapping[str, int] | None], str]] = {
    "numpy": lambda system, numbers: numpy_source(Plan(system, numbers)),
    "torch": lambda system, numbers: torch_source(Plan(system, numbers)),
    "jax": lambda system, numbers: jax_source(Plan(system, numbers)),
    "c": lambda system, numbers: c_source(system),
}


def source(system: System, target: str = "numpy", numbers: Mapping[str, int] | None = None) -> str:
    """A system as a file for another framework.

    Args:
        system: any system.
        target: numpy, torch, jax or c.
        numbers: of equations by left side (``h[t]``), for comments; by default they are counted.

    Raises:
        ValueError: for an unknown target.
    """
    if target not in TARGETS:
        raise ValueError(f"no target is called {target!r}; there are {', '.join(TARGETS)}")
    return TARGETS[target](system, numbers)
