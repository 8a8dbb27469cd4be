"""Equations of one step as calls (`numeric.instructions`).

An operation writes to the place of the quantity that it completes, or to a spare array (`numeric.spots`).

Read next: `numeric.emit_maps`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sympy

from derive.expr import Op, apply, is_op, matmul, plus, times
from derive.primitives import TABLE
from derive.system import Equation
from numeric.columns import signed
from numeric.emit_ops import Expressions
from numeric.emit_values import plain, rank, turn
from numeric.instructions import Call, Spot
from numeric.layout import Layout
from numeric.printer import Printer, bare, is_elementwise, number
from numeric.schedule import Stage
from numeric.spots import Spots

HALF = sympy.Rational(1, 2)
DIRECT = re.compile(r"^np\.(\w+)\(((?:\{\d\}|[\d.]+)(?:, (?:\{\d\}|[\d.]+))*)\)$")


class Lowering:
    """The calls of one step in the making.

    Args:
        layout: where everything lives.
        stage: the scan.
        place: how what no step changes is written.

    Attributes:
        calls: so far.
        at: where every value is.
    """

    def __init__(self, layout: Layout, stage: Stage, place: Expressions) -> None:
        self.layout, self.plan, self.stage, self.place = layout, layout.plan, stage, place
        self.at = Spots(layout, stage, place)
        self.calls: list[Call] = []

    def equation(self, equation: Equation) -> None:
        """Add the calls of an equation."""
        layout, name, expr = self.layout, equation.name, equation.expr
        if layout.is_view(equation):
            if name not in layout.stored and name not in layout.parts:
                self.at.place_of(name)
            return
        if name not in layout.stored and name not in layout.parts and is_op(expr, "rows"):
            assert isinstance(expr, Op)
            inner = self.at.known(expr.operands[0])
            if inner is not None and rank(self.plan.shape_of(equation.out)):
                self.at.spots[name] = self.at.rows(inner, expr)
                return
        first = len(self.calls)
        here = self.at.in_place(equation)
        if here is not None:
            self.at.spots[name] = here
        self._into(expr, self.at.place_of(name))
        for rows, spot in self.at.taken:
            self.at.free.setdefault(rows, []).append(spot)
        self.at.taken = []
        number = self.plan.numbers.get(equation.out)
        if number is not None and len(self.calls) > first:
            last = self.calls[-1]
            self.calls[-1] = Call(last.function, last.inputs, last.out, (number,))

    # --- from expressions to calls -----------------------------------------------------------------------------

    def _call(self, function: str, inputs: tuple[Spot, ...], out: Spot) -> None:
        self.calls.append(Call(function, inputs, out))

    def _value(self, expr: sympy.Expr) -> Spot:
        """Where the value is, after calls that compute it if need be."""
        known = self.at.known(expr)
        if known is not None:
            return known
        spare = self.at.spare(self.plan.shape_of(expr)[0])
        self._into(expr, spare)
        return spare

    def _into(self, expr: sympy.Expr, out: Spot) -> None:
        """Calls that write the value of an expression to a place that none of its parts reads."""
        known = self.at.known(expr)
        if known is not None or not isinstance(expr, Op):
            assert known is not None
            self.calls.append(Call("np.copyto({out}, {0})", (known,), out))
        elif expr.primitive in METHODS:
            METHODS[expr.primitive](self, expr, out)
        elif is_elementwise(expr):
            self._function(expr, out)
        else:
            self._into(expr.operands[0], out)  # stop

    def _fits(self, expr: sympy.Expr, out: Spot) -> bool:
        rows = 1 if out.low is None or out.high is None else sympy.expand(out.high - out.low)
        return bool(self.plan.shape_of(expr)[0] == rows)

    def _begins(self, expr: sympy.Expr, out: Spot) -> bool:
        """Whether its value is best computed first, where the result belongs."""
        return self.at.known(expr) is None and self._fits(expr, out)

    def _start(self, expr: sympy.Expr, out: Spot) -> Spot:
        """The value of an operand: computed in `out` itself where it has its shape."""
        known = self.at.known(expr)
        if known is not None:
            return known
        if not self._fits(expr, out):
            return self._value(expr)
        self._into(expr, out)
        return out

    def _plus(self, expr: Op, out: Spot) -> None:
        terms = [signed(term) for term in expr.operands]
        terms.sort(key=lambda term: (term[0] < 0, self.at.known(term[1]) != out, not self._begins(term[1], out)))
        (sign, first), *rest = terms
        total = self._start(first, out)
        if sign < 0:
            self._call("negative", (total,), out)
            total = out
        for sign, term in rest:
            self._call("add" if sign > 0 else "subtract", (total, self._value(term)), out)
            total = out

    def _times(self, expr: Op, out: Spot) -> None:
        sign, factors, divisors = 1, list[sympy.Expr](), list[sympy.Expr]()
        for operand in expr.operands:
            if operand == -1:
                sign = -sign
            elif isinstance(operand, Op) and is_op(operand, "power") and operand.static[0] == -1:
                divisors.append(operand.operands[0])
            else:
                factors.append(operand)
        factors.sort(key=lambda factor: not self._begins(factor, out))
        total = self._start(factors[0], out) if factors else self.at.number(sympy.Integer(1))
        for name, operands in (("multiply", factors[1:]), ("divide", divisors)):
            for operand in operands:
                self._call(name, (total, self._value(operand)), out)
                total = out
        if sign < 0:
            self._call("negative", (total,), out)
        elif total != out:
            self.calls.append(Call("np.copyto({out}, {0})", (total,), out))

    def _power(self, expr: Op, out: Spot) -> None:
        exponent = expr.static[0]
        if exponent == -1:
            self._call("divide", (self.at.number(sympy.Integer(1)), self._value(expr.operands[0])), out)
        elif exponent == 2:
            self._call("square", (self._start(expr.operands[0], out),), out)
        else:
            self._template("{0}**" + number(exponent), expr, out)

    def _sigmoid(self, expr: Op, out: Spot) -> None:
        self._into(plus(times(HALF, apply("tanh", times(HALF, expr.operands[0]))), HALF), out)

    def _function(self, expr: Op, out: Spot) -> None:
        template = TABLE[expr.primitive].numpy
        direct = DIRECT.match(template)
        if direct is None:
            self._template(template, expr, out)
            return
        values = [self._value(operand) for operand in expr.operands]
        given = direct[2].split(", ")
        inputs = (values[int(t[1])] if t[0] == "{" else self.at.number(sympy.Float(t)) for t in given)
        self._call(direct[1], tuple(inputs), out)

    def _template(self, template: str, expr: Op, out: Spot) -> None:
        spots = tuple(self._value(operand) for operand in expr.operands)
        filled = Printer()._fill(template, [f"{{{i}}}" for i in range(len(spots))])
        self.calls.append(Call(f"{{out}}[...] = {bare(filled)}", spots, out))

    def _matmul(self, expr: Op, out: Spot) -> None:
        matrix, column = matmul(*expr.operands[:-1]), expr.operands[-1]
        value = self.place.value(matrix)
        wish = re.sub(r"\W.*", "", value.text)
        text = plain(turn(value) if self.plan.shape_of(matrix)[0] == 1 else value).text
        if not re.fullmatch(r"\w+", text):
            wish = f"{wish}_T" if value.turned and self.plan.shape_of(matrix)[0] != 1 else wish
            text = f"np.ascontiguousarray({text})"
            factor = self.at.prepare(wish, text)
        else:
            factor = Spot(text)
        self._call("dot", (factor, self._value(column)), out)

    def _concat(self, expr: Op, out: Spot) -> None:
        assert out.low is not None
        low: sympy.Expr = sympy.Integer(0)
        for operand in expr.operands:
            high = sympy.expand(low + self.plan.shape_of(operand)[0])
            self.calls.append(Call("np.copyto({out}, {0})", (self._value(operand),), out.rows(low, high)))
            low = high

    def _rows_of_value(self, expr: Op, out: Spot) -> None:
        spot = self.at.rows(self._value(expr.operands[0]), expr)
        self.calls.append(Call("np.copyto({out}, {0})", (spot,), out))


METHODS: dict[str, Callable[[Lowering, Op, Spot], None]] = {
    "plus": Lowering._plus,
    "times": Lowering._times,
    "power": Lowering._power,
    "sigmoid": Lowering._sigmoid,
    "matmul": Lowering._matmul,
    "concat": Lowering._concat,
    "rows": Lowering._rows_of_value,
}
