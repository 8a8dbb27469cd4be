"""Generated source as Python functions.

The text is kept where tracebacks and debuggers look for it.

Read next: `numeric.checkpoint`.
"""

from __future__ import annotations

import builtins
import linecache
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from numeric.emit import Module
from numeric.products import for_steps, multiplier
from numeric.room import Room


def functions(
    module: Module, name: str, room: Room, loops: Mapping[str, Callable[..., None]]
) -> tuple[Callable[..., Any] | None, Callable[..., Any], Callable[..., Any] | None]:
    """``prepare`` of a module for chunks, ``forward``, and ``backward`` if anything has a gradient.

    Args:
        module: what was generated.
        name: of the system, for tracebacks.
        room: where large arrays are made.
        loops: what the module calls that is not Python.
    """
    namespace: dict[str, Any] = {}
    source = module.source
    file = f"<bptt {name} {zlib.crc32(source.encode()):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(builtins.compile(source, file, "exec"), namespace)

    def steps(label: str, *arrays: np.ndarray) -> Any:
        return room.steps((file, label), *arrays)

    namespace |= {"empty": room.empty, "steps": steps, "multiplier": multiplier}
    namespace |= {"for_steps": partial(for_steps, room.empty), **loops}
    return namespace.get("prepare"), namespace["forward"], namespace.get("backward")
