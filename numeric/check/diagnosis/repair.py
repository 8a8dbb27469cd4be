"""The correct term of an equation that a mistake changed, in the author's names.

Read next: `numeric.check.diagnosis.localise`.
"""

from __future__ import annotations

import re

import sympy

from derive.system import Equation
from derive.text import to_text
from numeric.check.diagnosis.speech import Speech
from numeric.check.mistakes import Mutant
from numeric.check.variants.view import View


def repair(view: View, mutant: Mutant, speech: Speech) -> dict[str, str]:
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
        "text": speech.text(str(equation)),
        "latex": f"{sympy.latex(equation.out)} = {sympy.latex(equation.expr)}",
        "numpy": speech.text(numpy_text(equation)),
    }


def numpy_text(equation: Equation) -> str:
    """An equation of columns as a line of NumPy, one step of it."""
    text = f"{to_text(equation.out)} = {to_text(equation.expr)}"
    text = re.sub(r"rows\((\w+)\.T, ([^()]*?)\)", r"\1[:, \2].T", text)
    text = re.sub(r"\bsum\[\w+\]\(", "sum_over_steps(", text)
    return re.sub(r"(?<=[\])\w]) @ \[(.*?)\]\.T", r" @ np.concatenate([\1]).T", text)
