"""Where a system keeps the weights of its recurrent layers: which columns of which parameter feed which gate.

Found by structure (`derive.layers`), so equations of one's own have places as the library's have, under any names.  A
part of a layer is called by what it multiplies and the gate that it feeds, ``("recurrent", "f")``:

    input, recurrent     a matrix, x and the last output of the layer
    bias, inner          vectors; inner is the bias that a reset gate multiplies, as in r * (U @ h + b)
    peephole             a vector that multiplies the cell state
    projection           the matrix that makes the output of an LSTM smaller than its cell; its gate is ""

Read next: `numeric.exchange.layouts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy

from derive.entrywise import Affine, NoLayer
from derive.expr import Ref, is_op, refs
from derive.layers import Cell, Layer
from derive.order import Component
from derive.system import System

Key = tuple[str, str]  # part and gate


@dataclass(frozen=True)
class Block:
    """Columns of a parameter, or all of a vector.

    Attributes:
        parameter: its name.
        low, high: the columns, from and to; None of a vector.
        sign: −1 where the system keeps the negative of what frameworks have: 1 − σ(a) is σ(−a).
    """

    parameter: str
    low: sympy.Expr | None = None
    high: sympy.Expr | None = None
    sign: int = 1


@dataclass(frozen=True)
class Place:
    """A layer in one direction.

    Attributes:
        layer: its kind and sizes.
        number: of the layer, from 0.
        direction: +1 or −1.
        states: the output h, then the cell state c of an LSTM.
        blocks: by part and gate; several where a gate adds up two biases.
    """

    layer: Layer
    number: int
    direction: int
    states: tuple[str, ...]
    blocks: Mapping[Key, tuple[Block, ...]]


@lru_cache(maxsize=64)
def places(system: System) -> tuple[Place, ...]:
    """Layer by layer from the input up, the forward direction first.

    Raises:
        ValueError: in one line, if some recurrence is no layer of any framework, or the layers are no stack.
    """
    found: list[Place] = []
    numbers: dict[str, int] = {}  # by output
    for component in system.components:
        if not component.direction:
            continue
        cell = Cell(system, component)
        try:
            layer = cell.layer()
        except NoLayer as reason:
            raise ValueError(
                f"{system.name}: {', '.join(component.carried)} is no layer of a framework: {reason}"
            ) from None
        source = _source(cell, system)
        below = [name for name in numbers if name in _behind(source, system)]
        number = 1 + max((numbers[name] for name in below), default=-1)
        _check_order(source, [p for p in found if p.number == number - 1], system)
        numbers[cell.output] = number
        states = (cell.output, *(name for name in component.carried if name != cell.output))
        found.append(Place(layer, number, component.direction, states, _blocks(cell, component, system)))
    if not found:
        raise ValueError(f"{system.name} has no recurrent layer")
    _check_shared(found, system)
    found.sort(key=lambda place: (place.number, -place.direction))
    ways = [[place.direction for place in found if place.number == number] for number in range(found[-1].number + 1)]
    if any(way not in ([1], [-1], [1, -1]) for way in ways):
        raise ValueError(f"{system.name} is no stack of layers: two read the same input in the same direction")
    return tuple(found)


def _check_shared(found: list[Place], system: System) -> None:
    used = [(b.parameter, b.low) for place in found for blocks in place.blocks.values() for b in blocks]
    for parameter, low in used:
        if used.count((parameter, low)) > 1:
            raise ValueError(f"{system.name}: {parameter} is shared, and frameworks keep a copy in every layer")


def _source(cell: Cell, system: System) -> str:
    """The one quantity that a layer reads."""
    (sources,) = cell.sources
    names = sorted(symbol.name.partition("[")[0] for symbol in sources)
    if len(names) != 1:
        raise ValueError(
            f"{system.name}: {cell.output} reads {' and '.join(names) or 'no input'}; frameworks have one input"
        )
    return names[0]


def _behind(name: str, system: System) -> set[str]:
    """All that a quantity is computed from, itself included."""
    found, new = {name}, [name]
    while new:
        current = new.pop()
        reads = {r.name for e in system.equations if e.name == current for r in refs(e.expr)} - found
        found |= reads
        new += reads
    return found


def _check_order(source: str, below: list[Place], system: System) -> None:
    """What both directions of the layer below put out stands one below the other, the forward one first."""
    if len(below) < 2 or source not in system.defined:
        return
    expr = system.equation(source).expr
    if not is_op(expr, "concat"):
        return
    named = [operand.name for operand in expr.operands if isinstance(operand, Ref)]
    halves = [name for name in named if name in {place.states[0] for place in below}]
    forward_first = [p.states[0] for p in sorted(below, key=lambda place: -place.direction)]
    if halves and halves != forward_first:
        raise ValueError(f"{source} is [{', '.join(named)}]; frameworks stack the forward half first")


def _blocks(cell: Cell, component: Component, system: System) -> dict[Key, tuple[Block, ...]]:
    found: dict[Key, tuple[Block, ...]] = {}
    for gate, argument in cell.gates.items():
        sign = -1 if gate == "z" and not cell.keeps else 1
        for part, blocks in _parts(cell, argument, component, system):
            if blocks:
                found[part, gate] = tuple(Block(b.parameter, b.low, b.high, sign) for b in blocks)
    if cell.projection:
        found["projection", ""] = (Block(*cell.algebra.columns[cell.projection]),)
    return found


def _parts(cell: Cell, argument: Affine, component: Component, system: System) -> list[tuple[str, list[Block]]]:
    order = {name: position for position, name in enumerate(system.parameters)}
    past = {symbol for name, symbol in cell.before.items() if name == cell.output}
    matrices = [(Block(*cell.algebra.columns[weight]), vector) for weight, vector in argument.products]
    biases = sorted(argument.biases, key=order.__getitem__)
    return [
        ("input", [block for block, vector in matrices if not vector.free_symbols & past]),
        ("recurrent", [block for block, vector in matrices if vector.free_symbols & past]),
        ("bias", [Block(name) for name in biases if name not in cell.inside]),
        ("inner", [Block(name) for name in biases if name in cell.inside]),
        ("peephole", [Block(name) for name, _ in argument.diagonals]),
    ]
