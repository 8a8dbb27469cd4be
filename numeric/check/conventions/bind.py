"""`bind`: from a dump to what it means, by trying conventions until the forward values agree.

Structures of the families are tried in turn (or the user's own system); shapes prune, names order, values decide.

Read next: `numeric.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from derive.system import System
from numeric.check.bound import Bound
from numeric.check.conventions.assemble import assembled, derived, misnamed
from numeric.check.conventions.candidates import Group, groups
from numeric.check.conventions.claims import same
from numeric.check.conventions.losses import Lossy, losses
from numeric.check.conventions.padding import padded
from numeric.check.conventions.search import Fit, Progress, search
from numeric.check.dump import Dump

LIKELY = 3  # layouts of each candidate that are compared by gradients, where there is no forward to compare
AGREES = 1e-4
LONGEST = 64  # steps of a sequence whose states may be read side by side


class Undecided(ValueError):
    """No convention makes a known forward agree.

    Attributes:
        nearest: the candidate whose outputs came nearest, in words; "" if no shapes fit.
        difference: how far its worst output was off, relative to its largest entry.
    """

    def __init__(self, reason: str, nearest: str = "", difference: float | None = None) -> None:
        super().__init__(reason)
        self.nearest, self.difference = nearest, difference


def bind(
    dump: Dump,
    *,
    cell: System | None = None,
    family: str = "",
    loss: str | None = None,
    mapping: Mapping[str, str] | None = None,
    convention: str | None = None,
    progress: Progress | None = None,
    out_of_time: Callable[[], bool] = lambda: False,
    quick: bool = False,
) -> list[Bound]:
    """What a dump means, the likeliest first.

    Args:
        dump: the arrays.
        cell: a system of the user's own; only its layouts are searched.
        family: "rnn", "gru" or "lstm" to search only these; "lstm-peephole" to begin with that one.
        loss: "cross-entropy", "binary" or "squared", where the shapes of targets allow several.
        mapping: what the author's arrays are, by key, where names mislead: {"output/a": "h", "param/W1": "f",
            "param/W": "i,f,o,g"}: a quantity of the system, or the gates that an array of parameters holds, in order.
        out_of_time: whether to stop with what there is.
        quick: whether to try only what the names suggest.
        convention: words that must stand in `Bound.convention`, parted by semicolons: "rows; x (T, B, D)".

    Returns:
        One bound, or several if they fit equally and mean different gradients; each says so in its notes.

    Raises:
        Undecided: if the forward of no candidate agrees.
        ValueError: for a loss that is not known, or a mapping of arrays that do not exist.
    """
    dump = dump.with_wishes(mapping or {})
    whole = any(array.dtype.kind == "i" for array in dump.inputs.values())

    def candidates() -> Iterator[list[Group]]:
        found = groups(cell, family, len(dump.params), _lengths(dump), whole)
        masked = any(array is dump.mask for array in dump.inputs.values())
        return ([_padded(group) for group in some] for some in found) if masked else found

    fits, nearest = search(dump, candidates(), progress, out_of_time, quick=quick)
    if not fits and nearest is None:
        raise Undecided("the shapes of the arrays fit no cell that is known; give its equations as the cell")
    if not fits and nearest is not None:
        words, off = nearest.candidate.words, nearest.worst
        so_far = " in the time that there was" if out_of_time() else ""
        raise Undecided(
            f"no forward agrees{so_far}: the nearest is {words}, whose outputs differ by {off:.1e}", words, off
        )
    if dump.targets:
        found = losses(dump, _likeliest(dump, fits), loss)
        if dump.loss is not None and not dump.outputs and not any(lossy.printed for lossy in found):
            # the names mislead, or the loss is not the printed one
            others, _ = search(dump, candidates(), progress, out_of_time, True)
            loosely = losses(dump, _likeliest(dump, others), loss) if others else []
            found = loosely if any(lossy.printed for lossy in loosely) else found
        if not found:
            words = fits[0].candidate.words
            raise Undecided(f"the forward is that of {words}, but no known loss has targets of such a shape", words)
        bounds = [_with_loss(dump, lossy, loss is not None) for lossy in _unlike(dump, found)]
    else:
        bounds = [bound for fit in _distinct(dump, _likeliest(dump, fits)) for bound in _readings(dump, fit)]
    wished = [part.strip() for part in (convention or "").split(";")]
    kept = [bound for bound in bounds if all(part in bound.convention for part in wished)]
    if not kept:
        raise Undecided(
            f"the forward agrees with {bounds[0].convention!r}, not with {convention!r}", bounds[0].architecture
        )
    return _told(dump, [bound for bound in kept if bound.cotangents] or kept)


def _padded(group: Group) -> Group:
    return tuple(new for candidate in group for new in padded(candidate))


def _lengths(dump: Dump) -> list[int]:
    """How long sequences may be, by the axes of the inputs."""
    return sorted({n for array in dump.inputs.values() for n in array.shape if 1 < n <= LONGEST})


def _likeliest(dump: Dump, fits: list[Fit]) -> list[Fit]:
    """All fits where outputs were compared; otherwise the few of each candidate that the names suggest.

    A forward with one change may be another with gates exchanged: of those, the one that the names suggest.
    """
    if all(fit.candidate.changed for fit in fits):
        best = max(fit.score for fit in fits)
        alike: dict[object, Fit] = {}
        for fit in fits:
            if fit.score > best - 1e-9:
                alike.setdefault(tuple(fit.layout.held.items()), fit)
        return list(alike.values())
    if dump.outputs:
        return fits
    by: dict[str, list[Fit]] = {}
    for fit in sorted(fits, key=lambda fit: fit.setting.cost - fit.score):
        by.setdefault(f"{fit.candidate.words} {fit.setting.placements}", []).append(fit)
    return [fit for some in by.values() for fit in some[: LIKELY if dump.loss is None else 10 * LIKELY]]


def _distinct(dump: Dump, fits: list[Fit]) -> list[Fit]:
    """Fits that mean different gradients, the likeliest first."""
    found: dict[object, Fit] = {}
    for fit in sorted(fits, key=lambda fit: -fit.score):
        found.setdefault((fit.system, _meaning(dump, fit), tuple(fit.setting.belongs.items())), fit)
    return list(islice(found.values(), 40))


def _meaning(dump: Dump, fit: Fit) -> object:
    """The values of the parameters, and where those of them belong whose gradients are given."""
    judged = {same(name, dump.params) for name in dump.grads}
    index = tuple((name, i.tobytes()) for name, i in sorted(fit.layout.index.items()) if name in judged)
    return fit.vector.tobytes(), index


def _readings(dump: Dump, fit: Fit) -> Iterator[Bound]:
    """The bound of a fit; two if an output has another quantity's values than its name says."""
    odd = misnamed(dump, fit)
    words = tuple(f"output/{name} has the values of {is_}, not of {named}" for name, (is_, named) in odd.items())
    yield _changed(assembled(dump, fit), words)
    if any(name in dump.cotangents for name in odd):
        literal = {name: named for name, (_, named) in odd.items()}
        yield replace(_changed(assembled(dump, fit, literal=literal), words), literal=True)


def _changed(bound: Bound, words: tuple[str, ...]) -> Bound:
    return replace(bound, changed=(*bound.changed, *words))


def _unlike(dump: Dump, found: Sequence[Lossy]) -> list[Lossy]:
    """Losses that mean different gradients, the likeliest first."""
    kept: dict[object, Lossy] = {}
    for lossy in found:
        goals = tuple((a.shape, a.tobytes()) for a in lossy.inputs.values())
        kept.setdefault((lossy.words, _meaning(dump, lossy.fit), goals, tuple(lossy.scales)), lossy)
    return list(islice(kept.values(), 8))


def _with_loss(dump: Dump, lossy: Lossy, named: bool) -> Bound:
    fit = replace(lossy.fit, system=lossy.system)
    bound = assembled(dump, fit, more_inputs=lossy.inputs, above=lossy.system.outputs[-1:])
    notes = [] if len(dump.targets) == 1 else [f"only target/{next(iter(dump.targets))} is used"]
    if lossy.printed is False:
        notes.append(f"the printed loss {dump.loss:.6g} is not the {lossy.words} summed or averaged in any way")
    doubt = "" if named or lossy.printed else f"the loss is taken for a {lossy.words}, which no gradient confirms"
    return replace(
        bound,
        doubt=doubt,
        scales=dict(lossy.scales),
        architecture=f"{bound.architecture}, {lossy.words}",
        notes=(*bound.notes, *notes),
    )


def _told(dump: Dump, bounds: list[Bound]) -> list[Bound]:
    """Bounds of which each says that there are others; the one that has most gradients right is the first."""
    notes = []
    if not dump.outputs and dump.loss is None:
        notes.append("no output and no loss is given, so the forward is not compared: names and gradients decided")
    if len(bounds) > 1:
        right = np.array([agreeing(bound) for bound in bounds])
        bounds = [bounds[n] for n in np.argsort(-right, kind="stable")]
        bounds = bounds[: int((right == right.max()).sum())] if not dump.outputs and right.max() > 0 else bounds[:6]
    if len(bounds) > 1:
        notes.append(f"{len(bounds)} readings of the arrays fit equally")
    return [replace(bound, notes=(*bound.notes, *notes)) for bound in bounds[:6]]


def agreeing(bound: Bound) -> int:
    """How many of the author's gradients are those of the system, by the scale that most have."""
    truth = derived(bound)
    best = 0
    for scale in bound.scales.values():
        off = [
            float(np.abs(scale * truth[c.index] - c.values).max()) / (float(np.abs(c.values).max()) or 1.0)
            for c in bound.claims
        ]
        best = max(best, sum(error < AGREES for error in off))
    return best
