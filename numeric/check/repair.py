"""The correct term of an equation that a mistake changed, in the author's names.

Read next: `numeric.check.localise`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sympy

from derive.system import Equation
from derive.text import to_text
from numeric.check.mistakes import Mutant
from numeric.check.view import View


def repair(view: View, mutant: Mutant, names: Mapping[str, str]) -> dict[str, str]:
    """The first equation that a mistake changed, as it is right.

    Returns:
        ``equation``: its number among all equations, forward and backward, as reports and kernels count them;
        ``text``, ``latex`` and ``numpy``.  Nothing for a mistake that is in no equation, such as a truncation.
    """
    outs = list(dict.fromkeys(edit.out for edit in mutant.edits))
    if not outs:
        return {}
    equation = view.derivation.equations[outs[0]]
    numbers = {e.out: number for number, e in enumerate(view.whole.equations, 1)}
    return {
        "equation": ", ".join(str(numbers[out]) for out in outs),
        "text": renamed(str(equation), names),
        "latex": f"{sympy.latex(equation.out)} = {sympy.latex(equation.expr)}",
        "numpy": renamed(numpy_text(equation), names),
    }


def numpy_text(equation: Equation) -> str:
    """An equation of columns as a line of NumPy, one step of it."""
    text = f"{to_text(equation.out)} = {to_text(equation.expr)}"
    text = re.sub(r"rows\((\w+)\.T, ([^()]*?)\)", r"\1[:, \2].T", text)
    text = re.sub(r"\bsum\[\w+\]\(", "sum_over_steps(", text)
    return re.sub(r"(?<=[\])\w]) @ \[(.*?)\]\.T", r" @ np.concatenate([\1]).T", text)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A line about quantities, in the author's names where they are known."""
    known = {old: new for old, new in names.items() if old != new}
    if not known:
        return text
    pattern = r"(?<![\w.])(" + "|".join(map(re.escape, sorted(known, key=len, reverse=True))) + r")(?!\w)"
    return re.sub(pattern, lambda match: known[match[1]], text)
