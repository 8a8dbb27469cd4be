"""The author's names: of gates, states and arrays, in findings and repairs.

A dump names arrays.  A gate is called by the word or letter that its arrays share, ``f`` of ``Wf``, ``Uf`` and ``bf``;
where gates are stacked it keeps the name that it has in the system.

Read next: `numeric.check.diagnosis.stored`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from derive.expr import is_op, neg, plus, refs
from numeric.check.bound import Bound
from numeric.check.conventions.names import words
from numeric.check.variants.edits import ONE
from numeric.check.variants.view import stem

ENDS = re.compile(r"(?:.n|_?last|_?final|T|_t)$")  # of arrays that hold the last step alone
ROLES = re.compile(r"^(?:weights?|bias|kernel|[WURVBPbwup])_?")


class Speech:
    """How to say things to the author of a dump.

    Args:
        bound: what the dump means.
    """

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.arrays: dict[str, list[str]] = {}  # by quantity, the claims that hold its gradient
        holding: dict[str, tuple[str, ...]] = {}
        for claim in bound.claims:
            holding[claim.name] = claim.quantities(bound.space)
            for name in holding[claim.name]:
                self.arrays.setdefault(name, []).append(claim.name)
        weights = {name for name, held in holding.items() if set(held) & set(bound.system.parameters)}
        self.given = {old: new for old, new in bound.names.items() if new not in weights}
        for (
            state
        ) in bound.system.states:  # where it has no array of its own, by its initial value: s of s0, c of c_prev
            initial = self.given.get(f"{state}[0]")
            if state not in self.given and initial is not None:
                self.given[state] = re.sub(r"_?(?:0|init|prev|start)$", "", initial) or initial
        self.known = {old: new for old, new in self.given.items() if self._is_plain(old)}
        for name in bound.system.parameters:
            mine = self.arrays.get(name, [])
            if len(mine) == 1 and holding[mine[0]] == (name,):
                self.known[name] = mine[0]
        for equation in bound.system.equations:
            var = bound.system.variables[equation.name]
            if var.origin is not None and var.origin.kind == "pre-activation":
                read = [r.name for r in refs(equation.expr) if r.name in bound.system.parameters]
                self._gate(var.origin.of, read, holding)
        taken = list(self.known.values())
        self.known = {old: new for old, new in self.known.items() if old != new and taken.count(new) == 1}

    def _is_plain(self, name: str) -> bool:
        """An input, or a state with an array of all its steps: it is called as that is."""
        if name in self.bound.system.states:
            return not ENDS.search(self.given[name])
        return name in self.bound.system.inputs

    def _gate(self, gate: str, parameters: list[str], holding: dict[str, tuple[str, ...]]) -> None:
        arrays = list(dict.fromkeys(array for name in parameters for array in self.arrays.get(name, ())))
        self.arrays.setdefault(gate, []).extend(arrays)
        own = [array for array in arrays if set(holding[array]) <= set(parameters)]
        if gate in self.bound.system.states or not own:
            return
        spelled = [word for word in words(own[0]) if len(word) > 2 and all(word in words(array) for array in own[1:])]
        if len(own) > 1 and spelled and not {*spelled} & {"weight", "weights", "bias", "kernel", "lstm", "gru", "rnn"}:
            self.known[gate] = spelled[-1]
            return
        letters = [[letter for letter in ROLES.sub("", array) if letter.isalpha()] for array in own]
        shared = [letter for letter in letters[0] if all(letter in rest for rest in letters)]
        rest = "".join(letter for letter in shared if len(own) == 1 or letter not in "xh" or len(shared) == 1)
        if rest and len(rest) < 4:
            self.known[gate] = rest

    def text(self, line: str) -> str:
        """A line about quantities of the system, with the author's names where they are known."""
        if not self.known:
            return line
        names = "|".join(map(re.escape, sorted(self.known, key=len, reverse=True)))
        return re.sub(rf"(?<![\w.])({names})(?![\w′])", lambda match: self.known[match[1]], line)

    def place(self, where: str) -> str:
        """``f (Wf, bf)``: quantities, and the arrays that belong to them."""
        return _by_copies(where.split(", "), self._one)

    def named(self, names: Iterable[str]) -> str:
        """Quantities alone, as the author calls them."""
        return _by_copies(names, lambda name: self.known.get(name, name))

    def _one(self, name: str) -> str:
        span, block, name = name.rpartition("|")  # some columns of a weight: the array that holds them, if it is one
        if block:
            low, high = map(int, span.split(":"))
            wanted = self.bound.space.addresses(name)[:, low:high]
            holding = [claim.name for claim in self.bound.claims if np.isin(wanted, claim.index).any()]
            if len(holding) == 1:
                owner = f" of {name}" if len(self.arrays.get(name, ())) > 1 or holding[0] != name else ""
                return holding[0] + (owner if holding[0] != self.known.get(name) else "")
        return self._named(name)

    def _named(self, name: str) -> str:
        if name in self.bound.cotangents and self.bound.system.variables[name].shape == ():
            return f"loss ({', '.join(self._predictions(name))})"
        spoken = self.known.get(name, name)
        arrays = [array for array in self.arrays.get(name, ()) if array != spoken]
        given = self.given.get(name)
        if given and given not in (spoken, *arrays):
            arrays.insert(0, given)
        if spoken != name and name not in self.bound.system.parameters:
            arrays.insert(0, name)
        arrays += self._complement(name)
        return f"{spoken} ({', '.join(dict.fromkeys(arrays))})" if arrays else spoken

    def _complement(self, name: str) -> list[str]:
        """``1 - i`` of f = 1 - i: what stands in the code of an author who has no f."""
        variables = self.bound.system.variables
        if name not in variables or variables[name].role != "defined":
            return []
        expr = self.bound.system.equation(name).expr
        plain = is_op(expr, "plus") and len(expr.operands) == 2 and 1 in expr.operands
        read = [r.name for r in refs(expr) if variables[r.name].role == "defined"] if plain else []
        return [f"1 - {self.known.get(read[0], read[0])}"] if read and expr == plus(ONE, neg(next(refs(expr)))) else []

    def _predictions(self, loss: str) -> list[str]:
        """What a loss reads, directly or through the loss of each step."""
        found, pending = [], [loss]
        while pending:
            for read in refs(self.bound.system.equation(pending.pop()).expr):
                var = self.bound.system.variables[read.name]
                if var.role == "defined" and var.shape == () and read.name not in found:
                    pending.append(read.name)
                elif var.role == "defined":
                    found.append(self.given.get(read.name, read.name))
        return list(dict.fromkeys(found))


def _by_copies(names: Iterable[str], said: Callable[[str], str]) -> str:
    """``r: r_f, r_b``: names of the same thing in all copies of a cell stand together."""
    copies: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        copies.setdefault(stem(name), []).append(name)
    spoken = {base: ", ".join(map(said, same)) for base, same in copies.items()}
    return ", ".join(f"{base}: {text}" if len(copies[base]) > 1 else text for base, text in spoken.items())
