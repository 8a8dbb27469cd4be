"""Equations of one step as calls (`numeric.instructions`), and where every value of the step is.

An operation writes to the place of the quantity that it completes, or to a spare array, which several equations use in
turn.  What no step changes is computed before the loop.

Read next: `numeric.emit_maps`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sympy

from derive.expr import Op, Ref, Step, apply, is_op, matmul, plus, times
from derive.primitives import TABLE
from derive.shapes import pair
from derive.system import Equation
from numeric.columns import is_fixed, signed
from numeric.emit_ops import Expressions
from numeric.emit_values import plain, rank, turn
from numeric.instructions import Call, Spot
from numeric.layout import Layout
from numeric.printer import Printer, bare, is_elementwise, number

HALF = sympy.Rational(1, 2)
DIRECT = re.compile(r"^np\.(\w+)\(\{0\}(, \{1\})?\)$")


class Lowering:
    """The calls of one step in the making.

    Args:
        layout: where everything lives.
        place: how what no step changes is written.

    Attributes:
        calls: so far.
        before: statements before the loop.
        prepared: name of what is computed there, by its text.
        spots: where the quantities of the step are.
        widths: number of rows of the arrays, by name and whether they move with the step.
    """

    def __init__(self, layout: Layout, place: Expressions) -> None:
        self.layout, self.plan, self.place = layout, layout.plan, place
        self.calls: list[Call] = []
        self.before: list[str] = []
        self.prepared: dict[str, str] = {}
        self.spots: dict[str, Spot] = {}
        self.widths: dict[tuple[str, bool], sympy.Expr] = {}
        self.free: dict[sympy.Expr, list[Spot]] = {}  # spare arrays by their rows
        self.taken: list[tuple[sympy.Expr, Spot]] = []

    # --- where things are --------------------------------------------------------------------------------------

    def equation(self, equation: Equation) -> None:
        """Add the calls of an equation."""
        layout, name, expr = self.layout, equation.name, equation.expr
        if layout.is_view(equation):
            if name not in layout.stored and name not in layout.parts:
                self._place_of(name)
            return
        if name not in layout.stored and name not in layout.parts and is_op(expr, "rows"):
            assert isinstance(expr, Op)
            inner = self._known(expr.operands[0])
            if inner is not None and rank(self.plan.shape_of(equation.out)):
                self.spots[name] = self._rows(inner, expr)
                return
        first = len(self.calls)
        self._into(expr, self._place_of(name))
        for rows, spot in self.taken:
            self.free.setdefault(rows, []).append(spot)
        self.taken = []
        number = self.plan.numbers.get(equation.out)
        if number is not None and len(self.calls) > first:
            last = self.calls[-1]
            self.calls[-1] = Call(last.function, last.inputs, last.out, (number,))

    def _place_of(self, name: str) -> Spot:
        """Where a quantity of this scan is written."""
        if name in self.spots:
            return self.spots[name]
        layout = self.layout
        if name in layout.parts:
            part = layout.parts[name]
            spot = self._place_of(part.whole).rows(part.low, part.high)
        elif name in layout.stored:
            spot = self._moving(name, 0)
        else:
            rows = pair(self.plan.variables[name].shape)[0]
            spot = self._new(layout.names[name], rows, fresh=name not in layout.rolling)
        self.spots[name] = spot
        return spot

    def _moving(self, name: str, shift: int) -> Spot:
        """A sequence, at the step that is `shift` later."""
        rows = pair(self.plan.variables[name].shape)[0]
        return self._sized(Spot(self.layout.view(name, shift), moves=True), rows)

    def _sized(self, spot: Spot, rows: sympy.Expr) -> Spot:
        if rows == 1:
            return spot
        self.widths[spot.base, spot.moves] = rows
        return spot.rows(sympy.Integer(0), rows)

    def _new(self, name: str, rows: sympy.Expr, *, fresh: bool = True) -> Spot:
        """An array of one step, made before the loop."""
        lead = "" if rows == 1 else f"{self.place.size(rows)}, "
        if fresh:
            self.before.append(f"    {name} = empty(({lead}{self.layout.batch}{'' if lead else ','}))")
        return self._sized(Spot(name), rows)

    def _spare(self, rows: sympy.Expr) -> Spot:
        """An array for a part of an equation; several equations use it in turn."""
        free = self.free.get(rows, [])
        spot = free.pop() if free else self._new(self.layout.fresh("part"), rows)
        self.taken.append((rows, spot))
        return spot

    def _prepare(self, wish: str, text: str) -> Spot:
        """Something that no step changes, computed before the loop."""
        if text not in self.prepared:
            self.prepared[text] = self.layout.fresh(wish)
            self.before.append(f"    {self.prepared[text]} = {text}")
        return Spot(self.prepared[text])

    def _number(self, value: sympy.Expr) -> Spot:
        """A number as an array: NumPy takes twice as long over one of Python's."""
        wish = {sympy.Rational(1, 2): "half", sympy.Integer(1): "one"}.get(value, "number")
        return self._prepare(wish, f"np.array({number(value)}, DTYPE)")

    def _known(self, expr: sympy.Expr) -> Spot | None:
        """Where the value of an expression is, if it need not be computed."""
        if expr.is_number and not isinstance(expr, Ref | Op):
            return self._number(expr)
        if is_fixed(expr):
            return self._fixed(expr)
        if isinstance(expr, Op) and is_op(expr, "stop"):
            return self._known(expr.operands[0])
        if isinstance(expr, Op) and is_op(expr, "rows"):
            inner = self._known(expr.operands[0])
            return None if inner is None or inner.low is None else self._rows(inner, expr)
        if not isinstance(expr, Ref) or not isinstance(expr.index, Step):
            return None
        if expr.index.shift == 0 and expr.name in self.spots:
            return self.spots[expr.name]
        if expr.name in self.layout.rolling:
            return self._place_of(expr.name)
        return self._moving(expr.name, expr.index.shift)

    def _fixed(self, expr: sympy.Expr) -> Spot:
        value = plain(self.place.value(expr))
        text, name = value.text, re.sub(r"\W.*", "", value.text) or "fixed"
        if rank(value.shape) == 0 and re.fullmatch(r"\w+", text) and not value.is_number:
            return Spot(text)
        if rank(value.shape) and value.batch:
            spot = self._prepare(f"{name}_T", f"np.ascontiguousarray({value.atom}.T)")
        else:
            spot = self._prepare(f"{name}_column", f"{value.atom}[:, None]" if rank(value.shape) else text)
        return self._sized(spot, value.shape[0])

    def _rows(self, spot: Spot, expr: Op) -> Spot:
        low, high = expr.static[0].args
        return spot.rows(low, high) if spot.low is not None else spot

    # --- from expressions to calls -----------------------------------------------------------------------------

    def _call(self, function: str, inputs: tuple[Spot, ...], out: Spot) -> None:
        self.calls.append(Call(function, inputs, out))

    def _value(self, expr: sympy.Expr) -> Spot:
        """Where the value is, after calls that compute it if need be."""
        known = self._known(expr)
        if known is not None:
            return known
        spare = self._spare(self.plan.shape_of(expr)[0])
        self._into(expr, spare)
        return spare

    def _into(self, expr: sympy.Expr, out: Spot) -> None:
        """Calls that write the value of an expression to a place that none of its parts reads."""
        known = self._known(expr)
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

    def _start(self, expr: sympy.Expr, out: Spot) -> Spot:
        """The value of an operand: computed in `out` itself where it has its shape."""
        known = self._known(expr)
        if known is not None:
            return known
        if not self._fits(expr, out):
            return self._value(expr)
        self._into(expr, out)
        return out

    def _plus(self, expr: Op, out: Spot) -> None:
        terms = [signed(term) for term in expr.operands]
        terms.sort(key=lambda term: (term[0] < 0, self._known(term[1]) is not None or not self._fits(term[1], out)))
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
        factors.sort(key=lambda factor: self._known(factor) is not None or not self._fits(factor, out))
        total = self._start(factors[0], out) if factors else self._number(sympy.Integer(1))
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
            self._call("divide", (self._number(sympy.Integer(1)), self._value(expr.operands[0])), out)
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
        else:
            self._call(direct[1], tuple(self._value(operand) for operand in expr.operands), out)

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
            factor = self._prepare(wish, text)
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
        spot = self._rows(self._value(expr.operands[0]), expr)
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
