"""How the generated code learns sizes: from the shapes of the arrays it is given.

Read next: `numeric.emit_buffers`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy

from numeric.arrays import BATCH, public_shape
from numeric.layout import Layout
from numeric.schedule import dimension_text


@dataclass(frozen=True)
class _Definition:
    array: str
    position: int
    text: str
    needs: frozenset[sympy.Symbol]


class KnownSizes:
    """The sizes of a layout, and which array tells each.

    Attributes:
        names: identifier of each size by symbol, the number of examples among them.
        keywords: identifier and symbol of sizes that no array tells; None for the number of examples.
    """

    def __init__(self, layout: Layout) -> None:
        plan = layout.plan
        self.names: dict[sympy.Symbol, str] = {**layout.sizes, BATCH: layout.batch}
        self.definitions: dict[sympy.Symbol, _Definition] = {}
        self.keywords: list[tuple[str, sympy.Symbol | None]] = []
        variables = [plan.variables[name] for name in plan.leaves]
        shapes = [(layout.names[var.name], public_shape(var, var.role == "input")) for var in variables]
        places = [(array, i, dim) for array, shape in shapes for i, dim in enumerate(shape)]
        while sum(self._learn(*place) for place in places):
            continue

    def _learn(self, array: str, position: int, dim: sympy.Expr) -> bool:
        """Whether one axis of an array tells a size that is not known yet."""
        unknown = dim.free_symbols - self.definitions.keys()
        if len(unknown) != 1:
            return False
        (symbol,) = unknown
        rest, term = sympy.expand(dim).as_independent(symbol, as_Add=True)
        factor = term / symbol
        if not factor.is_Integer:
            return False
        text = f"{array}.shape[{position}]"
        if rest != 0:
            shown = dimension_text(rest, {str(s): name for s, name in self.names.items()})
            text += f" - {shown}" if rest.is_Symbol or rest.is_Integer else f" - ({shown})"
        if factor != 1:
            text = f"{text} // {factor}" if rest == 0 else f"({text}) // {factor}"
        self.definitions[symbol] = _Definition(array, position, text, frozenset(rest.free_symbols))
        return True

    def lines(self, body: str) -> list[str]:
        """Statements for the sizes that a body uses; those that follow from no array become `keywords`."""
        words = set(re.findall(r"\w+", body))
        needed = {symbol for symbol, name in self.names.items() if name in words}
        for symbol in reversed(self.definitions):
            if symbol in needed:
                needed |= self.definitions[symbol].needs
        lines: list[str] = []
        done: set[sympy.Symbol] = set()
        for symbol, definition in self.definitions.items():
            if symbol not in needed or symbol in done:
                continue
            batch = self.definitions.get(BATCH)
            together = batch is not None and batch.array == definition.array and definition.position == 0
            if together and BATCH in needed and symbol != BATCH and BATCH not in done:
                lines.append(f"    {self.names[symbol]}, {self.names[BATCH]} = {definition.array}.shape[:2]")
                done.add(BATCH)
            else:
                lines.append(f"    {self.names[symbol]} = {definition.text}")
        missing = sorted(needed - self.definitions.keys(), key=str)
        self.keywords = [(self.names[s], None if s == BATCH else s) for s in missing]
        return lines
