r"""The symbol of every quantity of a system: as it is called, or as Andrew Ng's course calls what it is.

After Ng a gate is Γ with the letter of the gate, and what a gate lets in is written as the state with a tilde. What is
a gate follows from the equations (`reports.anatomy`), so it is found under any name: the gate that multiplies the
candidate is the update gate, Γ_u, whether its author wrote i (LSTM) or z (GRU). Pre-activations are z, because what
was called z is printed Γ. The state h is called a, unless something else is.

Two quantities never look alike: where their symbols would coincide, the later one is spelled out.

Read next: `reports.torchnames`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derive.equation import PRIMAL, Var
from derive.spelling import Symbol, compose, joined, piece, spell
from derive.system import System
from reports.anatomy import candidates, gates, updates

STATE, UPDATE, BEFORE = "a", "u", "z"  # letters of Ng's course


def no_two_alike(system: System, wished: Mapping[str, Symbol], first: Mapping[str, Symbol]) -> dict[str, Symbol]:
    """The symbols wished for, those of `first` before all; one that is taken already is spelled out."""
    found: dict[str, Symbol] = {}
    taken: set[tuple[str, bool]] = set()
    for name in (*first, *(name for name in system.variables if name not in first)):
        symbol = first.get(name) or wished[name]
        timeless = system.variables[name].axis is None
        if (compose(symbol, ""), timeless) in taken:
            symbol = Symbol(r"\mathrm{" + name.replace("_", r"\_") + "}" if name.isascii() else rf"\text{{{name}}}")
        taken.add((compose(symbol, ""), timeless))
        found[name] = symbol
    return {name: found[name] for name in system.variables}


def plain(system: System) -> dict[str, Symbol]:
    """Names as they are."""
    return {name: spell(name) for name in system.variables}


def ng(system: System) -> dict[str, Symbol]:
    """Γ for gates, a tilde for candidates, z for pre-activations, a for the state h."""
    letters = NgLetters(system)
    return {name: letters.symbol(name) for name in system.variables}


class NgLetters:
    """What quantities are called in Ng's course, found once for a system."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.gates, self.candidates, self.updates = gates(system), candidates(system), updates(system)
        hidden = {*self.gates, *self.candidates}
        own = {n for n, var in system.variables.items() if n not in hidden and _kind(var) in ("", *PRIMAL)}
        before = {n for n in own if _kind(system.variables[n]) == "pre-activation"}
        bases = {spell(n).base for n in own - before}
        self.before = BEFORE if BEFORE not in bases else ""
        bases |= set() if self.before else {spell(n).base for n in before}
        self.renamed = {"h": STATE} if STATE not in bases else {}
        self.update = UPDATE if not any(UPDATE in (spell(n).base, *spell(n).marks) for n in system.variables) else ""

    def marks(self, name: str) -> tuple[str, ...]:
        """What the marks of W, b and Γ of a quantity are: f, or u for the gate that updates."""
        symbol = spell(self.candidates.get(name, name))
        base = symbol.base
        if name in self.updates and self.update:
            base = self.update
        return (self.renamed.get(base, base), *symbol.marks)

    def symbol(self, name: str) -> Symbol:
        """Base and marks."""
        symbol, var = spell(name), self.system.variables[name]
        if _kind(var) == "pre-activation" and symbol.marks and var.origin is not None:
            rest = name.partition("_")[2].removeprefix(var.origin.of)  # _0 of what a first state is computed from
            more = spell(f"z{rest}").marks if rest.startswith("_") else ()
            return Symbol(self.before or symbol.base, (*self.marks(var.origin.of), *more))
        if name in self.gates:
            return Symbol(r"\Gamma", self.marks(name))
        base, *marks = self.marks(name)
        if name in self.candidates:
            return Symbol(rf"\tilde{{{base}}}", tuple(marks))
        whose = self._whose(name)
        if whose and var.axis is None:
            return replace(symbol, marks=(*symbol.marks[: -len(spell(whose).marks) - 1], *self.marks(whose)))
        return Symbol(base, tuple(marks))

    def letter(self, name: str) -> str:
        """The mark that many names carry, as it is printed."""
        return joined(self.marks(name)) if name in self.system.variables else piece(name)

    def _whose(self, name: str) -> str:
        """The quantity that a weight is marked with: ``f_1`` of ``W_f_1``."""
        words = name.split("_")
        tails = ("_".join(words[start:]) for start in range(1, len(words)))
        return next((tail for tail in tails if tail in self.system.variables), "")


def _kind(var: Var) -> str:
    return "" if var.origin is None else var.origin.kind
