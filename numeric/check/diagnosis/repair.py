"""The correct term of an equation that a mistake changed, in the author's names, and in NumPy on the author's arrays.

Read next: `numeric.check.diagnosis.localise`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import sympy

from derive.expr import Ref, refs
from numeric.check.diagnosis.authored import Author, Unwritten
from numeric.check.diagnosis.speech import Speech
from numeric.check.mistakes import Mutant
from numeric.check.variants.view import View

BLOCK = re.compile(r"\|(\d+):(\d+)$")  # of a place: some columns of a matrix
NAME = re.compile(r"(?<![\w.])[^\W\d]\w*(?![\w′(])")


def repair(view: View, mutant: Mutant, speech: Speech) -> dict[str, str]:
    """The first equation that a mistake changed, as it is right.

    Returns:
        ``equation``: its number among all equations, forward and backward, as reports and kernels count them;
        ``text``, in the equation language, for one example; ``latex``; ``numpy``, in the author's layout where that
        has a short form, a line for each array; ``names``: what δ it reads are.  Nothing for a mistake that is in no
        equation, such as a truncation.
    """
    outs = list(dict.fromkeys(edit.out for edit in mutant.edits))
    block = BLOCK.search(mutant.where) if len(outs) == 1 else None
    return corrected(view, outs, speech, (int(block[1]), int(block[2])) if block is not None else None)


def repair_of(view: View, quantity: str, speech: Speech) -> dict[str, str]:
    """The equation of the gradient of a quantity, ``W_f`` or ``h[0]``."""
    out = view.derivation.leaves.get(quantity)
    return {} if out is None else corrected(view, [out], speech)


def corrected(
    view: View, outs: Sequence[Ref], speech: Speech, columns: tuple[int, int] | None = None
) -> dict[str, str]:
    """The first of some equations, with the numbers of all; of the gradient of a matrix perhaps some columns alone."""
    if not outs:
        return {}
    equation = view.derivation.equations[outs[0]]
    numbers = {e.out: number for number, e in enumerate(view.whole.equations, 1)}
    names = author_names(view, speech)

    def said(line: str) -> str:
        return NAME.sub(lambda match: names.get(match[0], match[0]), line)

    found = {
        "equation": ", ".join(str(numbers[out]) for out in outs),
        "text": said(str(equation)),
        "latex": f"{sympy.latex(equation.out)} = {sympy.latex(equation.expr)}",
    }
    try:
        found["numpy"] = "\n".join(Author(view, lambda name: names.get(name, name)).lines(equation, columns))
    except Unwritten:
        found["numpy"] = found["text"]
    read = [equation.name, *(read.name for read in refs(equation.expr))]
    known = {names.get(name, name): _meaning(view, name, speech) for name in dict.fromkeys(read)}
    found["names"] = "; ".join(f"{name}: {meaning}" for name, meaning in known.items() if meaning)
    return found


def author_names(view: View, speech: Speech) -> dict[str, str]:
    """What quantities of the derivation are called: the author's names, and δ of them as ``d`` and the name."""
    found = dict(speech.known)
    for name in view.whole.variables:
        kind, owner = view.origin(name)
        if kind and name.endswith(owner):
            found[name] = name.removesuffix(owner) + _spoken(owner, view, speech)
        elif not kind:
            found[name] = _spoken(name, view, speech)
    taken = Counter(found.values())
    return {old: new for old, new in found.items() if old != new and taken[new] == 1}


def _spoken(name: str, view: View, speech: Speech) -> str:
    gate = view.gate_of(name) if name in view.primal.variables else name
    if gate != name and name.endswith(gate):
        return name.removesuffix(gate) + speech.known.get(gate, gate)
    return speech.known.get(name, name)


def _meaning(view: View, name: str, speech: Speech) -> str:
    """What an adjoint quantity is, in words; nothing for those of the forward pass."""
    kind, owner = view.origin(name)
    said = speech.known.get(owner, owner)
    if kind == "upstream":
        keys = [key for key, (quantity, _) in speech.bound.parts.items() if quantity == owner]
        return f"what comes in from outside, the upstream gradient{'s' if len(keys) > 1 else ''} of {said}"
    if kind == "contribution":
        return f"what the step sends back to the {said} that it started from"
    var = view.primal.variables.get(owner)
    if kind == "cotangent" and var is not None and var.origin is not None and var.origin.kind == "pre-activation":
        gate = var.origin.of
        return f"the gradient of the pre-activation of {speech.known.get(gate, gate)}"
    return ""
