"""Gradients whose author visits the steps otherwise: in the wrong direction, or assigning where he should add.

A list that was filled backward and is read forward, an input taken from the front while the loop runs from the end,
one direction of a bidirectional network added in its own order; rows of an embedding that are assigned, or added by
an indexed ``+=`` that counts a repeated index once.

Read next: `numeric.check.diagnosis.rearranged`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from derive.expr import Step, is_op, refs
from derive.system import Equation
from numeric.check.diagnosis.local import Local, Locals
from numeric.check.diagnosis.sums import MOST, at_every_step, factors_of, flat, outer, spans_of
from numeric.check.variants.edits import terms
from numeric.check.variants.lanes import Result
from numeric.check.variants.view import View

Array = NDArray[Any]


def otherwise_visited(result: Result, name: str, locals_: Locals) -> Iterator[tuple[Local, Array]]:
    """Every such gradient of a quantity, (lanes, size)."""
    if name not in locals_.edits:
        return
    equation, _ = locals_.edits[name]
    inner = equation.expr.operands[0] if is_op(equation.expr, "sum") else None
    if _scattered(equation):
        yield from _assigned(result, name, equation)
    elif inner is not None:
        yield from _opposite(result, name, equation, locals_.view)
        yield from _columns_assigned(result, name, equation, locals_.view)
    elif isinstance(equation.out.index, Step):
        yield from _one_way(result, name, equation, locals_.view)


def _scattered(equation: Equation) -> bool:
    """Whether it adds columns at indices, of one gate or of several that look up the same."""
    sums = _summands(equation)
    if not all(is_op(one, "sum") and is_op(one.operands[0], "scatter") for one in sums):
        return False
    return len({(one.static, one.operands[0].operands[1]) for one in sums}) == 1


def _summands(equation: Equation) -> tuple[sympy.Expr, ...]:
    return equation.expr.operands if is_op(equation.expr, "plus") else (equation.expr,)


def _assigned(result: Result, name: str, equation: Equation) -> Iterator[tuple[Local, Array]]:
    """Rows of an embedding that a repeated index overwrites, over all steps or within each."""
    sums = _summands(equation)
    axis, (_, index) = str(sums[0].static[0]), sums[0].operands[0].operands
    values = reduce(add, (at_every_step(result, one.operands[0].operands[0], axis)[..., 0] for one in sums))
    which = at_every_step(result, index, axis)[0, ..., 0, 0].astype(int)
    classes = result.sizes.number(sums[0].operands[0].static[0])
    for local, found in _overwritten(name, values, which, classes):
        yield local, flat(found)


def _overwritten(name: str, values: Array, which: Array, classes: int) -> Iterator[tuple[Local, Array]]:
    """Columns (lanes, steps, examples, entries) assigned at indices (steps, examples): (lanes, entries, classes)."""
    lanes, steps, batch, entries = values.shape
    if lanes * entries * classes > MOST:
        return
    numbers = np.arange(steps * batch).reshape(steps, batch)
    orders = {
        "the loop runs backward": [*numbers[::-1].reshape(1, -1)],
        "the steps are visited forward": [*numbers.reshape(1, -1)],
        "the examples are visited one by one": [*numbers.T.reshape(1, -1)],
        "at each step": [*numbers],
    }
    for text, groups in orders.items():
        found = np.zeros((lanes, entries, classes))
        for group in groups:
            last = {int(which.flat[place]): int(place) for place in group}  # the later one overwrites
            found[:, :, list(last)] += np.moveaxis(values.reshape(lanes, -1, entries)[:, list(last.values())], 1, 2)
        detail = f"what repeats an index overwrites what stands there, where a sum belongs ({text})"
        yield Local("not-accumulated", name, detail, "a repeated index overwrites", 0), found


def _columns_assigned(result: Result, name: str, equation: Equation, view: View) -> Iterator[tuple[Local, Array]]:
    """The same of a matrix that multiplies classes: its columns are assigned."""
    found = factors_of(result, equation)
    if found is None:
        return
    columns, rows = found
    for low, high, _ in spans_of(view, equation):
        coded = rows[0, ..., low:high]
        if high - low < 2 or not (np.isin(coded, (0, 1)).all() and (coded.sum(-1) == 1).all()):
            continue
        for local, mine in _overwritten(name, columns, coded.argmax(-1), high - low):
            whole = np.array(np.broadcast_to(outer(columns, rows), (len(mine), columns.shape[-1], rows.shape[-1])))
            whole[..., low:high] = mine
            yield local, flat(whole)


def _opposite(result: Result, name: str, equation: Equation, view: View) -> Iterator[tuple[Local, Array]]:
    """Products of a δ and a value, one running from the last step and the other from the first."""
    found = factors_of(result, equation)
    if found is None:
        return
    columns, rows = found
    for low, high, text in spans_of(view, equation):
        turned = rows.copy()
        turned[..., low:high] = rows[:, ::-1, :, low:high]
        detail = f"{text} is read in the reverse order of the steps"
        yield Local("time-shift", name, detail, f"{text} in reverse", 0), flat(outer(columns, turned))


def _one_way(result: Result, name: str, equation: Equation, view: View) -> Iterator[tuple[Local, Array]]:
    """Of what several loops hand back, the part of one in the reverse order of the steps."""
    axis = str(equation.axis)
    loops: dict[frozenset[str], list[sympy.Expr]] = {}
    for _, term in terms(equation.expr):
        for read in [r for r in refs(term) if view.is_delta(r)][:1]:
            loops.setdefault(view.component(read.name), []).append(term)
    if len(loops) < 2:
        return
    parts = {
        names: reduce(add, (at_every_step(result, term, axis) for term in mine))  # (lanes, steps, examples, rows, 1)
        for names, mine in loops.items()
    }
    whole = reduce(add, parts.values())
    for names, part in parts.items():
        owners = list(dict.fromkeys(view.gate(r.name) for t in loops[names] for r in refs(t) if r.name in names))
        detail = f"what comes through {', '.join(owners)} is in the reverse order of the steps"
        turned = whole - part + part[:, ::-1]
        yield Local("time-shift", ", ".join((name, *owners)), detail, detail, 0), flat(result.gradient(name, turned))
