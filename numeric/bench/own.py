"""Contenders in NumPy: the kernel, the kernel with loops in C, the textbook, and autograd.

Read next: `numeric.bench.limit`.
"""

from __future__ import annotations

import inspect
import time
from typing import Any, cast

import autograd
import autograd.numpy
import numpy as np

from numeric.arithmetic import AUTOGRAD
from numeric.bench.contender import BOTH, FORWARD, Action, NotMeasured, Ready
from numeric.bench.task import Task
from numeric.bench.textbook import CELLS
from numeric.kernel import Kernel, compile
from numeric.reference import evaluate
from numeric.results import Gradients


def kernel(task: Task) -> Ready:
    """The kernel as it is by default."""
    return _ready(task, {})


def checkpointed(task: Task) -> Ready:
    """The kernel that keeps about √T states."""
    try:
        return _ready(task, {"checkpoint": True})
    except ValueError as error:
        raise NotMeasured(str(error)) from error


def compiled(task: Task) -> Ready:
    """The kernel with loops in C, where this version has them and a compiler is there."""
    if "compiled" not in inspect.signature(compile).parameters:
        raise NotMeasured("this version compiles no loops in C")
    ready = _ready(task, {"compiled": True})
    reason = str(getattr(compile_as(task, {"compiled": True}), "reason", "") or "")
    if reason:
        raise NotMeasured(reason.splitlines()[0])
    return ready


def compile_as(task: Task, options: dict[str, bool]) -> Kernel:
    """A kernel with options of this version."""
    return cast(Kernel, cast(Any, compile)(task.system, task.dtype, **options))


def _ready(task: Task, options: dict[str, bool]) -> Ready:
    start = time.process_time()
    task.system.adjoint()
    derived = time.process_time()
    kernel = compile_as(task, options)
    done = time.process_time()

    def forward() -> Any:
        return kernel.forward(task.parameters, task.inputs, steps=task.steps, keep=False)

    def both() -> Gradients:
        return kernel.backward(kernel.forward(task.parameters, task.inputs, steps=task.steps), task.cotangents)

    actions = {
        FORWARD: Action(forward, lambda run: run.outputs),
        BOTH: Action(both, lambda found: {**found.parameters, **found.inputs}),
    }
    return Ready(actions, derived - start, done - derived, kernel.free)


def textbook(task: Task) -> Ready:
    """`numeric.bench.textbook`."""
    if task.kind not in CELLS:
        raise NotMeasured(f"no textbook form of {task.system.name} is here, only of {', '.join(CELLS)}")
    forward, backward = CELLS[task.kind]
    x, cotangent = task.only

    def both() -> Any:
        return backward(task.parameters, forward(task.parameters, x)[1], cotangent)

    return Ready(
        {
            FORWARD: Action(lambda: forward(task.parameters, x)[0], lambda h: {"h": h}),
            BOTH: Action(both, lambda found: found),
        }
    )


def with_autograd(task: Task) -> Ready:
    """Autograd through the textbook's forward pass; of other cells through `numeric.evaluate`."""
    names = [n for n in task.system.inputs if task.system.variables[n].classes is None]
    real = {**{n: task.parameters[n] for n in task.system.parameters}, **{n: task.inputs[n] for n in names}}

    def outputs(at: dict[str, Any]) -> dict[str, Any]:
        if task.kind in CELLS:
            forward, _ = CELLS[task.kind]
            return {"h": forward(at, at["x"], autograd.numpy)[0]}
        parameters = {name: at.get(name, array) for name, array in task.parameters.items()}
        inputs = {name: at.get(name, array) for name, array in task.inputs.items()}
        values = evaluate(task.system, parameters, inputs, steps=task.steps, xp=AUTOGRAD)
        return {name: values[name] for name in task.cotangents}

    def loss(at: dict[str, Any]) -> Any:
        found = outputs(at)
        total = [autograd.numpy.sum(found[name] * array) for name, array in task.cotangents.items()]
        return sum(total[1:], total[0])

    gradient = autograd.grad(loss)
    return Ready(
        {
            FORWARD: Action(lambda: outputs(real), lambda found: {n: np.asarray(v) for n, v in found.items()}),
            BOTH: Action(lambda: gradient(real), lambda found: found),
        }
    )
