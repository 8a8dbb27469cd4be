"""Diagrams: boxes and arrows, first as names and labels, then placed on the plane.

A layout takes the first and gives the second. Lengths are points, y grows upwards.

Read next: `reports.pictures.layered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["operation", "value", "unit", "plain"]
Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """What is in a box.

    Attributes:
        key: its name in this diagram.
        label: for matplotlib; a dollar begins a formula, a newline a line.
        kind: an operation or a unit of several is a filled box, a value from outside a circle, "plain" only text.
        inside: whether it belongs to the step, which a frame is drawn around.
    """

    key: str
    label: str
    kind: Kind = "operation"
    inside: bool = False


@dataclass(frozen=True)
class Edge:
    """An arrow.

    Attributes:
        tail, head: keys of nodes.
        label: the value that it carries.
        path: whether it belongs to the path that is told apart, by colour and by its width.
    """

    tail: str
    head: str
    label: str = ""
    path: bool = False


@dataclass(frozen=True)
class Diagram:
    """Nodes and edges, without places."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Box:
    """A rectangle by its middle."""

    x: float
    y: float
    width: float
    height: float

    def apart(self, other: Box, gap: float = 0.0) -> bool:
        """Whether there are at least `gap` points between two boxes."""
        return (
            abs(self.x - other.x) >= (self.width + other.width) / 2 + gap - 1e-6
            or abs(self.y - other.y) >= (self.height + other.height) / 2 + gap - 1e-6
        )

    def holds(self, point: Point, gap: float = 0.0) -> bool:
        """Whether a point lies within the rectangle, or within `gap` points of it."""
        x, y = point
        return abs(x - self.x) < self.width / 2 + gap and abs(y - self.y) < self.height / 2 + gap


@dataclass(frozen=True)
class Placed:
    """A diagram on the plane.

    Attributes:
        diagram: what is drawn.
        boxes: of the nodes, by key.
        curves: of the edges, in their order: a start, then three points for every cubic piece.
        labels: of the edges, in their order; None where there is no label.
    """

    diagram: Diagram
    boxes: Mapping[str, Box]
    curves: tuple[tuple[Point, ...], ...]
    labels: tuple[Box | None, ...]


def at(curve: tuple[Point, ...], piece: int, s: float) -> Point:
    """The point of a cubic piece, s from 0 to 1."""
    p = curve[3 * piece : 3 * piece + 4]
    weights = ((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s * s * (1 - s), s**3)
    return (
        sum(w * x for w, (x, _) in zip(weights, p, strict=True)),
        sum(w * y for w, (_, y) in zip(weights, p, strict=True)),
    )


def samples(curve: tuple[Point, ...], number: int = 12) -> list[Point]:
    """Points along a curve."""
    return [at(curve, piece, n / number) for piece in range(len(curve) // 3) for n in range(number + 1)]
