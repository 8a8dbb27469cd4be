"""Numbers for equations: kernels in NumPy, cells, and checks by independent means."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from numeric.cells import GRU, LSTM, RNN, Cell
from numeric.kernel import Kernel, compile
from numeric.lambdify import lambdify
from numeric.reference import evaluate
from numeric.results import Gradients, Run
from numeric.verify import verify

if TYPE_CHECKING:
    from numeric.check.arrays import check_arrays
    from numeric.check.assertion import assert_gradients
    from numeric.check.calling.adapter import Adapter
    from numeric.check.calling.callables import check
    from numeric.check.verdict import Verdict

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Adapter",
    "Cell",
    "Gradients",
    "Kernel",
    "Run",
    "Verdict",
    "assert_gradients",
    "check",
    "check_arrays",
    "compile",
    "evaluate",
    "lambdify",
    "verify",
]

_LATER = {
    "Adapter": "numeric.check.calling.adapter",
    "Verdict": "numeric.check.verdict",
    "assert_gradients": "numeric.check.assertion",
    "check_arrays": "numeric.check.arrays",
}


def __getattr__(name: str) -> Any:
    if name == "check":
        return import_module("numeric.check")  # which can be called
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
