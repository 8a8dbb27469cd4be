"""Losses: what a code that differentiates a loss itself differentiates.

The loss becomes a part of the system, so that its gradient is derived like any other: L[b] of one example, summed over
time.  Whether an author sums or averages over examples, steps and classes is a factor; the printed loss tells, if there
is one, and otherwise every such factor is admissible.

Read next: `numeric.check.conventions.intermediates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.errors import EquationError
from derive.expr import Ref, fixed, is_op, ref
from derive.networks import loss as loss_of
from derive.networks.layers import defined
from derive.operands import name_operands
from derive.system import System
from numeric.check.conventions.axes import Placement, placements, rarity, time_label
from numeric.check.conventions.padding import weighted
from numeric.check.conventions.readings import agrees
from numeric.check.conventions.search import Fit
from numeric.check.conventions.trial import forwards
from numeric.check.dump import Dump

KINDS = {
    "cross-entropy": "softmax cross-entropy",
    "cross-entropy-onehot": "softmax cross-entropy",
    "binary": "binary cross-entropy",
    "squared": "squared error",
}
FUNCTION = {"cross-entropy": "softmax", "cross-entropy-onehot": "softmax", "binary": "sigmoid"}
ALIASES = {
    "cross-entropy": ("cross-entropy", "cross-entropy-onehot"),
    "crossentropy": ("cross-entropy", "cross-entropy-onehot"),
    "softmax": ("cross-entropy", "cross-entropy-onehot"),
    "ce": ("cross-entropy", "cross-entropy-onehot"),
    "nll": ("cross-entropy", "cross-entropy-onehot"),
    "binary": ("binary",),
    "bce": ("binary",),
    "squared": ("squared",),
    "mse": ("squared",),
}


@dataclass(frozen=True)
class Lossy:
    """A fit with a loss above it.

    Attributes:
        system: with names for all operands; L is its loss.
        inputs: the targets, public arrays.
        scales: factors of L that are admissible.
        words: "softmax cross-entropy at every step".
        printed: whether the printed loss is L times one of the scales; None if nothing was printed.
        score: how natural the loss is.
    """

    fit: Fit
    system: System
    inputs: Mapping[str, NDArray[Any]]
    scales: Mapping[str, float]
    words: str
    printed: bool | None
    score: float


def kinds_of(name: str | None) -> tuple[str, ...]:
    """The losses that a name may mean; all for None.

    Raises:
        ValueError: for a name of no known loss.
    """
    if name is None:
        return tuple(KINDS)
    if name.lower() not in ALIASES:
        raise ValueError(f"loss {name!r} is unknown; there are cross-entropy, binary and squared")
    return ALIASES[name.lower()]


def losses(dump: Dump, fits: Sequence[Fit], name: str | None = None) -> list[Lossy]:
    """All losses that targets and predictions allow; those that give the printed number if any does."""
    bare: dict[int, System] = {}  # by candidate; p = softmax(W_y @ h) has logits with a name too
    for fit in fits:
        if id(fit.candidate) not in bare:
            bare[id(fit.candidate)] = name_operands(fit.candidate.make())
    found = [lossy for fit in fits for lossy in _above(dump, fit, bare[id(fit.candidate)], kinds_of(name))]
    if any(lossy.printed for lossy in found):
        found = [lossy for lossy in found if lossy.printed]
    return sorted(found, key=lambda lossy: -lossy.score)


def _above(dump: Dump, fit: Fit, bare: System, kinds: Sequence[str]) -> Iterator[Lossy]:
    target = next(iter(dump.targets.values()))
    for of in _predictions(bare):
        var = bare.variables[of]
        rows = fit.setting.sizes.number(var.shape[0]) if var.shape else 1
        time = {time_label(var.axis): fit.setting.sizes.steps(var.axis)} if var.axis is not None else {}
        for steps in ({}, time) if time and next(iter(time.values())) > 1 else (time,):
            for kind in kinds:
                labels = {**steps, "B": fit.setting.sizes.batch} | (
                    {"0": rows} if var.shape and kind != "cross-entropy" else {}
                )
                for placement in sorted(placements(target.shape, tuple(labels), labels), key=rarity):
                    value = placement.read(target)
                    if not _sensible(kind, value, rows):
                        continue
                    built = _built(bare, kind, of, last=bool(time) and not steps)
                    if built is None:
                        continue
                    yield _scaled(dump, fit, built, kind, value, placement, rows, bool(steps))
                    if dump.mask is not None and steps:
                        yield _scaled(dump, fit, built, kind, value, placement, rows, True, _mask(dump, fit, var.axis))


def _mask(dump: Dump, fit: Fit, axis: str | None) -> NDArray[Any] | None:
    """Which steps count, (T, B)."""
    assert axis is not None
    assert dump.mask is not None
    labels = {time_label(axis): fit.setting.sizes.steps(axis), "B": fit.setting.sizes.batch}
    found = list(placements(dump.mask.shape, tuple(labels), labels))
    like = [other for other in fit.setting.placements.values() if any(agrees(other, one) for one in found)]
    best = max(found, key=lambda one: sum(agrees(one, other) for other in like), default=None)
    return None if best is None else best.read(dump.mask)


def _predictions(system: System) -> list[str]:
    """What a loss may be of: columns and numbers that are computed, p and y before h."""
    columns = [n for n in system.defined if len(system.variables[n].shape) <= 1]
    order = [*(n for n in ("p", "y") if n in columns), *(n for n in system.outputs if n in columns)]
    order += [n for n in system.states if n in columns]
    return list(dict.fromkeys(order))


def _sensible(kind: str, value: NDArray[Any], rows: int) -> bool:
    """Whether numbers can be targets of a loss."""
    if kind == "squared":
        return True
    inside = bool((value >= 0).all())
    if kind == "binary":
        return inside and bool((value <= 1).all())
    if rows < 2 or not inside:
        return False
    if kind == "cross-entropy":
        return value.dtype.kind == "i" and int(value.max()) < rows
    return bool(np.allclose(value.sum(axis=-1), 1.0, atol=1e-5))


@lru_cache(maxsize=256)
def _built(system: System, kind: str, of: str, *, last: bool) -> System | None:
    """The system with the loss; None if the prediction is no prediction of that loss."""
    try:
        if last:
            function, logits = _probability(system, of)
            if function and kind != "squared":
                if FUNCTION[kind] != function:
                    return None
                of = logits
            axis = str(system.variables[of].axis)
            end = f"{of}_T" if f"{of}_T" not in system.variables else f"{of}_end"
            system = defined(system, end, ref(of, fixed(axis, 0, True)), None)
            of = end
        return loss_of(system, kind, of=of)
    except EquationError:
        return None


def _probability(system: System, name: str) -> tuple[str, str]:
    """The function that makes a quantity a probability, and of what; two empty texts if it is none."""
    expr = system.equation(name).expr
    for function in ("softmax", "sigmoid"):
        if is_op(expr, function) and isinstance(expr.operands[0], Ref):
            return function, str(expr.operands[0].name)
    return "", ""


def _scaled(
    dump: Dump,
    fit: Fit,
    system: System,
    kind: str,
    value: NDArray[Any],
    at: Placement,
    rows: int,
    every: bool,
    mask: NDArray[Any] | None = None,
) -> Lossy:
    goal = next(n for n in system.inputs if n not in fit.setting.inputs)
    inputs = {goal: value if kind == "cross-entropy" else value.astype(float)}
    if mask is not None:
        system = weighted(system)
        inputs |= {n: mask for n in system.inputs if n != goal and n not in fit.setting.inputs}
    named = _named(system)
    space, setting = fit.arrangement.space, fit.setting
    found = forwards(
        named,
        setting.sizes,
        space,
        fit.vector[None],
        {**setting.inputs, **inputs},
        setting.initial,
        [system.outputs[-1]],
    )
    total = float(found[system.outputs[-1]].sum())
    scales = dict(factors(kind, setting.sizes.batch, value.shape[0] if every else 1, rows))
    if mask is not None:
        scales |= {f"{words}, of the steps that count": f / float(mask.sum()) for words, f in scales.items() if f >= 1}
    printed = None
    if dump.loss is not None:
        near = 10 * dump.tolerance * abs(dump.loss)
        fitting = {n: f for n, f in scales.items() if abs(f * total - dump.loss) <= near}
        printed = bool(fitting)
        scales = fitting or scales
    words = f"{KINDS[kind]} {'at every step' if every else 'of the last step'}{'' if mask is None else ' that counts'}"
    natural = {"cross-entropy": 3.0, "cross-entropy-onehot": 2.0, "binary": 1.0, "squared": 0.5}[kind]
    head = next((h for h in ("softmax", "sigmoid", "linear") if f"{h} read-out" in fit.candidate.words), "")
    natural += 4.0 * ((head, KINDS[kind].partition(" ")[0]) in {("softmax", "softmax"), ("sigmoid", "binary")})
    natural += 0.2 * (mask is not None)
    natural += 1.0 * (head == "linear" and kind == "squared") - 0.05 * rarity(at)
    natural += 0.5 * any(agrees(at, other) for other in setting.placements.values())
    return Lossy(fit, named, inputs, scales, words, printed, natural + 0.01 * fit.score)


@lru_cache(maxsize=256)
def _named(system: System) -> System:
    return name_operands(system)


@lru_cache(maxsize=256)
def factors(kind: str, batch: int, steps: int, classes: int) -> Mapping[str, float]:
    """Sums and means over examples, steps and, where classes add up, classes; a squared error has ½ or not."""
    counts = {"B": batch, "T": steps} | ({"classes": classes} if kind in ("squared", "binary") else {})
    found: dict[str, float] = {}
    for half in (1.0, 2.0) if kind == "squared" else (1.0,):
        for number in range(len(counts) + 1):
            for over in combinations([n for n, count in counts.items() if count > 1], number):
                words = "mean over " + ", ".join(over) if over else "sum"
                words += {"squared": ", with ½" if half == 1 else ", without ½"}.get(kind, "")
                factor = half / float(np.prod([counts[n] for n in over]))
                if not any(np.isclose(factor, other) for other in found.values()):
                    found[words] = factor
    return found
