"""Sequences that lie feature-major in memory, recognised in the text of a value.

Products over all steps take them as they lie: side by side as the columns of one matrix for BLAS, or step by step
where loops are in C.

Read next: `numeric.emit_ops`.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from numeric.emit_values import Value
from numeric.layout import Layout


def is_turned(layout: Layout, name: str) -> bool:
    """Whether a sequence lies feature-major in memory."""
    variable = layout.plan.variables[name]
    return name in layout.turned and (not variable.is_leaf or layout.is_padded(name))


def feature_major(layout: Layout, value: Value, size: Callable[[sympy.Expr], str]) -> tuple[str, str] | None:
    """The array of a sequence that lies feature-major and which of its rows the value is; None for another.

    Args:
        layout: where everything lives.
        value: any.
        size: writes a dimension as text.
    """
    if value.turned:
        return None
    array, _, rows = value.text.removesuffix("]").partition("[..., ")
    name = next((n for n in layout.turned if layout.names[n] == array and is_turned(layout, n)), None)
    if name is None or name in layout.blocked or "," in rows:
        return None
    part = layout.parts.get(name)
    if part is not None and not rows:
        whole = layout.plan.variables[part.whole].shape[0]
        high = "" if part.high == whole else size(part.high)
        array, rows = layout.names[part.whole], f"{'' if part.low == 0 else size(part.low)}:{high}"
    return array, rows
