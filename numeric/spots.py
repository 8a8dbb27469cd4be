"""Where every value of one step of a loop is: in a sequence, in an array of one step, or computed before the loop.

Read next: `numeric.lowering`.
"""

from __future__ import annotations

import re

import sympy

from derive.expr import Op, Ref, Step, is_op
from derive.shapes import pair
from derive.system import Equation
from numeric.columns import is_fixed
from numeric.emit_ops import Expressions
from numeric.emit_values import plain, rank
from numeric.instructions import Spot
from numeric.layout import Layout
from numeric.passes.draft import subexpressions
from numeric.printer import number
from numeric.schedule import Stage


class Spots:
    """The places of one step.

    Args:
        layout: where everything lives.
        stage: the scan.
        place: how what no step changes is written.

    Attributes:
        before: statements before the loop.
        prepared: name of what is computed there, by its text.
        spots: where the quantities of the step are.
        widths: number of rows of the arrays, by name and whether they move with the step.
        free, taken: spare arrays, and those that the current equation uses.
        made: rows of the arrays of one step that this step makes, by name.
        numbers: those that are computed before the loop, by name.
        shared: what is the same for every example, of what no step changes.
        sources: quantity of the arrays that move with the step, by name.
    """

    def __init__(self, layout: Layout, stage: Stage, place: Expressions) -> None:
        self.layout, self.plan, self.stage, self.place = layout, layout.plan, stage, place
        self.before: list[str] = []
        self.prepared: dict[str, str] = {}
        self.spots: dict[str, Spot] = {}
        self.widths: dict[tuple[str, bool], sympy.Expr] = {}
        self.free: dict[sympy.Expr, list[Spot]] = {}
        self.taken: list[tuple[sympy.Expr, Spot]] = []
        self.made: dict[str, sympy.Expr] = {}
        self.numbers: dict[str, sympy.Expr] = {}
        self.shared: set[str] = set()
        self.sources: dict[str, str] = {}

    def in_place(self, equation: Equation) -> Spot | None:
        """The rows of a value that this equation alone reads, to which it adds: they become its place."""
        layout, expr = self.layout, equation.expr
        if equation.name in layout.stored or equation.name in layout.parts or equation.name in layout.rolling:
            return None
        for term in expr.operands if isinstance(expr, Op) and is_op(expr, "plus") else ():
            if (
                not isinstance(term, Op)
                or not is_op(term, "rows")
                or self.plan.shape_of(term) != self.plan.shape_of(expr)
            ):
                continue
            spot = self.known(term)
            if spot is not None and not spot.moves and self.is_read_once(term):
                return spot
        return None

    def is_read_once(self, term: Op) -> bool:
        """Whether nothing else in the step reads any of these rows."""
        source = term.operands[0]
        every = [op for e in self.stage.equations for op in subexpressions(e.expr) if source in op.operands]
        others = [op for op in every if op != term]
        low, high = term.static[0].args
        apart = all(
            is_op(op, "rows")
            and (
                sympy.expand(op.static[0].args[0] - high).is_nonnegative
                or sympy.expand(low - op.static[0].args[1]).is_nonnegative
            )
            for op in others
        )
        return isinstance(source, Ref) and source.name in self.spots and every.count(term) == 1 and apart

    def place_of(self, name: str) -> Spot:
        """Where a quantity of this scan is written."""
        if name in self.spots:
            return self.spots[name]
        layout = self.layout
        if name in layout.parts:
            part = layout.parts[name]
            spot = self.place_of(part.whole).rows(part.low, part.high)
        elif name in layout.stored:
            spot = self.moving(name, 0)
        else:
            rows = pair(self.plan.variables[name].shape)[0]
            spot = self.new(layout.names[name], rows, fresh=name not in layout.rolling)
        self.spots[name] = spot
        return spot

    def moving(self, name: str, shift: int) -> Spot:
        """A sequence, at the step that is `shift` later."""
        rows = pair(self.plan.variables[name].shape)[0]
        view = self.layout.view(name, shift)
        self.sources[view] = name
        return self.sized(Spot(view, moves=True), rows)

    def sized(self, spot: Spot, rows: sympy.Expr) -> Spot:
        """A spot with all the rows of its array."""
        if rows == 1:
            return spot
        self.widths[spot.base, spot.moves] = rows
        return spot.rows(sympy.Integer(0), rows)

    def new(self, name: str, rows: sympy.Expr, *, fresh: bool = True) -> Spot:
        """An array of one step, made before the loop."""
        lead = "" if rows == 1 else f"{self.place.size(rows)}, "
        if fresh:
            self.made[name] = rows
            self.before.append(f"    {name} = empty(({lead}{self.layout.batch}{'' if lead else ','}))")
        return self.sized(Spot(name), rows)

    def spare(self, rows: sympy.Expr) -> Spot:
        """An array for a part of an equation; several equations use it in turn."""
        free = self.free.get(rows, [])
        spot = free.pop() if free else self.new(self.layout.fresh("part"), rows)
        self.taken.append((rows, spot))
        return spot

    def prepare(self, wish: str, text: str) -> Spot:
        """Something that no step changes, computed before the loop."""
        if text not in self.prepared:
            self.prepared[text] = self.layout.fresh(wish)
            self.before.append(f"    {self.prepared[text]} = {text}")
        return Spot(self.prepared[text])

    def number(self, value: sympy.Expr) -> Spot:
        """A number as an array: NumPy takes twice as long over one of Python's."""
        wish = {sympy.Rational(1, 2): "half", sympy.Integer(1): "one", sympy.Float(0): "zero"}.get(value, "number")
        spot = self.prepare(wish, f"np.array({number(value)}, DTYPE)")
        self.numbers[spot.base] = value
        return spot

    def known(self, expr: sympy.Expr) -> Spot | None:
        """Where the value of an expression is, if it need not be computed."""
        if expr.is_number and not isinstance(expr, Ref | Op):
            return self.number(expr)
        if is_fixed(expr):
            return self.fixed(expr)
        if isinstance(expr, Op) and is_op(expr, "stop"):
            return self.known(expr.operands[0])
        if isinstance(expr, Op) and is_op(expr, "rows"):
            inner = self.known(expr.operands[0])
            return None if inner is None or inner.low is None else self.rows(inner, expr)
        if not isinstance(expr, Ref) or not isinstance(expr.index, Step):
            return None
        if expr.index.shift == 0 and expr.name in self.spots:
            return self.spots[expr.name]
        if expr.name in self.layout.rolling:
            return self.place_of(expr.name)
        part = self.layout.slices.get(expr.name)
        if part is not None:
            return self.moving(part.whole, 0).rows(part.low, part.high)
        return self.moving(expr.name, expr.index.shift)

    def fixed(self, expr: sympy.Expr) -> Spot:
        """Something that no step changes."""
        value = plain(self.place.value(expr))
        text, name = value.text, re.sub(r"\W.*", "", value.text) or "fixed"
        if rank(value.shape) == 0 and re.fullmatch(r"\w+", text) and not value.is_number:
            spot = Spot(text)
        elif rank(value.shape) and value.batch:
            spot = self.prepare(f"{name}_T", f"np.ascontiguousarray({value.atom}.T)")
        else:
            spot = self.prepare(f"{name}_column", f"{value.atom}[:, None]" if rank(value.shape) else text)
        if value.is_number:
            self.numbers[spot.base] = sympy.Float(value.text)
        if not value.batch:
            self.shared.add(spot.base)
        return self.sized(spot, value.shape[0])

    def rows(self, spot: Spot, expr: Op) -> Spot:
        """The rows of a spot that an expression picks."""
        low, high = expr.static[0].args
        return spot.rows(low, high) if spot.low is not None else spot
