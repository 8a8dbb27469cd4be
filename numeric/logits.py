"""Which quantities make a system a language model: the index that it reads, the logits of the next one, and no future.

What is predicted for step t + 1 may depend on the indices up to t only, and through states that one step hands to the
next: then the system can be run one step at a time on what it has drawn itself.

Read next: `numeric.language_model`.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derive.equation import Equation
from derive.expr import Op, Step, refs
from derive.reach import ancestors, dependent
from derive.system import System

OVER_TIME = ("sum", "stack")  # what makes something of all steps


def find_logits(system: System, read: str = "") -> str:
    """The column with a row for every class of an index, which only a softmax or a loss reads.

    Args:
        system: any system.
        read: the index; default any.

    Raises:
        ValueError: one line, if there is none or there are several.
    """
    indices = [read] if read else [n for n in system.inputs if system.variables[n].classes is not None]
    classes = {system.variables[n].classes for n in indices if n in system.variables} - {None}
    moved = dependent(system, indices)
    columns = [n for n in system.defined if n in moved and system.shapes[n] in {(count,) for count in classes}]
    found = [n for n in columns if getattr(system.equation(n).expr, "primitive", "") != "softmax"]
    if len(found) == 1:
        return found[0]
    reason = f"say which of {', '.join(found)} they are" if found else "nothing has a row for every class of an index"
    raise ValueError(f"the logits of {system.name} are not clear: {reason}")


def find_input(system: System, logits: str) -> str:
    """The only index on which the logits depend.

    Raises:
        ValueError: one line, if there is none or there are several.
    """
    if logits not in system.defined:
        raise ValueError(f"{logits} is nothing that {system.name} computes")
    above = ancestors(system, (logits,))
    found = [n for n in system.inputs if n in above and system.variables[n].classes is not None]
    if len(found) != 1:
        raise ValueError(f"a language model reads one index; {system.name} reads {', '.join(found) or 'none'}")
    return found[0]


def check_causal(system: System, read: str, logits: str) -> None:
    """Refuse logits that see a later step, or that cannot be continued step by step.

    Raises:
        ValueError: one line with the quantity that is at fault.
    """
    if read not in system.inputs or system.variables[read].classes is None:
        raise ValueError(f"{read} is no index that {system.name} reads")
    above, moved = ancestors(system, (logits,)), dependent(system, (read,))
    if logits not in moved or system.variables[logits].axis is None:
        raise ValueError(f"{logits} does not predict, at every step, what follows on {read}")
    for equation in system.equations:
        if equation.name in above & moved:
            if equation.is_boundary:
                raise ValueError(f"{equation.out} has an equation: a language model would start anew at every step")
            if _sees_all(equation, moved):
                raise ValueError(f"{equation.name} sees later steps; a language model sees what has been read")


def _sees_all(equation: Equation, moved: set[str]) -> bool:
    for node in _operations(equation.expr):
        if node.primitive in OVER_TIME and any(other.name in moved for other in refs(node)):
            return True
    indices = [other.index for other in refs(equation.expr) if other.name in moved]
    return any(not isinstance(index, Step) or index.shift > 0 for index in indices)


def _operations(expr: sympy.Basic) -> Iterator[Op]:
    if isinstance(expr, Op):
        yield expr
        for operand in expr.operands:
            yield from _operations(operand)
