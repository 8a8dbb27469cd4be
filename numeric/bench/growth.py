"""How time grows with T and B, and what a system costs that the library has never seen.

Exponents are slopes of log seconds over log size, by least squares over two decades: 1 is linear, below 1 calls of
fixed cost still count.  A cell typed as text, and a two-layer bidirectional network, run beside cells of the library
that do the same products: a ratio of 1 says that speed belongs to the generator, not to a special case.

Read next: `numeric.bench.startup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

import numpy as np

from derive.language import parse
from derive.library import load
from derive.networks.layers import bidirectional, stack
from derive.system import System
from numeric.bench.contender import BOTH, prepared
from numeric.bench.pairs import paired, repeats, seconds
from numeric.bench.records import Growth, Place, Row
from numeric.bench.rows import CONTENDERS, Plan, place_of
from numeric.bench.task import Configuration, Task, task

STEPS = tuple(Configuration(str(n), 8, n, 32, 32) for n in (20, 63, 200, 632, 2000))
BATCHES = tuple(Configuration(str(n), n, 10, 64, 64) for n in (16, 50, 160, 500, 1600))
UNROLLED = (25, 50, 100, 200)
MGU = """
forget[t] = sigmoid(A @ state[t-1] + B @ x[t] + c)
fresh[t] = tanh(P @ (forget[t] * state[t-1]) + Q @ x[t] + r)
state[t] = (1 - forget[t]) * state[t-1] + forget[t] * fresh[t]
"""
Call = Callable[[], object]


def growth(
    system: System, dtype: str, threads: int, plan: Plan, sizes: tuple[Sequence[Configuration], ...] = (STEPS, BATCHES)
) -> Iterator[Growth]:
    """Exponents along T and along B, of forward and backward of the kernel."""
    for along, configurations in zip("TB", sizes, strict=True):
        tasks = [task(system, each, dtype, threads) for each in configurations]
        calls = [_kernel(each) for each in tasks]
        times: list[list[float]] = [[] for _ in calls]
        for call in calls:
            call()
        for _ in range(plan.pairs):  # all sizes in turn, for drift
            for call, found in zip(calls, times, strict=True):
                found.append(seconds(call, repeats(min(found, default=1.0)), plan.clock))
        numbers = [each.sizes.steps if along == "T" else each.sizes.batch for each in tasks]
        medians = [median(found) for found in times]
        yield Growth(place_of(tasks[0]), along, tuple(numbers), tuple(medians), slope(numbers, medians))


def unrolled(system: System, dtype: str, threads: int, steps: Sequence[int] = UNROLLED) -> Growth:
    """The exponent of `System.unroll` along T; deriving does not know T."""
    sizes = {str(dim): 2 for dim in system.dimensions if str(dim) not in ("T", "U")}
    times = [min(seconds(lambda n=n: system.unroll(n, sizes), 1, "cpu") for _ in range(3)) for n in steps]  # type: ignore[misc]
    place = Place(system.name, "", dtype, threads)
    return Growth(place, "T, unrolled", tuple(steps), tuple(times), slope(steps, times))


def slope(numbers: Sequence[float], times: Sequence[float]) -> float:
    """Of log times over log numbers, by least squares."""
    return float(np.polyfit(np.log(numbers), np.log(times), 1)[0])


def unseen(sizes: Configuration, dtype: str, threads: int, plan: Plan) -> Iterator[Row]:
    """Systems that the library does not have, beside cells of the library of equal products.

    A minimal gated unit has two of the three products of `gru`: the ratio is that of the times over 2/3.
    """
    gru = load("gru")
    typed = task(parse(MGU, name="mgu, typed"), sizes, dtype, threads)
    yield _beside(typed, "2/3 of gru", [task(gru, sizes, dtype, threads)], 2 / 3, plan)
    deep = task(stack(bidirectional(gru), 2), sizes, dtype, threads)
    above = Configuration(sizes.name, sizes.batch, sizes.steps, 2 * sizes.states, sizes.states)
    cells = [task(gru, each, dtype, threads) for each in (sizes, sizes, above, above)]
    yield _beside(deep, "its 4 cells, each alone", cells, 1.0, plan)


def _beside(own: Task, label: str, cells: Sequence[Task], share: float, plan: Plan) -> Row:
    call, calls = _kernel(own), [_kernel(cell) for cell in cells]

    def other() -> None:
        for each in calls:
            each()

    for warm in (call, other):
        warm()
    once = seconds(call, 1, plan.clock), seconds(other, 1, plan.clock)
    found = paired(call, other, plan.pairs, plan.clock, once)
    low, middle, high = (quartile / share for quartile in found.quartiles)
    return Row(
        place_of(own), BOTH, "kernel", label, False, median(found.own), share * median(found.other), low, middle, high,
        plan.pairs, None,
    )  # fmt: skip


def _kernel(what: Task) -> Call:
    return prepared(CONTENDERS[0], what).actions[BOTH].call
