"""Entries of expressions in C: the number in row r and column c, after the loops that it needs.

``W @ [h[t-1], x[t]]`` in row i becomes

    double s1 = 0;
    for (int k1 = 0; k1 < D + H; k1++) {
      s1 += W[i][k1] * (k1 < H ? h[t - 1][k1] : x[t][k1 - H]);
    }

Read next: `numeric.targets.c_names`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count

import sympy

from derive.dimensions import length
from derive.expr import Fixed, Op, Ref, matmul
from numeric.columns import signed
from numeric.emit_products import best_split
from numeric.printer import bare, is_atom
from numeric.schedule import Schedule, dimension_text

ONE = sympy.Integer(1)
FUNCTIONS = {"abs": "fabs", "max": "fmax", "min": "fmin"}  # others are called as in the language


class Entries:
    """Prints the entries of expressions, one statement after another.

    Args:
        plan: whose quantities are read.
        names: identifiers of quantities.
        sizes: identifiers of dimensions and lengths, by their symbol's name.
        shift: by how much positions are stored later than counted, by quantity.

    Attributes:
        lines: statements so far.
        at: the current position by axis, a variable and what is added to it.
        depth: how far statements are indented.
    """

    def __init__(
        self, plan: Schedule, names: Mapping[str, str], sizes: Mapping[str, str], shift: Mapping[str, int]
    ) -> None:
        self.plan, self.names, self.sizes, self.shift = plan, names, sizes, shift
        self.lines: list[str] = []
        self.at: dict[str, tuple[str, int]] = {}
        self.depth = 1
        self.number = count(1)

    def say(self, text: str) -> None:
        """Add a statement."""
        self.lines.append("  " * self.depth + text)

    @contextmanager
    def loop(self, variable: str, first: str, last: str, *, back: bool = False) -> Iterator[None]:
        """A loop over 0 … ``last - 1``, or 1 … ``last``, or that backward."""
        head = f"int {variable} = {first}; {variable} {'<' if first == '0' else '<='} {last}; {variable}++"
        if back:
            head = f"int {variable} = {last}; {variable} >= {first}; {variable}--"
        self.say(f"for ({head}) {{")
        self.depth += 1
        yield
        self.depth -= 1
        self.say("}")

    def size(self, dim: sympy.Expr) -> str:
        """A dimension."""
        return dimension_text(dim, self.sizes)

    def position(self, index: Fixed) -> str:
        """A fixed position."""
        return plus_number(*self.where(index))

    def where(self, index: Fixed) -> tuple[str, int]:
        """A fixed position as a length, if it counts from the end, and a number."""
        return (self.sizes[str(length(sympy.Symbol(index.axis)))] if index.from_end else "", index.offset)

    def read(self, read: Ref, r: str, c: str) -> str:
        """An entry of a quantity."""
        var, index = self.plan.variables[read.name], read.index
        text = self.names[read.name]
        if index is not None:
            variable, more = self.where(index) if isinstance(index, Fixed) else self.at[index.axis]
            shift = 0 if isinstance(index, Fixed) else index.shift
            text += f"[{plus_number(variable, more + shift + self.shift[read.name])}]"
        return text + "".join(f"[{bare(k)}]" for k in (r, c)[: len(var.shape)])

    def entry(self, expr: sympy.Expr, r: str, c: str) -> str:
        """The text of an entry, closed so that it may be a factor."""
        if isinstance(expr, Ref):
            return self.read(expr, r, c)
        if not isinstance(expr, Op):
            return repr(float(expr)) if expr >= 0 else f"({float(expr)!r})"
        if expr.primitive in METHODS:
            return METHODS[expr.primitive](self, expr, r, c)
        operands = (bare(self.part(operand, r, c)) for operand in expr.operands)
        return f"{FUNCTIONS.get(expr.primitive, expr.primitive)}({', '.join(operands)})"

    def part(self, operand: sympy.Expr, r: str, c: str) -> str:
        """An entry of an operand, which has one row or column where it is broadcast."""
        rows, columns = self.plan.shape_of(operand)
        return self.entry(operand, "0" if rows == 1 else r, "0" if columns == 1 else c)

    # --- algebra -----------------------------------------------------------------------------------------------

    def _sum_of_terms(self, expr: Op, r: str, c: str) -> str:
        text = ""
        for sign, term in map(signed, expr.operands):
            piece = self.part(term, r, c)
            if isinstance(term, Op) and term.primitive in ("times", "matmul") and "(-" not in piece[:2]:
                piece = bare(piece)  # a product needs no parentheses there
            text += f" {'+' if sign > 0 else '-'} {piece}" if text else f"{'' if sign > 0 else '-'}{piece}"
        return f"({text})"

    def _product_of_factors(self, expr: Op, r: str, c: str) -> str:
        sign, text = "", ""
        for operand in expr.operands:
            if operand == -1:
                sign = "-"
            elif isinstance(operand, Op) and operand.primitive == "power" and operand.static[0] == -1:
                text = f"{text or '1.0'} / {self.part(operand.operands[0], r, c)}"
            else:
                text += (" * " if text else "") + self.part(operand, r, c)
        return f"({sign}{text})" if sign or " " in text else text

    def _power(self, expr: Op, r: str, c: str) -> str:
        base, exponent = self.part(expr.operands[0], r, c), expr.static[0]
        if exponent == -1:
            return f"(1.0 / {base})"
        return f"square({bare(base)})" if exponent == 2 else f"pow({bare(base)}, {float(exponent)!r})"

    def total(self, size: sympy.Expr, term: Callable[[str], str]) -> str:
        """The sum of a term over 0 … size - 1."""
        if size == ONE:
            return term("0")
        number = next(self.number)
        self.say(f"double s{number} = 0;")
        with self.loop(f"k{number}", "0", self.size(size)):
            self.say(f"s{number} += {bare(term(f'k{number}'))};")
        return f"s{number}"

    def _matmul(self, expr: Op, r: str, c: str) -> str:
        split = best_split([self.plan.shape_of(operand) for operand in expr.operands])
        left, right = matmul(*expr.operands[:split]), matmul(*expr.operands[split:])
        inner = self.plan.shape_of(left)[1]
        return self.total(inner, lambda k: f"({self.entry(left, r, k)} * {self.entry(right, k, c)})")

    def _reduce(self, expr: Op, r: str, c: str) -> str:
        (operand,), (rows, columns) = expr.operands, self.plan.shape_of(expr.operands[0])
        over_rows = rows if expr.static[0] == 1 else ONE
        over_columns = columns if expr.static[1] == 1 else ONE

        def row(i: str) -> str:
            here = i if over_rows != 1 else r
            return self.total(over_columns, lambda j: self.entry(operand, here, j if over_columns != 1 else c))

        return self.total(over_rows, row)

    # --- rows --------------------------------------------------------------------------------------------------

    def choose(self, cases: list[tuple[str, Callable[[], str]]], last: Callable[[], str]) -> str:
        """The first value whose condition holds, else the last."""
        if not cases:
            return last()
        (condition, value), *rest = cases
        found = []
        for make in (value, lambda: self.choose(rest, last)):
            before, self.lines = self.lines, []
            self.depth += 1
            text = make()
            self.depth -= 1
            found.append((self.lines, text))
            self.lines = before
        if not any(lines for lines, _ in found):
            return f"({condition} ? {found[0][1]} : {found[1][1]})"
        name = f"s{next(self.number)}"
        self.say(f"double {name};")
        for head, (lines, text) in zip((f"if ({condition}) {{", "} else {"), found, strict=True):
            self.say(head)
            self.lines += [*lines, "  " * (self.depth + 1) + f"{name} = {bare(text)};"]
        self.say("}")
        return name

    def _concat(self, expr: Op, r: str, c: str) -> str:
        cases: list[tuple[str, Callable[[], str]]] = []
        low: sympy.Expr = sympy.Integer(0)
        for operand in expr.operands:
            high = sympy.expand(low + self.plan.shape_of(operand)[0])
            cases.append((f"{r} < {self.size(high)}", partial(self.part, operand, _less(r, self.size(low)), c)))
            low = high
        return self.choose(cases[:-1], cases[-1][1])

    def _rows(self, expr: Op, r: str, c: str) -> str:
        low = self.size(expr.static[0].args[0])
        return self.entry(expr.operands[0], r if low == "0" else low if r == "0" else f"({low} + {r})", c)

    def _embed(self, expr: Op, r: str, c: str) -> str:
        low, high = (self.size(dim) for dim in expr.static[0].args)
        inside = f"{r} < {high}" if low == "0" else f"{r} >= {low} && {r} < {high}"
        return self.choose([(inside, lambda: self.part(expr.operands[0], _less(r, low), c))], lambda: "0.0")

    # --- gather, softmax ---------------------------------------------------------------------------------------

    def _take(self, expr: Op, r: str, c: str) -> str:
        return self.part(expr.operands[0], r, self.entry(expr.operands[1], "0", "0"))

    def _scatter(self, expr: Op, r: str, c: str) -> str:
        return f"({c} == {self.entry(expr.operands[1], '0', '0')} ? {self.part(expr.operands[0], r, '0')} : 0.0)"

    def _exponentials(self, expr: Op, c: str) -> tuple[str, str]:
        """The largest entry of a column, and the sum of exponentials of its distances from that."""
        (operand,) = expr.operands
        rows = self.plan.shape_of(operand)[0]
        largest = f"s{(number := next(self.number))}"
        self.say(f"double {largest} = -HUGE_VAL;")
        with self.loop(f"k{number}", "0", self.size(rows)):
            self.say(f"{largest} = fmax({largest}, {bare(self.part(operand, f'k{number}', c))});")
        return largest, self.total(rows, lambda k: f"exp({bare(self.part(operand, k, c))} - {largest})")

    def _softmax(self, expr: Op, r: str, c: str) -> str:
        largest, total = self._exponentials(expr, c)
        return f"(exp({bare(self.part(expr.operands[0], r, c))} - {largest}) / {total})"

    def _logsumexp(self, expr: Op, r: str, c: str) -> str:
        largest, total = self._exponentials(expr, c)
        return f"({largest} + log({total}))"

    # --- along time --------------------------------------------------------------------------------------------

    @contextmanager
    def bound(self, axis: str, text: str, more: int) -> Iterator[None]:
        """Inside, the position along an axis is another."""
        before = dict(self.at)
        self.at[axis] = (text, more)
        yield
        self.at = before

    def _sum(self, expr: Op, r: str, c: str) -> str:
        axis = str(expr.static[0])
        steps = length(sympy.Symbol(axis))

        def term(k: str) -> str:
            with self.bound(axis, k, 1):
                return self.part(expr.operands[0], r, c)

        return self.total(steps, term)

    def _stack(self, expr: Op, r: str, c: str) -> str:
        with self.bound(str(expr.static[0]), c, 1):
            return self.part(expr.operands[0], r, "0")

    def _unstack(self, expr: Op, r: str, c: str) -> str:
        variable, more = self.at[str(expr.static[0])]
        return self.entry(expr.operands[0], r, plus_number(variable, more - 1))

    def _place(self, expr: Op, r: str, c: str) -> str:
        here = f"{plus_number(*self.at[expr.static[0].axis])} == {self.position(expr.static[0])}"
        return self.choose([(here, lambda: self.part(expr.operands[0], r, c))], lambda: "0.0")


def plus_number(text: str, number: int) -> str:
    """An index plus a number."""
    if not text or text.isdigit():
        return str(int(text or 0) + number)
    return f"{text} {'-' if number < 0 else '+'} {abs(number)}" if number else text


def _less(text: str, size: str) -> str:
    return text if size == "0" else f"({text} - {size if is_atom(size) else f'({size})'})"


METHODS: dict[str, Callable[[Entries, Op, str, str], str]] = {
    "plus": Entries._sum_of_terms,
    "times": Entries._product_of_factors,
    "power": Entries._power,
    "matmul": Entries._matmul,
    "transpose": lambda self, expr, r, c: self.entry(expr.operands[0], c, r),
    "concat": Entries._concat,
    "rows": Entries._rows,
    "embed": Entries._embed,
    "reduce_to": Entries._reduce,
    "broadcast_to": lambda self, expr, r, c: self.part(expr.operands[0], r, c),
    "take": Entries._take,
    "scatter": Entries._scatter,
    "softmax": Entries._softmax,
    "logsumexp": Entries._logsumexp,
    "stop": lambda self, expr, r, c: self.part(expr.operands[0], r, c),
    "sum": Entries._sum,
    "stack": Entries._stack,
    "unstack": Entries._unstack,
    "place": Entries._place,
}
