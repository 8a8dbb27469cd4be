"""Names, places and sizes of quantities in a C file.

Indices are those of the equations: position t of a sequence is its entry t, unless positions before 0 are read too.
What lies outside 1…T and is given nowhere is zero, as static arrays are.

Read next: `numeric.targets.c_check`.
"""

from __future__ import annotations

import re
import unicodedata

import sympy

from derive.dimensions import length
from derive.expr import Fixed, Step, ref, refs
from derive.operands import NameSupply
from numeric.schedule import Schedule
from numeric.targets.entries import Entries, plus_number

WORDS = """auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main check
forward backward loss leaves leaf draw square sigmoid relu step sign softplus silu printf NULL row column at sum tiny
quotient value slope state wrong name count stdin stdout stderr EOF
abs div exit free malloc rand acos asin atan ceil cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma fmax fmin fmod
gamma hypot index ilogb isnan isinf j0 j1 jn lgamma log log10 log1p log2 logb modf nan pow remainder rint round scalb
significand signbit sin sinh sqrt tan tanh tgamma trunc y0 y1 yn"""
RESERVED = frozenset([*WORDS.split(), *(f"{letter}{number}" for letter in "sk" for number in range(1, 400))])


class Names:
    """Identifiers and places.

    Args:
        plan: of a system and its adjoint.

    Attributes:
        names, sizes, loops: identifiers of quantities, of sizes by their symbols' names, and of steps by axis.
        dims, lengths: the symbols of sizes.
        span: first and last position of a sequence, the last counted from the last step.
        shift: by how much positions are stored later than counted.
    """

    def __init__(self, plan: Schedule) -> None:
        self.plan = plan
        supply = NameSupply(set(RESERVED))

        def fresh(wish: str) -> str:
            found = "".join(c if c.isascii() else f"_{ord(c):x}_" for c in unicodedata.normalize("NFKC", wish))
            return supply.fresh(re.sub(r"\W", "_", found))

        self.names = {name: fresh(name) for name in plan.variables}
        axes = dict.fromkeys(v.axis for v in plan.variables.values() if v.axis is not None)
        dims = {
            s
            for v in plan.variables.values()
            for dim in (*v.shape, v.classes or 0)
            for s in sympy.sympify(dim).free_symbols
        }
        self.lengths = [length(sympy.Symbol(axis)) for axis in axes]
        self.dims = sorted(dims - set(self.lengths), key=str)
        self.sizes = {str(symbol): fresh(str(symbol)) for symbol in [*self.dims, *self.lengths]}
        self.loops = {axis: fresh(axis) for axis in axes}
        self.span = {name: self._positions(name) for name, v in plan.variables.items() if v.axis is not None}
        self.shift = {name: max(0, -low) for name, (low, _) in self.span.items()}

    def _positions(self, name: str) -> tuple[int, int]:
        """How far before position 1, and beyond the last step, a sequence is read or defined."""
        found = [0]
        late = [0]
        equations = [e for stage in self.plan.stages for e in stage.equations]
        every = [r for e in equations for r in (e.out, *refs(e.expr)) if r.name == name]
        every += [ref(name, p) for p in (*self.plan.boundaries.get(name, ()), *self.plan.final.get(name, ()))]
        for read in every:
            index = read.index
            if isinstance(index, Step):
                found.append(1 + index.shift)
                late.append(index.shift)
            elif isinstance(index, Fixed):
                (late if index.from_end else found).append(index.offset)
        return min(found), max(late)

    def first(self, name: str, position: Fixed | None) -> tuple[str, str]:
        """The address of the first entry of a quantity, at a position or of all steps, and how many there are."""
        var, out = self.plan.variables[name], self.entries()
        text, sizes = self.names[name], [f"({out.size(dim)})" for dim in var.shape]
        if var.axis is not None:
            where = str(1 + self.shift[name])
            if position is not None:
                base, more = out.where(position)
                where = plus_number(base, more + self.shift[name])
            else:
                sizes.insert(0, self.sizes[str(length(sympy.Symbol(var.axis)))])
            text += f"[{where}]"
        return f"&{text}{'[0]' * len(var.shape)}", " * ".join(sizes) or "1"

    def entries(self) -> Entries:
        """A new writer of expressions."""
        return Entries(self.plan, self.names, self.sizes, self.shift)
