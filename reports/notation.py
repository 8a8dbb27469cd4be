r"""Notation: how the quantities of a system are written. Changing it changes no mathematics.

A `Notation` is a value: whose names (`reports.symbols`, `reports.torchnames`), where the time stands, and how the
gradient that reaches h_t is written. `Notation.names` applies it to one system and gives what `derive.typeset` asks
for; the named ones are in `reports.notations`, those of a file are read by `reports.mapping`.

Two quantities never look alike: where their spellings would coincide, the later one is spelled out.

Read next: `reports.pytorch`.
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
from derive.spelling import Symbol, compose, piece, spell
from derive.structural import bounds
from derive.system import System
from reports.anatomy import multiplied, source_of
from reports.symbols import NgLetters, ng, no_two_alike, plain
from reports.torchnames import TorchNames, torch_names

LOSS = r"\mathcal{L}"
Base = Literal["standard", "ng", "pytorch"]
Time = Literal["subscript", "angle"]
Cotangent = Literal["delta", "bar", "partial"]


@dataclass(frozen=True)
class Notation:
    """A way of writing.

    Attributes:
        name: how `bptt report --notation` knows it.
        base: whose names: those of the equations, of Andrew Ng's course, or of PyTorch.
        time: the time as a subscript, h_t, or in angle brackets, h^{⟨t⟩}.
        cotangent: the gradient of the loss that reaches h_t: δh_t, h̄_t, or ∂L/∂h_t.
        renamed: quantities that are written differently, by name, as LaTeX (`reports.fragments`).
    """

    name: str = "standard"
    base: Base = "standard"
    time: Time = "subscript"
    cotangent: Cotangent = "delta"
    renamed: Mapping[str, str] = field(default_factory=dict)

    def names(self, system: System) -> SystemNames:
        """This notation for the quantities of one system."""
        return SystemNames(Spellings(self, system))


@dataclass(frozen=True)
class Spellings:
    """What a notation calls the quantities of a system, found once for all `SystemNames` that share it."""

    notation: Notation
    system: System

    @cached_property
    def symbols(self) -> dict[str, Symbol]:
        """Symbols of all quantities, no two alike."""
        wished = ng(self.system) if self.notation.base == "ng" else plain(self.system)
        own = {n: Symbol(fragment) for n, fragment in self.notation.renamed.items() if n in self.system.variables}
        return no_two_alike(self.system, wished | self.torch.single, own)

    @cached_property
    def torch(self) -> TorchNames:
        """What PyTorch calls otherwise; nothing in other notations."""
        return torch_names(self.system, self.notation.renamed) if self.notation.base == "pytorch" else TorchNames()

    @cached_property
    def ng(self) -> NgLetters:
        """Letters of Ng's course."""
        return NgLetters(self.system)

    @cached_property
    def apart(self) -> frozenset[str]:
        """Names that cannot be one of many, with a letter for a mark: renamed by a user, or without marks in print."""
        return frozenset(self.notation.renamed) | {n for n, s in self.symbols.items() if "_" in n and not s.marks}


@dataclass(frozen=True)
class SystemNames:
    """A notation applied to a system: implements `derive.written.Names`.

    Attributes:
        spellings: how to write whose quantities.
        marks: names of which one mark is written as a letter, such as W_f as W_q for all gates q, and how many marks
            follow that one.
        loss: the output that is the loss itself, if it is one.
    """

    spellings: Spellings
    marks: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    loss: str = ""

    @property
    def notation(self) -> Notation:
        """How to write."""
        return self.spellings.notation

    @property
    def system(self) -> System:
        """Whose quantities."""
        return self.spellings.system

    @property
    def symbols(self) -> dict[str, Symbol]:
        """Symbols of all quantities, no two alike."""
        return self.spellings.symbols

    @property
    def torch(self) -> TorchNames:
        """What PyTorch calls otherwise."""
        return self.spellings.torch

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

    def summands(self, expr: sympy.Expr) -> tuple[str, ...] | None:
        """PyTorch's two matrices for one that multiplies a concatenation, and two biases for one."""
        if isinstance(expr, Ref):
            pair = self.torch.double.get(expr.name)
            return None if pair is None else tuple(compose(self._varied(expr.name, symbol), "") for symbol in pair)
        if not is_op(expr, "matmul") or len(expr.operands) != 2 or not is_op(expr.operands[1], "concat"):
            return None
        matrix, stacked = expr.operands
        symbols = self.torch.blocks.get(matrix.name, ()) if isinstance(matrix, Ref) else ()
        if len(symbols) != len(stacked.operands):
            return None
        return tuple(compose(self._varied(matrix.name, symbol), "") for symbol in symbols)

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
        if name in self.torch.blocks:
            columns = r" \;\; ".join(compose(self._varied(name, symbol), "") for symbol in self.torch.blocks[name])
            return rf"\left[{columns}\right]" if "\\left" in columns else f"[{columns}]"
        if name in self.torch.double:
            one, two = (compose(self._varied(name, symbol), "") for symbol in self.torch.double[name])
            return f"({one} + {two})"
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
        symbols = self.torch.blocks.get(name)
        if symbols is not None:
            position = [found for found, _, _ in self.blocks[name]].index(label)
            return compose(self._varied(name, symbols[position]), "")
        return self._compose(self.symbol(name).marked(f"[{label}]" if (name, label) in self._ambiguous else label), "")

    @cached_property
    def _ambiguous(self) -> frozenset[tuple[str, str]]:
        """Blocks that would look like a quantity, or like another block."""
        own = [compose(symbol, "") for name, symbol in self.symbols.items() if self.system.variables[name].axis is None]
        blocks = [(name, label) for name, parts in self.blocks.items() for label, _, _ in parts]
        texts = [compose(self.symbols[name].marked(label), "") for name, label in blocks]
        return frozenset(b for b, text in zip(blocks, texts, strict=True) if (own + texts).count(text) > 1)

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
        return self._varied(name, self.symbols.get(name) or spell(name))

    def _varied(self, name: str, symbol: Symbol) -> Symbol:
        if name not in self.marks:
            return symbol
        letter, follow = self.marks[name]
        place = max(len(symbol.marks) - 1 - follow, 0)
        old = symbol.marks[place]
        letter = letter if len(old) == 1 and old.isalpha() else f"{{{letter}}}"  # keeps the comma between marks
        return replace(symbol, marks=(*symbol.marks[:place], letter, *symbol.marks[place + 1 :]))

    def mark(self, key: str, varying: tuple[tuple[str, int], ...] = ()) -> str:
        """A mark that many names carry, as it is printed: f, or u for the input gate i after Ng.

        It is what the names of `varying`, each with how many words follow the mark, are printed with.
        """
        for name, follow in varying:
            words = name.split("_")
            words[-1 - follow] = key
            symbol = self.symbols.get("_".join(words))
            if symbol is not None and len(symbol.marks) > follow:
                return symbol.marks[-1 - follow]
        return self.spellings.ng.letter(key) if self.notation.base == "ng" else piece(key)

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
        return compose(self.symbol(source_of(self.system, part) or "0"), "")
