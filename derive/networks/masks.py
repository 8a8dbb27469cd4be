"""Padded sequences: steps that do not count.

``masked`` turns any system into the same system on sequences of unequal length: with m[t] = 0 a step leaves every
state as it is, adds nothing to a sum over time, and has weight 0 in attention.  A state that runs backward passes
through the padding first, and arrives at the last true step with its initial value.  So h[T] is the value at the true
last step, and a batch of padded sequences gives the numbers of the sequences one by one.

The mask is data: it is read through ``stop``.

Read next: `derive.networks.attention`.
"""

from __future__ import annotations

from dataclasses import replace as change

import sympy

from derive.dimensions import length
from derive.errors import EquationError
from derive.expr import Fixed, Op, Ref, Step, apply, axis_symbol, is_op, neg, plus, ref, refs, step, times, transpose
from derive.networks.rename import Names, assembled, only_axis
from derive.rewrite import rebuild
from derive.system import Equation, System, Var

FAR = sympy.Integer(10) ** 9  # exp(-1e9) is 0 in every float, and 0 * -1e9 is still 0


def masked(system: System, axis: str | None = None, *, mask: str = "m") -> System:
    """The system on padded sequences.

    Args:
        system: its states have a lag of 1 along the axis; anything else is read at its own or an earlier step.
        axis: which one, if there are several.
        mask: name of the new input, m[t]: 1 for a true step, 0 for padding, which stands at the end.

    Returns:
        ``h[t] = m[t] * (…) + (1 - m[t]) * h[t-1]`` for every state; ``sum[t](m[t] * …)``; a softmax over the steps
        gets −10⁹ where m is 0.  Every m is inside ``stop``.

    Raises:
        EquationError: for a lag of more than 1, or a read that would see the padding.
    """
    axis = only_axis(system, axis)
    name = Names(system.variables).fresh(mask)
    carry = {n: c.direction for c in system.components if c.axis == axis for n in c.carried}
    _check_reads(system, axis, carry)
    real = apply("stop", ref(name, step(axis)))
    hide = _Hide(system, axis, name)

    def equation(old: Equation) -> Equation:
        expr = hide(old.expr)
        if old.name in carry and not old.is_boundary:
            before = ref(old.name, step(axis, -carry[old.name]))
            expr = plus(times(real, expr), times(plus(sympy.Integer(1), neg(real)), before))
        return change(old, expr=expr)

    variables = {**system.variables, name: Var(name, (), axis, "input")}
    equations = [equation(old) for old in system.equations]
    if not any(read.name == name for e in equations for read in refs(e.expr)):
        raise EquationError(f"{system.name} has no state, sum or attention along {axis}: nothing to mask")
    return assembled(equations, variables, system)


class _Hide:
    """Takes padded steps out of sums over time and of softmaxes over the steps."""

    def __init__(self, system: System, axis: str, mask: str) -> None:
        self.system, self.axis = system, axis_symbol(axis)
        self.rows = length(self.axis)
        self.real = apply("stop", ref(mask, step(axis)))
        column = transpose(apply("stack", ref(mask, step(axis)), static=(self.axis,)))
        self.far = times(FAR, plus(apply("step", apply("stop", column)), sympy.Integer(-1)))

    def __call__(self, expr: sympy.Expr) -> sympy.Expr:
        if not isinstance(expr, Op):
            return expr
        operands = [self(operand) for operand in expr.operands]
        if is_op(expr, "sum") and expr.static[0] == self.axis:
            operands = [times(self.real, operands[0])]
        elif expr.primitive in ("softmax", "logsumexp") and self.system.shape_of(expr.operands[0])[0] == self.rows:
            operands = [plus(operands[0], self.far)]
        return rebuild(expr, operands)


def _check_reads(system: System, axis: str, carry: dict[str, int]) -> None:
    for equation in system.equations:
        for read in refs(equation.expr):
            if read.index is None or read.index.axis != axis:
                continue
            if isinstance(read.index, Fixed) and not _ends_well(read, carry):
                raise EquationError(
                    f"{read} cannot be masked: at the end of a padded sequence only a state that runs forward in time "
                    "has the value of its last true step",
                    equation.span,
                )
            if isinstance(read.index, Step) and read.index.shift and not _is_masked_well(read, carry):
                raise EquationError(
                    f"{read} cannot be masked: a state is carried over padding with a lag of 1, "
                    "and anything else is read at its own or an earlier step",
                    equation.span,
                )


def _ends_well(read: Ref, carry: dict[str, int]) -> bool:
    assert isinstance(read.index, Fixed)
    inside_from_end = read.index.from_end and not read.index.is_boundary
    return not inside_from_end or (carry.get(read.name) == 1 and read.index.offset == 0)


def _is_masked_well(read: Ref, carry: dict[str, int]) -> bool:
    assert isinstance(read.index, Step)
    shift = read.index.shift
    return shift == -carry[read.name] if read.name in carry else shift < 0
