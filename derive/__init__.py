"""Equations of recurrent networks, and what follows from them by mathematics."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import derive.typeset  # noqa: F401  (says how nodes print as LaTeX)
from derive.architectures import Architecture
from derive.errors import EquationError
from derive.evidence import Evidence
from derive.language import define, parse
from derive.library import UnknownArchitecture, load, names
from derive.proof import proofs, prove
from derive.system import Equation, Origin, System, Var

if TYPE_CHECKING:
    from derive.tex.equations import from_latex
    from derive.tracing import trace

__all__ = [
    "Architecture",
    "Equation",
    "EquationError",
    "Evidence",
    "Origin",
    "System",
    "UnknownArchitecture",
    "Var",
    "define",
    "from_latex",
    "load",
    "names",
    "parse",
    "proofs",
    "prove",
    "trace",
]

_LATER = {"from_latex": "derive.tex.equations", "trace": "derive.tracing"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
