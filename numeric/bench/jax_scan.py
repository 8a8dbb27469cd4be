"""JAX: one step in `jax.lax.scan`, jitted, the product of all inputs before the loop; gradients by `jax.vjp`.

How many threads XLA uses is settled before it is imported: see `numeric.bench.child`.

Read next: `numeric.bench.onnx_session`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from numeric.bench.contender import BOTH, FORWARD, Action, NotMeasured, Ready
from numeric.bench.task import Task
from numeric.bench.torch_layer import LAYERS, stacked, unstacked

Step = Callable[[Any, Any], tuple[Any, Any]]


def scan(task: Task) -> Ready:
    """Both functions, compiled.

    Raises:
        NotMeasured: for a cell that is not written down here.
    """
    if task.kind not in LAYERS:
        raise NotMeasured(f"{task.system.name} is not written down for JAX, only {', '.join(LAYERS)}")
    import jax

    if task.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    arrays = [jax.numpy.asarray(array) for array in (*stacked(task), task.only[0])]
    upstream = jax.numpy.asarray(task.only[1])
    outputs = _outputs(jax, task)

    def gradient(*at: Any) -> Any:
        _, pull = jax.vjp(outputs, *at)
        return pull(upstream)

    start = time.process_time()
    forward, both = (jax.jit(function).lower(*arrays).compile() for function in (outputs, gradient))
    compiling = time.process_time() - start

    def seen(found: Any) -> Mapping[str, Any]:
        return unstacked(task, *found)

    return Ready(
        {
            FORWARD: Action(lambda: jax.block_until_ready(forward(*arrays)), lambda h: {"h": h}),
            BOTH: Action(lambda: jax.block_until_ready(both(*arrays)), seen),
        },
        compiling=compiling,
    )


def _outputs(jax: Any, task: Task) -> Callable[..., Any]:
    """h of all steps, from the stacked weights and x."""
    np, sigmoid, size = jax.numpy, jax.nn.sigmoid, task.sizes.states

    def rnn(u: Any, d: Any) -> Step:
        def step(h: Any, a: Any) -> tuple[Any, Any]:
            h = np.tanh(a + h @ u.T + d)
            return h, h

        return step

    def lstm(u: Any, d: Any) -> Step:
        def step(carry: Any, a: Any) -> tuple[Any, Any]:
            h, c = carry
            i, f, g, o = np.split(a + h @ u.T + d, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            return (h, c), h

        return step

    def gru(u: Any, d: Any) -> Step:
        def step(h: Any, a: Any) -> tuple[Any, Any]:
            r, z, n = np.split(a, 3, axis=1)
            r_h, z_h, n_h = np.split(h @ u.T + d, 3, axis=1)
            r, z = sigmoid(r + r_h), sigmoid(z + z_h)
            h = (1 - z) * np.tanh(n + r * n_h) + z * h
            return h, h

        return step

    cell = {"rnn": rnn, "lstm": lstm, "gru-reset-after": gru}[task.kind]

    def outputs(w: Any, u: Any, b: Any, d: Any, x: Any) -> Any:
        zero = np.zeros((x.shape[1], size), x.dtype)
        first = (zero, zero) if cell is lstm else zero
        return jax.lax.scan(cell(u, d), first, x @ w.T + b)[1]

    return outputs
