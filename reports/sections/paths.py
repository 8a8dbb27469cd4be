r"""The middle of section 7: the derivative through time as a sum over paths, written out path by path.

Read next: `reports.sections.chain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from derive.expr import ref, step
from derive.factors import Product, merged
from derive.latex import fenced, transposed
from derive.paths import Path, local_jacobian, path_count, paths
from derive.system import System
from derive.typeset import typeset
from reports.document import Block, Heading, Prose, Row, Rows
from reports.notation import SystemNames

STEPS = 3
SHOWN = 16  # paths
FEW = 6  # that are written out where there are more


@dataclass(frozen=True)
class Question:
    """From where to where, and in which quantities.

    Attributes:
        source, target: (name, step).
        nodes: quantities that paths are written in.
        count: how many paths there are.
    """

    source: tuple[str, int]
    target: tuple[str, int]
    nodes: tuple[str, ...]
    count: int


def all_paths(system: System, names: SystemNames, states: tuple[str, ...], direction: int) -> list[Block]:
    """Three steps in terms of the states; if that is one path alone, one step in terms of the gates too."""
    first, last = (1, STEPS) if direction > 0 else (STEPS, 1)
    target = next((name for name in states if name in system.outputs), states[0])
    asked = [_question(system, (source, first), (target, last), states) for source in (states[-1], target)]
    found = next((question for question in asked if question.count), None)
    if found is None:
        return []
    axis = (system.variables[target].axis or "t").upper()
    heading = Heading(2, f"All paths for ${axis} = {STEPS}$")
    blocks: list[Block] = [
        heading,
        Prose(_intro(found, names, f"Unrolled over {STEPS} steps")),
        *_written(system, names, found),
    ]
    if found.count == 1:
        gates = tuple(name for name in system.defined if system.variables[name].axis == system.variables[target].axis)
        inner = _question(system, (target, first), (target, first + direction), gates)
        if 1 < inner.count <= SHOWN:
            blocks += [
                Prose(_intro(inner, names, "Within one of these steps, through the gates", first=False)),
                *_written(system, names, inner),
            ]
    return blocks


def _question(system: System, source: tuple[str, int], target: tuple[str, int], nodes: tuple[str, ...]) -> Question:
    return Question(source, target, nodes, path_count(system, source, target, nodes=nodes, steps=STEPS))


def _intro(question: Question, names: SystemNames, where: str, *, first: bool = True) -> str:
    above, below = _at(question.target, names), _at(question.source, names)
    noun = "one path leads" if question.count == 1 else f"{question.count} paths lead"
    text = f"{where}, {noun} from ${below}$ to ${above}$."
    if first:
        text += (
            r" A path is a product of direct derivatives, written $\partial^{+}$, in which all other quantities on "
            "paths are held fixed; the total derivative is the sum over all paths."
        )
    return text + (f" The first {FEW} are written out." if question.count > SHOWN else "")


def _written(system: System, names: SystemNames, question: Question) -> list[Block]:
    source, target, nodes = question.source, question.target, question.nodes
    shown = paths(system, source, target, nodes=nodes, steps=STEPS, limit=question.count)[
        : SHOWN if question.count <= SHOWN else FEW
    ]
    rows = []
    for position, path in enumerate(shown):
        left = names.derivative(_at(target, names), _at(source, names)) if position == 0 else ""
        rows.append(Row(left, (_path(path, names),), "=" if position == 0 else "+", reason=_route(path, names)))
    blocks: list[Block] = [Rows(tuple(rows))]
    if len(nodes) == 1:
        return [*blocks, Prose("With one state, the direct derivatives are the state Jacobian above, step by step.")]
    edges = dict.fromkeys((a[0], b[0], a[1] - b[1]) for path in shown for a, b in path.edges)
    factors = [row for edge in edges if (row := _direct(system, names, *edge, nodes)) is not None]
    if len(factors) < len(edges):
        blocks.append(Prose("Direct derivatives that are no matrices are what the backward recursion passes on."))
    return [*blocks, Prose("The direct derivatives are these."), Rows(tuple(factors))] if factors else blocks


def _path(path: Path, names: SystemNames) -> str:
    return r"\,".join(direct(_at(a, names), _at(b, names)) for a, b in path.edges)


def direct(above: str, below: str) -> str:
    """A derivative along paths that meet no other node."""
    return rf"\frac{{\partial^{{+}} {above}}}{{\partial {below}}}"


def _at(node: tuple[str, int], names: SystemNames) -> str:
    return names.written(node[0], str(node[1]))


def _route(path: Path, names: SystemNames) -> str:
    return " ← ".join(f"${_at(node, names)}$" for node in reversed(path.steps))


def _direct(system: System, names: SystemNames, of: str, wrt: str, lag: int, nodes: Sequence[str]) -> Row | None:
    axis = system.variables[of].axis or "t"
    try:
        block = local_jacobian(system, (of, lag), (wrt, 0), nodes=nodes)
    except ValueError:  # documented: a quantity on the way is a matrix
        return None
    left = direct(names.written(of, axis), names.read(ref(wrt, step(axis, -lag))))
    terms = added(product_latex(term, names) for term in merged(block.terms, names.system.shape_of))
    return Row(left, terms, reason="within one step")


def product_latex(product: Product, names: SystemNames) -> str:
    r"""``\operatorname{diag}(f_t)\,W_{fh}``; I for the empty product."""
    words = []
    for factor in product:
        if factor.kind in ("rows", "embed"):  # the expression of these two is a size
            low, high = factor.part.args
            words.append(rf"I_{{{low + 1}:{high}}}" + (r"^{\top}" if factor.kind == "embed" else ""))
            continue
        text = typeset(factor.expr, names)
        if factor.kind == "diag":
            if names.shape(factor.expr) != (1, 1):
                words.append(rf"\operatorname{{diag}}{fenced(text)}")
            elif len(product) == 1:
                words.append(text + r"\,I")
            else:
                words.append(fenced(text) if words and text.startswith("-") else text)
        elif factor.kind == "softmax":
            words.append(rf"\left(\operatorname{{diag}}({text}) - {text}\,{transposed(text)}\right)")
        else:
            words.append(fenced(text) if " + " in text or r"\odot" in text else text)
    return r"\,".join(words) or "I"


def added(terms: Iterable[str]) -> tuple[str, ...]:
    """Terms of a row, with plus signs."""
    listed = list(terms)
    return (listed[0], *(f"+ {term}" for term in listed[1:])) if listed else ("0",)
