"""Coefficients of a block of steps as NumPy text: every call writes to room that all blocks use in turn.

    dc_by = dc_by_room[:T - low]
    square(tanh_c[now], dc_by)
    subtract(1, dc_by, dc_by)
    multiply(dc_by, o[now], dc_by)

What is read and written stays in the cache, where expressions would make an array for each of their parts.  A
coefficient that one product alone reads needs no room: it lies where that product is written.

Read next: `numeric.emit_trailing`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import sympy

from derive.expr import Op, is_op, refs
from derive.system import Equation
from numeric.columns import signed
from numeric.emit_ops import Expressions
from numeric.emit_values import align, rank
from numeric.instructions import Call, Spot
from numeric.printer import bare


def coefficients(equation: Equation, place: Expressions, number: int | None) -> list[str] | None:
    """Statements that write a map to an array of its name; None for anything but products, sums and squares of what
    lies feature-major.

    Args:
        equation: a map that one loop reads.
        place: how its parts are written.
        number: of the equation.
    """
    shape = place.shape_of(equation.out)
    if rank(shape) != 1 or not all(r.index is None or place.is_turned(r.name) for r in refs(equation.expr)):
        return None
    writer = _Writer(place, equation, place.layout.names[equation.name])
    if not writer.is_writable(equation.expr):
        return None
    lines = list(writer.into(equation.expr))
    for function in writer.used:
        place.need(function)
    lines[-1] += f"  # ({number})" if number is not None else ""
    return lines


def lodged(calls: Sequence[Call], spots: Iterable[Spot]) -> dict[Spot, Spot]:
    """Where coefficients may lie until they are read: ``multiply(dc, dz_i_by_t, dz_i_t)`` may begin in dz_i itself.

    Args:
        calls: one step.
        spots: of coefficients; nothing but the step reads them.
    """
    found: dict[Spot, Spot] = {}
    for spot in spots:
        readers = [number for number, call in enumerate(calls) if any(spot.meets(s) for s in call.inputs)]
        if len(readers) != 1 or spot.low is None or spot.high is None:
            continue
        call, before = calls[readers[0]], calls[: readers[0]]
        out, others = call.out, [s for s in call.inputs if s != spot]
        if not call.is_entrywise or len(others) != len(call.inputs) - 1 or not out.moves:
            continue
        if out.low is None or out.high is None or sympy.expand(out.high - out.low - spot.high + spot.low) != 0:
            continue
        touched = [*others, *(s for c in before for s in (c.out, *c.inputs)), *found.values()]
        if not any(out.meets(s) for s in touched):
            found[spot] = out
    return found


class _Writer:
    """Calls that write the value of an expression to one array, which none of its parts reads."""

    def __init__(self, place: Expressions, equation: Equation, out: str) -> None:
        self.place, self.axis, self.out = place, equation.axis, out
        self.shape = place.shape_of(equation.out)
        self.used: dict[str, None] = {}

    def is_writable(self, expr: sympy.Expr) -> bool:
        """Whether it can be written so: a sum, product or square, as large as the result."""
        if not isinstance(expr, Op) or self.place.shape_of(expr) != self.shape:
            return False
        if is_op(expr, "power"):
            return bool(expr.static[0] == 2) and self._is_large(expr.operands[0])
        if not (is_op(expr, "plus") or is_op(expr, "times")):
            return False
        return any(self._is_large(signed(operand)[1]) for operand in expr.operands)

    def into(self, expr: sympy.Expr) -> Generator[str, None, None]:
        """The calls."""
        assert isinstance(expr, Op)
        if is_op(expr, "power"):
            text = yield from self._start(expr.operands[0])
            yield self._call("square", text)
            return
        is_sum = is_op(expr, "plus")
        parts = [signed(operand) if is_sum else (1, operand) for operand in expr.operands]
        if not is_sum:
            parts = [(sign, part) for sign, part in parts if part != -1]
        parts.sort(key=lambda part: (not self.is_writable(part[1]), not self._is_large(part[1]), part[0] < 0))
        (sign, first), *rest = parts
        text = yield from self._start(first)
        for other_sign, other in rest:
            operand = self._text(other)
            if not is_sum:
                yield self._call("multiply", text, operand)
            elif sign == other_sign:
                yield self._call("add", text, operand)
            elif sign > 0:
                yield self._call("subtract", text, operand)
            else:
                yield self._call("subtract", operand, text)
                sign = 1
            text = self.out
        if sign < 0 or (not is_sum and -1 in expr.operands):
            yield self._call("negative", text)

    def _start(self, expr: sympy.Expr) -> Generator[str, None, str]:
        """The text of an operand, computed in place first where that can be."""
        if not self.is_writable(expr):
            return self._text(expr)
        yield from self.into(expr)
        return self.out

    def _is_large(self, expr: sympy.Expr) -> bool:
        """Whether it has all axes of the result."""
        if self.place.shape_of(expr) != self.shape or expr.is_number:
            return False
        value = self.place.value(expr)
        return value.axes == (self.axis,) and value.batch

    def _text(self, expr: sympy.Expr) -> str:
        value = self.place.value(expr)
        return value.text if value.is_number else bare(align(value, (str(self.axis),), True, self.shape))

    def _call(self, function: str, *inputs: str) -> str:
        self.used[function] = None
        return f"{function}({', '.join([*inputs, self.out])})"
