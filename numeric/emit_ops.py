"""Expressions of the language as NumPy text.

`Expressions` turns an expression into a `Value`.  Elementwise parts go through `numeric.printer`; structural
primitives have one function each, here or in `numeric.emit_products`, `numeric.emit_gather`, `numeric.emit_time`.

Read next: `numeric.emit_helpers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace

import sympy

from derive.dimensions import length
from derive.expr import Fixed, Op, Ref, Step, is_op
from derive.primitives import Shape
from numeric import emit_gather, emit_time
from numeric import emit_products as products
from numeric.emit_flat import feature_major, is_turned
from numeric.emit_values import Value, align, plain, rank, rows_of, tuple_text
from numeric.layout import Layout
from numeric.printer import Printer, bare, is_elementwise, number, scalar
from numeric.schedule import dimension_text


class Expressions:
    """Translates expressions in one place of the code.

    Args:
        layout: names of everything.
        steps: loop variable of each axis that is computed step by step; other axes are computed whole.
        here: the boundary position that is being computed, if it is one.
        local: sequences of which only the current step exists, under their own name.
        prepare: called with a wish for a name, a text to compute before the loop, and a text to use inside where that
            is impossible; returns what to use.
        need: called with the name of a helper function that the text uses.
        span, count: index of the steps that are computed, where those are not all; their number if sums are of these.
        flat: called with a wish for a name and a text, for the columns of all steps side by side; returns the name.
        native: whether products over all steps are C functions where that pays.
    """

    def __init__(
        self,
        layout: Layout,
        need: Callable[[str], None],
        *,
        steps: dict[str, str] | None = None,
        here: Fixed | None = None,
        local: Iterable[str] = (),
        prepare: Callable[[str, str, str], str] = lambda wish, before, inside: inside,
        span: str = "",
        count: str = "",
        flat: Callable[[str, str], str] | None = None,
        native: bool = False,
    ) -> None:
        self.layout, self.need, self.here, self.flat = layout, need, here, flat
        self.span, self.count, self.native = span, count, native
        self.steps, self.local, self.prepare = dict(steps or {}), frozenset(local), prepare
        self.time_axes, self.shape_of = layout.axes, layout.plan.shape_of
        self.printer = Printer()

    def value(self, expr: sympy.Expr) -> Value:
        """The text of an expression."""
        if isinstance(expr, Ref):
            return self._read(expr)
        if not isinstance(expr, Op):
            return Value(number(expr), is_number=True)
        if is_elementwise(expr):
            return self._elementwise(expr)
        return METHODS[expr.primitive](self, expr)

    # --- text of sizes and positions -----------------------------------------------------------------------

    def size(self, dim: sympy.Expr) -> str:
        """A dimension."""
        return dimension_text(dim, {str(symbol): name for symbol, name in self.layout.sizes.items()})

    def steps_of(self, axis: str) -> str:
        """The number of steps of an axis."""
        return self.count or self.layout.sizes[length(sympy.Symbol(axis))]

    def position(self, index: Fixed, offset: int = 0) -> str:
        """A fixed position plus an offset."""
        total = index.offset + offset
        if not index.from_end:
            return str(total)
        return self.steps_of(index.axis) + (f" {'-' if total < 0 else '+'} {abs(total)}" if total else "")

    def lead_sizes(self, axes: Iterable[str], batch: bool) -> list[str]:
        """Lengths of leading axes."""
        return [*map(self.steps_of, axes), *([self.layout.batch] if batch else [])]

    def dims(self, shape: Shape) -> list[str]:
        """Lengths of the axes of one example."""
        return [self.size(dim) for dim in shape[: rank(shape)]]

    def full(self, value: Value, axes: tuple[str, ...], batch: bool, shape: Shape) -> str:
        """The text of an array that has all these axes at full length."""
        if value.axes == axes and value.batch == batch and rank(value.shape) == rank(shape):
            return plain(value).text
        sizes = tuple_text([*self.lead_sizes(axes, batch), *self.dims(shape)])
        if sizes == "()":
            return plain(value).text
        text = align(value, axes, batch, shape)
        if value.is_number:
            return f"np.full({sizes}, {text}, DTYPE)"
        return f"np.broadcast_to({text}, {sizes})"

    def union(self, values: Iterable[Value]) -> tuple[tuple[str, ...], bool]:
        """Leading axes of a combination."""
        values = list(values)
        found = {axis for value in values for axis in value.axes}
        return tuple(axis for axis in self.layout.axes if axis in found), any(value.batch for value in values)

    def is_turned(self, name: str) -> bool:
        """Whether a sequence lies feature-major in memory."""
        return is_turned(self.layout, name)

    def side_by_side(self, value: Value) -> str | None:
        """The columns (n, T B) of a sequence that lies feature-major; None for another."""
        found = feature_major(self.layout, value, self.size) if self.flat is not None else None
        if found is None or self.flat is None:
            return None
        array, rows = found
        self.need("columns")
        return self.flat(f"{array}_columns", f"columns({array})") + (f"[{rows}]" if rows else "")

    def for_loops(self, value: Value) -> str | None:
        """A sequence that lies feature-major, where products with it are C functions; None for another."""
        found = feature_major(self.layout, value, self.size) if self.flat is not None and self.native else None
        return None if found is None else f"{found[0]}[..., {found[1]}]" if found[1] else found[0]

    # --- reads and elementwise -----------------------------------------------------------------------------

    def _read(self, read: Ref) -> Value:
        layout, index = self.layout, read.index
        shape, batch = self.shape_of(read), read.name in layout.plan.batched
        if index is None:
            return Value(layout.names[read.name], (), batch, shape)
        if isinstance(index, Fixed) and read.name in layout.rolling:  # the last step of its scan
            return Value(layout.names[read.name] + (".T" if rank(shape) else ""), (), batch, shape)
        if isinstance(index, Fixed):
            text = f"{layout.whole(read.name)}[{self.position(index, layout.before[read.name] - 1)}]"
            return Value(text, (), batch, shape)
        assert isinstance(index, Step)
        view = layout.view(read.name, index.shift)
        if index.axis not in self.steps:
            whole = not self.span or read.name in layout.blocked or read.name in layout.held
            return Value(view if whole else f"{view}[{self.span}]", (index.axis,), batch, shape)
        return Value(view if read.name in self.local else f"{view}[{self.steps[index.axis]}]", (), batch, shape)

    def _elementwise(self, expr: sympy.Expr) -> Value:
        leaves: dict[sympy.Expr, Value] = {}

        def collect(leaf: sympy.Expr) -> sympy.Expr:
            leaves.setdefault(leaf, self.value(leaf))
            return sympy.Symbol("leaf")

        if scalar(expr, collect).is_number:
            return Value(self.printer.doprint(scalar(expr, collect)), is_number=True)
        axes, batch = self.union(leaves.values())
        shape = self.shape_of(expr)
        texts = {leaf: sympy.Symbol(align(value, axes, batch, shape)) for leaf, value in leaves.items()}
        if is_op(expr, "plus") and isinstance(expr, Op):  # a product needs no parentheses there
            for term in expr.operands:
                inner = bare(str(texts[term])) if term in texts else ""
                if (
                    " @ " in inner
                    and " if " not in inner
                    and not any(term in _inner_leaves(other) for other in expr.operands)
                ):
                    texts[term] = sympy.Symbol(inner)
        return Value(self.printer.doprint(scalar(expr, texts.__getitem__)), axes, batch, shape)

    # --- rows ----------------------------------------------------------------------------------------------

    def rows(self, value: Value, low: sympy.Expr, high: sympy.Expr) -> Value:
        """Rows low … high - 1."""
        return rows_of(value, low, high, self.size)

    def _rows(self, expr: Op) -> Value:
        return self.rows(self.value(expr.operands[0]), *expr.static[0].args)

    def _embed(self, expr: Op) -> Value:
        self.need("embed")
        shape = self.shape_of(expr)
        value = self._rows_axis(expr.operands[0], shape[1])
        low, axis = expr.static[0].args[0], -max(1, rank(shape))
        if rank(shape) == 0:
            return self.value(expr.operands[0])
        text = f"embed({value.text}, {self.size(low)}, {self.size(shape[0])}, {axis})"
        return Value(text, value.axes, value.batch, shape)

    def _rows_axis(self, expr: sympy.Expr, columns: sympy.Expr) -> Value:
        """An operand that is to be joined with other rows: a scalar gets an axis for them."""
        value = plain(self.value(expr))
        if rank(value.shape) or columns != 1:
            return value
        return value.but(f"np.full(1, {value.text}, DTYPE)" if value.is_shared else f"{value.atom}[..., None]")

    def _concat(self, expr: Op) -> Value:
        shape = self.shape_of(expr)
        values = [self._rows_axis(operand, shape[1]) for operand in expr.operands]
        axes, batch = self.union(values)
        texts = []
        for value in values:
            if value.axes == axes and value.batch == batch:
                texts.append(value.text)
            else:
                part = (value.shape[0], shape[1])
                dims = [self.size(dim) for dim in (part if rank(shape) == 2 else part[:1])]
                spread = align(replace(value, shape=part) if rank(part) else value, axes, batch, part)
                texts.append(f"np.broadcast_to({spread}, {tuple_text([*self.lead_sizes(axes, batch), *dims])})")
        if len(axes) == 1 and batch and rank(shape) == 1 and self.flat is not None:
            self.need("beside")
            return Value(f"beside({', '.join(texts)})", axes, batch, shape)
        along = f", axis={-rank(shape)}" if axes or batch else ""
        return Value(f"np.concatenate({tuple_text(texts)}{along})", axes, batch, shape)

    # --- shapes --------------------------------------------------------------------------------------------

    def _reduce_to(self, expr: Op) -> Value:
        value, target = plain(self.value(expr.operands[0])), self.shape_of(expr)
        axes = [-2] if target[0] == 1 and value.shape[0] != 1 else []
        axes += [-1] if target[1] == 1 and value.shape[1] != 1 else []
        if not axes:
            return value
        if rank(value.shape) == 1:
            text = f"{value.atom}.sum(axis=-1)"
        elif rank(target) == 2:
            text = f"{value.atom}.sum(axis=-2, keepdims=True)"
        elif rank(target) == 1:
            text = f"{value.atom}.sum(axis=-1)"
        else:
            text = f"{value.atom}.sum(axis=(-2, -1))"
        return Value(text, value.axes, value.batch, target)

    def _broadcast_to(self, expr: Op) -> Value:
        value, shape = self.value(expr.operands[0]), self.shape_of(expr)
        if value.shape == shape:
            return value
        sizes = tuple_text([*self.lead_sizes(value.axes, value.batch), *self.dims(shape)])
        if expr.operands[0].is_number:
            filled = f"np.zeros({sizes}, DTYPE)" if expr.operands[0] == 0 else f"np.full({sizes}, {value.text}, DTYPE)"
            return Value(filled, (), False, shape)
        text = align(value, value.axes, value.batch, shape)
        return Value(f"np.broadcast_to({text}, {sizes})", value.axes, value.batch, shape)

    def _stop(self, expr: Op) -> Value:
        return self.value(expr.operands[0])

    # --- along time ----------------------------------------------------------------------------------------

    def whole(self, axis: str) -> Expressions:
        """The same place with an axis bound: inside ``sum[t](…)`` every t is there at once."""
        inner = copy(self)
        inner.span = self.span if self.count else ""
        inner.steps = {other: loop for other, loop in self.steps.items() if other != axis}
        inner.here = self.here if self.here is not None and self.here.axis != axis else None
        inner.local = frozenset(n for n in self.local if self.layout.plan.variables[n].axis != axis)
        return inner


def _inner_leaves(expr: sympy.Expr) -> set[sympy.Expr]:
    """What an elementwise expression consists of, if it is more than one leaf."""
    found: set[sympy.Expr] = set()

    def note(leaf: sympy.Expr) -> sympy.Expr:
        found.add(leaf)
        return sympy.Symbol("leaf")

    if is_elementwise(expr):
        scalar(expr, note)
    return found


METHODS: dict[str, Callable[[Expressions, Op], Value]] = {
    "matmul": products.matmul,
    "sum": products.sum_over_time,
    "rows": Expressions._rows,
    "embed": Expressions._embed,
    "concat": Expressions._concat,
    "transpose": products.transposed,
    "reduce_to": Expressions._reduce_to,
    "broadcast_to": Expressions._broadcast_to,
    "take": emit_gather.take,
    "scatter": emit_gather.scatter,
    "softmax": emit_gather.softmax,
    "logsumexp": emit_gather.logsumexp,
    "stop": Expressions._stop,
    "stack": emit_time.stack,
    "unstack": emit_time.unstack,
    "place": emit_time.placed,
}
