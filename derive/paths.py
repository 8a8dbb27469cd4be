"""Backpropagation through time as a sum over paths.

∂h_3/∂h_1 of an LSTM is the sum, over every path from h_1 to h_3 in the unrolled graph, of a product of direct
Jacobians: ∂h_3/∂c_3 · ∂c_3/∂c_2 · ∂c_2/∂h_1 and so on (Werbos 1990, "ordered derivatives").  The nodes are quantities
that the author named: the states, and gates if wanted.

Read next: `derive.entrywise`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from derive.expr import Fixed, Step
from derive.jacobian import Block, edge_jacobian
from derive.order import contextual_refs
from derive.system import System

Node = tuple[str, int]  # a quantity at a step
LIMIT = 1000


@dataclass(frozen=True)
class Path:
    """One path through the unrolled graph.

    Attributes:
        steps: the quantities on it, from the source to the target.
    """

    steps: tuple[Node, ...]

    @property
    def lag(self) -> int:
        """How many steps it bridges."""
        return self.steps[-1][1] - self.steps[0][1]

    @property
    def edges(self) -> tuple[tuple[Node, Node], ...]:
        """Factors of the product, left to right: (later, earlier)."""
        pairs = zip(self.steps[1:], self.steps[:-1], strict=True)
        return tuple(reversed(list(pairs)))

    def __str__(self) -> str:
        return " · ".join(f"∂{a}_{s}/∂{b}_{r}" for (a, s), (b, r) in self.edges) or "1"


class Graph:
    """The unrolled graph at the granularity of some quantities.

    Args:
        system: the primal.
        nodes: quantities that keep their name.
        length: number of steps.

    Raises:
        ValueError: if a name does not exist.
    """

    def __init__(self, system: System, nodes: Sequence[str], length: int) -> None:
        for name in nodes:
            if name not in system.variables:
                raise ValueError(f"{name} is no quantity of {system.name}; there are {', '.join(system.variables)}")
        self.system, self.nodes, self.length = system, frozenset(nodes), length
        self.core = {e.name: e for e in system.equations if not e.is_boundary}
        self.outside = {
            (e.name, e.out.index.position(length)): e for e in system.equations if isinstance(e.out.index, Fixed)
        }
        self._before: dict[Node, tuple[Node, ...]] = {}
        self._counts: dict[tuple[Node, Node], int] = {}

    def before(self, node: Node) -> tuple[Node, ...]:
        """The nodes that a node is computed from directly; a weight is a node at the step where it is used."""
        if node not in self._before:
            found: dict[Node, None] = {}
            seen: set[Node] = set()
            pending = [node]
            while pending:
                name, position = pending.pop()
                for read in self._reads(name, position):
                    if read[0] in self.nodes:
                        found[read] = None
                    elif read not in seen:
                        seen.add(read)
                        pending.append(read)
            self._before[node] = tuple(sorted(found, key=lambda n: (-n[1], n[0])))
        return self._before[node]

    def _reads(self, name: str, position: int) -> Iterator[Node]:
        inside = 1 <= position <= self.length
        equation = self.core.get(name) if inside else self.outside.get((name, position))
        if equation is None or (inside and equation.axis is None):
            return
        for read, bound in contextual_refs(equation.expr):
            if isinstance(read.index, Step):
                here = range(1, self.length + 1) if read.index.axis in bound else (position,)
                yield from ((read.name, step + read.index.shift) for step in here)
            elif isinstance(read.index, Fixed):
                yield read.name, read.index.position(self.length)
            else:
                yield read.name, position

    def count(self, source: Node, target: Node) -> int:
        """How many paths there are, without listing them."""
        counted: dict[Node, int] = {source: 1}
        pending = [target]
        while pending:  # depth first, without recursion: T may be in the hundreds
            node = pending[-1]
            if node in counted:
                pending.pop()
                continue
            missing = [n for n in self.before(node) if n not in counted]
            if missing:
                pending.extend(missing)
            else:
                counted[node] = sum(counted[n] for n in self.before(node))
                pending.pop()
        return counted[target]

    def paths(self, source: Node, target: Node) -> Iterator[Path]:
        """All paths, latest detour first."""
        if source == target:
            yield Path((source,))
            return
        for node in self.before(target):
            if self.count(source, node):
                for path in self.paths(source, node):
                    yield Path((*path.steps, target))


def paths(
    system: System,
    source: Node,
    target: Node,
    *,
    nodes: Sequence[str] | None = None,
    steps: int | None = None,
    limit: int = LIMIT,
) -> list[Path]:
    """Every path from a use of one quantity to another, such as from ("h", 1) to ("h", 3).

    Args:
        system: the primal.
        source: (name, step); a weight at the step where it is used, a given initial value at step 0.
        target: (name, step).
        nodes: quantities that paths are written in; default the states.  Source and target always are.
        steps: T; default the later of the two steps.
        limit: how many paths are listed at most.

    Returns:
        The paths; none if the target does not depend on the source.

    Raises:
        ValueError: if a name does not exist, or there are more than `limit` paths; the message says how many.
    """
    graph = _graph(system, source, target, nodes, steps)
    number = graph.count(source, target)
    if number > limit:
        raise ValueError(
            f"there are {number} paths from {_text(source)} to {_text(target)}, at most {limit} are listed"
        )
    return list(graph.paths(source, target))


def path_count(
    system: System, source: Node, target: Node, *, nodes: Sequence[str] | None = None, steps: int | None = None
) -> int:
    """The number of such paths, without listing them; arguments as in `paths`."""
    return _graph(system, source, target, nodes, steps).count(source, target)


def local_jacobian(system: System, later: Node, earlier: Node, nodes: Sequence[str] | None = None) -> Block:
    """The direct Jacobian of one edge of a path, such as ∂⁺c_3/∂c_2 = diag(f[t]), with its factors read at step t.

    Raises:
        ValueError: if a name does not exist, or a quantity on the way is a matrix.
    """
    chosen = dict.fromkeys((*(system.states if nodes is None else nodes), later[0], earlier[0]))
    return edge_jacobian(system, later[0], earlier[0], later[1] - earlier[1], tuple(chosen))


def _graph(system: System, source: Node, target: Node, nodes: Sequence[str] | None, steps: int | None) -> Graph:
    chosen = dict.fromkeys((*(system.states if nodes is None else nodes), source[0], target[0]))
    return Graph(system, tuple(chosen), max(source[1], target[1], 1) if steps is None else steps)


def _text(node: Node) -> str:
    return f"{node[0]}_{node[1]}"
