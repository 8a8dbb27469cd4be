"""Compiled kernels for the tests of `numeric.native`: many at once, and measured in what rounding explains."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from derive.reach import final_positions
from derive.system import System
from numeric.draws import Case
from numeric.emit import emit
from numeric.gradients import at_positions, gradient, leaves, point, primal_values
from numeric.kernel import Kernel, compile_with
from numeric.native.assemble import Assembled
from numeric.native.build import functions_of, source
from numeric.native.sink import sink
from numeric.options import options
from numeric.passes import PASSES, optimise
from numeric.rounding import BOUNDED
from numeric.schedule import schedule


def kernels(systems: Sequence[System], dtype: str) -> list[Kernel]:
    """Kernels whose loops are one library: a compiler needs as long to start as for some loops."""
    plans = [sink(optimise(schedule(system))) for system in systems]
    modules = [emit(plan, dtype, compiled=True) for plan in plans]
    modules = [
        replace(
            module,
            source=re.sub(r"\bloop_(\d+)\(", rf"loop_{number}_\1(", module.source),
            loops=tuple(
                replace(
                    loop,
                    name=loop.name.replace("loop_", f"loop_{number}_"),
                    text=loop.text.replace("int loop_", f"int loop_{number}_"),
                )
                for loop in module.loops
            ),
        )
        for number, module in enumerate(modules)
    ]
    loops = [loop for module in modules for loop in module.loops]
    functions = functions_of(loops, dtype)
    return [
        Kernel(system, Assembled(plan, module, functions, source(module.loops)), options(dtype, False, True))
        for system, plan, module in zip(systems, plans, modules, strict=True)
    ]


def rounded(case: Case, dtype: str) -> Case:
    """The case with numbers that a dtype holds exactly."""

    def exact(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: np.asarray(a, dtype).astype(float) if np.asarray(a).dtype.kind == "f" else a
            for name, a in arrays.items()
        }

    return replace(
        case,
        parameters=exact(case.parameters),
        inputs=exact(case.inputs),
        initial=exact(case.initial),
        cotangents=exact(case.cotangents),
        final=exact(case.final),
    )


def share_of_rounding(kernel: Kernel, case: Case) -> float:
    """The largest difference to the evaluator, in units of what rounding explains (`numeric.rounding`): at most 1.

    The bounds count every operation at float64's ε, to first order; of another dtype they are as many times larger as
    its ε is.  Functions may lose 4 ulp there, more than ours do (`test_native_functions`).
    """
    system = kernel.system
    scale = 2 * float(np.finfo(kernel.dtype).eps / np.finfo(float).eps)
    case = rounded(case, kernel.dtype.name)
    run = kernel.forward(case.parameters, case.inputs, case.initial, case.steps)
    values = primal_values(system, case, point(system, case), BOUNDED)
    pairs = [(run.outputs[name], values[name]) for name in run.outputs]
    pairs += [
        (run.final[name], at_positions(values, name, tuple(final_positions(system, name))))
        for name in run.final
        if system.variables[name].classes is None
    ]
    found = kernel.backward(run, case.cotangents, case.final)
    if kernel.plan.upstream or kernel.plan.ends:
        seeds = [name for name in case.cotangents if name in kernel.plan.upstream]
        ends = [name for name in case.final if name in kernel.plan.ends]
        claimed = gradient(system, system.adjoint(seeds, final=ends), case, BOUNDED)
        by_kind = {"parameter": found.parameters, "input": found.inputs, "initial": found.initial}
        pairs += [
            (by_kind[kind][name], claimed[kind, name]) for kind, name in leaves(system) if (kind, name) in claimed
        ]
    shares = [0.0]
    for got, wanted in pairs:
        assert got.dtype == kernel.dtype
        assert got.shape == wanted.shape
        allowed = scale * np.max(wanted.error, initial=0.0) + np.finfo(kernel.dtype).tiny
        shares.append(float(np.max(np.abs(got - wanted.value), initial=0.0) / allowed))
    return float(np.max(shares))


def by_all_passes(system: System, dtype: str) -> Kernel:
    """The NumPy kernel."""
    return compile_with(system, dtype, None, PASSES)
