"""Linear recurrences among the loops over columns: ``h[t] = a[t] * h[t-1] + b[t]``, forward and backward.

They are found in the calls of one step (`numeric.lowering`), whatever the equations were called: those of minGRU,
minLSTM, QRNN, SRU, HGRN and RG-LRU, and the adjoint of any of them, which is one too.  All steps are computed at once
then, block beside block, by the helper ``recurrence`` of the generated module (Blelloch 1990, "Prefix sums and their
applications", section 1.4); it declines where steps are large enough that a loop is as fast, or where a product of
factors overflows.  Nothing is divided, so factors may be zero or vanish.

Read next: `numeric.emit_together`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numeric.instructions import Call, Spot


def recurrence(
    calls: Sequence[Call], array: Callable[[Spot], str], shifted: Callable[[Spot, Spot], bool]
) -> tuple[str, str] | None:
    """The helper and its call that do what all steps of a loop do, if that is a linear recurrence.

    Args:
        calls: one step.
        array: the text of the array whose entries are a spot step by step, in the order of the loop.
        shifted: whether the first spot is where the second one was a step before.
    """
    if [call.function for call in calls[:2]] == ["multiply", "add"] and len(calls) in (2, 3):
        return _from_last(calls, array, shifted)
    if [call.function for call in calls] == ["add", "multiply"]:
        return _with_carry(calls, array)
    return None


def _from_last(
    calls: Sequence[Call], array: Callable[[Spot], str], shifted: Callable[[Spot, Spot], bool]
) -> tuple[str, str] | None:
    """``h = a * h_prev; h = h + b``, and perhaps ``h = h * c``."""
    out = calls[0].out
    if any(call.out != out or len(call.inputs) != 2 for call in calls) or not out.moves or out.low is None:
        return None
    last = next((spot for spot in calls[0].inputs if shifted(spot, out)), None)
    factor = _other(calls[0], last)
    rest = [_other(call, out) for call in calls[1:]]
    if last is None or factor is None or factor == last or any(s is None or s in (out, last) for s in rest):
        return None
    summand, *scale = [array(spot) for spot in rest if spot is not None]
    by = "".join(f" * {text}" for text in scale)
    return "recurrence", f"recurrence({array(factor)}{by}, {summand}{by}, {array(last)}[0], {array(out)})"


def _with_carry(calls: Sequence[Call], array: Callable[[Spot], str]) -> tuple[str, str] | None:
    """``d = b + carry; carry = d * a``."""
    out, carry = calls[0].out, calls[1].out
    if not out.moves or out.low is None or carry.moves:
        return None
    summand, factor = _other(calls[0], carry), _other(calls[1], out)
    if summand is None or factor is None or {summand, factor} & {out, carry}:
        return None
    return "adjoint_recurrence", f"adjoint_recurrence({array(factor)}, {array(summand)}, {carry.base}, {array(out)})"


def _other(call: Call, spot: Spot | None) -> Spot | None:
    """The other input of a call that reads a spot."""
    if len(call.inputs) != 2 or spot not in call.inputs:
        return None
    return call.inputs[1] if call.inputs[0] == spot else call.inputs[0]
