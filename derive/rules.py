"""The rules of a system's primitives, each checked against `sympy.diff`.

An elementwise derivative is compared with the derivative of the scalar meaning: once, for all sizes.  A written rule
of a structural primitive is expanded entry by entry and compared, as an exact identity, with Σ ȳ ∂y/∂x taken by
`sympy.diff` from the entries; the operands have the shapes that they have in the system.

Read next: `derive.setting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import sympy

from derive.dimensions import dimension
from derive.elementwise import partial
from derive.expand import At, Expander, ops
from derive.expr import Op, Ref, apply, is_op, ref, step
from derive.generators import X, is_zero, meaning_and_slopes
from derive.primitives import TABLE, Entries, Primitive, Shape
from derive.shapes import ShapeOf
from derive.system import System

T = 2  # steps; what acts along time is checked at every one of them


@dataclass(frozen=True)
class Call:
    """A primitive on unknown operands of known shapes."""

    op: Op
    shapes: tuple[Shape, ...]


def calls(system: System) -> list[Call]:
    """Every primitive of a system, once for each combination of shapes."""
    found: dict[Call, None] = {}
    for equation in system.equations:
        for op in ops(equation.expr):
            found[Call(_generic(op), tuple(map(system.shape_of, op.operands)))] = None
    return list(found)


def _generic(op: Op) -> Op:
    axis = _axis(op)
    index = step(axis) if axis and op.primitive != "unstack" else None
    operands = [o if o.is_number else ref(f"x{number}", index) for number, o in enumerate(op.operands)]
    return apply(op.primitive, *operands, static=op.static)


def _axis(op: Op) -> str | None:
    """The axis along which a primitive acts."""
    if op.primitive == "place":
        return str(op.static[0].axis)
    return str(op.static[0]) if "axis" in TABLE[op.primitive].static else None


def wrong_rules(system: System, sizes: Mapping[str, int]) -> tuple[int, list[str]]:
    """Check the rules of every primitive that a system uses.

    Args:
        system: whose primitives.
        sizes: of all dimensions that are no length of time.

    Returns:
        How many rules were compared, and those that are wrong, as text.
    """
    cases, wrong = 0, []
    seen: set[str] = set()
    for call in calls(system):
        record = TABLE[call.op.primitive]
        if record.vjp is not None:
            rule = _Rule(call, sizes, system.axes)
            for i, unknown in enumerate(call.op.operands):
                if isinstance(unknown, Ref):
                    cases += 1
                    if not rule.is_right(i):
                        wrong.append(f"the rule of {record.name} for operand {i + 1}")
        elif record.name not in seen:
            seen.add(record.name)
            for i in range(record.arity or 1):
                cases += 1
                if not _slope_is_right(record, i):
                    wrong.append(f"the derivative of {record.name} by operand {i + 1}")
    return cases, wrong


# --- elementwise --------------------------------------------------------------------------------------------------


def _slope_is_right(record: Primitive, operand: int) -> bool:
    value, slopes = meaning_and_slopes(record)
    operands = [ref(str(x)) for x in X[: record.arity or 1]]
    rule = partial(record.name, operand)(ref("y"), *operands)
    names = {**{ref(str(x)): x for x in X}, ref("y"): value}
    return is_zero(scalar_meaning(rule, names) - slopes[operand])


def scalar_meaning(expr: sympy.Expr, names: Mapping[Ref, sympy.Expr]) -> sympy.Expr:
    """The SymPy meaning of an expression of scalars."""
    if isinstance(expr, Ref):
        return names[expr]
    if not isinstance(expr, Op):
        return expr
    operands = [scalar_meaning(operand, names) for operand in expr.operands]
    if is_op(expr, "plus"):
        return sympy.Add(*operands)
    if is_op(expr, "times"):
        return sympy.Mul(*operands)
    if is_op(expr, "power"):
        return operands[0] ** expr.static[0]
    meaning = TABLE[expr.primitive].meaning
    assert meaning is not None
    return meaning(*operands)


# --- structural ---------------------------------------------------------------------------------------------------


class _Rule:
    """One call on unknown entries, and its written rule."""

    def __init__(self, call: Call, sizes: Mapping[str, int], axes: Sequence[str]) -> None:
        self.call = call.op
        axis = _axis(call.op)
        self.lengths = dict.fromkeys(axes, T)
        operands = zip(call.op.operands, call.shapes, strict=True)
        self.shape_of = ShapeOf({read.name: shape for read, shape in operands if isinstance(read, Ref)})
        shape = self.shape_of(call.op)
        self.shape_of = ShapeOf({**self.shape_of.variables, "y": shape, "ybar": shape})
        known = {**sizes, **{axis.upper(): n for axis, n in self.lengths.items()}}
        dims = {dimension(name): sympy.Integer(size) for name, size in known.items()}
        self.integers = {call.op.operands[1]} if call.op.primitive in ("take", "scatter") else set()
        self.expander = Expander(self.shape_of, dims, self.lengths, self._read)
        index = step(axis) if axis is not None and not TABLE[call.op.primitive].binds else None
        self.y, self.ybar = ref("y", index), ref("ybar", index)

    def _read(self, read: Ref, at: At) -> Entries:
        if read == self.y:
            return self.expander.expand(self.call, at)
        if read in self.integers:
            return [[sympy.Integer(1 if self.expander.size(self.call.operands[0])[1] > 1 else 0)]]
        when = "" if read.index is None else at[read.index.axis]
        rows, columns = self.expander.size(read)
        return [[sympy.Symbol(f"{read.name}@{when}_{i}_{j}", real=True) for j in range(columns)] for i in range(rows)]

    def is_right(self, i: int) -> bool:
        """Whether the rule for one operand equals Σ ȳ ∂y/∂x."""
        unknown = self.call.operands[i]
        rule = TABLE[self.call.primitive].vjp
        assert rule is not None
        written = rule(self.call, self.y, self.ybar, i, self.shape_of)
        if self.call.primitive == "stop" or unknown in self.integers:
            return written is None
        pairing = sympy.Add(*(y * ybar for at in self._steps(self.y) for y, ybar in self._pairs(at)))
        for at in self._steps(unknown):
            entries = self._read(unknown, at)
            found = [[sympy.Integer(0)]] if written is None else self.expander.expand(written, at)
            if written is not None and (len(found), len(found[0])) != (len(entries), len(entries[0])):
                return False
            for row, column in product(range(len(entries)), range(len(entries[0]))):
                gradient = sympy.diff(pairing, entries[row][column])
                if not is_zero(gradient - found[row][column]):
                    return False
        return True

    def _steps(self, read: Ref) -> list[At]:
        return [{}] if read.index is None else [{read.index.axis: s} for s in range(1, T + 1)]

    def _pairs(self, at: At) -> list[tuple[sympy.Expr, sympy.Expr]]:
        y, ybar = self.expander.expand(self.call, at), self._read(self.ybar, at)
        return [(a, b) for left, right in zip(y, ybar, strict=True) for a, b in zip(left, right, strict=True)]
