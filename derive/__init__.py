"""Equations of recurrent networks, and what follows from them by mathematics."""

from derive.errors import EquationError
from derive.language import parse, system
from derive.system import Equation, Origin, System, Var

__all__ = ["Equation", "EquationError", "Origin", "System", "Var", "parse", "system"]
