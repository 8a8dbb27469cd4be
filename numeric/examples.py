"""Random weights and inputs at given sizes, with recurrent weights of a given norm.

Whether a gradient vanishes is a matter of the spectral norm of the recurrent weights, so that is what can be chosen.

Read next: `numeric.claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from derive.dimensions import dimension
from derive.equation import Var
from derive.expr import Ref, is_op
from derive.reach import moved_by
from derive.setting import default_sizes
from derive.stability import Recurrence, stability
from derive.system import System


@dataclass(frozen=True)
class Example:
    """Random weights, and one sequence of inputs.

    Attributes:
        parameters, inputs: arrays as for `numeric.reference.evaluate`, batch 1.
        steps: by axis.
    """

    parameters: dict[str, Any]
    inputs: dict[str, Any]
    steps: dict[str, int]


def example(
    system: System,
    steps: int,
    sizes: Mapping[str, int] | None = None,
    *,
    scale: float | None = None,
    seed: int = 0,
    spread: float = 1.0,
) -> Example:
    """Random weights with variance 1/columns, biases 0, normal inputs, masks 1; initial states zero.

    Args:
        system: any.
        steps: T of every axis.
        sizes: of dimensions; others are small and distinct.
        scale: the spectral norm that every recurrent weight gets; default as drawn.
        seed: of the draw.
        spread: the standard deviation of the inputs.
    """
    rng = np.random.default_rng(seed)
    lengths = {axis.upper(): steps for axis in system.axes}
    known = {**default_sizes(system), **(sizes or {}), **lengths}
    numbers = {dimension(name): size for name, size in known.items()}

    def shape(var: Var) -> tuple[int, ...]:
        return tuple(int(sympy.sympify(dim).subs(numbers)) for dim in var.shape)

    parameters: dict[str, Any] = {}
    for name in (*system.parameters, *system.constants):
        own = shape(system.variables[name])
        parameters[name] = rng.standard_normal(own) * own[-1] ** -0.5 if len(own) == 2 else np.zeros(own)
    inputs: dict[str, Any] = {}
    for name in system.inputs:
        var = system.variables[name]
        whole = (*((steps,) if var.axis else ()), 1, *shape(var))
        if var.classes is not None:
            inputs[name] = rng.integers(0, int(sympy.sympify(var.classes).subs(numbers)), whole)
        elif moved_by(system, [name]) == {name}:  # a mask: nothing is differentiated by it
            inputs[name] = np.ones(whole)
        else:
            inputs[name] = spread * rng.standard_normal(whole)
    if scale is not None:
        parameters = with_norm(system, parameters, scale, known)
    return Example(parameters, inputs, dict.fromkeys(system.axes, steps))


def with_norm(
    system: System,
    parameters: Mapping[str, Any],
    norm: float,
    sizes: Mapping[str, int],
    recurrences: Sequence[Recurrence] | None = None,
) -> dict[str, Any]:
    """The parameters with another spectral norm of every weight that a bound of `derive.stability` names.

    Args:
        system: the primal.
        parameters: by name.
        norm: what every recurrent weight, or the columns of a weight that multiply a state, gets.
        sizes: of the dimensions.
        recurrences: whose weights; default those of all.
    """
    changed = {name: np.array(value) for name, value in parameters.items()}
    numbers = {dimension(name): size for name, size in sizes.items()}
    found = stability(system).recurrences if recurrences is None else recurrences
    matrices = [n.expr for r in found for b in r.terms for n in b.norms if n.kind == "2"]
    for expr in dict.fromkeys(matrices):
        part = _weight(expr, numbers)
        if part is not None and part[0] in changed:
            at = (..., part[1])  # a weight can be a column, read as a row
            size = np.linalg.norm(changed[part[0]][at], 2)
            if size > 0:
                changed[part[0]][at] *= norm / size
    return changed


def _weight(expr: sympy.Expr, sizes: Mapping[sympy.Expr, int]) -> tuple[str, slice] | None:
    """``U`` or ``rows(W.T, 0:H).T`` as a parameter and some of its columns."""
    if is_op(expr, "transpose"):
        inner = expr.operands[0]
        if is_op(inner, "rows") and is_op(inner.operands[0], "transpose"):
            read, bounds = inner.operands[0].operands[0], inner.static[0].args
            low, high = (int(sympy.sympify(bound).subs(sizes)) for bound in bounds)
            return (read.name, slice(low, high)) if isinstance(read, Ref) else None
        expr = inner
    return (expr.name, slice(None)) if isinstance(expr, Ref) and expr.index is None else None
