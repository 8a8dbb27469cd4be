"""Statements that make the buffers of a layout, fill in given boundary values, and view them at a shift.

Read next: `numeric.emit_function`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sympy

from derive.dimensions import length
from derive.expr import Fixed
from derive.shapes import pair
from numeric.emit_values import Value, rank, rows_of
from numeric.layout import Layout
from numeric.schedule import Stage, dimension_text


class Buffers:
    """The buffers of one function.

    Args:
        layout: where everything lives.
        stages: of the function; they say which views are read.
        initial: argument that gives the boundary values of a quantity; None there means zero.
    """

    def __init__(self, layout: Layout, stages: Sequence[Stage], initial: Mapping[str, str]) -> None:
        self.layout, self.plan, self.stages, self.initial = layout, layout.plan, stages, initial
        self.allocated: set[str] = set()

    def allocate(self, names: Iterable[str]) -> list[str]:
        """Statements for the buffers that do not exist yet; those of one shape are made together."""
        parts = self.layout.parts
        wanted = [name for name in dict.fromkeys(names) if name not in self.allocated]
        wanted += [parts[name].whole for name in wanted if name in parts and parts[name].whole not in wanted]
        lines: list[str] = []
        groups: dict[str, list[str]] = {}
        turned_names = {self.layout.names[name] for name in self.layout.turned}
        for name in wanted:
            self.allocated.add(name)
            if self.layout.is_padded(name):
                lines += self._with_boundaries(name)
            elif name not in parts:
                groups.setdefault(self._size(name), []).append(self.layout.names[name])
        for size, members in groups.items():
            count = f"{len(members)}, " if len(members) > 1 else ""
            turned = ".mT" if members[0] in turned_names else ""
            lines.append(f"    {', '.join(members)} = empty(({count}{size})){turned}")
        return lines + [self.part(name) for name in wanted if name in parts]

    def for_block(self, name: str, steps: str) -> str:
        """Memory for some steps of a sequence without boundary values."""
        dims = self._dims(name)
        return f"empty(({', '.join([steps, *dims])}))" + (".mT" if name in self.layout.turned else "")

    def part(self, name: str) -> str:
        """The statement that makes a sequence rows of another one."""
        part = self.layout.parts[name]
        shape = pair(self.plan.variables[part.whole].shape)
        whole = Value(self.layout.names[part.whole], ("steps",), True, shape)
        return f"    {self.layout.names[name]} = {rows_of(whole, part.low, part.high, self.text).text}"

    def text(self, dim: sympy.Expr) -> str:
        """A dimension."""
        return dimension_text(dim, {str(symbol): name for symbol, name in self.layout.sizes.items()})

    def steps(self, name: str) -> str:
        """The length of the axis of a sequence."""
        return self.layout.sizes[length(sympy.Symbol(self.plan.variables[name].axis))]

    def _size(self, name: str) -> str:
        """The shape of a buffer as it lies in memory."""
        extra = self.layout.before[name] + self.layout.after[name]
        core = [] if name in self.layout.edges else [self.steps(name)]
        steps = " + ".join([*core, *([str(extra)] if extra else [])])
        return ", ".join([steps, *self._dims(name)])

    def _dims(self, name: str) -> list[str]:
        """The sizes of one step as it lies in memory."""
        shape = pair(self.plan.variables[name].shape)
        dims = list(map(self.text, shape[: rank(shape)]))
        return [*dims, self.layout.batch] if name in self.layout.turned else [self.layout.batch, *dims]

    def _with_boundaries(self, name: str) -> list[str]:
        layout, whole, var = self.layout, self.layout.whole(name), self.plan.variables[name]
        first = f"  # from {layout.names[name]}[{1 - layout.before[name]}]" if layout.before[name] else ""
        turned = ".mT" if name in layout.turned else ""
        made = f"empty(({self._size(name)}))" if var.classes is None else f"np.empty(({self._size(name)}), np.int64)"
        lines = self._wide(name, first) if name in layout.together else [f"    {whole} = {made}{turned}{first}"]
        if var.is_leaf:
            lines.append(f"    {whole}[{self._span(name, 0)}] = {layout.names[name]}")
        positions = self.plan.boundaries.get(name, ())
        given = self.initial.get(name)
        for number, position in enumerate(positions):
            one = given if len(positions) == 1 else f"{given}[{number}]"
            value = "0" if given is None else f"0 if {given} is None else {one}"
            lines.append(f"    {whole}[{self.index(name, position)}] = {value}")
        return lines if name in layout.edges else lines + self.views(name)

    def _wide(self, name: str, comment: str) -> list[str]:
        """A buffer with room for inputs beside the states, where weights are few."""
        layout, one = self.layout, self.layout.together[name]
        wide, few = layout.wide[name]
        rows, width = self.text(pair(self.plan.variables[name].shape)[0]), self.text(one.width)
        weights = f"{self.text(self.plan.variables[one.name].shape[0])} * ({width})"
        return [
            f"    {few} = {weights} <= CACHE",
            f"    {wide} = empty(({self.steps(name)} + 1, {width} if {few} else {rows}, {layout.batch})).mT",
            f"    {layout.whole(name)} = {wide}[..., :{rows}]{comment}",
        ]

    def index(self, name: str, position: Fixed) -> str:
        """Where a position is stored."""
        offset = position.offset + self.layout.before[name] - 1
        if not position.from_end or name in self.layout.edges:
            return str(offset)
        return self.steps(name) + (f" {'-' if offset < 0 else '+'} {abs(offset)}" if offset else "")

    def views(self, name: str) -> list[str]:
        """Statements for the steps 1…T at every shift that the function reads."""
        layout, shifts = self.layout, sorted({0, *self.layout.shifts(self.stages, name)})
        return [f"    {layout.view(name, k)} = {layout.whole(name)}[{self._span(name, k)}]" for k in shifts]

    def _span(self, name: str, shift: int) -> str:
        start, steps = self.layout.before[name] + shift, self.steps(name)
        if start == self.layout.before[name] + self.layout.after[name]:
            return f"{start}:"
        return f":{steps}" if start == 0 else f"{start}:{steps} + {start}"
