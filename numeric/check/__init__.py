"""Somebody's hand-written gradient, checked: which convention it uses, and which term of it is wrong.

`bind` finds out what the arrays of a `dump.Dump` mean: a `bound.Bound`, that is a `System`, its values, and where
every number of the author's gradients belongs.  ``diagnosis`` compares them with the derivation and, where they
differ, with derivations that have one mistake, or two, or three (``mutants``).  The answer is a `verdict.Verdict`.

Read next: `numeric.check.bound`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numeric.check.verdict import Verdict


class _Package(ModuleType):
    """This package, which can be called: `numeric.check(forward=…, backward=…)` is `numeric.check.callables.check`."""

    def __call__(self, **arguments: Any) -> Verdict:
        from numeric.check.calling.callables import check

        return check(**arguments)


sys.modules[__name__].__class__ = _Package
