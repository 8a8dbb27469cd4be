"""Deep and bidirectional networks: copies of a cell, wired.

``h_2`` is h of the second layer, ``W_f_fwd_1`` is W_f of the first layer's forward half.  What the halves of a
bidirectional cell compute together has the name that the cell gave its output: ``h[t] = [h_fwd[t], h_bwd[t]]``.
Each copy has parameters and an initial state of its own; constants, masks and other inputs are shared.

    stack(load("lstm"), 2)                    nn.LSTM(num_layers=2)
    stack([load("lstm"), load("gru")])        any cells, of any sizes
    stack(bidirectional(load("lstm")), 2)     nn.LSTM(num_layers=2, bidirectional=True)

Sources: Schuster & Paliwal 1997, IEEE TSP 45(11) (bidirectional); Graves 2013, arXiv 1308.0850 (deep).

Read next: `derive.networks.heads`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sympy

from derive.dimensions import length
from derive.errors import EquationError
from derive.expr import Ref, axis_symbol, concat, plus, times
from derive.networks.connect import joined, now, only_input, only_output, wired
from derive.networks.rename import Names, assembled, marked, only_axis, renamed, reverse
from derive.shapes import unpair
from derive.system import Equation, System, Var

HALF = sympy.Rational(1, 2)
MERGE: Mapping[str, Callable[[Ref, Ref], sympy.Expr]] = {  # the words are those of Keras
    "concat": concat,
    "sum": plus,
    "mul": times,
    "ave": lambda forward, backward: times(HALF, plus(forward, backward)),
}


def stack(
    cell: System | Sequence[System], layers: int | None = None, *, input: str | None = None, output: str | None = None
) -> System:
    """A deep network: each layer reads, at the same step, what the layer below puts out.

    Args:
        cell: one cell for all layers, which then share their sizes (H), or a list of cells, each of its own size
            (H_1, H_2 …).
        layers: how many, for one cell; 2 if not given.
        input: what the layer below replaces; default the only sequence that drives the cell.
        output: what the layer above reads; default the only output of the cell.

    Returns:
        The system of all layers; quantities of layer l end in ``_l`` and have the origin ("layer", name, l).

    Raises:
        EquationError: for no layers, an ambiguous input or output, or sizes that cannot meet.
    """
    one = isinstance(cell, System)
    cells = [cell] * (2 if layers is None else layers) if isinstance(cell, System) else list(cell)
    if not cells or (not one and layers not in (None, len(cells))):
        raise EquationError(f"a stack of {layers if one else len(cells)} layers: give one cell and a number, or a list")
    wires = [(only_input(c, input), only_output(c, output)) for c in cells]
    copies = [
        _layer(c, number, wires[number - 1][0], shared_sizes=one, taken=_kept(cells, wires, one))
        for number, c in enumerate(cells, 1)
    ]
    tops = [dict(zip(c.variables, copy.variables, strict=True)) for c, copy in zip(cells, copies, strict=True)]
    net = copies[0]
    for number in range(1, len(copies)):
        below = tops[number - 1][wires[number - 1][1]]
        source = now(net.variables[below])
        net = wired(joined(net, copies[number]), {tops[number][wires[number][0]]: source})
    return net.renamed(name=f"{cells[0].name}-{len(cells)}-layers")


def _kept(cells: Sequence[System], wires: Sequence[tuple[str, str]], one: bool) -> set[str]:
    """What no copy of a cell renames: the input of the network, other inputs, and constants of a single cell."""
    kept = {wires[0][0]}
    for cell, (driven, _) in zip(cells, wires, strict=True):
        kept |= set(cell.inputs) - {driven}
        kept |= set(cell.constants) if one else set()
    return kept


def _layer(cell: System, number: int, driven: str, *, shared_sizes: bool, taken: set[str]) -> System:
    keep = taken - ({driven} if number > 1 else set())
    copy = marked(cell, str(number), "layer", number, keep=keep & set(cell.variables), taken=taken)
    lengths = {length(axis_symbol(axis)) for axis in cell.axes}
    own = {symbol for dim in cell.variables[driven].shape for symbol in dim.free_symbols}
    others = {s for name, var in cell.variables.items() if name not in keep | {driven} for s in _result(cell, name, var)}
    sizes = Names(map(str, cell.dimensions))
    loose = (own - others if shared_sizes else set(cell.dimensions)) - lengths
    if number == 1:
        loose -= own
    shared = {s for name in keep & set(cell.variables) - {driven} for d in cell.variables[name].shape for s in d.free_symbols}
    return renamed(copy, dimensions={str(d): sizes.fresh(f"{d}_{number}") for d in sorted(loose - shared, key=str)})


def _result(cell: System, name: str, var: Var) -> set[sympy.Symbol]:
    """Symbols in the shape of something computed."""
    return set() if var.is_leaf else {symbol for dim in var.shape for symbol in dim.free_symbols}


def bidirectional(
    cell: System, merge: str = "concat", *, output: str | None = None, axis: str | None = None
) -> System:
    """Two copies of a cell, one forward and one backward in time, and their outputs merged at every step.

    Args:
        cell: any system that can be reversed, h[t]: H.
        merge: "concat" (2H; PyTorch, and the default of Keras), "sum", "mul" or "ave" (H).
        output: what is merged; default the only output of the cell.
        axis: the time axis, if there are several.

    Returns:
        ``h[t] = [h_fwd[t], h_bwd[t]]`` above both halves; origins are ("forward", name) and ("backward", name).

    Raises:
        EquationError: for an unknown merge, or a cell that cannot be reversed.
    """
    if merge not in MERGE:
        raise EquationError(f"merge {merge!r} is unknown; there are {', '.join(MERGE)}")
    axis, name = only_axis(cell, axis), only_output(cell, output)
    keep = {*cell.inputs, *cell.constants}
    forward = marked(cell, "fwd", "forward", keep=keep, taken=cell.variables)
    backward = reverse(marked(cell, "bwd", "backward", keep=keep, taken=cell.variables), axis)
    both = joined(forward, backward)
    halves = [now(both.variables[_moved(cell, copy)[name]]) for copy in (forward, backward)]
    return defined(both, name, MERGE[merge](*halves), axis).renamed(name=f"bidirectional-{cell.name}")


def _moved(old: System, new: System) -> dict[str, str]:
    return dict(zip(old.variables, new.variables, strict=True))


def defined(system: System, name: str, expr: sympy.Expr, axis: str | None) -> System:
    """The system with one more quantity, ``name[axis] = expr``."""
    var = Var(name, unpair(system.shape_of(expr)), axis)
    equations = (*system.equations, Equation(now(var), expr))
    return assembled(equations, {**system.variables, name: var}, system)


