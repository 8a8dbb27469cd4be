"""Contenders measured on a task: first that their results agree, then how long they take.

Read next: `numeric.bench.memory`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from numeric.bench import own
from numeric.bench.contender import DIRECTIONS, Action, Contender, NotMeasured, Ready, difference, prepared, tolerance
from numeric.bench.jax_scan import scan
from numeric.bench.limit import limit
from numeric.bench.onnx_session import session
from numeric.bench.pairs import CLOCKS, paired
from numeric.bench.records import Cost, Missing, Place, Record, Row
from numeric.bench.task import Task
from numeric.bench.torch_layer import layer

OWN = ("kernel", "compiled", "checkpoint")
CONTENDERS = (
    Contender("kernel", "the generated NumPy", own.kernel, peer=False),
    Contender("compiled", "the same with loops in C", own.compiled, peer=False),
    Contender("checkpoint", "the kernel that keeps about √T states", own.checkpointed, peer=False),
    Contender("torch", "nn.RNN, nn.GRU, nn.LSTM of PyTorch, eager", layer, module="torch"),
    Contender("jax", "jax.lax.scan, jitted", scan, module="jax"),
    Contender("onnxruntime", "operators of ONNX Runtime, forward alone", session, module="onnxruntime"),
    Contender("autograd", "reverse mode through the textbook's forward pass", own.with_autograd, module="autograd"),
    Contender("textbook", "NumPy as a textbook writes it", own.textbook),
    Contender("limit", "the matrix products alone", limit, peer=False),
)
NAMES = tuple(contender.name for contender in CONTENDERS)


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        contenders: names of those to measure.
        directions: of `contender.DIRECTIONS`.
        pairs: of samples.
        clock: "wall" or "cpu".
        most: seconds that the pairs of two contenders may take.
    """

    contenders: tuple[str, ...] = NAMES
    directions: tuple[str, ...] = DIRECTIONS
    pairs: int = 9
    clock: str = "wall"
    most: float = 60.0


def place_of(task: Task) -> Place:
    """Where records of a task belong."""
    return Place(task.system.name, task.sizes.name, task.dtype, task.threads)


def measure(task: Task, plan: Plan) -> Iterator[Record]:
    """Measure contenders on a task, one record after the other.

    Args:
        task: what they compute.
        plan: how.
    """
    place = place_of(task)
    ready: dict[str, Ready] = {}
    for contender in CONTENDERS:
        if contender.name not in plan.contenders and contender.name != "kernel":
            continue
        try:
            found = prepared(contender, task)
        except NotMeasured as reason:
            yield Missing(place, "", contender.name, str(reason))
            continue
        ready[contender.name] = found
        if found.deriving is not None or found.compiling is not None:
            yield Cost(place, contender.name, found.deriving, found.compiling)
    for direction in plan.directions:
        yield from _in_direction(task, plan, direction, ready)


def _in_direction(task: Task, plan: Plan, direction: str, ready: Mapping[str, Ready]) -> Iterator[Record]:
    place = place_of(task)
    once: dict[str, float] = {}
    errors: dict[str, float | None] = {}
    actions = {name: found.actions[direction] for name, found in ready.items() if direction in found.actions}
    for name in ready.keys() - actions.keys():
        yield Missing(place, direction, name, "it computes forward alone")
    expected = actions["kernel"].seen(actions["kernel"].call())
    for name, action in list(actions.items()):
        once[name], seen = _first(action, plan.clock)
        if name == "limit":
            errors[name] = None
            continue
        try:
            errors[name] = error = difference(seen, expected)
            right, said = error <= tolerance(task), f"its results differ by {error:.1e}"
        except ValueError as unlike:
            right, said = False, str(unlike)
        if not right:
            del actions[name]
            yield Missing(place, direction, name, said, wrong=True)
    for mine in (name for name in OWN[:2] if name in actions and name in plan.contenders):
        for contender in CONTENDERS:
            name = contender.name
            if name not in actions or name == mine or (mine != "kernel" and name == "kernel"):
                continue
            least = plan.pairs * (once[mine] + once[name])
            if least > plan.most:
                reason = f"{plan.pairs} pairs beside {mine} would take {least:.0f} s, more than {plan.most:g}"
                yield Missing(place, direction, name, reason)
                continue
            yield _row(place, direction, plan, (mine, name), actions, once, contender.peer, errors[name])


def _row(
    place: Place,
    direction: str,
    plan: Plan,
    names: tuple[str, str],
    actions: Mapping[str, Action],
    once: Mapping[str, float],
    peer: bool,
    error: float | None,
) -> Row:
    mine, name = names
    found = paired(actions[mine].call, actions[name].call, plan.pairs, plan.clock, (once[mine], once[name]))
    low, middle, high = found.quartiles
    own_seconds, other_seconds = median(found.own), median(found.other)
    return Row(place, direction, mine, name, peer, own_seconds, other_seconds, low, middle, high, plan.pairs, error)


def _first(action: Action, clock: str) -> tuple[float, Mapping[str, Any]]:
    """About the seconds of one call, warm if it is short, and what it computed."""
    now, times = CLOCKS[clock], []
    begin = time.perf_counter()
    for _ in range(3):
        start = now()
        result = action.call()
        times.append(now() - start)
        if time.perf_counter() - begin > 0.5:
            break
    return min(times), action.seen(result)
