r"""Pictures of a system: the graph of one step, and the unrolled graph with one path from the loss in colour.

The graphs are written in DOT and laid out by Graphviz, as SVG for HTML and as PDF for TeX; hand-placed graphs overlap.
Without Graphviz the report has a table instead. Nodes are operations, edges carry the names of values; an affine
pre-activation is one node, because its weights would only fill the picture.

The date of a PDF would make it differ from run to run (cairo ignores ``SOURCE_DATE_EPOCH``): it is overwritten.

Read next: `reports.sections.pictures`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import sympy

from derive.equation import Equation
from derive.expr import Op, Ref, Step, is_op, neg, ref, refs, step
from derive.spelling import GREEK
from derive.system import System
from reports.notation import SystemNames

RED, GREY, FILL = "#B3261E", "#6F6F6F", "#EDF0F6"
PATIENCE = 20  # seconds
STYLE = (
    'rankdir=LR; bgcolor="transparent"; nodesep=0.28; ranksep=0.42; margin=0.02; '
    'node [fontname="Times", fontsize=13, height=0.34, width=0.42, margin="0.07,0.03", penwidth=0.9]; '
    f'edge [fontname="Times", fontsize=12, arrowsize=0.6, penwidth=0.9, color="{GREY}"]'
)
SIGNS = {"times": "⊙", "plus": "+", "matmul": "·", "sigmoid": "σ", "concat": "[ ; ]", "power": "^", "transpose": "⊤"}
DATE = re.compile(rb"\(D:\d{14}Z\)")


@cache
def graphviz() -> str | None:
    """The program ``dot``, if it is installed."""
    return shutil.which("dot")


def draw(dot: str) -> tuple[str, bytes] | None:
    """A graph as SVG and as PDF; None without Graphviz.

    Raises:
        subprocess.CalledProcessError: if Graphviz refuses the graph.
    """
    program = graphviz()
    if program is None:
        return None
    with TemporaryDirectory(prefix="bptt-") as name:
        svg, pdf = Path(name, "graph.svg"), Path(name, "graph.pdf")
        environment = {**os.environ, "TZ": "UTC"}
        subprocess.run(
            [program, "-Tsvg", f"-o{svg}", "-Tpdf", f"-o{pdf}"],
            input=dot.encode(), env=environment, check=True, timeout=PATIENCE, capture_output=True,
        )  # fmt: skip
        return svg.read_text(encoding="utf-8"), DATE.sub(b"(D:19700101000000Z)", pdf.read_bytes())


# --- labels -------------------------------------------------------------------------------------------------------


def label(latex: str) -> str:
    r"""A symbol as a label of Graphviz: ``z^{f}_{t}`` with sub- and superscript."""
    text = re.sub(r"\\(?:langle|rangle)\s?", lambda m: "⟨" if "lang" in m[0] else "⟩", latex)
    text = re.sub(r"\\(?:mathrm|text|tilde|operatorname)\s*\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\([A-Za-z]+) ?", lambda m: _greek(m[1]), text).replace("\\_", "_")
    parts = re.split(r"([_^])\{((?:[^{}])*)\}", text)
    html = f"<I>{escape(parts[0])}</I>" if parts[0] else ""
    for sign, inner, after in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        tag = "SUB" if sign == "_" else "SUP"
        small = f'<FONT POINT-SIZE="9"><I>{escape(inner.strip())}</I></FONT>'
        html += f"<{tag}>{small}</{tag}>{escape(after)}"
    return f"<{html}>"


def _greek(word: str) -> str:
    letters = "αβγδεζηθικλμνξπρστυφχψω"
    small = dict(zip(GREEK, letters, strict=True))
    capital = {name.capitalize(): letter.upper() for name, letter in small.items()}
    return small.get(word) or capital.get(word) or word


# --- one step -----------------------------------------------------------------------------------------------------


@dataclass
class _Step:
    """The graph of one step in the making."""

    system: System
    names: SystemNames
    axis: str
    inside: list[str] = field(default_factory=list)
    outside: dict[str, str] = field(default_factory=dict)
    edges: list[str] = field(default_factory=list)
    made: dict[Ref, str] = field(default_factory=dict)

    def node(self, text: str) -> str:
        """A new operation."""
        key = f"n{len(self.inside)}"
        self.inside.append(f'{key} [label={text}, shape=box, style="rounded,filled", fillcolor="{FILL}"]')
        return key

    def leaf(self, read: Ref) -> str:
        """A value from outside the step."""
        key = f"v{len(self.outside)}"
        elsewhere = isinstance(read.index, Step) and read.index.axis != self.axis
        latex = self.names.whole(read.name, read.index.axis) if elsewhere else self.names.read(read)  # type: ignore[union-attr]
        self.outside[key] = f"{key} [label={label(latex)}, shape=circle, margin=0.01]"
        return key

    def short(self, name: str) -> str:
        """A label without the time, which is the same everywhere in the step."""
        latex = self.names.written(name, self.axis)
        return label(latex.replace(f"_{{{self.axis}}}", "").replace(rf"^{{\langle {self.axis} \rangle}}", ""))

    def edge(self, tail: str, head: str, text: str = "") -> None:
        """An edge; `text` names the value that it carries."""
        self.edges.append(f"{tail} -> {head}" + (f" [label={text}]" if text else ""))


def step_graph(system: System, names: SystemNames, axis: str) -> str:
    """DOT of one step along an axis: operations between what enters and what leaves the step.

    Args:
        system: a primal with named operands.
        names: how its quantities are written.
        axis: the time axis.
    """
    graph = _Step(system, names, axis)
    equations = {e.name: e for e in system.equations if e.axis == axis}
    for name in equations:
        _value(graph, ref(name, step(axis)), equations)
    inner = {r.name for e in equations.values() for r in refs(e.expr) if r.index == step(axis)}
    leaving = [name for name in equations if name in system.states or name not in inner]
    for name in leaving:
        read = ref(name, step(axis))
        key = graph.leaf(read)
        graph.edge(graph.made[read], key)
    lines = [f"digraph step {{ {STYLE}", 'subgraph cluster_step { style=rounded; color="#BBBBBB"; margin=10;']
    return "\n".join([*lines, *graph.inside, "}", *graph.outside.values(), *graph.edges, "}"])


def _value(graph: _Step, read: Ref, equations: dict[str, Equation]) -> str:
    if read not in graph.made:
        if read.index == step(graph.axis) and read.name in equations:
            expr = graph.system.equation(read.name).expr
            graph.made[read] = _affine(graph, read, expr, equations) or _operation(graph, expr, equations)
        else:
            graph.made[read] = graph.leaf(read)
    return graph.made[read]


def _affine(graph: _Step, read: Ref, expr: sympy.Expr, equations: dict[str, Equation]) -> str | None:
    """One node for W x + U h + b."""
    origin = graph.system.variables[read.name].origin
    if origin is None or origin.kind != "pre-activation":
        return None
    sources = [_value(graph, r, equations) for r in dict.fromkeys(refs(expr)) if r.index is not None]
    key = graph.node(graph.short(read.name))
    for source in dict.fromkeys(sources):
        graph.edge(source, key)
    return key


def _operation(graph: _Step, expr: sympy.Expr, equations: dict[str, Equation]) -> str:
    if isinstance(expr, Ref):
        return _value(graph, expr, equations)
    if is_op(expr, "stack") and isinstance(expr.operands[0], Ref):
        return _value(graph, expr.operands[0], equations)
    if not isinstance(expr, Op):
        return graph.node(f"<{expr}>")
    operands = [o for o in expr.operands if not o.is_number and any(r.index is not None for r in refs(o))]
    signs = "".join(f"{o} " for o in expr.operands if o.is_number)
    text = SIGNS.get(expr.primitive, expr.primitive)
    if expr.primitive == "plus" and signs and len(operands) == 1:
        inner = neg(operands[0])
        minus = is_op(operands[0], "times") and operands[0].operands[0] == -1
        operands, text = [inner if minus else operands[0]], signs + ("−" if minus else "+")
    sources = [(_operation(graph, o, equations), _carried(graph, o)) for o in operands]
    key = graph.node(f"<{escape(text)}>")
    for source, value in sources:
        graph.edge(source, key, value)
    return key


def _carried(graph: _Step, expr: sympy.Expr) -> str:
    """The name of a value that is computed inside the step, on its edge."""
    if not isinstance(expr, Ref) or not isinstance(expr.index, Step) or expr.index.shift:
        return ""
    var = graph.system.variables[expr.name]
    hidden = var.is_leaf or (var.origin is not None and var.origin.kind == "pre-activation")
    return "" if hidden else graph.short(expr.name)


# --- unrolled -----------------------------------------------------------------------------------------------------


def unrolled_graph(system: System, names: SystemNames, steps: int = 5) -> str:
    """DOT of the recurrence that the outputs depend on, unrolled, the path from the last loss to step 2 in colour."""
    recurrent = [component for component in system.components if component.carried]
    component = next((c for c in recurrent if set(c.carried) & set(system.outputs)), recurrent[-1])
    axis, forward = component.axis or "t", component.direction > 0
    states = [name for name in system.states if name in component.carried]
    sequences = [n for n in system.inputs if system.variables[n].axis == axis]
    read_here = {r.name for e in component.equations for r in refs(e.expr)}
    feeding = [name for name in sequences if name in read_here or _reaches(system, name, read_here)]
    order = range(1, steps + 1) if forward else range(steps, 0, -1)
    lines = [f"digraph unrolled {{ {STYLE}; ranksep=0.75; nodesep=0.35"]
    for t in order:
        inner = ", ".join(_html(names.written(name, str(t))) for name in states)
        lines.append(f'{{ rank=same; s{t} [label=<{inner}>, shape=box, style="rounded,filled", fillcolor="{FILL}"]')
        loss = _html(rf"ℓ_{{{t}}}")
        lines.append(f"l{t} [label=<{loss}>, shape=circle, margin=0.01]")
        for place, name in enumerate(feeding):
            lines.append(f"x{t}_{place} [label=<{_html(names.written(name, str(t)))}>, shape=plaintext]")
        lines.append("}")
    first, last = order[0], order[-1]
    start = order[1] if steps > 1 else first
    red = f'color="{RED}", penwidth=1.8'
    for t in order:
        lines.append(f"s{t} -> l{t}" + (f" [{red}]" if t == last else ""))
        lines += [f"x{t}_{place} -> s{t}" for place in range(len(feeding))]
    for before, after in pairwise(order):
        coloured = (before >= start) if forward else (before <= start)
        lines.append(f"s{before} -> s{after}" + (f" [{red}]" if coloured else ""))
    return "\n".join([*lines, "}"])


def _html(latex: str) -> str:
    return label(latex)[1:-1]


def _reaches(system: System, name: str, targets: Iterable[str]) -> bool:
    found = {name}
    while True:
        more = {e.name for e in system.equations if any(r.name in found for r in refs(e.expr))} - found
        if not more:
            return bool(found & set(targets))
        found |= more
