r"""What each letter is: which marks are times, which labels, and what is defined, given, or a function.

A letter that stands with an offset (``t-1``) or in angle brackets is a time axis, and so is t. A mark that is an axis,
or an axis and an offset, is when the quantity is read; digits and T are so too where the quantity is a sequence
(``h_0``, ``h_T``), else they are labels (``W_1``). A quantity that is written without time, but computed from
sequences, as Γ_u often is, is a sequence too.

Read next: `derive.tex.products`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from derive.errors import EquationError
from derive.tex.tree import Call, Mark, Product, Statement, Sum, Symbol, Total, Tree, symbols

OFFSET = re.compile(r"([a-z])(?:([+-])(\d+))?")
END = re.compile(r"([A-Z])[a-z]?([+-]\d+)?")
SPELT = {"lambda": "λ"}  # a keyword of Python


@dataclass(frozen=True)
class Meaning:
    """All statements, and what follows about their letters.

    Attributes:
        statements: equations; those that say what a function is are among them.
        declared: names that are declared, with their number of dimensions.
        given: functions that the caller named, such as ``{"g": "tanh"}``.
    """

    statements: tuple[Statement, ...]
    declared: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _all(self) -> list[Symbol]:
        return [s for one in self.statements for s in (one.left, *symbols(one.right))]

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Letters that are times."""
        found: dict[str, None] = {}
        for symbol in self._all:
            for mark in (*symbol.below, *symbol.above):
                match = OFFSET.fullmatch(mark.text)
                if match and (match[2] or mark.bracket == "<" or match[1] == "t"):
                    found[match[1]] = None
        return tuple(found)

    @cached_property
    def two_ways(self) -> bool:
        """Whether arrows over letters say in which direction a network reads."""
        return any(symbol.base.endswith("_bwd") for symbol in self._all)

    # --- names and times ------------------------------------------------------------------------------------------

    def _is_time(self, mark: Mark) -> bool:
        match = OFFSET.fullmatch(mark.text)
        return bool(match and match[1] in self.axes) or mark.bracket == "<" or mark.text.startswith("1:")

    def split(self, symbol: Symbol, without: str = "") -> tuple[str, Mark | None]:
        """Name and time of a symbol; `without` is a label that a sum over entries takes away."""
        times = [mark for mark in (*symbol.below, *symbol.above) if self._is_time(mark)]
        labels = [m for m in (*symbol.below, *symbol.above) if m not in times and m.text != without]
        if len(times) > 1:
            raise self.error(symbol, f"two times at one quantity, {times[0].text} and {times[1].text}: "
                             "write every layer out, and a quantity of two times as a vector at each step")  # fmt: skip
        name = self._name(symbol, labels)
        if not times and labels and without == "":
            shorter = self._name(symbol, labels[:-1])
            if self._is_position(labels[-1]) and shorter in self.sequences:
                return shorter, labels[-1]
        return name, times[0] if times else None

    def _is_position(self, mark: Mark) -> bool:
        return mark.bracket != "(" and (mark.text.isdigit() or bool(END.fullmatch(mark.text)))

    def _name(self, symbol: Symbol, labels: Iterable[Mark]) -> str:
        base = symbol.base
        if base.endswith("_vec"):
            base = base.removesuffix("_vec") + "_fwd" * self.two_ways
        words = [SPELT.get(base, base), *(label.text for label in labels if label.text)]
        for word in words[1:]:
            if not word.isalnum():
                raise self.error(symbol, f"{word!r} is neither a time nor a label")
        return "_".join(words)

    @cached_property
    def sequences(self) -> dict[str, str]:
        """Axis of every quantity that is read or defined at a step."""
        found: dict[str, str] = {}
        for symbol in self._all:
            for mark in (*symbol.below, *symbol.above):
                if self._is_time(mark):
                    match = OFFSET.fullmatch(mark.text)
                    labels = [m for m in (*symbol.below, *symbol.above) if m is not mark]
                    axis = match[1] if match else self.axes[0] if self.axes else "t"
                    found.setdefault(self._name(symbol, labels), axis)
                    if any(m.text in self.summed for m in labels):
                        kept = [m for m in labels if m.text not in self.summed]
                        found.setdefault(self._name(symbol, kept), axis)
        return found

    @cached_property
    def summed(self) -> frozenset[str]:
        """Letters that sums run over and that are no times: entries of vectors."""
        return frozenset(s.letter for one in self.statements for s in sums(one.right) if s.letter not in self.axes)

    @cached_property
    def defined(self) -> dict[str, Tree]:
        """Right sides by name, of whatever is defined at every step or without time."""
        found: dict[str, Tree] = {}
        for one in self.statements:
            name, time = self.split(one.left)
            if time is None or OFFSET.fullmatch(time.text):
                found.setdefault(name, one.right)
        return found

    @cached_property
    def implied(self) -> dict[str, str]:
        """Sequences that are written without their time: computed from sequences, step by step."""
        found: dict[str, str] = {}
        bare = [(self.split(s.left)[0], s.right) for s in self.statements if self.split(s.left)[1] is None]
        bare = [(name, right) for name, right in bare if name not in self.sequences and name not in self.declared]
        while True:
            fresh = {n: axis for n, right in bare if n not in found and (axis := self._running(right, found))}
            if not fresh:
                return found
            found.update(fresh)

    def _running(self, tree: Tree, found: Mapping[str, str]) -> str:
        """The axis along which a right side differs from step to step; "" if along none."""
        closed = {id(s) for one in sums(tree) if one.letter in self.axes for s in symbols(one.body)}
        for symbol in symbols(tree):
            name, time = self.split(symbol)
            if id(symbol) in closed:
                continue
            match = OFFSET.fullmatch(time.text) if time else None
            if match and match[1] in self.axes:
                return match[1]
            if time is None and name in found:
                return found[name]
        return ""

    @cached_property
    def twice(self) -> frozenset[str]:
        """Names that mean one thing at a step and another without time, as ℒ often does."""
        bare = {self.split(s.left)[0] for s in self.statements if self.split(s.left)[1] is None}
        return frozenset(bare & set(self.sequences))

    def written(self, symbol: Symbol, without: str = "") -> str:
        """A symbol in the equation language."""
        name, time = self.split(symbol, without)
        if time is None:
            return f"{name}[{self.implied[name]}]" if name in self.implied else name
        if name in self.twice:
            name += "_step"
        axis = self.sequences.get(name.removesuffix("_step"), self.axes[0] if self.axes else "t")
        if time.text.startswith("1:"):
            return f"{name}[:]"
        if (end := END.fullmatch(time.text)) is not None:
            return f"{name}[{axis.upper()}{end[2] or ''}]"
        return f"{name}[{time.text}]"

    # --- functions ------------------------------------------------------------------------------------------------

    @cached_property
    def functions(self) -> dict[str, str]:
        """Letters that stand for functions, as g does after ``g = \\tanh``."""
        found = dict(self.given)
        for one in self.statements:
            if isinstance(one.right, Call) and not one.right.arguments:
                found[self.split(one.left)[0]] = one.right.function
        return found

    def is_applied(self, product: Product, place: int) -> bool:
        """Whether the factor at a place is a letter for a function, applied to the bracket after it."""
        _, factor, _ = product.factors[place]
        if not isinstance(factor, Symbol) or place + 1 >= len(product.factors):
            return False
        sign, _, token = product.factors[place + 1]
        name, time = self.split(factor)
        if sign or token.text not in ("(", "[") or time is not None or name in self.defined or name in self.implied:
            return name in self.functions and not sign and token.text in ("(", "[")
        small = factor.base.islower() and (len(factor.base) == 1 or factor.base in FUNCTION_LETTERS)
        return name in self.functions or (small and token.text == "(" and name not in self.declared)

    def function(self, symbol: Symbol) -> str:
        """What a letter for a function stands for.

        Raises:
            EquationError: if nobody said so.
        """
        name = self.split(symbol)[0]
        if name not in self.functions:
            raise self.error(symbol, f"which function is {name}? Add a line such as {symbol.token.text} = \\tanh; "
                             f"if it is a quantity that multiplies, write {symbol.token.text} \\cdot (…)")  # fmt: skip
        return self.functions[name]

    def error(self, symbol: Symbol, reason: str) -> EquationError:
        """An error that points at a symbol."""
        lines = self.statements[0].row.lines
        return EquationError(reason, symbol.token.span, lines[symbol.token.span.line - 1])


FUNCTION_LETTERS = frozenset({"phi", "psi", "rho", "sigma", "varphi"})


def sums(tree: Tree) -> list[Sum]:
    """Every sum in a tree."""
    match tree:
        case Sum():
            return [tree, *sums(tree.body)]
        case Product():
            parts: Iterable[Tree] = [factor for _, factor, _ in tree.factors]
        case Total():
            parts = [term for _, term in tree.terms]
        case _:
            parts = getattr(tree, "arguments", None) or getattr(tree, "parts", None) or ()
            if hasattr(tree, "base") and not isinstance(tree, Symbol):
                parts = (tree.base,)
    return [found for part in parts for found in sums(part)]
