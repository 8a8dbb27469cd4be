"""Padded sequences: steps that do not count.

``masked`` turns any system into the same system on sequences of unequal length: with m[t] = 0 a step leaves every
state as it is, adds nothing to a sum over time, and has weight 0 in attention.  A state that runs backward passes
through the padding first, and arrives at the last true step with its initial value.  So h[T] is the value at the true
last step, and a batch of padded sequences gives the numbers of the sequences one by one.  What a state of lag 2 needs
of the past is two values, which both stand still: ``h_past[t] = h[t-1]`` makes it two states of lag 1.

The mask is data: it is read through ``stop``.

Read next: `derive.networks.windows`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as change

import sympy

from derive.dimensions import length
from derive.errors import EquationError
from derive.expr import (
    Fixed,
    Op,
    Ref,
    Step,
    apply,
    axis_symbol,
    fixed,
    is_op,
    neg,
    plus,
    ref,
    refs,
    step,
    times,
    transpose,
)
from derive.networks.rename import Names, assembled, only_axis
from derive.rewrite import rebuild, replace
from derive.system import Equation, System, Var

FAR = sympy.Integer(10) ** 9  # exp(-1e9) is 0 in every float, and 0 * -1e9 is still 0


def masked(system: System, axis: str | None = None, *, mask: str = "m") -> System:
    """The system on padded sequences.

    Args:
        system: its states are read at their own step or earlier ones (a state that runs backward: later ones), anything
            else at its own or an earlier step; of the last step T, only what forward states determine.
        axis: which one, if there are several.
        mask: name of the new input, m[t]: 1 for a true step, 0 for padding, which stands at the end.

    Returns:
        ``h[t] = m[t] * (…) + (1 - m[t]) * h[t-1]`` for every state; ``sum[t](m[t] * …)``; a softmax over the steps
        gets −10⁹ where m is 0.  Every m is inside ``stop``.

    Raises:
        EquationError: for a read that would see the padding.
    """
    axis = only_axis(system, axis)
    name = Names(system.variables).fresh(mask)
    carry = {n: c.direction for c in system.components if c.axis == axis for n in c.carried}
    _check_reads(system, axis, carry)
    system, carry = _single_lags(system, axis, carry)
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


def _single_lags(system: System, axis: str, carry: dict[str, int]) -> tuple[System, dict[str, int]]:
    """Each state of lag k as k states of lag 1, of which the first is itself; and all states with their directions."""
    supply, variables, more = Names(system.variables), dict(system.variables), []
    past = {name: [name] for name in carry}
    for name, lag in _lags(system, axis):
        while name in past and len(past[name]) < lag:
            new, way = supply.fresh(f"{name}_past"), carry[name]
            first, start = (
                fixed(axis, -k) if way > 0 else fixed(axis, 1 + k, from_end=True) for k in (0, len(past[name]))
            )
            more.append(Equation(ref(new, step(axis)), ref(past[name][-1], step(axis, -way))))
            more.append(Equation(ref(new, first), ref(name, start)))
            variables[new] = change(system.variables[name], name=new, declared=False)
            past[name].append(new)

    def nearer(read: Ref) -> Ref:
        index = read.index
        if read.name not in past or not isinstance(index, Step) or index.axis != axis or abs(index.shift) < 2:
            return read
        return ref(past[read.name][abs(index.shift) - 1], step(axis, -carry[read.name]))

    if more:
        equations = [change(e, expr=replace(e.expr, nearer)) for e in system.equations]
        system = assembled([*equations, *more], variables, system)
    return system, {new: carry[name] for name, names in past.items() for new in names}


def _lags(system: System, axis: str) -> Iterator[tuple[str, int]]:
    for equation in system.equations:
        for read in refs(equation.expr):
            if isinstance(read.index, Step) and read.index.axis == axis:
                yield read.name, abs(read.index.shift)


def _check_reads(system: System, axis: str, carry: dict[str, int]) -> None:
    for equation in system.equations:
        for read in refs(equation.expr):
            if read.index is None or read.index.axis != axis:
                continue
            if isinstance(read.index, Step) and read.index.shift * carry.get(read.name, 1) > 0:
                raise EquationError(
                    f"{read} cannot be masked: a state is carried over padding from where it comes, "
                    "and anything else is read at its own or an earlier step",
                    equation.span,
                )
            if isinstance(read.index, Fixed) and not _survives(system, read, carry):
                raise EquationError(
                    f"{read} cannot be masked: the true last step is another for every example, "
                    "and only a state that runs forward is carried to the end",
                    equation.span,
                )


def _survives(system: System, read: Ref, carry: dict[str, int]) -> bool:
    """Whether a value at a fixed position does not depend on where the padding begins."""
    assert isinstance(read.index, Fixed)
    if read.index.is_boundary or not read.index.from_end:
        return True
    if read.name in carry:
        return read.index.offset == 0 and carry[read.name] > 0
    if read.index.offset or system.variables[read.name].is_leaf:
        return False
    parts = [part for part in refs(system.equation(read.name).expr) if part.index is not None]
    here = [ref(part.name, read.index) for part in parts if part.index == step(read.index.axis)]
    return len(here) == len(parts) and all(_survives(system, part, carry) for part in here)
