r"""Systems in a notebook as tables of formulas: ``%load_ext reports.notebook``.

Without it a `System` and an `Equation` show themselves as LaTeX, which a notebook sets with MathJax. With it they are
tables of native MathML, set by the browser, with the shape of every quantity. `Evidence` and `Verdict` have a form of
their own. It is an extension because `derive` does not know of `reports`.

Read next: `reports.commands.systems`.
"""

from __future__ import annotations

from typing import Protocol

from derive.equation import Equation
from derive.latex import shape_latex
from derive.system import System
from derive.typeset import PlainNames, typeset
from reports.mathml import to_mathml
from reports.notation import Notation

CELL = 'style="text-align:left;background:none"'


class Formatter(Protocol):
    """IPython's formatter of one kind of output."""

    def for_type(self, kind: type, function: object) -> object:
        """Register a function for a type."""
        ...


class DisplayFormatter(Protocol):
    """IPython's formatters by kind of output."""

    formatters: dict[str, Formatter]


class Shell(Protocol):
    """As much of IPython as is used."""

    display_formatter: DisplayFormatter


def load_ipython_extension(ipython: Shell) -> None:
    """Called by ``%load_ext reports.notebook``."""
    html = ipython.display_formatter.formatters["text/html"]
    html.for_type(System, system_html)
    html.for_type(Equation, equation_html)


def unload_ipython_extension(ipython: Shell) -> None:
    """Called by ``%unload_ext reports.notebook``."""
    for kind in (System, Equation):
        ipython.display_formatter.formatters["text/html"].for_type(kind, lambda value: None)


def system_html(system: System, notation: Notation | None = None) -> str:
    """A table: left sides, right sides, shapes.

    Args:
        system: a primal or one derived from it.
        notation: how it is written; default `standard`.
    """
    names = (notation or Notation()).names(system)
    rows = [
        f"<tr><td {CELL}>{to_mathml(typeset(equation.out, names))}</td>"
        f"<td {CELL}>{to_mathml('= ' + typeset(equation.expr, names), display=True)}</td>"
        f"<td {CELL}>{to_mathml(shape_latex(system.variables[equation.name].shape))}</td></tr>"
        for equation in system.equations
    ]
    return f"<table>{''.join(rows)}</table>"


def equation_html(equation: Equation) -> str:
    """One formula."""
    names = PlainNames()
    return to_mathml(f"{typeset(equation.out, names)} = {typeset(equation.expr, names)}", display=True)
