"""Truncated backpropagation as mutants: what the gradient is if the recurrence is followed for k steps.

Two things go by that name.  Every step's cotangent is followed through k steps: the sum, over the steps at which the
loss enters, of gradients that stop k steps earlier.  Or the backward loop visits the last k steps alone.

Read next: `numeric.check.mistakes.gradients`.
"""

from __future__ import annotations

from collections.abc import Iterator

from derive.expr import Fixed, Ref, Step, refs
from numeric.check.mistakes.mutant import Mutant, Window
from numeric.check.variants.edits import Edit
from numeric.check.variants.view import View

LONGEST = 24  # steps


def truncations(view: View) -> list[Mutant]:
    """Truncation to k = 1 … T − 1 steps, in both senses; none for a system without a recurrence."""
    derivation = view.derivation
    edges = _edges(view)
    axes = {view.whole.variables[name].axis for name in edges}
    if len(axes) != 1 or None in axes:
        return []
    (axis,) = axes
    assert axis is not None
    length = derivation.sizes.steps(axis)
    states = ", ".join(dict.fromkeys(view.origin(name)[1] for name in edges))
    found = []
    for k in range(1, min(length, LONGEST)):
        windows = tuple(_lagged(edges, entering, k, length) for entering in _entering(view, axis, length))
        text = f"the recurrence is followed for {k} step{'s' * (k > 1)}"
        found.append(Mutant("truncate", states, text, (), f"truncate:{k}", 0, windows))
        if set(edges.values()) == {-1}:
            last = frozenset((delta.name, t) for delta in view.deltas for t in range(1, length - k + 1))
            last |= frozenset((name, t) for name in edges for t in range(1, length - k + 1))
            text = f"the backward loop visits the last {k} step{'s' * (k > 1)} only"
            kind = "last-step-only" if k == 1 else "truncate"
            found.append(Mutant(kind, states, text, (), f"truncate:{k}", 0, (last,)))
            handed = tuple(_handed(view, edges, length - k))
            beyond = frozenset((name, t) for name, t in last if name not in edges or t < length - k + 1)
            if handed:
                text += ", and what it hands back is the gradient of the initial state"
                found.append(Mutant(kind, states, text, handed, f"truncate:{k}", 0, (beyond,)))
        if k > 1:
            found += list(_chunked(edges, states, k, length))
    return found


def _chunked(edges: dict[str, int], states: str, k: int, length: int) -> Iterator[Mutant]:
    """The recurrence is let go of after every k steps, counted from either end."""
    for first in range(k):
        borders = [t for t in range(1, length + 1) if t % k == first]
        every = frozenset((name, t) for name in edges for t in borders)
        inner = frozenset((name, t) for name, t in every if 1 <= t + edges[name] <= length)
        for cut in {inner, every} if inner else ():
            at = ", ".join(map(str, borders))
            yield Mutant(
                "truncate",
                states,
                f"the recurrence is cut after every {k} steps, at {at}",
                (),
                f"truncate:{k}",
                0,
                (cut,),
            )


def _handed(view: View, edges: dict[str, int], steps: int) -> Iterator[Edit]:
    """Gradients of initial states read some steps later."""
    for equation in view.equations:
        read = equation.expr
        if isinstance(equation.out.index, Fixed) and isinstance(read, Ref) and read.name in edges:
            assert isinstance(read.index, Fixed)
            axis, from_end, offset = read.index.args
            yield Edit(equation.out, (), Ref(read.args[0], Fixed(axis, from_end, offset + steps)))


def _edges(view: View) -> dict[str, int]:
    """Contributions that pass from one step to another, with the shift of the reads they collect."""
    variables = view.whole.variables
    found = {}
    for equation in view.equations:
        origin = variables[equation.name].origin
        if origin is not None and origin.kind == "contribution" and isinstance(equation.out.index, Step):
            found[equation.name] = origin.at
    return found


def _entering(view: View, axis: str, length: int) -> Iterator[tuple[int, Window]]:
    """Each step at which the loss enters, with everything zero that enters elsewhere."""
    given = [name for name in view.derivation.sequences if name in view.whole.variables]
    seeds = [name for name in given if view.origin(name)[0] == "upstream"]
    for equation in view.equations:
        reads = [r for r in refs(equation.expr) if view.is_delta(r)]
        if equation.axis == axis and reads and all(r.index is None for r in reads):
            seeds.append(equation.name)
    seeds = [name for name in seeds if view.whole.variables[name].axis == axis]
    if not seeds:
        yield length, frozenset()
        return
    for step in range(1, length + 1):
        yield step, frozenset((name, t) for name in seeds for t in range(1, length + 1) if t != step)


def _lagged(edges: dict[str, int], entering: tuple[int, Window], k: int, length: int) -> Window:
    step, masked = entering
    cut = set(masked)
    for name, shift in edges.items():
        beyond = range(1, step - k + 2) if shift < 0 else range(step + k - 1, length + 1)
        cut |= {(name, t) for t in beyond if 1 <= t <= length}
    return frozenset(cut)
