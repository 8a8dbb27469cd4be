"""The unrolled system on the plane: a grid of boxes, and arrows that run over none of them.

Rows of recurrences are staggered, so that an arrow can pass between the boxes of the next row; one that still would run
over a box is bent as little as helps.

Read next: `reports.pictures.drawing`.
"""

from __future__ import annotations

from collections.abc import Mapping

from reports.notation import SystemNames
from reports.pictures.diagram import Box, Diagram, Edge, Kind, Node, Placed, Point, samples
from reports.pictures.mathtext import mathtext
from reports.pictures.unrolled import Place, Unrolled, crowded

COLUMN, ROW = 24.0, 30.0  # points between boxes
BENDS = (0.0, *(side * size / 50 for size in range(3, 34, 2) for side in (1, -1)))


def label(found: Unrolled, names: SystemNames, place: Place) -> str:
    """The label of a box."""
    key, at = place
    if key.startswith("loss"):
        return mathtext(rf"\ell_{{{at}}}" if at else r"\mathcal{L}")
    if key.endswith("[:]"):
        name = key.removesuffix("[:]")
        return mathtext(names.whole(name, found.system.variables[name].axis or "t"))
    if key not in found.recurrences:
        return mathtext(names.written(key, str(at) if at else ""))
    component = found.recurrences[key]
    carried = [name for name in found.system.states if name in component.carried]
    return mathtext(r",\, ".join(names.written(name, str(at)) for name in carried))


def grid(found: Unrolled, names: SystemNames, path: list[Place], sizes: dict[Place, tuple[float, float]]) -> Placed:
    """The places of all boxes, and arrows that run over none of them.

    Args:
        found: the unrolled system.
        names: how its quantities are written.
        path: which edges are told apart.
        sizes: of the boxes.
    """
    places = _used(found)
    rows = _rows(found, places)
    wide = max(size[0] for size in sizes.values()) + COLUMN
    high = max(size[1] for size in sizes.values()) + ROW
    wider = 1.5 if crowded(found.system) else 1.25 if len(found.recurrences) > 1 else 1.0
    stagger = wide * wider / 2 if wider > 1 else 0.0
    hub = any(key.endswith("[:]") for key, _ in places)
    columns = {a: sum(list(found.lengths.values())[:place]) + hub * place for place, a in enumerate(found.lengths)}
    boxes = {}
    for place in places:
        axis = _axis(found, place[0])
        column = columns[axis] + place[1] - 1 if axis and place[1] else _aside(found, place, columns)
        level = rows[place[0]]
        shift = stagger if place[0] in found.recurrences and list(found.recurrences).index(place[0]) % 2 else 0.0
        boxes[_key(place)] = Box(column * wide * wider + shift, level * high, *sizes[place])
    marked = set(zip(path[1:], path, strict=False))
    edges = tuple(Edge(_key(a), _key(b), path=(a, b) in marked) for a, b in found.edges)
    nodes = tuple(Node(_key(p), label(found, names, p), _kind(found, p)) for p in places)
    curves = []
    for edge in edges:
        others = [box for key, box in boxes.items() if key not in (edge.tail, edge.head)]
        curves.append(bent(boxes[edge.tail], boxes[edge.head], others))
    return Placed(Diagram(nodes, edges), boxes, tuple(curves), (None,) * len(edges))


def _aside(found: Unrolled, place: Place, columns: Mapping[str, int]) -> float:
    """The column of what belongs to no step: a whole sequence behind its steps, a loss at the end."""
    name = place[0].removesuffix("[:]")
    if name != place[0]:
        axis = found.system.variables[name].axis or "t"
        return columns[axis] + found.lengths[axis] + 0.25
    axis = list(columns)[-1]
    return columns[axis] + found.lengths[axis] - 0.5


def nodes_of(found: Unrolled, names: SystemNames) -> dict[Place, Node]:
    """The boxes, before they have places."""
    return {p: Node(_key(p), label(found, names, p), _kind(found, p)) for p in _used(found)}


def _used(found: Unrolled) -> list[Place]:
    return list(dict.fromkeys(place for edge in found.edges for place in edge))


def _key(place: Place) -> str:
    return f"{place[0]} {place[1]}"


def _kind(found: Unrolled, place: Place) -> Kind:
    if place[0] in found.recurrences:
        return "unit"
    return "value" if place[0].startswith("loss") else "operation" if place[0].endswith("[:]") else "plain"


def _axis(found: Unrolled, key: str) -> str | None:
    if key.startswith("loss"):
        return key.partition(" ")[2] or None
    if key.endswith("[:]"):
        return None
    return found.recurrences[key].axis if key in found.recurrences else found.system.variables[key].axis


def _rows(found: Unrolled, places: list[Place]) -> dict[str, float]:
    """Inputs below, recurrences from the first upwards, losses above."""
    keys = dict.fromkeys(place[0] for place in places)
    hubs = [key for key in keys if key.endswith("[:]")]
    inputs = [key for key in keys if key not in (*found.recurrences, *hubs) and not key.startswith("loss")]
    levels: dict[str, float] = {}
    for axis in {found.system.variables[key].axis: None for key in inputs}:
        own = [key for key in inputs if found.system.variables[key].axis == axis]
        levels |= {key: -0.6 * place for place, key in enumerate(reversed(own))}
    by_loss = {tail[0] for tail, head in found.edges if head[0].startswith("loss")}
    for place, key in enumerate(hubs):
        levels[key] = 0.5 + len(found.recurrences) if key in by_loss else 1.5 - 0.7 * place
    levels |= {key: 1.0 + place for place, key in enumerate(found.recurrences)}
    return levels | {key: 1.0 + len(found.recurrences) for key in keys if key.startswith("loss")}


def bent(tail: Box, head: Box, others: list[Box]) -> tuple[Point, ...]:
    """An arrow between two boxes: straight if it can be, else the least bent that runs over no other box."""
    for bend in BENDS:
        curve = _bow(tail, head, bend)
        if not any(box.holds(point, 2.0) for point in samples(curve, 24) for box in others):
            return curve
    return _bow(tail, head, 0.0)


def _bow(tail: Box, head: Box, bend: float) -> tuple[Point, ...]:
    dx, dy = head.x - tail.x, head.y - tail.y
    middle = (tail.x + dx / 2 - bend * dy, tail.y + dy / 2 + bend * dx)
    first, last = _border(tail, middle), _border(head, middle)
    return (first, _between(first, middle, 2 / 3), _between(last, middle, 2 / 3), last)


def _between(a: Point, b: Point, s: float) -> Point:
    return a[0] + (b[0] - a[0]) * s, a[1] + (b[1] - a[1]) * s


def _border(box: Box, towards: Point) -> Point:
    """Where the line from the middle of a box to a point leaves the box."""
    dx, dy = towards[0] - box.x, towards[1] - box.y
    scale = max(abs(dx) / (box.width / 2), abs(dy) / (box.height / 2), 1e-9)
    return box.x + dx / scale, box.y + dy / scale
