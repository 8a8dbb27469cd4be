"""Where the quantities of a schedule live in a kernel: names, buffers with room for boundary values, views.

A sequence that is read outside 1…T is stored with its boundary values, ``h_all`` of shape (T + 1, B, H) = h[0] … h[T];
``h`` and ``h_prev`` are views of it, so that step t reads ``h_prev[t]`` for h[t-1].  A value that only its own step
reads has no buffer.  Parts of a concatenation that one scan computes share one buffer, and so do rows of a value.

Names in the code are the author's, unless Python or the module needs them.

Read next: `numeric.emit_values`.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import sympy

from derive.dimensions import length
from derive.expr import Fixed, Op, Ref, Step, is_op
from derive.operands import NameSupply
from derive.primitives import TABLE
from derive.system import Equation
from numeric.columns import is_columnwise
from numeric.schedule import Schedule, Stage, reads
from numeric.storage import blocked, edges, rolling
from numeric.together import Together, together
from numeric.trailing import trailing

RESERVED = {
    *keyword.kwlist,
    *keyword.softkwlist,
    *dir(builtins),
    *("np", "DTYPE", "CACHE", "forward", "backward", "saved", "outputs", "final", "parameters", "inputs", "initial"),
    *("add", "subtract", "multiply", "divide", "negative", "square"),
    *("times_matrix", "times_columns", "columns", "beside", "empty", "steps", "turned", "product"),
    *("recurrence", "adjoint_recurrence", "added", "add_product", "prepare", "prepared", "sums"),
    *("multiplier", "for_steps"),
    *("step_products", "outer_products", "turn_steps", "times_steps", "add_products"),
    *("softmax", "logsumexp", "embed", "scatter", "diagonal"),
    *(name for record in TABLE.values() for name in re.findall(r"np\.(\w+)", record.numpy or "")),
}
SHIFTED = {-1: "prev", 1: "next"}


@dataclass(frozen=True)
class Part:
    """Some rows of another sequence: where a quantity lives that has no buffer of its own."""

    whole: str
    low: sympy.Expr
    high: sympy.Expr


class Layout:
    """Names and places for every quantity of a schedule.

    Attributes:
        plan: the schedule.
        names: identifier of every quantity (of a sequence: its steps 1…T).
        sizes: identifier of every dimension by symbol, axis lengths among them.
        loops: identifier of the current step of every axis.
        batch: identifier of the number of examples.
        before, after: how many boundary positions are stored on either side.
        stored: sequences with a buffer.
        parts: sequences that are rows of another one.
        columns: scans that are written feature-major (`numeric.columns`).
        turned: sequences that lie feature-major in memory.
        rolling: sequences of the backward part of which one step at a time is kept.
        edges: sequences of which only the boundary values are kept.
        blocked: maps that one scan of columns alone needs: it computes them block by block of steps, in the cache.
        slices: those of them that are rows of another sequence.
        together: by state, products with inputs that stay in their loop where weights are few (`numeric.together`).
        wide: identifier of the array of such a state and its inputs, and of whether weights are few.
        trailing: what follows a scan of columns block by block, and the scan (`numeric.trailing`).
        held: what exists for one block of steps at a time.
    """

    def __init__(self, plan: Schedule, native: bool = False) -> None:
        self.plan = plan
        self.supply = NameSupply(RESERVED)
        own = [name for name, var in plan.variables.items() if var.origin is None or var.origin.kind != "pass"]
        self.names = {name: self.fresh(name) for name in own}
        axes = dict.fromkeys(var.axis for var in plan.variables.values() if var.axis is not None)
        self.axes = tuple(axes)
        dims = {s for var in plan.variables.values() for dim in var.shape for s in sympy.sympify(dim).free_symbols}
        dims |= {length(sympy.Symbol(axis)) for axis in axes}
        self.sizes = {symbol: self.fresh(str(symbol)) for symbol in sorted(dims, key=str)}
        self.batch = self.fresh("B")
        self.loops = {axis: self.fresh(axis) for axis in axes}
        self.names |= {name: self.fresh(name) for name in plan.variables if name not in self.names}
        self.before = dict.fromkeys(plan.variables, 0)
        self.after = dict(self.before)
        self._views: dict[tuple[str, int], str] = {}
        self._wholes: dict[str, str] = {}
        self._pad()
        self.columns = [stage for stage in plan.stages if is_columnwise(stage, plan)]
        padded = frozenset(name for name in plan.variables if self.is_padded(name))
        self.rolling = rolling(plan, self.columns)
        self.edges = edges(plan, self.columns, padded) - self.rolling
        self.stored = self._stored()
        self.parts = self._parts()
        follow = trailing(plan, self.columns, padded)
        self.trailing, self.held = follow.home, follow.held
        self.blocked = blocked(plan, self.columns, padded | self.trailing.keys())
        self.slices = self._slices()
        self.turned = self._turned()
        self.together = {} if native else {one.state: one for one in self._together()}
        self.wide = {n: (self.fresh(f"{self.whole(n)}_wide"), self.fresh("few_weights")) for n in self.together}

    def fresh(self, wish: str) -> str:
        """A new identifier like `wish`."""
        plain = re.sub(r"\W", "_", unicodedata.normalize("NFKC", wish))
        return self.supply.fresh(plain if plain.isidentifier() else f"_{plain}")

    # --- boundary values -----------------------------------------------------------------------------------

    def _pad(self) -> None:
        positions: list[tuple[str, Fixed]] = [(n, p) for n, ps in self.plan.boundaries.items() for p in ps]
        for stage in self.plan.stages:
            for equation in stage.equations:
                if isinstance(equation.out.index, Fixed):
                    positions.append((equation.name, equation.out.index))
        for name, position in positions:
            if position.from_end:
                self.after[name] = max(self.after[name], position.offset)
            else:
                self.before[name] = max(self.before[name], 1 - position.offset)

    def is_padded(self, name: str) -> bool:
        """Whether boundary values are stored with it."""
        return bool(self.before[name] or self.after[name])

    def whole(self, name: str) -> str:
        """Identifier of the array with boundary values."""
        if not self.is_padded(name):
            return self.names[name]
        if name not in self._wholes:
            self._wholes[name] = self.fresh(f"{self.names[name]}_all")
        return self._wholes[name]

    def view(self, name: str, shift: int) -> str:
        """Identifier of the steps 1…T, shifted: entry t is the value at t + shift."""
        if shift == 0:
            return self.names[name]
        if (name, shift) not in self._views:
            side = "prev" if shift < 0 else "next"
            number = str(abs(shift)) if abs(shift) > 1 else ""
            self._views[name, shift] = self.fresh(f"{self.names[name]}_{side}{number}")
        return self._views[name, shift]

    def shifts(self, stages: Iterable[Stage], name: str) -> tuple[int, ...]:
        """Shifts at which stages read a sequence, other than 0."""
        found = {
            read.index.shift
            for stage in stages
            for _, read, _ in reads(stage.equations)
            if read.name == name and isinstance(read.index, Step)
        }
        return tuple(sorted(found - {0}))

    # --- buffers -------------------------------------------------------------------------------------------

    def _slices(self) -> dict[str, Part]:
        found = {}
        for stage in self.plan.stages:
            equation = stage.equations[0]
            if equation.name in self.blocked and isinstance(equation.expr, Op) and is_op(equation.expr, "rows"):
                source = equation.expr.operands[0]
                here = isinstance(source, Ref) and source.index == equation.out.index
                if here and source.name in self.blocked and len(self.plan.variables[source.name].shape) == 1:
                    found[equation.name] = Part(source.name, *equation.expr.static[0].args)
        return found

    def _turned(self) -> set[str]:
        """Columns that a scan of columns reads or writes, and those that lie in one buffer with them."""
        equations = [e for stage in self.columns for e in stage.equations]
        names = {e.name for e in equations} | {r.name for _, r, _ in reads(equations) if r.index is not None}
        names |= {self.parts[name].whole for name in names if name in self.parts}
        names |= {part.whole for part in self.slices.values()}
        return {name for name in names if len(self.plan.variables[name].shape) == 1}

    def _together(self) -> list[Together]:
        apart = self.rolling | self.edges | self.parts.keys() | {part.whole for part in self.parts.values()}
        kept = [
            name for name in self.stored - apart if self.before[name] + self.after[name] == 1 and name in self.turned
        ]
        return together(self.plan, self.columns, self.blocked, kept)

    def is_view(self, equation: Equation) -> bool:
        """Whether an equation is satisfied by where its quantities live."""
        if is_op(equation.expr, "concat") and any(part.whole == equation.name for part in self.parts.values()):
            return all(isinstance(o, Ref) and o.name in self.parts for o in equation.expr.operands)
        return is_op(equation.expr, "rows") and equation.name in self.parts

    def _stored(self) -> set[str]:
        plan = self.plan
        home = {e.name: stage for stage in plan.stages for e in stage.equations if e.axis is not None}
        kept = {*plan.outputs, *plan.final, *plan.gradients.values()}
        kept |= {name for name in home if self.is_padded(name)}
        kept -= self.rolling | self.edges
        stored = {name for name, stage in home.items() if stage.kind != "scan" or name in kept}
        for stage in plan.stages:
            for _, read, here in reads(stage.equations):
                if read.name in home and not (here and home[read.name] is stage):
                    stored.add(read.name)
        stored -= self.rolling | self.edges
        return stored

    def _parts(self) -> dict[str, Part]:
        found: dict[str, Part] = {}
        for stage in self.plan.stages:
            if stage.kind == "scan":
                for equation in stage.equations:
                    self._parts_of_concatenation(equation, stage, found)
                    self._rows_of_stored(equation, found)
        return found

    def _parts_of_concatenation(self, equation: Equation, stage: Stage, found: dict[str, Part]) -> None:
        """``dz[t] = [dz_f[t], dz_i[t]]``: both are written into one buffer, and nothing is copied."""
        here = {e.name for e in stage.equations if e.axis is not None}
        if not is_op(equation.expr, "concat") or self.is_padded(equation.name) or equation.name in found:
            return
        operands = equation.expr.operands
        names = [
            operand.name for operand in operands if isinstance(operand, Ref) and operand.index == equation.out.index
        ]
        free = here - found.keys() - {part.whole for part in found.values()} - {equation.name}
        if len(set(names)) != len(operands) or not free.issuperset(names) or any(map(self.is_padded, names)):
            return
        if any(len(self.plan.variables[name].shape) > 1 for name in names):
            return
        low: sympy.Expr = sympy.Integer(0)
        for name in names:
            high = low + (self.plan.variables[name].shape or (sympy.Integer(1),))[0]
            found[name] = Part(equation.name, low, high)
            low = high
        if stage not in self.columns or self.stored & {*names, equation.name}:
            self.stored.update(names, [equation.name])

    def _rows_of_stored(self, equation: Equation, found: dict[str, Part]) -> None:
        """``z_f[t] = rows(z[t], 0:H)``, where z_f is needed after its step: a view of z."""
        expr = equation.expr
        if not (isinstance(expr, Op) and is_op(expr, "rows")) or equation.name not in self.stored:
            return
        source = expr.operands[0]
        if not isinstance(source, Ref) or source.index != equation.out.index or self.is_padded(equation.name):
            return
        if len(self.plan.variables[source.name].shape) == 1 and source.name not in found:
            self.stored.add(source.name)
            found[equation.name] = Part(source.name, *expr.static[0].args)
