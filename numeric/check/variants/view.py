"""An adjoint as the search for mistakes sees it: which equation is what, and what belongs to which gate.

Read next: `numeric.check.mistakes.mutant`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import sympy

from derive.elementwise import partial
from derive.expr import Fixed, Op, Ref, Step, is_op, refs
from derive.primitives import TABLE
from derive.system import Equation
from numeric.check.variants.edits import Path, parts
from numeric.check.variants.lanes import Derivation


@dataclass(frozen=True)
class Slope:
    """The derivative of a function in a forward equation, as it stands in the adjoint.

    Attributes:
        gate: the quantity whose function it is.
        call: the function applied, ``tanh(z_g[t])``.
        value: how the adjoint writes its value: ``g[t]``, or the call.
        factors: of the derivative, ``g[t]`` and ``1 - g[t]``.
        at: equations and places of the products that hold these factors.
    """

    gate: str
    call: Op
    value: sympy.Expr
    factors: tuple[sympy.Expr, ...]
    at: tuple[tuple[Equation, Path], ...]


class View:
    """Questions about a derivation."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.whole, self.primal = derivation.whole, derivation.primal
        self.equations = [e for e in derivation.equations.values() if not _is_zero(e)]
        leaves = set(derivation.leaves.values())
        inner = {read.name for e in derivation.equations.values() for read in refs(e.expr)}
        self.core = [e for e in self.equations if e.out not in leaves or e.name in inner]
        self.local = {out: name for name, out in derivation.leaves.items() if out.name not in inner or _is_end(out)}

    # --- what a quantity is -------------------------------------------------------------------------------------

    def origin(self, name: str) -> tuple[str, str]:
        """Kind and owner of a quantity of the adjoint; ("", name) for one of the primal."""
        var = self.whole.variables[name]
        if name in self.primal.variables or var.origin is None:
            return "", name
        return var.origin.kind, var.origin.of

    def direction(self, name: str) -> int:
        """In which direction of time a quantity is computed; 0 for all steps at once."""
        running = (c for c in self.whole.components if c.axis is not None)  # boundary values are computed apart
        return next((c.direction for c in running if any(e.name == name for e in c.equations)), 0)

    def component(self, name: str) -> frozenset[str]:
        """What is computed together with a quantity, step by step; nothing for what is given."""
        return next((names for names in self._components if name in names), frozenset())

    @cached_property
    def _components(self) -> list[frozenset[str]]:
        return [frozenset(e.name for e in c.equations) for c in self.whole.components if c.axis is not None]

    def gate(self, name: str) -> str:
        """What the author calls it: of the cotangent of a pre-activation the gate, else the quantity itself."""
        owner = self.origin(name)[1]
        var = self.primal.variables.get(owner)
        if var is not None and var.origin is not None and var.origin.kind in ("pre-activation", "operand"):
            return var.origin.of
        return owner

    def gate_of(self, name: str) -> str:
        """The gate that a quantity of the forward pass is, or is the pre-activation of."""
        origin = self.primal.variables[name].origin
        return origin.of if origin is not None and origin.kind == "pre-activation" else name

    def is_delta(self, expr: sympy.Basic) -> bool:
        """Whether it reads a cotangent or a contribution."""
        return isinstance(expr, Ref) and self.origin(expr.name)[0] in ("cotangent", "contribution", "upstream")

    def is_primal(self, expr: sympy.Basic) -> bool:
        """Whether it reads a sequence of the forward pass."""
        return isinstance(expr, Ref) and expr.name in self.primal.variables and isinstance(expr.index, Step)

    def shape(self, expr: sympy.Expr) -> tuple[int, int]:
        """Rows and columns, as numbers."""
        rows, columns = self.whole.shape_of(expr)
        number = self.derivation.sizes.number
        return number(rows), number(columns)

    # --- lists ----------------------------------------------------------------------------------------------------

    @cached_property
    def deltas(self) -> list[Ref]:
        """Cotangents at their own step, in computable order."""
        return [
            e.out for e in self.equations if isinstance(e.out.index, Step) and self.origin(e.name)[0] == "cotangent"
        ]

    @cached_property
    def sequences(self) -> list[Ref]:
        """Sequences of the forward pass at their own step: inputs, gates, states, pre-activations."""
        found = [e.out for e in self.primal.equations if isinstance(e.out.index, Step)]
        inputs = [r for e in self.primal.equations for r in refs(e.expr) if r.name in self.primal.inputs]
        found += [Ref(r.args[0], Step(r.index.args[0], sympy.Integer(0))) for r in inputs if isinstance(r.index, Step)]
        return list(dict.fromkeys(r for r in found if self.primal.variables[r.name].classes is None))

    @cached_property
    def gates(self) -> list[Ref]:
        """Cotangents of pre-activations: the δ of every gate."""
        found = []
        for delta in self.deltas:
            var = self.primal.variables[self.origin(delta.name)[1]]
            if var.origin is not None and var.origin.kind == "pre-activation":
                found.append(delta)
        return found

    @cached_property
    def slopes(self) -> list[Slope]:
        """Derivatives of all functions of the forward pass, and where they stand."""
        found = []
        for equation in self.primal.equations:
            for path, call in parts(equation.expr):
                if not isinstance(call, Op) or not TABLE[call.primitive].is_elementwise or len(call.operands) != 1:
                    continue
                value = equation.out if not path else call
                slope = partial(call.primitive)(value, *call.operands)
                pieces = tuple(slope.operands) if is_op(slope, "times") else (slope,)
                if slope.is_number or (places := tuple(self._holding(pieces, equation))) == ():
                    continue
                found.append(Slope(equation.name, call, value, pieces, places))
        return found

    def _holding(self, pieces: tuple[sympy.Expr, ...], source: Equation) -> Iterator[tuple[Equation, Path]]:
        """Products in the cotangent of what a function is applied to, that contain all factors of its derivative."""
        for equation in self.equations:
            if not any(self.origin(equation.name)[1] == r.name for r in refs(source.expr)):
                continue
            for path, part in parts(equation.expr):
                if is_op(part, "times") and all(piece in part.operands for piece in pieces):
                    yield equation, path


def stem(name: str) -> str:
    """The name of a quantity without what tells copies of a cell apart: ``c`` of c_l, c_r and c2, h of h_fwd_1."""
    bare = re.sub(r"(?:_?\d+|_(?:l|r|f|b|fwd|bwd|forward|backward|left|right|enc|dec))+$", "", name)
    return bare or name


def without_copies(text: str) -> str:
    """A line without what tells copies of a cell apart: their suffixes, and the direction in which they run."""
    return re.sub(r"[^\W\d]\w*", lambda match: stem(match[0]), re.sub(r"\[(\w+)[+-](\d+)\]", r"[\1±\2]", text))


def axis_of(read: Ref) -> str | None:
    """The axis along which a quantity is read; None without time."""
    return read.index.axis if read.index is not None else None


def _is_zero(equation: Equation) -> bool:
    return bool(equation.expr.is_number)


def _is_end(out: Ref) -> bool:
    return isinstance(out.index, Fixed)
