"""The statements of ``forward`` or ``backward``: stages in order, maps as array expressions, scans as loops.

Read next: `numeric.emit`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from derive.expr import Fixed, Step
from derive.system import Equation
from numeric.emit_buffers import Buffers
from numeric.emit_maps import turned
from numeric.emit_ops import Expressions
from numeric.emit_products import over_examples
from numeric.emit_steps import Steps
from numeric.emit_trailing import Follow
from numeric.emit_values import Value, align, plain, rank
from numeric.layout import Layout
from numeric.native.loops import Native
from numeric.printer import bare
from numeric.schedule import Stage, reads


class Function:
    """The body of one function in the making.

    Args:
        layout: where everything lives.
        stages: what the function computes.
        initial: argument that gives the boundary values of a quantity.
        need: called with the name of a helper function that a statement uses.
        native: writes loops in C; None where they stay NumPy.

    Attributes:
        lines: statements so far.
    """

    def __init__(
        self,
        layout: Layout,
        stages: Sequence[Stage],
        initial: Mapping[str, str],
        need: Callable[[str], None],
        native: Native | None = None,
    ) -> None:
        self.native = native
        self.layout, self.plan, self.stages, self.need = layout, layout.plan, stages, need
        self.buffers = Buffers(layout, stages, initial)
        self.place = Expressions(layout, need, flat=self._flat, native=native is not None)
        self.lines: list[str] = []
        self.prepared: dict[str, str] = {}  # text → name of what is computed before a loop

    def write(self, boundaries: Iterable[str]) -> None:
        """Statements of all stages, after buffers for the quantities with given boundary values."""
        for name in boundaries:
            self.lines += self.buffers.allocate([name])
        for stage in self.stages:
            if stage.kind == "scan":
                self._scan(stage)
            else:
                for equation in stage.equations:
                    if equation.name not in self.layout.blocked and equation.name not in self.layout.trailing:
                        self._equation(equation)

    def _flat(self, wish: str, text: str) -> str:
        """A name for what several statements may use, computed before the first of them."""
        if text not in self.prepared:
            self.prepared[text] = self.layout.fresh(wish)
            self.lines.append(f"    {self.prepared[text]} = {text}")
        return self.prepared[text]

    # --- one equation --------------------------------------------------------------------------------------

    def _add(self, left: str, right: str, equation: Equation, indent: str = "    ") -> None:
        number = self.plan.numbers.get(equation.out)
        self.lines.append(f"{indent}{left} = {bare(right)}" + (f"  # ({number})" if number is not None else ""))

    def _equation(self, equation: Equation) -> None:
        index, name, place = equation.out.index, self.layout.names[equation.name], self.place
        if isinstance(index, Fixed):
            self._boundary(equation, index)
        elif isinstance(index, Step):
            self._map(equation, index.axis)
        elif equation.name in self.plan.batched:
            value = place.value(equation.expr)
            self._add(name, place.full(value, (), True, place.shape_of(equation.out)), equation)
        else:
            self._add(name, self._over_examples(equation), equation)

    def _over_examples(self, equation: Equation) -> str:
        """Something shared."""
        place, expr, shape = self.place, equation.expr, self.place.shape_of(equation.out)
        if not any(read.name in self.plan.batched for _, read, _ in reads([equation])):
            return place.full(place.value(expr), (), False, shape)
        return over_examples(place, expr)

    def _boundary(self, equation: Equation, index: Fixed) -> None:
        name = equation.name
        if name in self.layout.rolling:
            self._start(equation)
            return
        self.lines += self.buffers.allocate([name])
        value = Expressions(self.layout, self.need, here=index).value(equation.expr)
        where = f"{self.layout.whole(name)}[{self.buffers.index(name, index)}]"
        self._add(where, align(value, (), True, self.place.shape_of(equation.out)), equation)

    def _start(self, equation: Equation) -> None:
        """What the first step of a scan reads, where the last step will be found in the end."""
        name, shape = self.layout.names[equation.name], self.place.shape_of(equation.out)
        index = equation.out.index
        assert isinstance(index, Fixed)
        value = plain(Expressions(self.layout, self.need, here=index).value(equation.expr))
        rows = f"{self.place.size(shape[0])}, " if rank(shape) else ""
        self.lines.append(f"    {name} = empty(({rows}{self.layout.batch}{'' if rows else ','}))")
        text = value.text
        if rank(value.shape):
            text = f"{value.atom}.T" if value.batch else f"{value.atom}[:, None]"
        self._add(f"{name}[...]", text, equation)

    def _map(self, equation: Equation, axis: str) -> None:
        name, place = equation.name, self.place
        value, shape = place.value(equation.expr), place.shape_of(equation.out)
        if self.layout.is_padded(name):
            self.lines += self.buffers.allocate([name])
            self._add(f"{self.layout.names[name]}[...]", align(value, (axis,), True, shape), equation)
        elif name in self.layout.turned:
            self._turned(equation, value)
        else:
            self._add(self.layout.names[name], place.full(value, (axis,), True, shape), equation)

    def _turned(self, equation: Equation, value: Value) -> None:
        """A map whose result lies feature-major."""
        self.lines += turned(equation, self.place, self.plan.numbers.get(equation.out), "    ")

    # --- loops ---------------------------------------------------------------------------------------------

    def _scan(self, stage: Stage) -> None:
        assert stage.axis is not None
        if stage in self.layout.columns:
            self._columns(stage)
            return
        if self.native is not None:
            self.native.leave(stage)
        names, layout, loop = [e.name for e in stage.equations], self.layout, self.layout.loops[stage.axis]
        self.lines += self.buffers.allocate([name for name in names if name in layout.stored])
        local = [name for name in names if name not in layout.stored]
        place = Expressions(layout, self.need, steps={stage.axis: loop}, local=local, prepare=self._prepare)
        before, self.lines = self.lines, []
        known = len(self.prepared)
        for equation in stage.equations:
            if not layout.is_view(equation):
                self._step(equation, place, loop)
        inside, self.lines = self.lines, before
        self.lines += [f"    {name} = {text}" for text, name in list(self.prepared.items())[known:]]
        steps = f"range({place.steps_of(stage.axis)})"
        self.lines.append(f"    for {loop} in {steps if stage.direction > 0 else f'reversed({steps})'}:")
        self.lines += inside

    def _columns(self, stage: Stage) -> None:
        layout = self.layout
        names = [e.name for e in stage.equations if e.name not in layout.held]
        self.lines += self.buffers.allocate([n for n in names if n in layout.stored or n in layout.edges])
        blocked = [name for name, home in layout.blocked.items() if home is stage]
        maps = [e for s in self.stages if s.kind == "map" for e in s.equations if e.name in blocked]
        after = [e for s in self.stages for e in s.equations if layout.trailing.get(e.name) is stage]
        read = {r.name for _, r, _ in reads([*maps, *after])}
        maps = [e for e in maps if e.name not in layout.slices or e.name in read]
        follow = Follow(self.buffers, stage, after, self.need, native=self.native is not None) if after else None
        lines = self.native.lines(stage, maps, follow) if self.native is not None else None
        self.lines += Steps(layout, stage, self.need).lines(maps, follow) if lines is None else lines

    def _step(self, equation: Equation, place: Expressions, loop: str) -> None:
        name, shape = self.layout.names[equation.name], place.shape_of(equation.out)
        value = place.value(equation.expr)
        if equation.name in self.layout.stored:
            self._add(f"{name}[{loop}]", align(value, (), True, shape), equation, "        ")
        else:
            self._add(name, place.full(value, (), True, shape), equation, "        ")

    def _prepare(self, wish: str, before: str, inside: str) -> str:
        """A name for what no step changes, computed before the loop; `inside` where a step does change it."""
        if words([before]) & set(self.layout.loops.values()):
            return inside
        if before not in self.prepared:
            self.prepared[before] = self.layout.fresh(wish)
        return self.prepared[before]


def words(lines: Iterable[str]) -> set[str]:
    """All identifiers in statements, comments excepted."""
    return {word for line in lines for word in re.findall(r"\w+", line.partition("  # ")[0])}
