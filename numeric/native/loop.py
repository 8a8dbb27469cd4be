"""A scan of columns as one C function, and the statement that calls it.

Where a value is decides what becomes of it.  What moves with the step has a pointer to its rows there; what only its
own step reads is a number in a register, or lies in memory of the call's own; inputs and cotangents, whose rows are
examples, are turned step by step while they are in the cache.

Names in the C text are made from those in the layout and contain letters, digits and underscores alone.

Read next: `numeric.native.loops`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import sympy

from derive.dimensions import length
from derive.shapes import pair
from numeric.arrays import BATCH
from numeric.emit_ops import Expressions
from numeric.instructions import Call, Spot
from numeric.layout import Layout
from numeric.lowering import Lowering
from numeric.native.functions import Unsupported, c_call, c_number, c_size
from numeric.native.fuse import ONE, Group, groups, rows_of
from numeric.schedule import Stage


@dataclass(frozen=True)
class Loop:
    """One function.

    Attributes:
        name: of it.
        sizes: number of its first arguments, whole numbers; arrays follow.
        arrays: number of those.
        text: its definition.
    """

    name: str
    sizes: int
    arrays: int
    text: str


class Writer:
    """One function in the making.

    Args:
        layout: where everything lives.
        stage: the scan.
        need: called with the name of a helper or function of NumPy that the Python text uses.
        now, number: names of the index and number of the steps of a block, where it does not do all at once.

    Raises:
        Unsupported: if something in it has no form in C.
    """

    def __init__(
        self, layout: Layout, stage: Stage, need: Callable[[str], None], now: str = "", number: str = ""
    ) -> None:
        self.layout, self.stage, self.plan = layout, stage, layout.plan
        self.now, self.number = now, number
        self.place = Expressions(layout, need)
        self.step = Lowering(layout, stage, self.place)
        for equation in stage.equations:
            self.step.equation(equation)
        self.at = self.step.at
        self.groups = groups([self._in_wholes(call) for call in self.step.calls])
        self.calls = [call for group in self.groups for call in group.calls]
        self.written = {(call.out.base, call.out.moves) for call in self.calls}
        self.dims = {symbol: f"n_{_plain(name)}" for symbol, name in {**layout.sizes, BATCH: layout.batch}.items()}
        if len(set(self.dims.values())) != len(self.dims):
            raise Unsupported("two sizes have the same name in C")
        self.used: dict[sympy.Symbol, None] = {}
        self.fresh = count()
        self.arguments: dict[tuple[str, bool], str] = {}  # → name in C
        self.room: dict[str, str] = {}  # name in C of memory of the call's own → its size
        assert stage.axis is not None
        self.steps = self.size(length(sympy.Symbol(stage.axis)))
        self.batch = self.size(BATCH)

    def finish(self, name: str) -> tuple[Loop, list[str], str]:
        """The function, the Python statements that prepare it, and the one that calls it."""
        inside: list[str] = []
        opening: list[str] = []
        for group in self.groups:
            if group.is_product:
                before, lines = self._product(group.calls[0])
                opening += before
            else:
                lines = self._loop(group)
            inside += lines
        if len(set(self.arguments.values())) != len(self.arguments):
            raise Unsupported("two arrays have the same name in C")
        moving = [line for key in self.arguments if key[1] for line in self._pointer(key)]
        loop = f"  for (long t = 0; t < {self.steps}; t++) {{"
        if self.stage.direction < 0:
            loop = f"  for (long t = {self.steps} - 1; t >= 0; t--) {{"
        text = [*self._signature(name), *self._memory(), *opening, loop, *moving, *inside, "  }"]
        text += ["  free(memory);", "  return 0;", "}"]
        known = {**self.layout.sizes, BATCH: self.layout.batch}
        known |= {length(sympy.Symbol(str(self.stage.axis))): self.number} if self.number else {}
        sizes = [known[symbol] for symbol in self.used]
        arrays = [self._argument(base, moves) for base, moves in self.arguments]
        call = f"    {name}({', '.join([*sizes, *arrays])})"
        return Loop(name, len(sizes), len(arrays), "\n".join(text)), self._before([call]), call

    def _in_wholes(self, call: Call) -> Call:
        """The call with what lies in another sequence of this loop addressed there, so that overlaps are seen."""
        here = {equation.name for equation in self.stage.equations}

        def place(spot: Spot) -> Spot:
            part = self.layout.parts.get(self.at.sources.get(spot.base, "")) if spot.moves else None
            if part is None or part.whole not in here:
                return spot
            whole = self.at.place_of(part.whole).rows(part.low, part.high)
            return whole if spot.low is None or spot.high is None else whole.rows(spot.low, spot.high)

        return replace(call, inputs=tuple(map(place, call.inputs)), out=place(call.out))

    # --- the Python side ---------------------------------------------------------------------------------------

    def _before(self, after: Sequence[str]) -> list[str]:
        """Statements before the loop that are still needed."""
        kept: list[str] = []
        words = set(re.findall(r"\w+", " ".join(after)))
        for line in reversed(self.at.before):
            target, _, text = line.partition(" = ")
            if target.strip() in words:
                kept.insert(0, line)
                words |= set(re.findall(r"\w+", text))
        return kept

    def _argument(self, base: str, moves: bool) -> str:
        """An array as it is passed: its numbers in the order in which the loop reads them."""
        whole = not moves or not self.now or self.at.sources[base] in self.layout.held
        text = base if whole else f"{base}[{self.now}]"
        if (base, moves) in self.written:
            return text
        width = self.at.widths.get((base, moves))
        if not moves:
            if base in self.at.shared and width is not None:
                text = f"np.broadcast_to({base}, ({self.place.size(width)}, {self.layout.batch}))"
                return f"np.ascontiguousarray({text}, DTYPE)"
            return f"np.ascontiguousarray({base}, DTYPE)"
        name = self.at.sources[base]
        made = any(
            e.name == name and stage in self.layout.columns for stage in self.plan.stages for e in stage.equations
        )
        if made or self.layout.is_padded(name):
            return text
        return f"np.ascontiguousarray({text}{'' if self._is_by_example(base) or width is None else '.mT'}, DTYPE)"

    def _is_by_example(self, base: str) -> bool:
        """Whether the rows of an array in memory are examples: of what is given, where there are several rows."""
        name = self.at.sources[base]
        given = self.plan.variables[name].is_leaf and not self.layout.is_padded(name)
        return given and (base, True) in self.at.widths

    # --- the C side --------------------------------------------------------------------------------------------

    def size(self, dim: sympy.Expr) -> str:
        """A dimension; it becomes an argument."""
        self.used.update(dict.fromkeys(sorted(sympy.sympify(dim).free_symbols, key=str)))
        return c_size(dim, self.dims)

    def _count(self, rows: sympy.Expr) -> str:
        return self.batch if rows == ONE else f"{self.size(rows)} * {self.batch}"

    def _signature(self, name: str) -> list[str]:
        sizes = [f"long {self.dims[symbol]}" for symbol in self.used]
        arrays = [f"void *o_{text}" for text in self.arguments.values()]
        given = ", ".join([*sizes, *arrays])
        pointers = [
            f"  {'' if key in self.written else 'const '}REAL *{text} = numbers(o_{text});"
            for key, text in self.arguments.items()
        ]
        return [f"int {name}({given}) {{", *pointers]

    def _memory(self) -> list[str]:
        """Memory of the call's own, in one piece."""
        total = " + ".join(["16", *(f"ROOM({size})" for size in self.room.values())])
        lines = [f"  REAL *memory = aligned_alloc(64, ({total}) * sizeof(REAL)), *free_memory = memory;"]
        lines.append("  if (!memory) return 1;")
        for name, size in self.room.items():
            lines.append(f"  REAL *{name} = free_memory;")
            lines.append(f"  free_memory += ROOM({size});")
        return [*lines, "  (void)free_memory;"]

    def _own(self, name: str, size: str) -> str:
        self.room[name] = size
        return name

    def _array(self, spot: Spot) -> str:
        """Pointer to the first number of a spot."""
        key = (spot.base, spot.moves)
        if spot.base in self.at.made and not spot.moves:
            pointer = self._own(f"m_{_plain(spot.base)}", self._count(self.at.made[spot.base]))
        else:
            name = self.arguments.setdefault(key, f"v_{_plain(spot.base)}{'_t' if spot.moves else ''}")
            pointer = f"p_{name}" if spot.moves else name
        if spot.low is None or spot.low == 0:
            return pointer
        return f"{pointer} + {self._count(spot.low)}"

    def _pointer(self, key: tuple[str, bool]) -> list[str]:
        """Where an array is at the current step."""
        base, name = key[0], self.arguments[key]
        rows = self.at.widths.get(key, ONE)
        count = self._count(rows)
        part = self.layout.parts.get(self.at.sources[base])
        whole = rows if part is None else pair(self.plan.variables[part.whole].shape)[0]
        here = f"{name} + t * ({self._count(whole)})"
        if not self._is_by_example(base):
            return [f"    {'' if key in self.written else 'const '}REAL *p_{name} = {here};"]
        turned = self._own(f"turned_{name}", count)
        return [
            f"    const REAL *p_{name} = {here};",
            f"    if ({self.batch} > 1) {{",
            f"      turn({self.batch}, {self.size(rows)}, p_{name}, {turned});",
            f"      p_{name} = {turned};",
            "    }",
        ]

    def _product(self, call: Call) -> tuple[list[str], list[str]]:
        matrix, column = call.inputs
        rows, inner = rows_of(call.out), rows_of(column)
        factor = self._array(matrix)
        sizes = f"{self.size(rows)}, {self.size(inner)}"
        across = self._own(f"across_{factor}", f"{self.size(rows)} * {self.size(inner)}")
        spare = self._own("spare_" + factor, self._count(rows))
        opening = [f"  if (FEW({self.batch})) turn({sizes}, {factor}, {across});"]
        out = self._array(call.out)
        text = f"product({sizes}, {self.batch}, {factor}, {across}, {self._array(column)}, {out}, {spare});"
        return opening, [f"    {text}{_comment([call])}"]

    def _loop(self, group: Group) -> list[str]:
        """One loop over the numbers of some rows."""
        names: dict[Spot, str] = {}
        loads: list[str] = []
        spreads: list[str] = []
        body: list[str] = []
        stored: dict[Spot, str] = {}
        for call in group.calls:
            inputs = [self._operand(spot, group, names, loads, spreads) for spot in call.inputs]
            text = f"x{next(self.fresh)}"
            body.append(f"      REAL {text} = {c_call(call.function, inputs)};{_comment([call])}")
            names[call.out] = text
            if self._is_read_elsewhere(call.out, group):
                stored[call.out] = text
        stores = [f"      {_at(self._array(spot))} = {text};" for spot, text in stored.items()]
        head = f"    for (long j = 0; j < {self._count(group.rows)}; j++) {{"
        return [*spreads, '    _Pragma("omp simd")', head, *loads, *body, *stores, "    }"]

    def _operand(self, spot: Spot, group: Group, names: dict[Spot, str], loads: list[str], spreads: list[str]) -> str:
        if spot.base in self.at.numbers and not spot.moves:
            return c_number(self.at.numbers[spot.base])
        if spot in names:
            return names[spot]
        array = self._array(spot)
        if spot.base in self.at.shared and not spot.moves and spot.low is None:
            return f"{array}[0]"
        text = names[spot] = f"x{next(self.fresh)}"
        if rows_of(spot) == ONE and group.rows != ONE:
            wide = self._own(f"wide{len(self.room)}", self._count(group.rows))
            spreads.append(f"    spread({self.size(group.rows)}, {self.batch}, {array}, {wide});")
            array = wide
        loads.append(f"      REAL {text} = {_at(array)};")
        return text

    def _is_read_elsewhere(self, spot: Spot, group: Group) -> bool:
        """Whether what a group writes must lie in memory: another one reads it, or this one at the next step."""
        if spot.base not in self.at.made or spot.moves:
            return True
        for other in self.groups:
            known: set[Spot] = set()
            for call in other.calls:
                if any(read.meets(spot) and not (other is group and read in known) for read in call.inputs):
                    return True
                known.add(call.out)
        return False


def _at(array: str) -> str:
    return f"{array}[j]" if array.isidentifier() else f"({array})[j]"


def _plain(name: str) -> str:
    """Letters, digits and underscores of a name; of others their number."""
    return re.sub(r"[^A-Za-z0-9_]", lambda match: f"u{ord(match[0]):x}", name)


def _comment(calls: Iterable[Call]) -> str:
    numbers = sorted(number for call in calls for number in call.numbers)
    return f" /* {' '.join(f'({number})' for number in numbers)} */" if numbers else ""
