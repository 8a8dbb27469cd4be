"""Truncation to k steps: a window of k steps for every loss, as a system.

Truncated backpropagation through time as Williams & Peng 1990 define it, BPTT(h) ("An efficient gradient-based
algorithm for on-line training of recurrent network trajectories", Neural Computation 2): the loss of every step is
followed through at most k − 1 steps of recurrences.  That is no cut at fixed places, since one and the same edge
belongs to the windows of k − 1 losses.  So each quantity has one copy per number of steps that its gradient may
still go back: ``h_back1[t] = F(h_back0[t-1], …)`` and ``h_back0[t] = F(stop(h[t-1]), …)``.  All copies of h have
equal values.

`truncated_adjoint` merges these again: the forward part is that of the primal, and every δ comes in k generations,
``dh_back0``, ``dh_back1`` …, of which each feeds the next.

Read next: `derive.chain`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.equation import Equation, Origin, Var
from derive.expr import Op, Ref, apply, is_op, ref, refs
from derive.operands import NameSupply, name_operands
from derive.policies import edge_of, outside_stops, recurrent_edges
from derive.reach import default_wrt
from derive.rewrite import rebuild
from derive.system import System

COPY = "truncated"  # the kind of origin of a copy
Version = tuple[str, int]  # a quantity, and how many steps its gradient goes back


def truncate(system: System, k: int) -> System:
    """The system whose gradient is that of backpropagation through time truncated to k steps.

    Every path from a loss is followed through at most k − 1 steps of recurrences, whichever they are: in a deep or
    bidirectional network the steps of all layers count together, and a read of ``h[t-2]`` counts two.  k = 1 follows
    none; where no path is longer, the gradient is the full one.

    Args:
        system: the primal.
        k: number of steps.

    Returns:
        A system with the same values under the same names, and copies with names such as ``h_back0``.  Its outputs
        are those of the primal.  It computes k copies of everything that depends on a recurrence; where only the
        gradient is wanted, `truncated_adjoint` computes the values once.

    Raises:
        ValueError: if k is no positive integer, or nothing is recurrent.
    """
    if k < 1 or k % 1:
        raise ValueError(f"truncation is to 1 step or more, not to {k}")
    if not recurrent_edges(system):
        raise ValueError(f"{system.name} has no recurrence to truncate")
    return _Copies(system, int(k)).run()


class _Copies:
    """The copies of a system, made as far as they are read."""

    def __init__(self, system: System, k: int) -> None:
        self.system, self.top = system, k - 1
        self.lags = recurrent_edges(system)
        self.behind = self._behind()
        self.supply = NameSupply(set(system.variables))
        self.names: dict[Version, str] = {(name, self.top): name for name in system.variables}
        self.needed: list[Version] = []

    def _behind(self) -> set[str]:
        """Quantities from which a gradient can reach a recurrence: only these need copies."""
        found = {edge.reader for edge in self.lags}
        while True:
            more = {e.name for e in self.system.equations if any(r.name in found for r in refs(e.expr))} - found
            if not more:
                return found
            found |= more

    def run(self) -> System:
        """All copies that are read, in the author's order, those that go back least first."""
        made: dict[Version, list[Equation]] = {}
        pending: list[Version] = [(name, self.top) for name in self.system.defined]
        while pending:
            version = pending.pop()
            if version not in made:
                made[version] = self._equations(version)
                pending += self.needed
                self.needed = []
        order = {name: place for place, name in enumerate(dict.fromkeys(e.name for e in self.system.equations))}
        versions = sorted(made, key=lambda version: (version[1], order[version[0]]))
        equations = tuple(equation for version in versions for equation in made[version])
        variables = dict(self.system.variables)
        for (name, budget), copy in self.names.items():
            if budget < self.top:
                var = self.system.variables[name]
                variables[copy] = Var(copy, var.shape, var.axis, "defined", None, Origin(COPY, name, budget))
        system = self.system
        return System(equations, variables, system.name, system.title, system.source, system.notes)

    def _equations(self, version: Version) -> list[Equation]:
        name, budget = version
        found = []
        for equation in (e for e in self.system.equations if e.name == name):

            def moved(read: Ref, reader: Equation = equation) -> sympy.Expr:
                if read.name not in self.behind:
                    return read
                left = budget - self.lags.get(edge_of(reader, read), 0)
                return apply("stop", read) if left < 0 else self._read(read, left)

            out = ref(self._name(version), equation.out.index)
            found.append(Equation(out, outside_stops(equation.expr, moved), equation.span))
        if budget < self.top:
            given = self.system.boundaries.get(name, ())
            found += [Equation(ref(self._name(version), place), ref(name, place)) for place in given]
        return found

    def _read(self, read: Ref, budget: int) -> sympy.Expr:
        given = read.index in self.system.boundaries.get(read.name, ())
        if given:  # a value from outside has no past
            return read
        self.needed.append((read.name, budget))
        return ref(self._name((read.name, budget)), read.index)

    def _name(self, version: Version) -> str:
        if version not in self.names:
            self.names[version] = self.supply.fresh(f"{version[0]}_back{version[1]}")
        return self.names[version]


def truncated_adjoint(
    system: System,
    k: int,
    outputs: Sequence[str] | None = None,
    wrt: Sequence[str] | None = None,
    final: Sequence[str] = (),
) -> System:
    """The gradient of truncated backpropagation through time, with the values computed once.

    Args:
        system: the primal.
        k: number of steps, see `truncate`.
        outputs, wrt, final: as for `derive.adjoint.adjoint`.

    Returns:
        The primal equations with named intermediates, followed by the cotangents in k generations.

    Raises:
        ValueError: as `truncate` and `derive.adjoint.adjoint`.
    """
    primal = name_operands(system)
    chosen = tuple(system.outputs if outputs is None else outputs)
    leaves = default_wrt(system) if wrt is None else tuple(wrt)
    copies = truncate(primal, k)
    gradient = copies.adjoint(chosen, leaves, final)
    values = {n: v.origin.of for n, v in gradient.variables.items() if v.origin is not None and v.origin.kind == COPY}
    own = {read for equation in primal.equations for read in _stopped(equation.expr)}

    def merged(expr: sympy.Expr) -> sympy.Expr:
        if is_op(expr, "stop") and isinstance(expr.operands[0], Ref) and expr.operands[0] not in own:
            return expr.operands[0]  # cut by the truncation: as a value it is a read like any other
        if isinstance(expr, Ref):
            return ref(values.get(expr.name, expr.name), expr.index)
        return rebuild(expr, [merged(operand) for operand in expr.operands]) if isinstance(expr, Op) else expr

    computed = {equation.name for equation in copies.equations} | set(_added(copies, gradient))
    backward = [Equation(e.out, merged(e.expr), e.span) for e in gradient.equations if e.name not in computed]
    variables = {**primal.variables, **{n: v for n, v in gradient.variables.items() if n not in computed}}
    equations = (*primal.equations, *backward)
    used = {name for e in equations for name in [e.name, *(read.name for read in refs(e.expr))]}
    about = (system.name, system.title, system.source, system.notes)
    return System(equations, {n: v for n, v in variables.items() if n in used}, *about)


def _stopped(expr: sympy.Expr) -> set[Ref]:
    if not isinstance(expr, Op):
        return set()
    inner = [operand for operand in expr.operands if is_op(expr, "stop") and isinstance(operand, Ref)]
    return {*inner, *(read for operand in expr.operands for read in _stopped(operand))}


def _added(copies: System, gradient: System) -> list[str]:
    """Intermediates that the adjoint named in the copies."""
    return [e.name for e in name_operands(copies).equations if e.name in gradient.variables]
