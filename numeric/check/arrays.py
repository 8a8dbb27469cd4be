"""`check_arrays`: the arrays of somebody's run in, a `Verdict` out.

Keys say what an array is, in the author's own names: ``input/x``, ``initial/h``, ``param/Wf``, ``output/h``,
``cotangent/h`` (or ``target/y`` and ``loss``), ``grad/Wf``.

Read next: `numeric.check.calling.adapter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import derive
from derive.networks import NAMED, build
from derive.system import System
from numeric.check.bound import Bound
from numeric.check.conventions.apart import apart, must_be
from numeric.check.conventions.bind import Undecided, bind
from numeric.check.conventions.decay import without_decay
from numeric.check.conventions.families import structures
from numeric.check.conventions.folded import unfolded
from numeric.check.conventions.padding import unpadded, without_zeros
from numeric.check.conventions.projected import projected, several
from numeric.check.conventions.shared import shared, unshared
from numeric.check.diagnosis.clock import Clock
from numeric.check.diagnosis.judge import judge
from numeric.check.dump import Dump
from numeric.check.foreign import as_arrays
from numeric.check.verdict import Verdict

LEAST = 5.0  # seconds to find out what the arrays mean
Choice = tuple[System | None, str, bool]  # a system, or the family that is searched; whether without any change
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
    choices = _choices(cell)
    if not dump.params and all(system is None or system.parameters for system, _, _ in choices):
        raise ValueError("there is no parameter: a dump needs a key param/NAME")
    clock = Clock()

    def bound(dump: Dump, system: System | None, family: str, quick: bool) -> list[Bound]:
        return bind(
            dump,
            quick=quick,
            cell=system,
            family=family,
            loss=loss,
            mapping=mapping,
            convention=convention,
            progress=progress,
            out_of_time=lambda: clock.now() > max(budget / 2, LEAST),
        )

    try:
        bounds = _bounds(dump, bound, choices)
    except Undecided as reason:
        return Verdict("undecided", False, architecture=reason.nearest, worst=reason.difference, notes=(str(reason),))
    bounds = [one for b in bounds for one in ((b.without_direct(), b.direct_left_out()) if b.direct else (b,))]
    coarsest = max(dump.spacing(kind) for kind in ("input", "param", "output", "grad"))
    lenient = bool(dump.targets) and loss is None
    coarse = [
        replace(b, lenient=lenient, claims=tuple(replace(c, precision=coarsest) for c in b.claims)) for b in bounds
    ]
    left = max(budget - clock.now(), budget / 2)
    return judge(coarse, budget=left, progress=progress, otherwise=lambda one: without_decay(one, dump))


def _bounds(dump: Dump, bound: Callable[..., list[Bound]], choices: Sequence[Choice]) -> list[Bound]:
    """What the dump means, under the cell that is named or, if it is none of that, its relatives.

    Raises:
        Undecided: the first reason that names a difference.
    """
    reasons: list[Undecided] = []
    for system, family, quick in choices:
        found = _agreeing(dump, partial(bound, system=system, family=family), system, quick, reasons)
        if found:
            return found
    raise next((r for r in reasons if r.difference is not None), reasons[-1])


def _agreeing(
    dump: Dump, bound: Callable[..., list[Bound]], system: System | None, only_quick: bool, reasons: list[Undecided]
) -> list[Bound]:
    """What the dump means, as it is or with arrays in another form; nothing if no form agrees, with the reasons."""
    doubtful: list[Bound] = []
    rounds = (True,) if only_quick else (True, False) if dump.outputs else (False,)
    for quick in rounds:  # names and forward values, before all that shapes allow
        for other, back in _forms(dump, system):
            try:
                found = [back(one) for one in bound(other, quick=quick)]
            except Undecided as reason:
                reasons.append(reason)
                continue
            if dump.loss is None or not all(one.doubt for one in found):
                return found
            doubtful = doubtful or found
            for left_out in without_zeros(other):
                again = [back(one) for one in bound(left_out, quick=quick)]
                if not all(one.doubt for one in again):
                    return again
        if doubtful:
            return doubtful
    return []


def _forms(dump: Dump, system: System | None) -> Iterator[tuple[Dump, Callable[[Bound], Bound]]]:
    """The dump as it is, with arrays of copies taken apart, steps and examples parted, or initial states shared."""
    folded = [(other, _as_it_is) for other in unfolded(dump)]
    later = bool(folded) or must_be(dump)  # no quantity can have such axes
    yield from [] if later else [(dump, _as_it_is)]
    yield from folded
    yield from ((other, _as_it_is) for other in unpadded(dump))
    yield from several(dump, system)
    yield from apart(dump)
    yield from projected(dump)
    for repeated, where in unshared(dump):
        yield repeated, partial(shared, dump=dump, where=where)
    yield from [(dump, _as_it_is)] if later else []


def _as_it_is(bound: Bound) -> Bound:
    return bound


def _choices(cell: System | str | None) -> list[Choice]:
    """What is tried in turn.

    A name of the library narrows the search to its family, whose switches it does not pin; what the family has not got
    is tried as it stands, first without any change.  A network stands for its kind too, perhaps with other sizes.
    """
    if cell is None:
        return [(None, "", False)]
    if isinstance(cell, System):
        return [(cell, "", False)]
    if "=" in cell:
        return [(derive.parse(cell), "", False)]
    own = build(cell) if cell in NAMED else derive.load(cell)  # an unknown name is an error, with the closest one
    family = next((family for family in FAMILIES if cell.startswith(family)), "")
    if not family:
        return [(own, "", False)]
    if cell in NAMED:
        return [(own, "", False), (None, family, False)]
    known = any(variant.text == cell for structure in structures(family) for variant in structure.variants)
    return [*([] if known else [(own, "", True)]), (None, cell, False), (own, "", False)]
