"""What a file for another framework holds: arguments, stages forward and backward, results, sizes and numbers.

The equations are those that a report prints (`derive.simplify.for_reading`), not the fused ones of `numeric.passes`:
such a file is for reading, and compilers of the frameworks fuse by themselves.

Read next: `numeric.targets.spelling`.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sympy

from derive.dimensions import length
from derive.expr import Fixed, Op, Ref, Step, is_op, ref, refs
from derive.operands import NameSupply, name_operands
from derive.order import Component, outside
from derive.reach import ancestors
from derive.simplify import for_reading
from derive.system import Equation, System
from derive.text import to_text
from numeric.arrays import BATCH
from numeric.schedule import Schedule, schedule

WORDS = """
" np torch jax jnp lax functools once_differentiable annotations check forward backward loss example
apply function Function function_forward function_backward arguments widened narrowed by_step
sequence cat outer total zeros place beside embed reduce_to broadcast_to take scatter softmax
logsumexp step softplus saved results carry now shift at stop
"""
RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *WORDS.split()})


@dataclass(frozen=True)
class Plan:
    """A system and its adjoint, laid out for printing.

    Attributes:
        system: the primal, as its author wrote it.
        numbers: number of an equation by its left side; the order of the equations by default.
        reserved: identifiers that are taken.
    """

    system: System
    numbers: Mapping[str, int] | None = None
    reserved: frozenset[str] = field(default=RESERVED)

    @cached_property
    def _meta(self) -> Schedule:
        return schedule(self.system)

    @cached_property
    def whole(self) -> System:
        """The equations forward and backward, for reading."""
        primal = name_operands(self.system)
        ends = tuple(self._meta.ends)
        seeds = tuple(name for name in self.outputs if name in self._meta.upstream)
        if not seeds and not ends:
            return primal
        return for_reading(self.system.adjoint(seeds, final=ends))

    # --- arguments and results ---------------------------------------------------------------------------------

    @property
    def leaves(self) -> tuple[str, ...]:
        """Inputs, then parameters and constants."""
        return self._meta.leaves

    @property
    def initial(self) -> Mapping[str, tuple[Fixed, ...]]:
        """Given boundary positions by name."""
        return {name: self.system.boundaries[name] for name in self._meta.initial}

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is returned at every step (or once)."""
        return self._meta.outputs

    @property
    def final(self) -> Mapping[str, tuple[Fixed, ...]]:
        """Positions of the last values that are returned, by name."""
        return self._meta.final

    @property
    def upstream(self) -> Mapping[str, str]:
        """Given cotangent by output."""
        return self._meta.upstream

    @property
    def ends(self) -> Mapping[str, tuple[str, ...]]:
        """Given cotangents of last values."""
        return self._meta.ends

    @property
    def gradients(self) -> Mapping[str, str]:
        """Cotangent by leaf or given boundary value."""
        made = {equation.name for equation in self.whole.equations}
        return {leaf: name for leaf, name in self._meta.gradients.items() if name in made}

    @cached_property
    def unchecked(self) -> frozenset[str]:
        """Leaves that move something inside ``stop(…)``, where differences see more than the gradient."""
        held = {name for equation in self.system.equations for name in _held(equation.expr)}
        return frozenset(ancestors(self.system, held)) if held else frozenset()

    # --- stages ------------------------------------------------------------------------------------------------

    @cached_property
    def primal_names(self) -> frozenset[str]:
        """What the forward part computes."""
        return frozenset(equation.name for equation in name_operands(self.system).equations)

    @cached_property
    def forward(self) -> tuple[Component, ...]:
        """Components of the forward part; zeros beyond the ends, which only the adjoint reads, are not."""
        own = {equation.out for equation in name_operands(self.system).equations}
        return tuple(c for c in self.whole.components if all(e.out in own for e in c.equations))

    @cached_property
    def backward(self) -> tuple[Component, ...]:
        """Components of the adjoint."""
        return tuple(c for c in self.whole.components if c not in self.forward)

    @cached_property
    def residuals(self) -> tuple[str, ...]:
        """What the backward part reads of what the forward part computed."""
        found = (read.name for c in self.backward for e in c.equations for read in refs(e.expr))
        given = set(self.system.boundaries)
        zeros = {e.name for c in self.backward for e in c.equations}
        names = dict.fromkeys([*found, *(n for n in zeros if n in self.primal_names)])
        return tuple(n for n in names if n in self.primal_names or n in given)

    # --- names and sizes -----------------------------------------------------------------------------------------

    @cached_property
    def _supply(self) -> NameSupply:
        return NameSupply(set(self.reserved))

    def fresh(self, wish: str) -> str:
        """A new identifier like `wish`."""
        plain = re.sub(r"\W", "_", unicodedata.normalize("NFKC", wish))
        return self._supply.fresh(plain if plain.isidentifier() else f"_{plain}")

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Identifier of every quantity."""
        return {name: self.fresh(name) for name in self.whole.variables}

    @cached_property
    def given(self) -> Mapping[str, str]:
        """Identifier of the argument of given boundary values: ``h_0``, or ``q_end`` beyond T."""
        _ = self.names
        return {n: self.fresh(f"{n}_{'end' if ps[0].from_end else '0'}") for n, ps in self.initial.items()}

    @cached_property
    def sizes(self) -> Mapping[sympy.Symbol, str]:
        """Identifier of every dimension, of every number of steps, and of the number of examples."""
        _ = self.given
        symbols = {s for v in self.whole.variables.values() for dim in v.shape for s in sympy.sympify(dim).free_symbols}
        symbols |= {s for v in self.whole.variables.values() if v.classes is not None for s in v.classes.free_symbols}
        symbols |= {length(sympy.Symbol(axis)) for axis in self.whole.axes}
        return {s: self.fresh(str(s)) for s in [*sorted(symbols, key=str), BATCH]}

    @cached_property
    def loops(self) -> Mapping[str, str]:
        """Identifier of the current step of every axis."""
        _ = self.sizes
        return {axis: self.fresh(axis) for axis in self.whole.axes}

    @cached_property
    def steps(self) -> Mapping[str, str]:
        """Identifier of the range of steps of every axis."""
        _ = self.loops
        axes = self.whole.axes
        return {axis: self.fresh("all_steps" if len(axes) == 1 else f"all_{axis}") for axis in axes}

    def size(self, dim: sympy.Expr) -> str:
        """A dimension as Python text."""
        dim = sympy.sympify(dim)
        return str(sympy.expand(dim).xreplace({s: sympy.Symbol(self.sizes[s]) for s in dim.free_symbols}))

    def length(self, axis: str) -> str:
        """The number of steps of an axis as Python text."""
        return self.sizes[length(sympy.Symbol(axis))]

    def known_sizes(self) -> tuple[list[tuple[str, str]], list[sympy.Symbol]]:
        """(identifier, text) of every size that follows from the arguments; and those that do not: keywords."""
        found: list[tuple[str, str]] = []
        known: set[sympy.Symbol] = set()
        entries = [entry for name in self.leaves for entry in self._shape_entries(name)]
        grew = True
        while grew:
            grew = False
            for dim, text in entries:
                unknown = sympy.sympify(dim).free_symbols - known
                if len(unknown) == 1:
                    (symbol,) = unknown
                    known.add(symbol)
                    found.append((self.sizes[symbol], self._solved(dim, symbol, text)))
                    grew = True
        return found, [symbol for symbol in self.sizes if symbol not in known]

    def _shape_entries(self, name: str) -> Iterable[tuple[sympy.Expr, str]]:
        var = self.system.variables[name]
        lead = [length(sympy.Symbol(var.axis))] if var.axis else []
        lead += [BATCH] if var.role == "input" else []
        for number, dim in enumerate([*lead, *(var.shape if var.classes is None else ())]):
            yield dim, f"{self.names[name]}.shape[{number}]"

    def _solved(self, dim: sympy.Expr, symbol: sympy.Symbol, text: str) -> str:
        dim = sympy.expand(dim)
        factor = dim.coeff(symbol)
        rest = sympy.expand(dim - factor * symbol)
        if rest != 0:
            text = f"{text} - {self.size(rest)}" if not rest.is_Add else f"{text} - ({self.size(rest)})"
        return text if factor == 1 else f"({text}) // {self.size(factor)}"

    # --- numbers ---------------------------------------------------------------------------------------------------

    @cached_property
    def by_left_side(self) -> Mapping[str, int]:
        """Number of an equation by left side, such as ``h[t]``."""
        if self.numbers is not None:
            return self.numbers
        return {to_text(e.out): n for n, e in enumerate((e for e in self.whole.equations if e.expr != 0), 1)}

    def remark(self, equation: Equation) -> str:
        """The comment with the number."""
        number = self.by_left_side.get(to_text(equation.out))
        return f"  # ({number})" if number is not None else ""

    @cached_property
    def listing(self) -> str:
        """All equations, with their numbers, for the docstring."""
        lines = []
        for equation in self.whole.equations:
            number = self.by_left_side.get(to_text(equation.out))
            lines.append(f"({number}) {equation}" if number is not None else str(equation))
        return "\n".join(lines).replace("\\", "\\\\").replace('"', "'")

    # --- boundary values -------------------------------------------------------------------------------------------

    def beyond(self, read: Ref) -> list[Fixed]:
        """Positions outside 1…T that a shifted read touches, oldest first."""
        return outside(read.index) if isinstance(read.index, Step) else []

    def zero_at(self, name: str, position: Fixed) -> bool:
        """Whether a value outside 1…T is given nowhere, and so zero."""
        defined = {e.out for e in self.whole.equations if e.is_boundary}
        return ref(name, position) not in defined and position not in self.system.boundaries.get(name, ())


def _held(expr: sympy.Basic) -> Iterable[str]:
    """What is read inside ``stop(…)``, unless through a ``step``, which is flat between its jumps."""
    if is_op(expr, "stop"):
        inside = expr.operands[0]
        yield from () if is_op(inside, "step") else (read.name for read in refs(inside))
    elif isinstance(expr, Op):
        for operand in expr.operands:
            yield from _held(operand)
