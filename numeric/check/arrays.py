"""`check_arrays`: the arrays of somebody's run in, a `Verdict` out.

Keys say what an array is, in the author's own names: ``input/x``, ``initial/h``, ``param/Wf``, ``output/h``,
``cotangent/h`` (or ``target/y`` and ``loss``), ``grad/Wf``.

Read next: `numeric.check.calling.adapter`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import derive
from derive.networks import NAMED, build
from derive.system import System
from numeric.check.conventions.bind import Undecided, bind
from numeric.check.diagnosis.judge import judge
from numeric.check.dump import Dump
from numeric.check.foreign import as_arrays
from numeric.check.verdict import Verdict

FAMILIES = ("rnn", "gru", "lstm")


def check_arrays(
    arrays: Mapping[str, Any],
    *,
    precision: Mapping[str, float] | None = None,
    cell: System | str | None = None,
    loss: str | None = None,
    mapping: Mapping[str, str] | None = None,
    convention: str | None = None,
    budget: float = 45.0,
    progress: Callable[[str], None] | None = None,
) -> Verdict:
    """Whether a hand-written gradient is right; if not, which term of it is wrong.

    Args:
        arrays: by key, in the author's layouts and dtypes; NumPy's, tensors, lists, anything with ``__array__``.
        precision: the spacing at 1 of numbers that had a coarser dtype than they have now, by key, as files say it.
        cell: a name of the library (it narrows the search to that family and pins none of its switches), the name of
            a network, equations, or a system; None to try all families.
        loss: the loss that the code differentiates, where there is a target; None to recognise it.
        mapping: what the author's arrays are, by name, where it cannot be found out.
        convention: a convention to take for granted.
        budget: seconds for the search for mistakes.
        progress: called with a line of text now and then.

    Raises:
        ValueError: one line, if the arrays make no sense.
        EquationError: if `cell` is neither a name nor equations.
    """
    found = as_arrays(arrays)
    dump = Dump.of(found.values, {**found.precisions, **(precision or {})})
    system, family = _cell(cell)
    try:
        bounds = bind(
            dump, cell=system, family=family, loss=loss, mapping=mapping, convention=convention, progress=progress
        )
    except Undecided as reason:
        return Verdict("undecided", False, architecture=reason.nearest, worst=reason.difference, notes=(str(reason),))
    return judge(bounds, budget=budget, progress=progress)


def _cell(cell: System | str | None) -> tuple[System | None, str]:
    """A system whose layouts alone are searched, or the family that is."""
    if cell is None:
        return None, ""
    if isinstance(cell, System):
        return cell, ""
    if "=" in cell:
        return derive.parse(cell), ""
    if cell in NAMED:
        return build(cell), ""
    derive.load(cell)  # an unknown name is an error, with the closest one
    return None, next((family for family in FAMILIES if cell.startswith(family)), "")
