"""Loops over columns (`numeric.columns`) as NumPy text: every call writes where its result belongs.

    times_W_h = multiplier(W_h, B)
    for h_prev_t, z_in_t, … in steps((0, T, B, H), h_prev.mT, z_in.mT, …):
        times_W_h(h_prev_t, z)
        add(z, z_in_t, z)
        tanh(z, gates_t)

Arrays are feature-major inside: ``f.mT`` of a sequence (T, B, H) is (T, H, B), and lies in memory like that.  What the
loop alone needs is computed a block of steps at a time, so that it is still in the cache when it is read.

Read next: `numeric.emit_function`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import sympy

from derive.system import Equation
from numeric.emit_blocks import Blocks
from numeric.emit_coefficients import coefficients, lodged
from numeric.emit_ops import Expressions
from numeric.emit_recurrence import recurrence
from numeric.emit_together import joined
from numeric.emit_trailing import Follow
from numeric.instructions import Call, Spot, merged
from numeric.layout import Layout
from numeric.lowering import Lowering
from numeric.schedule import Stage, reads


class Steps:
    """One loop in the making.

    Args:
        layout: where everything lives.
        stage: the scan.
        need: called with the name of a helper or function of NumPy that the text uses.
    """

    def __init__(self, layout: Layout, stage: Stage, need: Callable[[str], None]) -> None:
        self.layout, self.stage, self.need = layout, stage, need
        self.plan, self.place = layout.plan, Expressions(layout, need)
        self.step = Lowering(layout, stage, self.place)
        self.homes: dict[str, Spot] = {}  # of coefficients that need no room
        leaves = (name for name in layout.turned if self.plan.variables[name].is_leaf and not layout.is_padded(name))
        self.given = {layout.names[name] for name in leaves}

    def lines(self, maps: Sequence[Equation] = (), follow: Follow | None = None) -> list[str]:
        """The loop and what precedes it.

        Args:
            maps: what the loop alone needs, computed for a block of steps at a time.
            follow: what follows it, a block of steps at a time.
        """
        for equation in self.stage.equations:
            self.step.equation(equation)
        self._spread()
        self._leave_order()
        calls = merged(self.step.calls)
        if recurrence(calls, str, self._is_shifted) is None:
            calls = self._lodged(calls, maps)
        one = next((each for each in self.layout.together.values() if each.stage is self.stage), None)
        other = None if one is None or follow is not None else joined(self.step, calls, one)
        if one is None or other is None:
            loop = self._loop(calls, maps, follow)
            return [*self.step.at.before, *loop]
        lines, joint = other
        few = [*lines, *self._loop(joint, [e for e in maps if e.name != one.summand])]
        many = self._loop(calls, maps)
        few, many = ([f"    {line}" for line in lines] for lines in (few, many))
        return [*self.step.at.before, f"    if {self.layout.wide[one.state][1]}:", *few, "    else:", *many]

    def _loop(self, calls: Sequence[Call], maps: Sequence[Equation], follow: Follow | None = None) -> list[str]:
        """The loop over steps, block by block where maps are computed for it."""
        moving = dict.fromkeys(s for call in calls for s in (*call.inputs, call.out) if s.moves)
        names = {spot: self._name(spot) for spot in moving}
        self.products: dict[str, str] = {}  # name of what multiplies by a matrix, by that of the matrix
        inside = [self._text(call, names) for call in calls]
        ready = [f"    {name} = multiplier({matrix}, {self.layout.batch})" for matrix, name in self.products.items()]
        if not moving:
            assert self.stage.axis is not None
            return [*ready, f"    for _ in range({self.place.steps_of(self.stage.axis)}):", *inside]
        blocks = Blocks(self.layout, self.stage, maps, follow)
        arrays = [self._array(spot, blocks.span(spot)) for spot in moving]
        if len(arrays) == 1:
            loop = [f"    for {names[next(iter(moving))]} in {arrays[0]}:", *inside]
        else:
            self.need("steps")
            label = ", ".join([str(self.plan.stages.index(self.stage)), *blocks.labels, *self._sizes(moving)])
            loop = [f"    for {', '.join(names.values())} in steps(({label}), {', '.join(arrays)}):", *inside]
            loop = self._at_once(calls, dict(zip(moving, arrays, strict=True)), names, loop)
        homes = {name: self._rows(spot, blocks.span(spot)) for name, spot in self.homes.items()}
        return [*ready, *blocks.lines(self._touched(moving), loop, self.need, homes)]

    def _lodged(self, calls: Sequence[Call], maps: Sequence[Equation]) -> list[Call]:
        """The calls, each coefficient where the product that reads it is written (`emit_coefficients.lodged`)."""
        shared = {read.name for _, read, _ in reads(maps)}
        alone = [e for e in maps if e.name not in shared and coefficients(e, self.place, None) is not None]
        spots = {self.step.at.moving(e.name, 0): e.name for e in alone}
        homes = lodged(calls, spots)
        self.homes = {spots[spot]: home for spot, home in homes.items()}
        return [replace(call, inputs=tuple(homes.get(spot, spot) for spot in call.inputs)) for call in calls]

    def _spread(self) -> None:
        """Repeat what is the same for all examples: NumPy takes three times as long over a column."""
        at = self.step.at
        for text, name in at.prepared.items():
            if name in at.shared and (name, False) in at.widths:
                line = at.before.index(f"    {name} = {text}")
                at.before[line] = f"    {name} = np.repeat({text}, {self.layout.batch}, axis=1)"

    def _leave_order(self) -> None:
        """Leave it to who multiplies by a matrix in which order that is to lie."""
        at, factors = self.step.at, {call.inputs[0].base for call in self.step.calls if call.function == "dot"}
        for text, name in at.prepared.items():
            if name in factors:
                line = at.before.index(f"    {name} = {text}")
                at.before[line] = f"    {name} = {text.removeprefix('np.ascontiguousarray(')[:-1]}"

    def _is_shifted(self, one: Spot, other: Spot) -> bool:
        """Whether the first spot is where the second one was a step before."""
        name = next((name for name, spot in self.step.at.spots.items() if spot == other), None)
        return name is not None and one == self.step.at.moving(name, -self.stage.direction)

    def _at_once(
        self, calls: Sequence[Call], arrays: dict[Spot, str], names: dict[Spot, str], loop: list[str]
    ) -> list[str]:
        """The loop, or all of its steps at once if it is a linear recurrence."""

        def array(spot: Spot) -> str:
            if not spot.moves:
                return self._operand(spot, names)
            return arrays[spot] if spot.low is not None else f"{arrays[spot]}[:, None]"  # one number for all rows

        found = recurrence(calls, array, self._is_shifted)
        if found is None:
            return loop
        helper, text = found
        self.need("recurrence")
        self.need(helper)
        return [f"    if not {text}:", *(f"    {line}" for line in loop)]

    def _sizes(self, moving: Iterable[Spot]) -> list[str]:
        """What the parts of memory depend on that the loop reads and writes."""
        widths = [self.step.at.widths.get((spot.base, True), sympy.Integer(1)) for spot in moving]
        rows = {symbol for width in widths for symbol in width.free_symbols}
        sizes = (name for symbol, name in self.layout.sizes.items() if symbol in rows)
        return [self.place.steps_of(str(self.stage.axis)), self.layout.batch, *sizes]

    def _touched(self, moving: Iterable[Spot]) -> str:
        """How many rows the loop touches at a step."""
        widths = {s.base: self.step.at.widths.get((s.base, True), sympy.Integer(1)) for s in moving}
        return self.place.size(sympy.expand(sum(widths.values(), sympy.Integer(0))))

    # --- text --------------------------------------------------------------------------------------------------

    def _is_whole(self, spot: Spot) -> bool:
        return spot.low is None or (spot.low == 0 and spot.high == self.step.at.widths[spot.base, spot.moves])

    def _range(self, spot: Spot) -> str:
        assert spot.low is not None
        assert spot.high is not None
        low = "" if spot.low == 0 else self.place.size(spot.low)
        return f"{low}:{'' if spot.high == self.step.at.widths[spot.base, spot.moves] else self.place.size(spot.high)}"

    def _rows(self, spot: Spot, span: str) -> str:
        """All steps of a spot, or those of a block."""
        index = [
            *([span] if span else []),
            *([] if self._is_whole(spot) else [*([] if span else ["..."]), self._range(spot)]),
        ]
        if span and not self._is_whole(spot):
            index.insert(1, ":")
        return f"{spot.base}[{', '.join(index)}]" if index else spot.base

    def _array(self, spot: Spot, span: str) -> str:
        """The array whose entries are a spot step by step, in the order of the loop."""
        text = self._rows(spot, span) + ("" if spot.low is None else ".mT")
        if spot.low is not None and spot.base in self.given:
            self.need("turned")
            text = f"turned({text.removesuffix('.mT')}).mT"
        return text if self.stage.direction > 0 else f"{text}[::-1]"

    def _name(self, spot: Spot) -> str:
        owner = next((name for name, s in self.step.at.spots.items() if s == spot and spot.moves), None)
        base = spot.base if owner is None or self._is_whole(spot) else self.layout.names[owner]
        return self.layout.fresh(f"{base}_t")

    def _operand(self, spot: Spot, names: dict[Spot, str]) -> str:
        if spot.moves:
            return names[spot]
        if self._is_whole(spot):
            return spot.base
        owner = next((name for name, s in self.step.at.spots.items() if s == spot), None)
        wish = spot.base if owner is None else self.layout.names[owner]
        text = f"{spot.base}[{self._range(spot)}]"
        if text not in self.step.at.prepared:
            taken = owner is None or wish in self.step.at.prepared.values()
            self.step.at.prepared[text] = self.layout.fresh(wish) if taken else wish
            self.step.at.before.append(f"    {self.step.at.prepared[text]} = {text}")
        return self.step.at.prepared[text]

    def _text(self, call: Call, names: dict[Spot, str]) -> str:
        inputs, out = [self._operand(spot, names) for spot in call.inputs], self._operand(call.out, names)
        if call.function == "dot":
            self.need("multiplier")
            if inputs[0] not in self.products:
                self.products[inputs[0]] = self.layout.fresh(f"times_{inputs[0]}")
            text = f"{self.products[inputs[0]]}({inputs[1]}, {out})"
        elif call.function.isidentifier():
            self.need(call.function)
            place = f"out={out}" if call.function in ("maximum", "minimum") else out  # NumPy asks for the keyword there
            text = f"{call.function}({', '.join([*inputs, place])})"
        else:
            text = call.function.format(*inputs, out=out)
        comment = " ".join(f"({number})" for number in sorted(call.numbers))
        return f"        {text}" + (f"  # {comment}" if comment else "")
