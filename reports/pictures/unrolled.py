"""The recurrences unrolled over a few steps, and one path from a loss to an early input in colour.

Which box leads to which is read off the equations, through everything that is computed without a recurrence; what
reads a whole sequence, as attention does, reads it through one box. What a loss reads beside the recurrences is left
out.

Read next: `reports.pictures.grid`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from derive.expr import Fixed, Ref, Step
from derive.order import Component, contextual_refs
from derive.reach import moved_by
from derive.system import System

STEPS, FURTHER, MOST = 5, 3, 12  # steps of the first axis, of further ones, and the most that are drawn

Place = tuple[str, int]  # "r0", "x" or "loss t" with its step, 0 for none in particular; "h[:]" for all steps of h


@dataclass(frozen=True)
class Path:
    """Which path is told apart: from the loss of a step back to an input of another.

    Raises:
        ValueError: one line, if a step cannot be drawn.
    """

    loss: int
    to: int

    def __post_init__(self) -> None:
        if not 1 <= min(self.loss, self.to) <= max(self.loss, self.to) <= MOST:
            raise ValueError(f"a path leads between steps 1 to {MOST}, as in 5:2, not {self.loss}:{self.to}")


@dataclass(frozen=True)
class Unrolled:
    """A system over a few steps.

    Attributes:
        system: as its author wrote it.
        lengths: number of steps by axis.
    """

    system: System
    lengths: dict[str, int]

    @cached_property
    def recurrences(self) -> dict[str, Component]:
        """By key, in an order in which they can be computed."""
        return {f"r{k}": c for k, c in enumerate(c for c in self.system.components if c.carried)}

    @cached_property
    def owner(self) -> dict[str, str]:
        """The recurrence that computes a quantity."""
        return {e.name: key for key, c in self.recurrences.items() for e in c.equations}

    @cached_property
    def _masks(self) -> frozenset[str]:
        """Inputs by which nothing is differentiated; classes are inputs all the same."""
        sequences = [n for n in self.system.inputs if self.system.variables[n].classes is None]
        return frozenset(n for n in sequences if moved_by(self.system, [n]) == {n})

    # --- who reads whom ------------------------------------------------------------------------------------------

    def sources(self, read: Ref, here: dict[str, int], axes: tuple[str, ...] = ()) -> Iterator[Place]:
        """Where a value comes from: recurrences and inputs, through everything in between."""
        for other in self._positions(read, here, axes):
            yield from self._origin(other, frozenset())

    def _positions(self, read: Ref, here: dict[str, int], axes: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        index = read.index
        if isinstance(index, Fixed):
            yield read.name, index.position(self.lengths[index.axis])
        elif isinstance(index, Step):
            everywhere = self._everywhere(read, here, axes)
            steps = range(1, self.lengths[index.axis] + 1) if everywhere else (here[index.axis],)
            yield from ((read.name, t + index.shift) for t in steps)
        else:
            yield read.name, 0

    def _origin(self, place: Place, seen: frozenset[Place]) -> Iterator[Place]:
        name, at = place
        var = self.system.variables[name]
        if place in seen or var.role in ("parameter", "constant"):
            return
        inside = var.axis is None or 1 <= at <= self.lengths[var.axis]
        if var.role == "input":
            yield from [place] if inside and name not in self._masks else []
        elif name in self.owner and inside:
            yield (self.owner[name], at)
        else:
            for read, here, axes in self._reads(name, at):
                if self._everywhere(read, here, axes) and self.system.variables[read.name].axis:
                    yield (f"{read.name}[:]", 0)
                else:
                    for other in self._positions(read, here, axes):
                        yield from self._origin(other, seen | {place})

    def _reads(self, name: str, at: int) -> Iterator[tuple[Ref, dict[str, int], tuple[str, ...]]]:
        """What the equations for a value read."""
        for equation in self.system.equations:
            index = equation.out.index
            if equation.name != name:
                continue
            if isinstance(index, Fixed) and index.position(self.lengths[index.axis]) == at:
                yield from ((read, {}, axes) for read, axes in contextual_refs(equation.expr))
            elif not isinstance(index, Fixed):
                here = {equation.axis: at} if equation.axis else {}
                if not here or 1 <= at <= self.lengths[equation.axis or ""]:
                    yield from ((read, here, axes) for read, axes in contextual_refs(equation.expr))

    def _everywhere(self, read: Ref, here: dict[str, int], axes: tuple[str, ...]) -> bool:
        return isinstance(read.index, Step) and (read.index.axis in axes or read.index.axis not in here)

    @cached_property
    def edges(self) -> dict[tuple[Place, Place], None]:
        """All arrows, tail first."""
        found: dict[tuple[Place, Place], None] = {}
        for key, component in self.recurrences.items():
            axis = component.axis or "t"
            for at in range(1, self.lengths[axis] + 1):
                for equation in component.equations:
                    for read, axes in contextual_refs(equation.expr):
                        inner = self.owner.get(read.name) == key and read.index == equation.out.index
                        for source in () if inner else self._shared(read, {axis: at}, axes):
                            if source != (key, at):
                                found[source, (key, at)] = None
        found |= {(source, loss): None for loss, source in self._losses() if source[0] not in self.system.inputs}
        hubs = [tail for tail, _ in found if tail[0].endswith("[:]")]
        for hub in hubs:  # grows while it is read
            name = hub[0].removesuffix("[:]")
            for at in range(1, self.lengths[self.system.variables[name].axis or ""] + 1):
                for source in self._origin((name, at), frozenset()):
                    if (source, hub) not in found and source != hub:
                        found[source, hub] = None
                        hubs += [source] if source[0].endswith("[:]") else []
        return found

    def _shared(self, read: Ref, here: dict[str, int], axes: tuple[str, ...]) -> Iterator[Place]:
        """As `sources`, but all steps at once are one place."""
        if self._everywhere(read, here, axes):
            yield (f"{read.name}[:]", 0)
        else:
            yield from self.sources(read, here, axes)

    def _losses(self) -> Iterator[tuple[Place, Place]]:
        """What a loss reads: every output; of a sum over steps, every term by itself."""
        for name in self.system.outputs:
            equation = self.system.equation(name)
            axis = self.system.variables[name].axis
            if axis is not None:
                for at in range(1, self.lengths[axis] + 1):
                    yield from (((f"loss {axis}", at), place) for place in self._origin((name, at), frozenset()))
                continue
            for read, axes in contextual_refs(equation.expr):
                summed = isinstance(read.index, Step) and read.index.axis in axes
                for other, at in self._positions(read, {}, axes):
                    loss = f"loss {self.system.variables[other].axis}" if summed else "loss"
                    yield from (
                        ((loss, at if summed else 0), place) for place in self._origin((other, at), frozenset())
                    )

    # --- the path ------------------------------------------------------------------------------------------------

    def path(self, wanted: Path | None) -> list[Place]:
        """The shortest path from the loss of a step back to an input of another, or to a recurrence if none reads it.

        Args:
            wanted: which; by default from the last loss to the second step, or the last but one backward in time.

        Returns:
            Its places; empty if there is none.
        """
        losses = list(dict.fromkeys(head for _, head in self.edges if head[0].startswith("loss")))
        if not losses or not self.recurrences:
            return []
        axis = next(iter(self.recurrences.values())).axis or "t"
        last = self.lengths[axis]
        choices = [(wanted.loss, wanted.to)] if wanted else [(last, min(2, last)), (1, max(1, last - 1))]
        for loss, to in choices:
            starts = [place for place in losses if place[1] in (loss, 0)] or losses[-1:]
            if wanted is None and len(self.lengths) > 1:
                starts = losses[-1:]
            for start in starts:
                found = self._shortest(start, to, axis)
                if found:
                    return found
        return []

    def _shortest(self, start: Place, to: int, axis: str) -> list[Place]:
        back: dict[Place, list[Place]] = {}
        for tail, head in self.edges:
            back.setdefault(head, []).append(tail)
        ways: dict[Place, list[Place]] = {start: [start]}
        queue = [start]
        for place in queue:
            for tail in back.get(place, ()):
                if tail not in ways:
                    ways[tail] = [*ways[place], tail]
                    queue.append(tail)
        inputs = [p for p in ways if p[0] in self.system.inputs and self.system.variables[p[0]].axis == axis]
        ends = [p for p in inputs if p[1] == to] or [
            (key, to) for key, c in self.recurrences.items() if c.axis == axis and (key, to) in ways
        ]
        return next((ways[p] for p in ends if any(q[0] in self.recurrences for q in ways[p])), [])


def unrolled(system: System, wanted: Path | None = None) -> Unrolled:
    """A system over as many steps as the path needs; five if nothing is said, four and three of two axes."""
    axes = system.axes
    first = STEPS if len(axes) < 2 and not crowded(system) else STEPS - 1
    most = max(first, wanted.loss, wanted.to) if wanted else first
    return Unrolled(system, {a: most if place == 0 else min(most, FURTHER) for place, a in enumerate(axes)})


def crowded(system: System) -> bool:
    """Whether three recurrences or more run along one axis: their arrows need room to pass each other."""
    axes = [component.axis for component in system.components if component.carried]
    return any(axes.count(axis) > 2 for axis in axes)
