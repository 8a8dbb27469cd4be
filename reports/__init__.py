"""Reports of recurrent networks: `write` makes the HTML, LaTeX and JSON of one.

The name is resolved on first use, because ``bptt --help`` imports this package too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.writing import write

__all__ = ["write"]


def __getattr__(name: str) -> Any:
    if name == "write":
        return import_module("reports.writing").write
    raise AttributeError(f"module 'reports' has no attribute {name!r}")
