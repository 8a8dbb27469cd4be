"""The graph of one step: operations between what enters and what leaves.

Nodes are operations, edges carry the names of values. An affine pre-activation is one node, because its weights would
only fill the picture. The direct path of a state, along which nothing but gates multiplies it, is told apart.

Read next: `reports.pictures.overview`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import sympy

from derive.equation import Equation
from derive.expr import Op, Ref, Step, is_op, neg, ref, refs, step
from derive.system import System
from derive.text import to_text
from reports.notation import SystemNames
from reports.pictures.diagram import Diagram, Edge, Kind, Node
from reports.pictures.mathtext import mathtext, words

SIGNS = {
    "times": "⊙", "plus": "+", "matmul": r"$\cdot$", "sigmoid": r"$\sigma$", "concat": "$[\\,;\\,]$",
    "transpose": r"$\top$", "reduce_to": "Σ", "sum": "Σ", "sqrt": r"$\sqrt{\cdot}$", "take": "take",
}  # fmt: skip
LINEAR = ("times", "plus")
MOST = 36  # operations in one picture


@dataclass(frozen=True)
class StepGraph:
    """One step as a diagram, and what a reader who does not see it is told.

    Attributes:
        diagram: the boxes and arrows.
        entering, leaving: quantities at the edges, as text.
        direct: states with a direct path, as text.
    """

    diagram: Diagram
    entering: tuple[str, ...]
    leaving: tuple[str, ...]
    direct: tuple[str, ...]

    @property
    def alt(self) -> str:
        """What is seen."""
        operations = sum(node.inside for node in self.diagram.nodes)
        text = (
            f"Graph of one step: {', '.join(self.entering) or 'nothing'} enter, {operations} operations follow, "
            f"{', '.join(self.leaving)} leave."
        )
        if self.direct:
            text += f" A thick path leads from the last value of {', '.join(self.direct)} straight to the next."
        return text


@dataclass
class _Making:
    """The graph in the making."""

    system: System
    names: SystemNames
    axis: str | None
    equations: dict[str, Equation]
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    made: dict[Ref, str] = field(default_factory=dict)
    linear: set[str] = field(default_factory=set)

    @property
    def now(self) -> Step | None:
        return step(self.axis) if self.axis is not None else None

    def node(self, label: str, kind: Kind = "operation", *, inside: bool = True) -> str:
        """A new node."""
        key = f"n{len(self.nodes)}"
        self.nodes.append(Node(key, label, kind, inside))
        return key

    def leaf(self, read: Ref) -> str:
        """A value from outside the step, or one that leaves it."""
        elsewhere = isinstance(read.index, Step) and read.index.axis != self.axis
        latex = self.names.whole(read.name, read.index.axis) if elsewhere else self.names.read(read)  # type: ignore[union-attr]
        return self.node(mathtext(latex), "value", inside=False)

    def short(self, name: str) -> str:
        """A label without the time, which is the same everywhere in the step."""
        axis = self.axis or ""
        latex = self.names.written(name, axis)
        return mathtext(latex.replace(f"_{{{axis}}}", "").replace(rf"^{{\langle {axis} \rangle}}", ""))


def step_graph(system: System, names: SystemNames, axis: str | None, only: Collection[str] = ()) -> StepGraph:
    """The graph of one step along an axis.

    Args:
        system: a primal with named operands.
        names: how its quantities are written.
        axis: the time axis; None for what has no time.
        only: the equations to draw; default all of the axis.
    """
    equations = {e.name: e for e in system.equations if e.axis == axis and not e.is_boundary}
    equations = {name: e for name, e in equations.items() if not only or name in only}
    graph = _Making(system, names, axis, equations)
    for name in equations:
        _value(graph, ref(name, graph.now))
    inner = {r.name for e in equations.values() for r in refs(e.expr) if r.index == graph.now}
    elsewhere = {r.name for e in system.equations if e.name not in equations for r in refs(e.expr)}
    leaving = [
        n for n in equations if n in system.states or n not in inner or (n in elsewhere and not _made(system, n))
    ]
    outs = {}
    for name in leaving:
        read = ref(name, graph.now)
        outs[name] = graph.leaf(read)
        graph.edges.append(Edge(graph.made[read], outs[name]))
    ends = set(outs.values())
    entering = [read for read, key in graph.made.items() if not graph.nodes[int(key[1:])].inside and key not in ends]
    direct = _mark_direct(graph, outs)
    return StepGraph(
        Diagram(tuple(graph.nodes), tuple(graph.edges)),
        tuple(_told(graph, read) for read in entering),
        tuple(to_text(ref(name, graph.now)) for name in leaving),
        direct,
    )


def _told(graph: _Making, read: Ref) -> str:
    """``h[t-1]``; ``h[:]`` for a whole sequence of another axis."""
    elsewhere = isinstance(read.index, Step) and read.index.axis != graph.axis
    return f"{read.name}[:]" if elsewhere else to_text(read)


def _made(system: System, name: str) -> bool:
    """Whether a quantity is a named operand and no equation of the author's."""
    origin = system.variables[name].origin
    return origin is not None and origin.kind in ("pre-activation", "operand")


def _value(graph: _Making, read: Ref) -> str:
    if read not in graph.made:
        if read.index == graph.now and read.name in graph.equations:
            expr = graph.equations[read.name].expr
            graph.made[read] = _affine(graph, read, expr) or _operation(graph, expr)
        else:
            graph.made[read] = graph.leaf(read)
    return graph.made[read]


def _affine(graph: _Making, read: Ref, expr: sympy.Expr) -> str | None:
    """One node for W x + U h + b."""
    origin = graph.system.variables[read.name].origin
    if origin is None or origin.kind != "pre-activation":
        return None
    sources = [_value(graph, r) for r in dict.fromkeys(refs(expr)) if _shown(graph, r)]
    key = graph.node(graph.short(read.name))
    graph.edges += [Edge(source, key) for source in dict.fromkeys(sources)]
    return key


def _shown(graph: _Making, read: Ref) -> bool:
    """Parameters, and what has no time in a step of time, are left out."""
    return read.index is not None or read.name in graph.equations or graph.system.variables[read.name].role == "input"


def _operation(graph: _Making, expr: sympy.Expr) -> str:
    if isinstance(expr, Ref):
        return _value(graph, expr)
    if is_op(expr, "stack") and isinstance(expr.operands[0], Ref):
        return _value(graph, expr.operands[0])
    if not isinstance(expr, Op):
        return graph.node(words(str(expr)))
    operands = [o for o in expr.operands if not o.is_number and any(_shown(graph, r) for r in refs(o))]
    signs = "".join(f"{o}" for o in expr.operands if o.is_number)
    label = SIGNS.get(expr.primitive, words(expr.primitive.replace("_", " ")))
    if expr.primitive == "matmul":
        weights = [r for o in expr.operands if o not in operands for r in refs(o)]
        label = mathtext("".join(rf"{graph.names.written(r.name)}\, " for r in weights) + r"\cdot")
    if expr.primitive == "plus" and signs and len(operands) == 1:
        minus = is_op(operands[0], "times") and operands[0].operands[0] == -1
        operands = [neg(operands[0])] if minus else operands
        label = f"${signs}{'-' if minus else '+'}$"
    sources = [(_operation(graph, o), _carried(graph, o)) for o in operands]
    key = graph.node(label)
    if expr.primitive in LINEAR and not (expr.primitive == "plus" and signs and len(operands) == 1):
        graph.linear.add(key)
    graph.edges += [Edge(source, key, value) for source, value in sources]
    return key


def _carried(graph: _Making, expr: sympy.Expr) -> str:
    """The name of a value that is computed inside the step, on its edge."""
    if not isinstance(expr, Ref) or expr.index != graph.now or expr.name not in graph.equations:
        return ""
    origin = graph.system.variables[expr.name].origin
    return "" if origin is not None and origin.kind == "pre-activation" else graph.short(expr.name)


def _mark_direct(graph: _Making, outs: dict[str, str]) -> tuple[str, ...]:
    """Mark the edges of direct paths: from the last value of a state to its next through ⊙ and + alone."""
    ahead: dict[str, list[int]] = {}
    for place, edge in enumerate(graph.edges):
        ahead.setdefault(edge.tail, []).append(place)
    found = []
    for read, key in graph.made.items():
        shifted = isinstance(read.index, Step) and read.index.axis == graph.axis and read.index.shift
        if not shifted or read.name not in outs:
            continue
        way = _way(graph, ahead, key, outs[read.name])
        if way:
            found.append(read.name)
            for place in way:
                graph.edges[place] = replace(graph.edges[place], path=True)
    return tuple(dict.fromkeys(found))


def _way(graph: _Making, ahead: dict[str, list[int]], start: str, end: str) -> list[int]:
    """The places of the edges of a shortest path whose inner nodes are linear."""
    ways: dict[str, list[int]] = {start: []}
    queue = [start]
    for key in queue:
        for place in ahead.get(key, ()):
            head = graph.edges[place].head
            if head == end:
                return [*ways[key], place]
            if head in graph.linear and head not in ways:
                ways[head] = [*ways[key], place]
                queue.append(head)
    return []


def parts(system: System) -> list[tuple[str | None, tuple[str, ...]]]:
    """The recurrences of a network that differ in more than their names: (axis, equations) of one of each kind.

    Args:
        system: a primal with named operands.
    """
    found: dict[str, tuple[str | None, tuple[str, ...]]] = {}
    for component in system.components:
        if component.direction:
            members = {e.name for e in component.equations}
            feeding = _feeding(system, members)
            own = [e for e in system.equations if e.name in members | feeding and e.axis == component.axis]
            found.setdefault(_pattern(own, component.direction), (component.axis, tuple(e.name for e in own)))
    return list(found.values())


def _feeding(system: System, members: Collection[str]) -> set[str]:
    """Named operands that only these equations read."""
    readers: dict[str, set[str]] = {}
    for equation in system.equations:
        for read in refs(equation.expr):
            readers.setdefault(read.name, set()).add(equation.name)
    found: set[str] = set()
    while True:
        more = {
            e.name for e in system.equations
            if _made(system, e.name) and readers.get(e.name, set()) <= set(members) | found and e.name in readers
        } - found - set(members)  # fmt: skip
        if not more:
            return found
        found |= more


def _pattern(equations: Collection[Equation], direction: int) -> str:
    """The equations with numbers for names, in order of appearance, and time running forward."""
    numbers: dict[str, int] = {}
    lines = []
    for equation in equations:
        line = str(equation)
        for read in (equation.out, *refs(equation.expr)):
            numbers.setdefault(read.name, len(numbers))
        for name in sorted(numbers, key=len, reverse=True):
            line = _renamed(line, name, numbers[name])
        lines.append(line)
    text = "\n".join(lines)
    return text if direction > 0 else text.replace("+1]", "-1]")


def _renamed(line: str, name: str, number: int) -> str:

    return re.sub(rf"(?<![\w#]){re.escape(name)}(?!\w)", f"#{number}", line)


def whole(system: System, names: SystemNames) -> bool:
    """Whether one picture can show everything: one recurrence at most, and no more around it than can be read.

    Args:
        system: a primal with named operands.
        names: how its quantities are written.
    """
    if len([c for c in system.components if c.carried]) > 1 or len(system.axes) > 1:
        return False
    return all(sum(n.inside for n in step_graph(system, names, a).diagram.nodes) <= MOST for a in system.axes)
