"""What follows a loop over columns block by block (`numeric.trailing`) as NumPy text.

    for low in reversed(range(0, T, block)):
        now = slice(low, low + block)
        dz = dz_block[: T - low]
        …  # the loop over these steps
        dz_columns = columns(dz)
        np.matmul(dz_columns.T, W_dx, dx[now].reshape(-1, D))
        dW = added(dW, dz_columns @ x[now].reshape(-1, D))

A product over a thousand columns is as fast as one over all of them, and what it reads is still in the cache.

Read next: `numeric.emit_blocks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import sympy

from derive.expr import Op, Ref, is_op, matmul
from derive.system import Equation
from numeric.columns import is_shared_matrix
from numeric.emit_buffers import Buffers
from numeric.emit_maps import turned
from numeric.emit_ops import Expressions
from numeric.emit_products import over_examples
from numeric.emit_values import plain, rank, tuple_text, turn
from numeric.printer import bare
from numeric.schedule import Stage


class Follow:
    """What follows one loop.

    Args:
        buffers: of the function.
        stage: the scan.
        equations: what follows it, in computable order.
        need: called with the name of a helper that the text uses.
        native: whether products over all steps are C functions.

    Attributes:
        count: name of the number of steps of a block, the last of which may be shorter.
        before: statements before all blocks.
        opening: those at the beginning of a block.
        closing: those at its end.
    """

    def __init__(
        self,
        buffers: Buffers,
        stage: Stage,
        equations: Sequence[Equation],
        need: Callable[[str], None],
        *,
        native: bool,
    ) -> None:
        self.buffers, self.stage, self.equations, self.native = buffers, stage, equations, native
        self.layout, self.need = buffers.layout, need
        self.count = self.layout.fresh("count")
        self.before: list[str] = []
        self.opening: list[str] = []
        self.closing: list[str] = []

    def rows(self) -> str:
        """How many rows are held at each step."""
        layout = self.layout
        held = [e.name for e in self.stage.equations if e.name in layout.held & layout.stored]
        shapes = [layout.plan.variables[name].shape for name in held if name not in layout.parts]
        return self.buffers.text(sympy.expand(sum((shape[0] if shape else 1 for shape in shapes), sympy.Integer(0))))

    def write(self, block: str, low: str, now: str) -> None:
        """Write the statements.

        Args:
            block: name of the number of steps of a block.
            low, now: names of its first step and of the index of its steps.
        """
        layout, axis = self.layout, str(self.stage.axis)
        steps = self.buffers.steps(self.stage.equations[0].name)
        self.place = Expressions(layout, self.need, span=now, count=self.count, flat=self._flat, native=self.native)
        self.prepared: dict[str, str] = {}
        for equation in self.equations:
            if equation.out.index is None:
                self._sum(equation)
            else:
                self._map(equation, axis, now)
        held = [e.name for e in self.stage.equations if e.name in layout.held and e.name in layout.stored]
        for name in held:
            if name not in layout.parts:
                whole = layout.fresh(f"{layout.names[name]}_{block.partition('_')[0]}")
                self.before.append(f"    {whole} = {self.buffers.for_block(name, block)}")
                self.opening.append(f"        {layout.names[name]} = {whole}[:{steps} - {low}]")
        used = _words(self.closing)
        parts = [name for name in held if name in layout.parts and layout.names[name] in used]
        self.opening += [f"    {self.buffers.part(name)}" for name in parts]
        if self.prepared:  # memory for the next block
            self.closing.append(f"        del {', '.join(self.prepared.values())}")
        if self.native or self.count in _words([*self.opening, *self.closing]):
            self.opening.insert(0, f"        {self.count} = min({block}, {steps} - {low})")

    def _flat(self, wish: str, text: str) -> str:
        if text not in self.prepared:
            self.prepared[text] = self.layout.fresh(wish)
            self.closing.append(f"        {self.prepared[text]} = {text}")
        return self.prepared[text]

    def _sum(self, equation: Equation) -> None:
        name, text = self.layout.names[equation.name], over_examples(self.place, equation.expr)
        self.need("added")
        self.before.append(f"    {name} = None")
        text = f"np.array({text})" if text.startswith("np.broadcast_to(") else bare(text)
        self.closing.append(f"        {name} = added({name}, {text}){self._comment(equation)}")

    def _map(self, equation: Equation, axis: str, now: str) -> None:
        layout, place = self.layout, self.place
        name, shape = layout.names[equation.name], place.shape_of(equation.out)
        if equation.name in layout.turned:
            lines = turned(equation, place, layout.plan.numbers.get(equation.out), "        ")
            if equation.name not in layout.held:
                whole = layout.fresh(f"{name}_now")
                lines = [re.sub(rf"\b{name}\b", whole, line) for line in lines]
                lines.append(f"        {name}[{now}] = {whole}")
                self.before += self.buffers.allocate([equation.name])
            self.closing += lines
            return
        if equation.name in layout.held:
            text = bare(place.full(place.value(equation.expr), (axis,), True, shape))
            self.closing.append(f"        {name} = {text}{self._comment(equation)}")
            return
        self.before.append(f"    {name} = np.empty({tuple_text([*self._whole(axis), *place.dims(shape)])}, DTYPE)")
        self.buffers.allocated.add(equation.name)
        product = self._product(equation, now)
        text = product or f"{name}[{now}] = {bare(plain(place.value(equation.expr)).text)}"
        self.closing.append(f"        {text}{self._comment(equation)}")

    def _whole(self, axis: str) -> list[str]:
        return [Expressions(self.layout, self.need).steps_of(axis), self.layout.batch]

    def _product(self, equation: Equation, now: str) -> str | None:
        """A product with a shared matrix that is written where it belongs; None for anything else."""
        expr, place = equation.expr, self.place
        if not isinstance(expr, Op) or not is_op(expr, "matmul") or rank(place.shape_of(equation.out)) == 0:
            return None
        matrix, column = matmul(*expr.operands[:-1]), expr.operands[-1]
        if not is_shared_matrix(matrix, self.layout.plan) or rank(place.shape_of(column)) == 0:
            return None
        value = place.value(column)
        if (not isinstance(column, Ref) and not is_op(column, "rows")) or place.for_loops(value) is not None:
            return None
        flat = place.side_by_side(value)
        if flat is None:
            return None
        size = place.dims(place.shape_of(equation.out))[0]
        factor = plain(turn(place.value(matrix))).text
        return f"np.matmul({flat}.T, {factor}, {self.layout.names[equation.name]}[{now}].reshape(-1, {size}))"

    def _comment(self, equation: Equation) -> str:
        number = self.layout.plan.numbers.get(equation.out)
        return f"  # ({number})" if number is not None else ""


def _words(lines: Sequence[str]) -> set[str]:
    return {word for line in lines for word in re.findall(r"\w+", line.partition("  # ")[0])}
