"""Code for other frameworks: `source` writes a system as one readable file that does not depend on this project.

Each file holds the forward pass, the derived backward pass, and a ``check()`` of one against the other.

Read next: `numeric.targets.plan`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from derive.system import System

__all__ = ["TARGETS", "source"]

TARGETS: dict[str, tuple[str, str]] = {  # name: module, function of a plan
    "numpy": ("numeric.targets.numpy", "numpy_source"),
    "torch": ("numeric.targets.torch", "torch_source"),
    "jax": ("numeric.targets.jax", "jax_source"),
}
OF_A_SYSTEM: dict[str, tuple[str, str]] = {  # name: module, function of a system
    "c": ("numeric.targets.c", "c_source"),
}


def source(system: System, target: str = "numpy", numbers: Mapping[str, int] | None = None) -> str:
    """A system as a file for another framework.

    Args:
        system: any system.
        target: numpy, torch, jax or c.
        numbers: of equations by left side (``h[t]``), for comments; by default they are counted.

    Raises:
        ValueError: for an unknown target, or one that this version does not have.
    """
    if target in OF_A_SYSTEM:
        where, what = OF_A_SYSTEM[target]
        try:
            return str(getattr(importlib.import_module(where), what)(system))
        except ModuleNotFoundError as error:
            if error.name != where:
                raise
            raise ValueError(f"there is no target {target!r} in this version") from error
    if target not in TARGETS:
        raise ValueError(f"no target is called {target!r}; there are {', '.join((*TARGETS, *OF_A_SYSTEM))}")
    from numeric.targets.plan import Plan

    where, what = TARGETS[target]
    return str(getattr(importlib.import_module(where), what)(Plan(system, numbers)))
