"""`check`: functions in, a verdict out.

Data are made, the functions are called with them (`regimes`), and what went in and came out is checked as any other
dump is (`arrays`).  How they are called is guessed from their names and sources, or said by an `Adapter`.

Read next: `numeric.check.calling.child`.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from derive.system import System
from numeric.check.arrays import check_arrays
from numeric.check.calling.adapter import Adapter, adapter_of
from numeric.check.calling.calls import Code
from numeric.check.calling.regimes import Dump, Trial, trials
from numeric.check.calling.tensors import tensor_code
from numeric.check.verdict import Verdict

Say = Callable[[str], None]
QUICK = 3.0  # seconds for a regime beside the main one, whose mistake need not be named twice


def check(
    *,
    backward: Callable[..., Any],
    forward: Callable[..., Any] | None = None,
    cell: System | str | None = None,
    adapter: Adapter | Mapping[str, Any] | None = None,
    loss: str | None = None,
    mapping: Mapping[str, str] | None = None,
    convention: str | None = None,
    dtype: DTypeLike = np.float64,
    seed: int = 0,
    budget: float = 45.0,
    progress: Say | None = None,
) -> Verdict:
    """Check a hand-written gradient by calling it.

    Args:
        backward: the function that computes the gradient: of upstream gradients and what the forward function kept; or
            of inputs and targets, if it computes the loss too; or a method of a layer; or a subclass of
            ``torch.autograd.Function``.
        forward: the forward function; None if one function does both.
        cell: the cell that it should be; all of the library are tried if None.
        adapter: how the functions are called, where that cannot be guessed; see `numeric.check.calling.adapter`.
        loss, mapping, convention, budget: as `check_arrays` has them.
        dtype, seed: of the arrays that are made.
        progress: is told what is being done.

    Raises:
        ValueError: if the functions cannot be called; the message has file and line of what they raised, and an adapter
            to complete.
    """
    spec = adapter_of(adapter) if isinstance(adapter, Mapping) else adapter
    name = cell if isinstance(cell, str) else getattr(cell, "name", None)
    found = trials(code_of(backward, forward), adapter=spec, cell=name, dtype=dtype, seed=seed)

    def judge_dump(dump: Dump, seconds: float) -> Verdict:
        return check_arrays(
            dump, cell=cell, loss=loss, mapping=mapping, convention=convention, budget=seconds, progress=progress
        )

    return judge(found, judge_dump, budget)


def code_of(backward: Callable[..., Any], forward: Callable[..., Any] | None) -> Code:
    """Functions, with the object and the global variables that belong to them."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(backward, type) and issubclass(backward, torch.autograd.Function):
        return tensor_code(backward)
    owner = getattr(backward, "__self__", None)
    if inspect.ismodule(owner):
        owner = None
    plain = inspect.unwrap(getattr(backward, "__func__", backward))
    return Code(backward, forward, owner, getattr(plain, "__globals__", {}))


def judge(found: Sequence[Trial], check_dump: Callable[[Dump, float], Verdict], budget: float) -> Verdict:
    """The verdict on the first way of calling that is understood.

    Args:
        found: ways to call the functions, with their dumps.
        check_dump: the verdict on a dump in so many seconds.
        budget: seconds for the dump that decides.
    """
    until = time.monotonic() + budget
    verdict, trial = _best(found, check_dump, budget)
    if verdict.verdict == "undecided":
        return replace(verdict, notes=(*verdict.notes, *trial.notes, *_told(trial)))
    stages = [*verdict.stages]
    for name, dump in trial.dumps.items():
        if name == "main":
            continue
        if time.monotonic() > until:
            stages.append(f"REGIME: {name}: not checked, the time was up")
            continue
        other = check_dump(dump, budget if verdict.verdict == "correct" else QUICK)
        agree = f"{len(other.correct)} of {len(other.gradients)} gradients agree"
        if verdict.verdict == "correct" and other.verdict in ("wrong", "policy"):
            line = f"with {name} {agree}; all agree with T = {trial.sizes['T']} and initial states"
            verdict = replace(other, notes=(*other.notes, line))
            stages = [*other.stages]
        elif other.gradients:
            stages.append(f"{name.upper()}: {agree}" if name.startswith("T =") else f"REGIME: {name}: {agree}")
    told = () if verdict.verdict == "correct" else _told(trial)
    return replace(verdict, stages=tuple(stages), notes=(*verdict.notes, *trial.notes, *told))


def _best(found: Sequence[Trial], check_dump: Callable[[Dump, float], Verdict], budget: float) -> tuple[Verdict, Trial]:
    """The reading of the call that is right; else the one that is understood best."""
    order = ("correct", "policy", "wrong", "undecided")
    judged: list[tuple[tuple[int, bool], Verdict, Trial]] = []
    for trial in found:
        verdict = check_dump(trial.dumps["main"], budget / len(found))
        judged.append(((order.index(verdict.verdict), not verdict.explained), verdict, trial))
        if verdict.verdict == "correct":
            break
    _, verdict, trial = min(judged, key=lambda entry: entry[0])
    return verdict, trial


def _told(trial: Trial) -> tuple[str, ...]:
    """How the functions were called; a reader should know a guess where something is wrong."""
    return (f"the functions were called as {trial.adapter}",) if trial.guessed else ()
