"""Reports of recurrent networks: `write` makes the HTML, LaTeX and JSON of one, `compare` of several side by side.

The names are resolved on first use, because ``bptt --help`` imports this package too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.comparing import compare
    from reports.writing import write

__all__ = ["compare", "write"]


def __getattr__(name: str) -> Any:
    if name == "write":
        return import_module("reports.writing").write
    if name == "compare":
        return import_module("reports.comparing").compare
    raise AttributeError(f"module 'reports' has no attribute {name!r}")
