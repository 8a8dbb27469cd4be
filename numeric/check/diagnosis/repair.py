"""The correct term of an equation that a mistake changed, in the author's names, and in NumPy on the author's arrays.

Read next: `numeric.check.diagnosis.localise`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import sympy

from derive.dimensions import read_dimensions
from derive.expr import Ref
from derive.system import Equation
from numeric.check.bound import Bound
from numeric.check.diagnosis.speech import Speech
from numeric.check.mistakes import Mutant
from numeric.check.variants.view import View


def repair(view: View, mutant: Mutant, speech: Speech) -> dict[str, str]:
    """The first equation that a mistake changed, as it is right.

    Returns:
        ``equation``: its number among all equations, forward and backward, as reports and kernels count them;
        ``text``, ``latex`` and ``numpy``.  Nothing for a mistake that is in no equation, such as a truncation.
    """
    return corrected(view, list(dict.fromkeys(edit.out for edit in mutant.edits)), speech)


def repair_of(view: View, quantity: str, speech: Speech) -> dict[str, str]:
    """The equation of the gradient of a quantity, ``W_f`` or ``h[0]``."""
    out = view.derivation.leaves.get(quantity)
    return {} if out is None else corrected(view, [out], speech)


def corrected(view: View, outs: Sequence[Ref], speech: Speech) -> dict[str, str]:
    """The first of some equations, with the numbers of all."""
    if not outs:
        return {}
    equation = view.derivation.equations[outs[0]]
    numbers = {e.out: number for number, e in enumerate(view.whole.equations, 1)}
    return {
        "equation": ", ".join(str(numbers[out]) for out in outs),
        "text": speech.text(str(equation)),
        "latex": f"{sympy.latex(equation.out)} = {sympy.latex(equation.expr)}",
        "numpy": speech.text(numpy_text(equation, view)),
    }


def numpy_text(equation: Equation, view: View) -> str:
    """An equation of one example as a line of NumPy, weights as the author stores them."""
    bound, number = view.derivation.bound, view.derivation.sizes.number

    def block(match: re.Match[str]) -> str:
        weight, span = match[1], match[2]
        ends = [number(read_dimensions(end)) for end in span.split(":")]
        return _stored(bound, weight, slice(*ends)) or f"{weight}[:, {span}].T"

    def whole(match: re.Match[str]) -> str:
        known = match[1] in bound.system.parameters
        return (_stored(bound, match[1], slice(None)) if known else "") or match[0]

    text = re.sub(r"rows\((\w+)\.T, ([\w +*]+:[\w +*]+)\)", block, str(equation))
    text = re.sub(r"(?<![\w.\]])(\w+)\.T(?!\w)", whole, text)
    text = re.sub(r"\bsum\[\w+\]\(", "sum_over_steps(", text)
    return re.sub(r"(?<=[\])\w]) @ \[(.*?)\]\.T", r" @ np.concatenate([\1]).T", text)


def _stored(bound: Bound, weight: str, columns: slice) -> str:
    """The transpose of some columns of a weight, from the array that the author has them in; "" if it is in none."""
    if weight not in bound.space.shapes or len(bound.space.shapes[weight]) != 2:
        return ""
    wanted = bound.space.addresses(weight)[:, columns]
    for claim in bound.claims:
        inside = np.argwhere(np.isin(claim.index, wanted)) if claim.index.ndim == 2 else np.empty((0, 2), int)
        if len(inside) != wanted.size:
            continue
        low, high = inside.min(0), inside.max(0) + 1
        found = claim.index[low[0] : high[0], low[1] : high[1]]
        spans = [":" if (a, b) == (0, n) else f"{a}:{b}" for a, b, n in zip(low, high, claim.index.shape, strict=True)]
        name = claim.name if spans == [":", ":"] else f"{claim.name}[{', '.join(spans)}]"
        if found.shape == wanted.shape and np.array_equal(found, wanted):
            return f"{name}.T"
        if found.T.shape == wanted.shape and np.array_equal(found.T, wanted):
            return name
    return ""
