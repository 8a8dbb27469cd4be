"""The GEMM limit: the matrix products that a cell cannot avoid, batched as well as possible, and nothing else.

What multiplies inputs is one product for the whole sequence, and so are the gradients of weights and inputs after the
loop; h[t-1] meets its weights step by step, forward and backward, gates that share an operand in one product.  Both
layouts, gates as rows and examples as rows, are tried at these sizes, and the faster one counts.  Buffers are warm.

Read next: `numeric.bench.torch_layer`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from numeric.bench.contender import BOTH, FORWARD, Action, NotMeasured, Ready
from numeric.bench.task import Task

# gates of each product with something that depends on h[t-1], one after the other
RECURRENT = {
    "rnn": (1,),
    "rnn-relu": (1,),
    "rnn-sigmoid": (1,),
    "lstm": (4,),
    "gru-reset-after": (3,),
    "gru": (2, 1),
    "gru-cho": (2, 1),
    "mgu": (1, 1),
}


def limit(task: Task) -> Ready:
    """The products of a cell that is listed here."""
    if task.kind not in RECURRENT:
        raise NotMeasured(f"the products of {task.system.name} are not listed, only those of {', '.join(RECURRENT)}")
    gates = RECURRENT[task.kind]
    options = [_products(task, gates, rows) for rows in (True, False)]
    found = min(options, key=_seconds)

    def action(call: Callable[[], None]) -> Action:
        return Action(call, lambda _: {})

    return Ready({direction: action(call) for direction, call in found.items()})


def _seconds(actions: dict[str, Callable[[], None]]) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        actions[BOTH]()
        times.append(time.process_time() - start)
    return min(times)


def _products(task: Task, gates: tuple[int, ...], rows: bool) -> dict[str, Callable[[], None]]:
    """Forward, and forward and backward; ``rows``: gates are rows and examples columns."""
    rng = np.random.default_rng(0)
    batch, steps, inputs, states = task.sizes.batch, task.sizes.steps, task.sizes.inputs, task.sizes.states

    def array(*shape: int) -> Any:
        found: Any = rng.standard_normal(shape).astype(task.dtype)
        return found if rows else np.ascontiguousarray(found.T)

    def multiply(left: Any, right: Any, out: Any) -> None:
        left.dot(right, out) if rows else right.dot(left, out)

    whole, many = sum(gates) * states, steps * batch
    x, u, v = array(inputs, many), array(states, batch), array(states, batch)
    w, pre, da, dx = array(whole, inputs), array(whole, many), array(whole, many), array(inputs, many)
    w_back, many_x, many_h = array(inputs, whole), array(many, inputs), array(many, states)
    dw, du = array(whole, inputs), array(whole, states)
    each = [(array(n * states, states), array(states, n * states), array(n * states, batch)) for n in gates]

    def forward() -> None:
        multiply(w, x, pre)
        for _ in range(steps):
            for weight, _, gate in each:
                multiply(weight, u, gate)

    def both() -> None:
        forward()
        for _ in range(steps):
            for _, back, gate in each:
                multiply(back, gate, v)
        multiply(w_back, da, dx)
        multiply(da, many_x, dw)
        multiply(da, many_h, du)

    return {FORWARD: forward, BOTH: both}
