"""`assert_gradients`: a check as an assertion, for test suites.

Read next: `numeric.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from derive.system import System
from numeric.check.arrays import check_arrays
from numeric.check.calling.adapter import Adapter
from numeric.check.calling.callables import check
from numeric.check.files import read
from numeric.check.verdict import Verdict


def assert_gradients(
    arrays: Mapping[str, Any] | str | Path | None = None,
    *,
    forward: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    cell: System | str | None = None,
    adapter: Adapter | Mapping[str, Any] | None = None,
    loss: str | None = None,
    mapping: Mapping[str, str] | None = None,
    convention: str | None = None,
    allow: Sequence[str] = (),
    budget: float = 45.0,
) -> Verdict:
    """Check a hand-written gradient, and raise if it is not right.

    Args:
        arrays: a dump, or the name of a file of one; None if functions are given.
        forward, backward, adapter: functions, as `numeric.check` has them.
        cell, loss, mapping, convention, budget: as `numeric.check_arrays` has them.
        allow: policies that are meant, as ``truncate:1`` or ``clip``.

    Returns:
        The verdict, if it is "correct" or an allowed policy.

    Raises:
        AssertionError: with the verdict as the terminal shows it.
        ValueError: if there is nothing that can be checked.
    """
    __tracebackhide__ = True
    if (arrays is None) == (backward is None):
        raise ValueError("assert_gradients takes either arrays or functions")
    if backward is not None:
        verdict = check(
            forward=forward,
            backward=backward,
            cell=cell,
            adapter=adapter,
            loss=loss,
            mapping=mapping,
            convention=convention,
            budget=budget,
        )
    else:
        values, precision = read(arrays) if isinstance(arrays, (str, Path)) else (arrays or {}, None)
        verdict = check_arrays(
            values, precision=precision, cell=cell, loss=loss, mapping=mapping, convention=convention, budget=budget
        )
    if not verdict.allowed(allow):
        raise AssertionError(f"the gradient is not right\n{verdict}")
    return verdict
