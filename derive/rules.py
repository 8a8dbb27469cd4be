"""The rules of a system's primitives, each checked against `sympy.diff`.

An elementwise derivative is compared with the derivative of the scalar meaning: once, for all sizes.  A written rule
of a structural primitive is expanded entry by entry and compared, as an exact identity, with Σ ȳ ∂y/∂x taken by
`sympy.diff` from the entries; the operands have the shapes that they have in the system.

Read next: `derive.proof`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import sympy

from derive.dimensions import dimension
from derive.elementwise import partial
from derive.expand import At, Expander
from derive.expr import Op, Ref, apply, is_op, ref, step
from derive.generators import X, is_zero, meaning_and_slopes
from derive.primitives import TABLE, Entries, Primitive, Shape
from derive.shapes import ShapeOf
from derive.system import System

T = 2  # steps; what acts along time is checked at every one of them


def calls(system: System) -> list[Op]:
    """Every primitive of a system with generic operands, once for each combination of shapes."""
    found: dict[Op, None] = {}
    for equation in system.equations:
        for call in _ops(equation.expr):
            found[_generic(call, system.shape_of)] = None
    return list(found)


def _ops(expr: sympy.Expr) -> Iterator[Op]:
    if isinstance(expr, Op):
        for operand in expr.operands:
            yield from _ops(operand)
        yield expr


def _generic(call: Op, shape_of: ShapeOf) -> Op:
    """The same call on unknowns; their shape is part of their name."""
    record = TABLE[call.primitive]
    index = step(str(call.static[0])) if record.binds else None
    if call.primitive == "place":
        index = step(call.static[0].axis)
    operands = []
    for number, operand in enumerate(call.operands):
        rows, columns = shape_of(operand)
        operands.append(operand if operand.is_number else ref(f"x{number}|{rows}|{columns}", index))
    return apply(call.primitive, *operands, static=call.static)


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
        record = TABLE[call.primitive]
        if record.vjp is None:
            if record.name not in seen:
                seen.add(record.name)
                for operand in range(record.arity or 1):
                    cases += 1
                    if not _slope_is_right(record, operand):
                        wrong.append(f"derivative of {record.name} by operand {operand + 1}")
            continue
        for i, unknown in enumerate(call.operands):
            if isinstance(unknown, Ref):
                cases += 1
                if not _Rule(call, system, sizes).is_right(i):
                    wrong.append(f"rule of {record.name} for operand {i + 1}")
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

    def __init__(self, call: Op, system: System, sizes: Mapping[str, int]) -> None:
        self.call = call
        self.lengths = dict.fromkeys(system.axes, T)
        known = {**sizes, **{axis.upper(): T for axis in system.axes}}
        shapes: dict[str, Shape] = {}
        for read in call.operands:
            if isinstance(read, Ref):
                _, rows, columns = read.name.split("|")
                shapes[read.name] = (_dim(rows, system), _dim(columns, system))
        self.shape_of = ShapeOf(shapes)
        shapes["y"] = shapes["ybar"] = self.shape_of(call)
        self.axis = self._axis()
        dims = {dimension(name): sympy.Integer(size) for name, size in known.items()}
        self.integers = {call.operands[1]} if call.primitive in ("take", "scatter") else set()
        self.expander = Expander(self.shape_of, dims, self.lengths, self._read)
        timed = self.axis is not None and not TABLE[call.primitive].binds
        index = step(self.axis) if timed and self.axis else None
        self.y, self.ybar = ref("y", index), ref("ybar", index)

    def _axis(self) -> str | None:
        static = self.call.static
        if self.call.primitive == "place":
            return static[0].axis  # type: ignore[no-any-return]
        return str(static[0]) if "axis" in TABLE[self.call.primitive].static else None

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
        pairing = sympy.Add(*(y * ybar for at in self._steps(self.y) for y, ybar in self._pairs(at)))
        if self.call.primitive == "stop":
            return written is None
        if unknown in self.integers:
            return written is None
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
        return [{}] if read.index is None or self.axis is None else [{self.axis: s} for s in range(1, T + 1)]

    def _pairs(self, at: At) -> list[tuple[sympy.Expr, sympy.Expr]]:
        y, ybar = self.expander.expand(self.call, at), self._read(self.ybar, at)
        return [(a, b) for left, right in zip(y, ybar, strict=True) for a, b in zip(left, right, strict=True)]


def _dim(text: str, system: System) -> sympy.Expr:
    names = {str(d): d for d in system.dimensions} | {a.upper(): dimension(a.upper()) for a in system.axes}
    return sympy.sympify(text, locals=names)
