"""Equations of recurrent networks, and what follows from them by mathematics."""

import derive.typeset  # noqa: F401  (says how nodes print as LaTeX)
from derive.architectures import Architecture
from derive.errors import EquationError
from derive.evidence import Evidence
from derive.language import define, parse
from derive.library import UnknownArchitecture, load, names
from derive.proof import proofs, prove
from derive.system import Equation, Origin, System, Var
from derive.tex import from_latex
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
