"""Routes: from which states a loss is reached, and by which each state is reached from earlier ones.

``L ← h[T], via y`` says that the loss reads h at the last step only, ``L ← h[t], every t, via l, y`` at every step;
``c[t] ← h[t-1], via f, i, g`` is one edge of the unrolled network, with all that lies between.  The gradient goes the
other way along the same routes, and along no others: what stands in ``stop`` is none.

Read next: `derive.evidence`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from derive.expr import Fixed, Op, Ref, Step, fixed, is_op, ref, step
from derive.reach import default_wrt, moved_by
from derive.system import System


@dataclass(frozen=True)
class Route:
    """From one quantity back to a state that it depends on, or to an input where there is no state at all.

    Attributes:
        start: an output, a state, or a value outside 1…T that has an equation.
        end: what is read of the state.
        direct: whether the start reads it itself.
        via: the quantities between, each once, nearest to the start first.
    """

    start: Ref
    end: Ref
    direct: bool
    via: tuple[str, ...]

    def __str__(self) -> str:
        every = isinstance(self.end.index, Step) and (
            not isinstance(self.start.index, Step) or self.start.index.axis != self.end.index.axis
        )
        text = f"{self.start} ← {self.end}" + (f", every {self.end.index.axis}" if every and self.end.index else "")
        if not self.via:
            return text
        return f"{text}, {'directly and ' if self.direct else ''}via {', '.join(self.via)}"


def routes(system: System) -> tuple[Route, ...]:
    """All routes of a system: of outputs that are no states first, then of states, then of values outside 1…T."""
    moved = moved_by(system, default_wrt(system))
    states = {name for name in system.states if name in moved}
    ends = states or {name for name in system.inputs if name in moved}
    outputs = [e for e in system.equations if e.name in system.outputs and e.name not in states and not e.is_boundary]
    recurrent = [e for e in system.equations if e.name in states and not e.is_boundary]
    found: dict[tuple[Ref, Ref], list[tuple[str, ...]]] = {}
    for equation in (*outputs, *recurrent, *(e for e in system.equations if e.is_boundary)):
        for end, via in _ends(system, equation.expr, ends, ()):
            found.setdefault((equation.out, end), []).append(via)
    return tuple(
        Route(start, end, () in ways, tuple(dict.fromkeys(name for via in ways for name in via)))
        for (start, end), ways in found.items()
    )


def _ends(
    system: System, expr: sympy.Expr, ends: set[str], via: tuple[str, ...]
) -> Iterator[tuple[Ref, tuple[str, ...]]]:
    for read in _reads(expr):
        if read.name in ends:
            yield read, via
        elif read.name in system.defined and read.name not in via:
            for end, further in _ends(system, system.equation(read.name).expr, ends, (*via, read.name)):
                yield _seen_from(end, read), further


def _seen_from(end: Ref, read: Ref) -> Ref:
    """What is read, seen from further away: the h[t] that y[t] reads is h[t-1] to a reader of y[t-1]."""
    inner, outer = end.index, read.index
    if not isinstance(inner, Step) or outer is None or outer.axis != inner.axis:
        return end
    if isinstance(outer, Step):
        return ref(end.name, step(inner.axis, inner.shift + outer.shift))
    assert isinstance(outer, Fixed)
    return ref(end.name, fixed(inner.axis, outer.offset + inner.shift, from_end=outer.from_end))


def _reads(expr: sympy.Expr) -> Iterator[Ref]:
    """Reads outside ``stop``, in order of appearance; the index of ``take`` is none."""
    if isinstance(expr, Ref):
        yield expr
    elif isinstance(expr, Op) and not is_op(expr, "stop"):
        for operand in expr.operands[:1] if expr.primitive in ("take", "scatter") else expr.operands:
            yield from _reads(operand)
