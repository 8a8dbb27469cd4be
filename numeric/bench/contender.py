"""A contender: a way to compute a task, made ready, so that one call is one forward, or forward and backward.

Read next: `numeric.bench.textbook`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from numeric.bench.task import Task

FORWARD, BOTH = "forward", "forward and backward"
DIRECTIONS = (FORWARD, BOTH)


class NotMeasured(Exception):
    """A contender that cannot compute this here; the message says why, in one line."""


@dataclass(frozen=True)
class Action:
    """One call that is timed.

    Attributes:
        call: does the work, and returns whatever the contender returns.
        seen: what was returned as arrays by name, in the layout of the task: outputs, or gradients.
    """

    call: Callable[[], Any]
    seen: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Ready:
    """A contender for a task.

    Attributes:
        actions: by direction; one that is absent cannot be had.
        deriving: seconds of processor time to the equations of the gradient; None where there are none.
        compiling: seconds until the first call can run; None where nothing is compiled.
        release: gives memory back that is kept for later calls.
    """

    actions: Mapping[str, Action]
    deriving: float | None = None
    compiling: float | None = None
    release: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Contender:
    """A way to compute a task.

    Attributes:
        name: as printed.
        title: what it is, in a few words.
        prepare: makes it ready; raises `NotMeasured`.
        peer: whether being slower than it is a loss; the limit is not there to be beaten.
        module: that has to be installed.
    """

    name: str
    title: str
    prepare: Callable[[Task], Ready]
    peer: bool = True
    module: str = ""


def prepared(contender: Contender, task: Task) -> Ready:
    """A contender made ready.

    Raises:
        NotMeasured: where it is not installed, or has no such cell.
    """
    if contender.module and importlib.util.find_spec(contender.module) is None:
        raise NotMeasured(f"{contender.module} is not installed")
    return contender.prepare(task)


def difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> float:
    """The largest difference of any array, relative to the largest entry of the expected one; NaN differs.

    Raises:
        ValueError: where not the same names, or shapes, are there.
    """
    if set(found) != set(expected):
        raise ValueError(f"computes {', '.join(found)}, not {', '.join(expected)}")
    worst = 0.0
    for name, array in expected.items():
        mine, other = np.asarray(found[name], np.float64), np.asarray(array, np.float64)
        if mine.shape != other.shape:
            raise ValueError(f"{name} has the shape {mine.shape}, not {other.shape}")
        error = float(np.max(np.abs(mine - other), initial=0.0) / max(float(np.max(np.abs(other), initial=0.0)), 1e-30))
        worst = max(worst, error if error == error else float("inf"))
    return worst


def tolerance(task: Task) -> float:
    """How far two orders of the same sums may be apart, relative to the largest entry: eps · √(terms) · 100.

    A gradient of a weight sums over steps and examples, the products below it over columns; rounding walks at random
    (Higham 2002, section 2.8), and T steps of the recurrence pass it on.
    """
    terms = task.sizes.steps * task.sizes.batch + task.sizes.inputs + task.sizes.states
    return 100 * float(np.finfo(task.dtype).eps) * float(terms) ** 0.5
