"""Equations of recurrent networks, and what follows from them by mathematics."""

from derive.architectures import Architecture
from derive.errors import EquationError
from derive.language import parse, system
from derive.library import UnknownArchitecture, load, names
from derive.system import Equation, Origin, System, Var

__all__ = [
    "Architecture",
    "Equation",
    "EquationError",
    "Origin",
    "System",
    "UnknownArchitecture",
    "Var",
    "load",
    "names",
    "parse",
    "system",
]
