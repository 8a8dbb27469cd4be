"""What passes share: a schedule being edited, and questions about expressions.

Read next: `numeric.passes.fold`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

import sympy

from derive.expr import Index, Op, Ref, is_op, ref, refs, step
from derive.operands import NameSupply
from derive.shapes import ShapeOf, unpair
from derive.system import Equation, Origin, Var
from numeric.schedule import Schedule, Stage


class Draft:
    """New quantities of a schedule.

    Args:
        plan: where they are added; its stages are not touched.
    """

    def __init__(self, plan: Schedule) -> None:
        self.plan = plan
        self.variables = dict(plan.variables)
        self.batched = set(plan.batched)
        self.supply = NameSupply(set(plan.variables))

    def define(self, wish: str, expr: sympy.Expr, axis: str | None, *, shared: bool = False) -> Equation:
        """An equation for a new quantity, for all steps of an axis or without time.

        Args:
            wish: its name, if that is free.
            expr: its value.
            axis: along which it runs; None without time.
            shared: whether it is summed over the examples.
        """
        shape_of = replace(self.plan, variables=self.variables).shape_of
        name = self.supply.fresh(wish)
        self.variables[name] = Var(name, unpair(shape_of(expr)), axis, origin=Origin("pass", name))
        if axis is not None or (not shared and any(read.name in self.batched for read in refs(expr))):
            self.batched.add(name)
        return Equation(ref(name, None if axis is None else step(axis)), expr)

    def finish(self, forward: Iterable[Stage], backward: Iterable[Stage]) -> Schedule:
        """The schedule with these stages and the new quantities."""
        return replace(
            self.plan,
            forward=tuple(forward),
            backward=tuple(backward),
            variables=self.variables,
            batched=frozenset(self.batched),
        )


def made_by(stage: Stage) -> frozenset[str]:
    """Names of what a stage computes."""
    return frozenset(equation.name for equation in stage.equations)


def depends_on(expr: sympy.Expr, names: frozenset[str]) -> bool:
    """Whether an expression reads any of these."""
    return any(read.name in names for read in refs(expr))


def map_stage(equation: Equation, axis: str | None) -> Stage:
    """One equation for all steps, or once."""
    return Stage("once" if axis is None else "map", axis, 0, (equation,))


def subexpressions(expr: sympy.Expr) -> Iterator[Op]:
    """All operations in an expression, outermost first."""
    if isinstance(expr, Op):
        yield expr
        for operand in expr.operands:
            yield from subexpressions(operand)


def is_here(expr: sympy.Expr, index: Index | None) -> bool:
    """Whether it is a read at this very index."""
    return isinstance(expr, Ref) and expr.index == index


def in_scans(plan: Schedule, rewrite: Callable[[sympy.Expr, frozenset[str], ShapeOf], sympy.Expr]) -> Schedule:
    """The plan with the expressions of its scans rewritten, given what each scan makes and the shapes."""

    def rewritten(stage: Stage) -> Stage:
        if stage.kind != "scan":
            return stage
        recurrent = made_by(stage)
        equations = (replace(e, expr=rewrite(e.expr, recurrent, plan.shape_of)) for e in stage.equations)
        return replace(stage, equations=tuple(equations))

    return plan.with_stages(rewritten)


def terms_of(expr: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """The summands of an expression."""
    return expr.operands if isinstance(expr, Op) and is_op(expr, "plus") else (expr,)


def is_time_free(expr: sympy.Expr) -> bool:
    """Whether it reads nothing but quantities without time, and at least one of them."""
    found = [read.index is None for read in refs(expr)]
    moves = any(op.primitive in ("place", "unstack", "sum", "stack") for op in subexpressions(expr))
    return bool(found) and all(found) and not moves


def _common_start(texts: Sequence[str]) -> str:
    columns = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    return "".join(letters[0] for letters in columns)


def common_name(names: Sequence[str]) -> str:
    """What several names have in common: ``dW`` for ``dW_f`` and ``dW_i``; all of them if that is nothing."""
    head = _common_start(names)
    tail = _common_start([name[len(head) :][::-1] for name in names])[::-1]
    joined = f"{head.rstrip('_')}_{tail.strip('_')}".strip("_")
    return joined or "_".join(names[:2]) + ("_etc" if len(names) > 2 else "")


def rows_among(parts: Sequence[sympy.Expr], wanted: Collection[sympy.Expr], plan: Schedule) -> sympy.Tuple | None:
    """The rows low:high of stacked parts that exactly the wanted ones take; None if others lie between them."""
    inside = [part in wanted for part in parts]
    first = inside.index(True) if any(inside) else 0
    if sum(inside) != len(wanted) or not all(inside[first : first + len(wanted)]):
        return None
    heights = [plan.shape_of(part)[0] for part in parts]
    low = sympy.expand(sum(heights[:first], sympy.Integer(0)))
    return sympy.Tuple(low, sympy.expand(low + sum(heights[first : first + len(wanted)], sympy.Integer(0))))


class Additions:
    """Stages and equations to be put into one part of a schedule, in front of existing ones."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = stages
        self.before_stage: dict[int, list[Stage]] = {}
        self.before_equation: dict[tuple[int, int], list[Equation]] = {}
        self.changed: dict[Ref, sympy.Expr] = {}

    def expr(self, equation: Equation) -> sympy.Expr:
        """The right side of an equation as it is by now."""
        return self.changed.get(equation.out, equation.expr)

    def result(self) -> list[Stage]:
        """The stages with everything put in."""
        found: list[Stage] = []
        for i, stage in enumerate(self.stages):
            found += self.before_stage.get(i, [])
            equations: list[Equation] = []
            for j, equation in enumerate(stage.equations):
                equations += self.before_equation.get((i, j), [])
                equations.append(replace(equation, expr=self.expr(equation)))
            found.append(replace(stage, equations=tuple(equations)))
        return found
