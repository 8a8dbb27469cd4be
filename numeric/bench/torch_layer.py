"""PyTorch's own layers, with the weights of a task: ``nn.RNN``, ``nn.GRU`` and ``nn.LSTM``, eager.

Read next: `numeric.bench.jax_scan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from numeric.bench.contender import BOTH, FORWARD, Action, NotMeasured, Ready
from numeric.bench.task import Task

# the layer, and its gates in PyTorch's order
LAYERS = {"rnn": ("RNN", "h"), "lstm": ("LSTM", "ifgo"), "gru-reset-after": ("GRU", "rzn")}


def stacked(task: Task) -> tuple[Any, Any, Any, Any]:
    """W_ih (G·H, D), W_hh (G·H, H), b_ih (G·H,) and b_hh (G·H,) of a cell, gates in PyTorch's order."""
    p, size = task.parameters, task.sizes.states
    of_input, of_state, first, second = [], [], [], []
    for gate in LAYERS[task.kind][1]:
        weight, bias = p[f"W_{gate}"], p[f"b_{gate}"]
        alone = weight.shape[1] == task.sizes.inputs and f"U_{gate}" in p
        of_state.append(p[f"U_{gate}"] if alone else weight[:, :size])
        of_input.append(weight if alone else weight[:, size:])
        first.append(bias)
        second.append(p[f"b_h{gate}"] if alone else np.zeros_like(bias))
    whole = [np.ascontiguousarray(np.concatenate(parts)) for parts in (of_input, of_state, first, second)]
    return whole[0], whole[1], whole[2], whole[3]


def unstacked(task: Task, of_input: Any, of_state: Any, first: Any, second: Any, x: Any) -> dict[str, Any]:
    """Gradients by the names of a cell, from those of the stacked arrays."""
    gates = LAYERS[task.kind][1]
    found = {"x": x}
    parts = [np.split(np.asarray(array), len(gates)) for array in (of_input, of_state, first, second)]
    for gate, a, b, c, d in zip(gates, *parts, strict=True):
        alone = f"U_{gate}" in task.parameters
        own = {f"W_{gate}": a, f"U_{gate}": b, f"b_h{gate}": d} if alone else {f"W_{gate}": np.hstack([b, a])}
        found |= {**own, f"b_{gate}": c}
    return found


def layer(task: Task) -> Ready:
    """Forward without, and forward and backward with, a graph.

    Raises:
        NotMeasured: for a cell that PyTorch has no layer of.
    """
    if task.kind not in LAYERS:
        raise NotMeasured(f"PyTorch has no layer that is {task.system.name}")
    import torch

    torch.set_num_threads(task.threads)
    kind = LAYERS[task.kind][0]
    module = getattr(torch.nn, kind)(task.sizes.inputs, task.sizes.states).to(getattr(torch, task.dtype))
    weights = [module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0]
    with torch.no_grad():
        for mine, given in zip(weights, stacked(task), strict=True):
            mine.copy_(torch.from_numpy(given))
    given, cotangent = task.only
    x = torch.from_numpy(given.copy()).requires_grad_()
    upstream = torch.from_numpy(cotangent.copy())

    def forward() -> Any:
        with torch.no_grad():
            return module(x)[0]

    def both() -> Any:
        module.zero_grad(set_to_none=True)
        x.grad = None
        module(x)[0].backward(upstream)
        return [each.grad for each in (*weights, x)]

    def seen(found: Any) -> Mapping[str, Any]:
        return unstacked(task, *(each.numpy() for each in found))

    return Ready({FORWARD: Action(forward, lambda h: {"h": h.numpy()}), BOTH: Action(both, seen)})
