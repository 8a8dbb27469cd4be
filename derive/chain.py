"""The chain rule of backpropagation through time, one term for every path from a loss to every use of a parameter.

∂L/∂W = Σ_k ∂L/∂y_T · ∂y_T/∂h_T · ∂h_T/∂h_k · ∂⁺h_k/∂W, as lecture notes write it for a sentence of T words: W is used
once for every word k, and every use is reached along every path through the unrolled graph (Werbos 1990,
"Backpropagation through time: what it does and how to do it", Proc. IEEE 78(10)).  A factor is a direct derivative,
all other quantities on paths held fixed.

Terms have values as well as names: the system is written out in scalars, one forward pass gives all direct
Jacobians, and products of these along the paths add up to what `derive.adjoint` derives, exactly modulo the prime
2⁶¹ − 1, with every function value an independent number.  Nothing of the adjoint is used to compute a term.

Read next: `derive.stability`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import sympy

from derive.arithmetic import Dual, Duals
from derive.expand import Entry
from derive.expr import ref
from derive.reach import ancestors, dependent
from derive.setting import default_sizes
from derive.system import System
from derive.terms import Chain, Matrix, Node, Point, Term, add_to, exact
from derive.unroll import Unrolled, unroll

S = TypeVar("S")
LIMIT = 1000
RETRIES = 5


def chain(
    system: System,
    loss: str,
    parameter: str,
    steps: int | Mapping[str, int] = 3,
    *,
    sizes: Mapping[str, int] | None = None,
    nodes: Sequence[str] | None = None,
    limit: int = LIMIT,
) -> Chain[int]:
    """Every path from a loss to every use of a parameter, with its value.

    Args:
        system: the primal.
        loss: a scalar without time, such as L of `derive.networks.loss`.
        parameter: its name.
        steps: T, of all axes or by axis.
        sizes: of the dimensions; default small and distinct.
        nodes: quantities that paths are written in; default the states, and what lies between them and the loss.
        limit: how many paths are listed at most.

    Returns:
        The terms, at a random point modulo 2⁶¹ − 1.

    Raises:
        ValueError: if a name is not what it should be, the loss does not depend on the parameter, or there are more
            than `limit` paths; the message says how many.
    """
    for attempt in range(RETRIES):
        try:
            return chain_at(exact(attempt), system, loss, parameter, steps, sizes=sizes, nodes=nodes, limit=limit)
        except ZeroDivisionError:
            continue
    raise ValueError(f"the chain of {system.name} found no point without a division by zero in {RETRIES} tries")


def default_nodes(system: System, loss: str) -> tuple[str, ...]:
    """The states, and the author's quantities on the way from them to the loss."""
    recurrent = {e.name for c in system.components if c.direction for e in c.equations}
    between = ancestors(system, [loss]) & dependent(system, system.states)
    return tuple(n for n in system.defined if n in system.states or (n in between and n not in recurrent))


def scalar_losses(system: System) -> tuple[str, ...]:
    """What `chain` takes as a loss: outputs that are one number without time."""
    return tuple(n for n in system.outputs if system.variables[n].axis is None and system.shape_of(ref(n)) == (1, 1))


def _check(system: System, loss: str, parameter: str, nodes: Sequence[str] | None) -> None:
    if parameter not in system.parameters:
        raise ValueError(f"{parameter} is no parameter of {system.name}; there are {', '.join(system.parameters)}")
    for name in (loss, *(nodes or ())):
        if name not in system.defined:
            raise ValueError(f"{name} is not computed by {system.name}, which has {', '.join(system.defined)}")
    if system.variables[loss].axis is not None or system.shape_of(ref(loss)) != (1, 1):
        raise ValueError(f"{loss} is no loss: a loss is one number, not a sequence, a column or a matrix")


def chain_at(
    at: Point[S],
    system: System,
    loss: str,
    parameter: str,
    steps: int | Mapping[str, int] = 3,
    *,
    sizes: Mapping[str, int] | None = None,
    nodes: Sequence[str] | None = None,
    limit: int = LIMIT,
) -> Chain[S]:
    """The same at a point of one's own, such as `numeric.floats.gaussian`; arguments and errors as for `chain`.

    Raises:
        ZeroDivisionError: if the system divides by a zero there.
    """
    _check(system, loss, parameter, nodes)
    sizes = default_sizes(system) if sizes is None else dict(sizes)
    nodes = (*(default_nodes(system, loss) if nodes is None else nodes), loss)
    lines = unroll(system, steps, sizes, opaque=True)
    leaves = {key: at.draw() for key in lines.leaves.values()}
    graph = _Graph(system, lines, {symbol: leaves[key] for symbol, key in lines.leaves.items()}, nodes, parameter, at)
    number = graph.count((loss, None))
    if number == 0:
        raise ValueError(f"{loss} does not depend on {parameter}")
    if number > limit:
        raise ValueError(f"there are {number} paths from {loss} to {parameter}, at most {limit} are listed")
    one = {(0, 0): at.field.number(sympy.Integer(1))}
    terms = sorted(graph.terms(((loss, None),), one), key=lambda term: -(term.use or 0))  # stable

    adjoint = system.adjoint(outputs=(loss,), wrt=(parameter,))
    backward = unroll(adjoint, steps, sizes, opaque=True)
    known = {s: Dual(leaves[k] if k in leaves else one[0, 0], {}) for s, k in backward.leaves.items()}
    Duals(at.field).run(backward.lines, known)
    bar = adjoint.find("cotangent", parameter)
    assert bar is not None
    derived = {key[2]: known[symbol].value for key, symbol in backward.of(bar.name) if key[2] is not None}
    return Chain(loss, parameter, dict(lines.lengths), tuple(terms), derived, at)


class _Graph(Generic[S]):
    """The unrolled graph at the granularity of some quantities, with the direct Jacobian of every edge."""

    def __init__(
        self,
        system: System,
        lines: Unrolled,
        leaves: Mapping[sympy.Expr, S],
        nodes: Sequence[str],
        parameter: str,
        at: Point[S],
    ) -> None:
        self.field, self.parameter = at.field, parameter
        self.direct: dict[Node, dict[Node, dict[tuple[Entry, Entry], S]]] = {}
        arithmetic, one = Duals(at.field), at.field.number(sympy.Integer(1))
        known = {symbol: Dual(value, {}) for symbol, value in leaves.items()}
        weights = {s: key[2] for s, key in lines.leaves.items() if key[0] == parameter}
        for line in lines.lines:
            for symbol in line.expr.free_symbols & weights.keys():  # this use of the parameter, and no other
                moved = {((parameter, line.position), weights[symbol]): one}
                known[symbol] = Dual(leaves[symbol], moved)
            value = arithmetic.evaluate(line.expr, known)
            if line.name in nodes and line.entry is not None:
                node = (line.name, line.position)
                for (source, entry), slope in value.moved.items():
                    self.direct.setdefault(node, {}).setdefault(source, {})[line.entry, entry] = slope
                value = Dual(value.value, {(node, line.entry): one} if value.moved else {})
            known[line.symbol] = value
        self._counts: dict[Node, int] = {}

    def before(self, node: Node) -> Iterator[Node]:
        """What a node is computed from directly, nearest first."""
        found = self.direct.get(node, {})
        here = node[1] or 0
        return iter(sorted(found, key=lambda n: (n[0] != self.parameter, abs(here - (n[1] or here)), n[0])))

    def count(self, start: Node) -> int:
        """How many paths lead from a node to uses of the parameter."""
        pending = [start]
        while pending:
            node = pending[-1]
            missing = [n for n in self.before(node) if n not in self._counts and n[0] != self.parameter]
            if missing and node not in self._counts:
                pending.extend(missing)
                continue
            self._counts[node] = sum(1 if n[0] == self.parameter else self._counts[n] for n in self.before(node))
            pending.pop()
        return self._counts[start]

    def terms(self, path: tuple[Node, ...], row: Matrix[S]) -> Iterator[Term[S]]:
        """All ways on from a path whose factors multiply to `row`."""
        if path[-1][0] == self.parameter:
            yield Term(path, row)
            return
        for node in self.before(path[-1]):
            if node[0] == self.parameter or self._counts[node]:
                product: dict[Entry, S] = {}
                for (upper, lower), slope in self.direct[path[-1]][node].items():
                    if upper in row:
                        add_to(product, {lower: self.field.mul(row[upper], slope)}, self.field)
                yield from self.terms((*path, node), product)
