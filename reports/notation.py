r"""Notation: how the quantities of a system are written. Changing it changes no mathematics.

`standard` writes time as a subscript, h_t, and the gradient that reaches h_t as δh_t; `ng` writes a^{⟨t⟩} and Γ_f, as
Andrew Ng's course does; `bar` and `partial` are `standard` with h̄_t or ∂L/∂h_t for gradients. A `Notation` is a value;
`Notation.names` applies it to one system and gives what `derive.typeset` asks for.

What a gate or a candidate is follows from the equations, not from its name: a gate is a sigmoid that multiplies
something; a candidate is what is multiplied by a gate and by nothing that was carried. Two quantities never look
alike: where their spellings would coincide, the later one is spelled out.

Read next: `reports.grouping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import sympy

from derive.expr import Op, Ref, is_op, refs
from derive.latex import index_latex
from derive.primitives import Shape
from derive.spelling import Symbol, compose, joined, piece, spell
from derive.structural import bounds
from derive.system import System
from reports.anatomy import candidates, gates, multiplied

LOSS = r"\mathcal{L}"


@dataclass(frozen=True)
class Notation:
    """A way of writing.

    Attributes:
        name: how `bptt report --notation` knows it.
        time: the time as a subscript, h_t, or in angle brackets, h^{⟨t⟩}.
        cotangent: the gradient of the loss that reaches h_t: δh_t, h̄_t, or ∂L/∂h_t.
        gates: whether gates are written Γ, and candidates with a tilde.
        renamed: names that the field writes differently, such as h for a.
    """

    name: str = "standard"
    time: Literal["subscript", "angle"] = "subscript"
    cotangent: Literal["delta", "bar", "partial"] = "delta"
    gates: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)

    def names(self, system: System) -> SystemNames:
        """This notation for the quantities of one system."""
        return SystemNames(self, system)


NOTATIONS = {
    notation.name: notation
    for notation in (
        Notation(),
        Notation("ng", time="angle", gates=True, renamed={"h": "a", "i": "u"}),
        Notation("bar", cotangent="bar"),
        Notation("partial", cotangent="partial"),
    )
}


class UnknownNotation(LookupError):
    """A notation that does not exist; the message is one line and lists those there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no notation is called {name!r}; there are {', '.join(NOTATIONS)}")


def notation(name: str) -> Notation:
    """The notation of that name.

    Raises:
        UnknownNotation: one line.
    """
    if name not in NOTATIONS:
        raise UnknownNotation(name)
    return NOTATIONS[name]


@dataclass(frozen=True)
class SystemNames:
    """A notation applied to a system: implements `derive.typeset.Names`.

    Attributes:
        notation: how to write.
        system: whose quantities.
        marks: names of which one mark is written as a letter, such as W_f as W_q for all gates q, and how many marks
            follow that one.
        loss: the output that is the loss itself, if it is one.
    """

    notation: Notation
    system: System
    marks: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    loss: str = ""

    def for_all(self, names: tuple[tuple[str, int], ...], letter: str) -> SystemNames:
        """The same names, with a mark of some replaced by a letter that runs over all of them."""
        return replace(self, marks={**self.marks, **{name: (letter, follow) for name, follow in names}})

    # --- what typeset asks ---------------------------------------------------------------------------------

    def read(self, read: Ref) -> str:
        """A quantity at its index."""
        return self.written(read.name, index_latex(read.index))

    def whole(self, name: str, axis: str) -> str:
        """A sequence as a matrix."""
        return self.written(name, f"1:{axis.upper()}")

    def shape(self, expr: sympy.Expr) -> Shape | None:
        """Rows and columns; None where the expression holds a copy that is no quantity of the system."""
        return self.system.shape_of(expr) if all(r.name in self.system.variables for r in refs(expr)) else None

    def part(self, expr: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> str | None:
        """``W_{fh}^{\\top}`` for the rows of W_f^⊤ that multiply h; ``[δm]_p`` for the rows of δm that hold p."""
        turned = is_op(expr, "transpose")
        inner = expr.operands[0] if turned else expr
        if not isinstance(inner, Ref):
            return None
        if turned and inner.index is None:
            label = next((word for word, a, b in self.blocks.get(inner.name, ()) if (a, b) == (low, high)), None)
            return None if label is None else self.block(inner.name, label) + r"^{\top}"
        label = next((word for word, a, b in self.stacked(inner.name) if (a, b) == (low, high)), None)
        return None if label is None else rf"\left[{self.read(inner)}\right]_{{{label}}}"

    # --- writing --------------------------------------------------------------------------------------------

    def written(self, name: str, index: str = "") -> str:
        """A quantity by name, at an index given as LaTeX."""
        var = self.system.variables.get(name)
        origin = var.origin if var is not None else None
        if origin is not None and origin.of in self.system.variables:
            of = origin.of
            if origin.kind == "cotangent":
                return self.cotangent(of, index)
            if origin.kind == "upstream" and of == self.loss:
                return "1"
            if origin.kind in ("upstream", "final"):
                loss = rf"\ell_{{{index}}}" if index else r"\ell"
                at = index or (self._last(of) if origin.kind == "final" else "")
                return rf"\frac{{\partial {loss}}}{{\partial {self._inside(of, at)}}}"
            if origin.kind == "tangent":
                symbol = self.symbol(of)
                return self._compose(replace(symbol, base=rf"\dot{{{symbol.base}}}"), index)
            if origin.kind == "contribution":
                return self._compose(Symbol(r"\kappa", (self.symbol(of).base, *self.symbol(of).marks)), index)
        return self._compose(self.symbol(name), index)

    def cotangent(self, of: str, index: str = "") -> str:
        """The gradient of the loss that reaches a quantity; of a parameter always as a fraction."""
        style = self.notation.cotangent
        var = self.system.variables[of]
        inner = var.origin is not None and var.origin.kind in ("cotangent", "upstream", "final")
        if style == "partial" or (var.role == "parameter" and not inner):
            return self.derivative(LOSS, self._inside(of, index))
        if style == "bar" and not inner:
            symbol = self.symbol(of)
            return self._compose(replace(symbol, base=rf"\bar{{{symbol.base}}}"), index)
        return rf"\delta {self._inside(of, index)}"

    def derivative(self, above: str, below: str) -> str:
        """∂above / ∂below."""
        return rf"\frac{{\partial {above}}}{{\partial {below}}}"

    def block(self, name: str, label: str) -> str:
        """The columns of a matrix that multiply one part of a concatenation: ``W_{fh}``."""
        return self._compose(self.symbol(name).marked(label), "")

    def _inside(self, name: str, index: str) -> str:
        text = self.written(name, index)
        derived = text.startswith((r"\delta", r"\frac"))
        return rf"({text})" if derived else text

    def _last(self, name: str) -> str:
        axis = self.system.variables[name].axis
        return axis.upper() if axis else ""

    def _compose(self, symbol: Symbol, index: str) -> str:
        return compose(symbol, index, angle=self.notation.time == "angle")

    def symbol(self, name: str) -> Symbol:
        """Base and marks of a quantity, after the renamings of the notation."""
        symbol = self.symbols.get(name) or spell(name)
        if name not in self.marks:
            return symbol
        letter, follow = self.marks[name]
        place = max(len(symbol.marks) - 1 - follow, 0)
        old = symbol.marks[place]
        letter = letter if len(old) == 1 and old.isalpha() else f"{{{letter}}}"  # keeps the comma between marks
        return replace(symbol, marks=(*symbol.marks[:place], letter, *symbol.marks[place + 1 :]))

    @cached_property
    def symbols(self) -> dict[str, Symbol]:
        """Symbols of all quantities, no two alike."""
        found: dict[str, Symbol] = {}
        taken: set[tuple[str, bool]] = set()
        for name, var in self.system.variables.items():
            symbol = self._renamed(name) if self.notation.gates else spell(name)
            key = compose(symbol, "")
            if (key, var.axis is None) in taken:
                symbol = Symbol(r"\mathrm{" + name.replace("_", r"\_") + "}" if name.isascii() else rf"\text{{{name}}}")
            taken.add((key, var.axis is None))
            found[name] = symbol
        return found

    def mark(self, key: str) -> str:
        """A mark that many names carry, as it is printed: f, or u for the input gate i after Ng."""
        var = self.system.variables.get(key)
        letter = self._letter(key) if self.notation.gates and var is not None else key
        return piece(letter) if "\\" not in letter else letter

    # --- gates and candidates ------------------------------------------------------------------------------

    def _renamed(self, name: str) -> Symbol:
        symbol = spell(name)
        origin = self.system.variables[name].origin
        words = name.split("_")[1:]
        of = "_".join(words)
        if origin is not None and origin.kind == "pre-activation" and symbol.marks:
            letters = self._letters(origin.of)
            return replace(symbol, marks=(*letters, *symbol.marks[len(letters) :]))
        if name in self._gates:
            return Symbol(r"\Gamma", self._letters(name))
        if name in self._candidates:
            first, *rest = self._letters(name)
            return Symbol(rf"\tilde{{{first}}}", tuple(rest))
        if of in self.system.variables and self.system.variables[name].axis is None:
            return replace(symbol, marks=(*symbol.marks[: len(symbol.marks) - len(words)], *self._letters(of)))
        if symbol.marks:
            return symbol
        first, *rest = self._letters(name)
        return Symbol(first, tuple(rest)) if len(name) > 1 or first != name else spell(name)

    def _letters(self, name: str) -> tuple[str, ...]:
        """The words of a name as marks, the first renamed."""
        target = self._candidates.get(name, name)
        base, *rest = target.split("_")
        wish = "_".join((self.notation.renamed.get(base, base), *rest))
        chosen = wish if wish not in self.system.variables or wish == target else target
        return tuple(piece(word) for word in chosen.split("_") if word)

    def _letter(self, name: str) -> str:
        return joined(self._letters(name))

    @cached_property
    def _gates(self) -> frozenset[str]:
        return gates(self.system)

    @cached_property
    def _candidates(self) -> dict[str, str]:
        return candidates(self.system)

    # --- blocks of matrices ----------------------------------------------------------------------------------

    @cached_property
    def blocks(self) -> dict[str, tuple[tuple[str, sympy.Expr, sympy.Expr], ...]]:
        """For a matrix that multiplies concatenations, the label, first and last-plus-one column of every block."""
        found: dict[str, tuple[tuple[str, sympy.Expr, sympy.Expr], ...]] = {}
        clashing: set[str] = set()
        for equation in self.system.equations:
            for matrix, stacked in multiplied(equation.expr):
                blocks = self._labelled(stacked)
                if found.setdefault(matrix, blocks) != blocks:
                    clashing.add(matrix)
        return {name: blocks for name, blocks in found.items() if name not in clashing}

    def stacked(self, name: str) -> tuple[tuple[str, sympy.Expr, sympy.Expr], ...]:
        """Blocks of a quantity that is defined as a concatenation, or of its cotangent."""
        var = self.system.variables[name]
        of = var.origin.of if var.origin is not None and var.origin.kind == "cotangent" else name
        if of not in self.system.variables or self.system.variables[of].is_leaf:
            return ()
        expr = self.system.equation(of).expr
        return self._labelled(expr) if is_op(expr, "concat") else ()

    def _labelled(self, stacked: Op) -> tuple[tuple[str, sympy.Expr, sympy.Expr], ...]:
        labels = [self._label(part) for part in stacked.operands]
        if len(set(labels)) < len(labels):
            labels = [str(position) for position in range(1, len(labels) + 1)]
        edges = bounds(stacked, self.system.shape_of)
        return tuple((label, low, high) for label, (low, high) in zip(labels, edges, strict=True))

    def _label(self, part: sympy.Expr) -> str:
        name = next(reversed([read.name for read in refs(part)]), "0")
        var = self.system.variables.get(name)
        if var is not None and var.origin is not None and var.origin.kind == "operand":
            return self._label(self.system.equation(name).expr)
        return compose(self.symbol(name), "")
