"""Products with inputs that stay in their loop (`numeric.together`), as NumPy text.

    h_and_inputs[..., H:D + H] = x
    h_and_inputs[..., -1] = 1
    W_all = np.concatenate((W_h, W_x, b[:, None]), axis=1)

Read next: `numeric.emit_steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import sympy

from derive.expr import plus
from numeric.emit_values import plain
from numeric.instructions import Call, Spot
from numeric.lowering import Lowering
from numeric.together import Together


def joined(step: Lowering, calls: Sequence[Call], one: Together) -> tuple[list[str], list[Call]] | None:
    """Statements before a loop, and the calls of a step, with one product of a state and its inputs.

    Args:
        step: as it was lowered.
        calls: of it: a product with the state, and then the rest added.
        one: what goes together.
    """
    at, layout, place = step.at, step.layout, step.place
    out = at.spots.get(one.name)
    state, summand = at.moving(one.state, -step.stage.direction), at.moving(one.summand, 0)
    number = next((n for n, pair in enumerate(pairwise(calls)) if _is_sum(*pair, state, summand, out)), None)
    if number is None:
        return None
    product, addition = calls[number : number + 2]
    view, matrix = layout.fresh(f"{layout.names[one.state]}_and_inputs"), layout.fresh("W_all")
    start = layout.before[one.state] - step.stage.direction
    span = f":{place.steps_of(str(step.stage.axis))}" if start == 0 else f"{start}:"
    lines = [f"    {view} = {layout.wide[one.state][0]}[{span}]"]
    blocks, low = [product.inputs[0].base], step.plan.variables[one.state].shape[0]
    for factor, sequence in one.products:
        high = sympy.expand(low + step.plan.shape_of(sequence)[0])
        lines.append(f"    {view}[..., {place.size(low)}:{place.size(high)}] = {plain(place.value(sequence)).text}")
        blocks.append(plain(place.value(factor)).text)
        low = high
    if one.biases:
        lines.append(f"    {view}[..., -1] = 1")
        blocks.append(f"{plain(place.value(plus(*one.biases))).atom}[:, None]")
    lines.append(f"    {matrix} = np.concatenate(({', '.join(blocks)}), axis=1)")
    at.widths[view, True], at.sources[view] = one.width, one.state
    column = Spot(view, sympy.Integer(0), one.width, moves=True)
    whole = replace(product, inputs=(Spot(matrix), column), numbers=product.numbers + addition.numbers)
    return lines, [*calls[:number], whole, *calls[number + 2 :]]


def _is_sum(product: Call, addition: Call, state: Spot, summand: Spot, out: Spot | None) -> bool:
    """Whether two calls multiply a state by weights, and add to that what the inputs give."""
    is_product = product.function == "dot" and product.inputs[1] == state and product.out == out
    return is_product and addition.function == "add" and addition.out == out and set(addition.inputs) == {out, summand}
