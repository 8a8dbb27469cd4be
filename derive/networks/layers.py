"""Deep and bidirectional networks: copies of a cell, wired.

``h_2`` is h of the second layer, ``W_f_fwd_1`` is W_f of the first layer's forward half.  What the halves of a
bidirectional cell compute together has the name that the cell gave its output: ``h[t] = [h_fwd[t], h_bwd[t]]``.
Each copy has parameters and an initial state of its own; constants, masks and other inputs are shared.

    stack(load("lstm"), 2)                    nn.LSTM(num_layers=2)
    stack([load("lstm"), load("gru")])        any cells, of any sizes
    stack(bidirectional(load("lstm")), 2)     nn.LSTM(num_layers=2, bidirectional=True)

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

DEEP = "Graves 2013, arXiv 1308.0850"
BIDIRECTIONAL = "Schuster & Paliwal 1997, IEEE TSP 45(11)"
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
    net, below = None, None
    for number, layer in enumerate(cells, 1):
        driven, result = only_input(layer, input), only_output(layer, output)
        used = {name for c in cells for name in c.inputs} | set(net.variables if net else ())
        copy = _layer(layer, number, driven, shared=one, used=used)
        moved = _moved(layer, copy)
        net = copy if net is None else wired(joined(net, copy), {moved[driven]: below})
        below = now(net.variables[moved[result]])
    assert net is not None
    named = " under ".join(dict.fromkeys(c.title or c.name for c in cells))
    return net.renamed(name=f"{cells[0].name}-{len(cells)}-layers", title=f"{len(cells)} layers: {named}", source=DEEP)


def _layer(cell: System, number: int, driven: str, *, shared: bool, used: set[str]) -> System:
    """A copy of a cell with names of its own, and with sizes of its own where the layers do not share them."""
    keep = {*cell.inputs, *(cell.constants if shared else ())} - ({driven} if number > 1 else set())
    copy = marked(cell, str(number), "layer", number, keep=keep, taken=used)
    width = _symbols(cell, {driven})
    own = width - _symbols(cell, set(cell.defined)) if shared else set(cell.dimensions)
    own -= {length(axis_symbol(axis)) for axis in cell.axes} | _symbols(cell, keep - {driven})
    if number == 1:
        own -= width
    sizes = Names(map(str, cell.dimensions))
    return renamed(copy, dimensions={str(d): sizes.fresh(f"{d}_{number}") for d in sorted(own, key=str)})


def _symbols(cell: System, names: set[str]) -> set[sympy.Symbol]:
    """Dimensions in the shapes of some quantities."""
    return {symbol for name in names for dim in cell.variables[name].shape for symbol in dim.free_symbols}


def bidirectional(cell: System, merge: str = "concat", *, output: str | None = None, axis: str | None = None) -> System:
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
    backward = reverse(marked(cell, "bwd", "backward", keep=keep, taken={*cell.variables, *forward.variables}), axis)
    both = joined(forward, backward)
    halves = [now(both.variables[_moved(cell, copy)[name]]) for copy in (forward, backward)]
    return defined(both, name, MERGE[merge](*halves), axis).renamed(
        name=f"bidirectional-{cell.name}", title=f"Bidirectional: {cell.title or cell.name}", source=BIDIRECTIONAL
    )


def _moved(old: System, new: System) -> dict[str, str]:
    return dict(zip(old.variables, new.variables, strict=True))


def defined(system: System, name: str, expr: sympy.Expr, axis: str | None) -> System:
    """The system with one more quantity, ``name[axis] = expr``."""
    var = Var(name, unpair(system.shape_of(expr)), axis)
    equations = (*system.equations, Equation(now(var), expr))
    return assembled(equations, {**system.variables, name: var}, system)
