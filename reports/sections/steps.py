r"""The state Jacobian row by row, with at most a few terms in each.

∂h_t/∂h_{t−1} of a GRU has five terms if it is multiplied out, of a recurrent highway network 64. So a block that has
more than `MOST` is written by way of what is computed within the step: ∂h/∂h⁻ = ∂⁺h/∂z · ∂z/∂h⁻ + …, and ∂z/∂h⁻ has a
row of its own. A factor that is no matrix, because a matrix is computed on the way, keeps its name.

Read next: `reports.sections.paths`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from derive.expr import Step, ref, refs, step
from derive.factors import Product, compose, merged
from derive.jacobian import Block, edge_jacobian, jacobian
from derive.latex import shape_latex
from derive.system import System
from reports.document import Row
from reports.notation import SystemNames
from reports.sections.paths import added, direct, product_latex

MOST = 3  # terms of a row
Key = tuple[str, str, int]  # of, wrt, lag


@dataclass(frozen=True)
class Term:
    """One term of a block: a product of matrices, times a block that has its own row.

    Attributes:
        product: None where it is no product of matrices.
        via: the quantity through which it goes; "" for a term that is complete.
    """

    product: Product | None
    via: str = ""


@dataclass(frozen=True)
class StepJacobian:
    """Blocks of the derivative of one step, each with few terms.

    Attributes:
        blocks: terms by (of, wrt, lag), blocks of states first.
        system: the primal, as its author wrote it.
        states: of the recurrence.
    """

    blocks: Mapping[Key, tuple[Term, ...]]
    system: System
    states: tuple[str, ...]


def step_jacobian(system: System, primal: System, states: tuple[str, ...]) -> StepJacobian:
    """The state Jacobian of a recurrence whose states are columns.

    Args:
        system: as its author wrote it.
        primal: with named operands.
        states: of one recurrence.
    """
    inside = tuple(e.name for c in system.components if set(states) <= set(c.carried) for e in c.equations)
    nodes = tuple(dict.fromkeys(name for name in inside if not system.equation(name).is_boundary))
    reads = {name: tuple(dict.fromkeys(_reads(primal, name))) for name in nodes}
    whole = _multiplied_out(system, nodes, states)
    reached = _reached(nodes, reads, states)
    blocks: dict[Key, tuple[Term, ...]] = {}
    waiting = [(of, wrt, lag) for of in states for wrt, lag in reached[of]]
    while waiting:
        key = waiting.pop(0)
        if key in blocks:
            continue
        terms = tuple(_block(system, primal, key, nodes, reads, reached, whole))
        blocks[key] = terms
        waiting += [(term.via, key[1], key[2]) for term in terms if term.via]
    return StepJacobian(blocks, system, states)


def _block(
    system: System,
    primal: System,
    key: Key,
    nodes: tuple[str, ...],
    reads: Mapping[str, tuple[tuple[str, int], ...]],
    reached: Mapping[str, tuple[tuple[str, int], ...]],
    whole: Mapping[Key, Block],
) -> Iterator[Term]:
    of, wrt, lag = key
    if key in whole and len(whole[key].terms) <= MOST + 1:
        short = merged(whole[key].terms, primal.shape_of)
        if len(short) <= MOST:
            yield from map(Term, short)
            return
    for name, shift in reads[of]:
        through = shift == 0 and name in nodes and (wrt, lag) in reached[name]
        if not through and (name, -shift) != (wrt, lag):
            continue
        for product in _products(system, primal, of, name, -shift, nodes):
            inner = whole[name, wrt, lag].terms if through and (name, wrt, lag) in whole else ()
            if product is not None and len(inner) == 1:
                joined = compose(product, inner[0], primal.shape_of)
                if joined is not None:
                    yield Term(joined)
            else:
                yield Term(product, name if through else "")


def _products(
    system: System, primal: System, of: str, wrt: str, lag: int, nodes: tuple[str, ...]
) -> list[Product] | list[None]:
    try:
        return merged(edge_jacobian(system, of, wrt, lag, nodes).terms, primal.shape_of)
    except ValueError:  # documented: a quantity on the way is a matrix
        return [None]


def _multiplied_out(system: System, nodes: tuple[str, ...], states: tuple[str, ...]) -> dict[Key, Block]:
    found: dict[Key, Block] = {}
    for name in nodes:
        try:
            found.update(jacobian(system, (name,), states).all_lags)
        except ValueError:  # documented: a matrix on the way, or too many terms
            continue
    return found


def _reads(primal: System, name: str) -> Iterator[tuple[str, int]]:
    """What the author's equation reads, through its named operands."""
    for read in refs(primal.equation(name).expr):
        origin = primal.variables[read.name].origin
        if origin is not None and origin.kind in ("pre-activation", "operand"):
            yield from _reads(primal, read.name)
        elif isinstance(read.index, Step):
            yield read.name, read.index.shift


def _reached(
    nodes: tuple[str, ...], reads: Mapping[str, tuple[tuple[str, int], ...]], states: tuple[str, ...]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """The earlier states that every quantity of the step depends on, with their lags."""
    found: dict[str, dict[tuple[str, int], None]] = {name: {} for name in nodes}
    grew = True
    while grew:
        before = sum(map(len, found.values()))
        for name in nodes:
            for read, shift in reads[name]:
                if shift == 0 and read in found:
                    found[name].update(found[read])
                elif shift and read in states:
                    found[name][read, -shift] = None
        grew = sum(map(len, found.values())) > before
    order = {state: place for place, state in enumerate(states)}
    return {name: tuple(sorted(pairs, key=lambda p: (abs(p[1]), order[p[0]]))) for name, pairs in found.items()}


# --- rows -----------------------------------------------------------------------------------------------------------


def total(key: Key, system: System, names: SystemNames) -> str:
    """∂of_t/∂wrt_{t−lag} as LaTeX."""
    of, wrt, lag = key
    axis = system.variables[of].axis or "t"
    return names.derivative(names.written(of, axis), names.read(ref(wrt, step(axis, -lag))))


def label(key: Key) -> str:
    """Of the row of a block."""
    of, wrt, lag = key
    return f"step-{of}-{wrt}-{lag}".replace("--", "-m")


def block_rows(found: StepJacobian, names: SystemNames) -> tuple[Row, ...]:
    """One row for every block."""
    rows = []
    for key, terms in found.blocks.items():
        of, wrt, lag = key
        shape = (*found.system.variables[of].shape[:1], *found.system.variables[wrt].shape[:1])
        axis = found.system.variables[of].axis or "t"
        texts = []
        for term in terms:
            rest = total((term.via, wrt, lag), found.system, names) if term.via else ""
            below = names.written(term.via, axis) if term.via else names.read(ref(wrt, step(axis, -lag)))
            first = (
                direct(names.written(of, axis), below) if term.product is None else product_latex(term.product, names)
            )
            texts.append(rest if first == "I" and rest else rf"{first}\,{rest}" if rest else first)
        via = dict.fromkeys((term.via, wrt, lag) for term in terms if term.via)
        reason = (
            "with " + ", ".join(f"{{eq:{label(key)}}}" for key in via)
            if via
            else "the chain rule within the step, multiplied out"
        )
        if any(term.product is None for term in terms):
            words = r"$\partial^{+}$ is no matrix: a matrix is computed on the way, and its $\delta$ passes it back"
            reason = f"{reason}; {words}" if reason else words
        rows.append(
            Row(
                total(key, found.system, names), added(texts), shape=shape_latex(shape), reason=reason, label=label(key)
            )
        )
    return tuple(rows)
