"""What follows a scan block by block: gradients of weights and inputs, which are all that its cotangents are for.

A backward scan computes the cotangents of all gates, and products over all steps follow: ``dx[t] = W.T @ dz[t]`` and
``dW = sum[t](dz[t] @ x[t].T)``.  Where nothing else reads them, they are needed for one block of steps at a time: the
block's products are computed right behind it, gradients of weights add up over the blocks, and the same memory serves
for the next one.  It is the counterpart of `numeric.storage.blocked`, which is about what precedes a scan.

Read next: `numeric.layout`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import sympy

from derive.dimensions import length
from derive.expr import Fixed, Op, Ref, Step, is_op, refs
from derive.system import Equation
from numeric.passes.draft import subexpressions, terms_of
from numeric.schedule import Schedule, Stage, is_stepwise, reads

WHOLE = ("sum", "stack", "unstack", "place")


@dataclass(frozen=True)
class Trailing:
    """What follows scans of columns block by block.

    Attributes:
        home: the scan that each of these quantities follows, by name.
        held: quantities of which a block exists at a time: of scans, and of what follows them.
    """

    home: dict[str, Stage] = field(default_factory=dict)
    held: frozenset[str] = frozenset()


def trailing(plan: Schedule, columns: Sequence[Stage], padded: AbstractSet[str]) -> Trailing:
    """What follows the scans of columns of the backward part, each where it saves memory."""
    home: dict[str, Stage] = {}
    held: set[str] = set()
    for number, scan in enumerate(plan.backward):
        if scan in columns:
            found = _Follow(plan, scan, plan.backward[number + 1 :], padded | home.keys())
            home |= dict.fromkeys(found.names, scan)
            held |= found.held
    return Trailing(home, frozenset(held))


class _Follow:
    """One scan, and what may follow it.

    Attributes:
        names: of what follows it.
        held: what exists for one block at a time.
    """

    def __init__(self, plan: Schedule, scan: Stage, later: Sequence[Stage], barred: AbstractSet[str]) -> None:
        self.plan, self.scan, self.barred = plan, scan, barred
        self.own = {equation.name for equation in scan.equations}
        self.unready = {equation.name for stage in later for equation in stage.equations}
        self.kept = {*plan.outputs, *plan.final, *plan.gradients.values()}
        self.readers: dict[str, list[tuple[str, Ref]]] = {}
        for stage in plan.stages:
            for equation, read, _ in reads(stage.equations):
                self.readers.setdefault(read.name, []).append((equation.name, read))
        able: dict[str, Equation] = {}
        for stage in later:
            (equation, *others) = stage.equations
            if not others and stage.kind != "scan" and self._may_follow(equation):
                able[equation.name] = equation
                if equation.axis is not None:  # what follows may read it
                    self.own.add(equation.name)
                    self.unready.discard(equation.name)
        self.names = self._worth(able, self._only_read_by(able.keys()))
        self.held = self._only_read_by(set(self.names)) & {*(e.name for e in scan.equations), *self.names}

    def _may_follow(self, equation: Equation) -> bool:
        """Whether it can be computed for a block of steps, when the scan has got so far."""
        index, axis = equation.out.index, self.scan.axis
        if isinstance(index, Fixed) or equation.name in self.barred:
            return False
        if index is None:
            if equation.name in self.plan.batched:
                return False
            parts = list(map(self._summed, terms_of(equation.expr)))
        else:
            if index.axis != axis or len(self.plan.variables[equation.name].shape) > 1:
                return False
            parts = [equation.expr]
        return all(part is not None and self._by_step(part) for part in parts)

    def _summed(self, term: sympy.Expr) -> sympy.Expr | None:
        """What is summed over the steps of the scan; None for anything else, or where a step does not change it."""
        if not isinstance(term, Op) or not is_op(term, "sum") or str(term.static[0]) != self.scan.axis:
            return None
        return term.operands[0] if is_stepwise(term.operands[0], str(self.scan.axis)) else None

    def _by_step(self, expr: sympy.Expr) -> bool:
        """Whether each step needs what is there by then."""
        steps = length(sympy.Symbol(str(self.scan.axis)))
        for op in subexpressions(expr):
            if op.primitive in WHOLE or any(steps in dim.free_symbols for dim in self.plan.shape_of(op)):
                return False
        return all(self._is_there(read) for read in refs(expr))

    def _is_there(self, read: Ref) -> bool:
        if read.index is None:
            return read.name not in self.unready | self.own
        if not isinstance(read.index, Step) or read.index.axis != self.scan.axis or read.name in self.unready:
            return False
        return read.index.shift == 0 or read.name not in self.own

    def _only_read_by(self, names: AbstractSet[str]) -> set[str]:
        """What only these read, each step at that step, apart from the scan itself; parts of one value together."""
        inside = {equation.name for equation in self.scan.equations}
        found = {
            name
            for name in self.own - self.kept - self.barred
            if self.plan.variables[name].axis is not None and self._is_passed_on(name, names, inside)
        }
        for group in self._shared():
            if not group <= found:
                found -= group
        return found

    def _shared(self) -> Iterator[set[str]]:
        """Quantities of the scan that may lie in one buffer."""
        groups: list[set[str]] = []
        for equation in self.scan.equations:
            if isinstance(equation.expr, Op) and equation.expr.primitive in ("concat", "rows"):
                group = {equation.name, *(read.name for read in refs(equation.expr))} & self.own
                for other in [other for other in groups if other & group]:
                    groups.remove(other)
                    group |= other
                groups.append(group)
        yield from groups

    def _is_passed_on(self, name: str, names: AbstractSet[str], inside: AbstractSet[str]) -> bool:
        for reader, read in self.readers.get(name, ()):
            here = isinstance(read.index, Step) and read.index.shift == 0
            if not here or (reader not in names and not (reader in inside and name in inside)):
                return False
        return True

    def _worth(self, able: dict[str, Equation], held: AbstractSet[str]) -> list[str]:
        """Those that what is held flows into, and what they read."""
        moved = held & {equation.name for equation in self.scan.equations}
        found: set[str] = set()
        for name, equation in able.items():
            if any(read.name in moved for read in refs(equation.expr)):
                found.add(name)
                moved |= {name} & held
        for name in reversed(able):
            if any(reader in found for reader, _ in self.readers.get(name, ())):
                found.add(name)
        return [name for name in able if name in found]
