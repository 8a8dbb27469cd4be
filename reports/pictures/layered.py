"""A layout in layers, from left to right, for machines without Graphviz (Sugiyama, Tagawa & Toda 1981, IEEE SMC 11).

Four steps: every node gets a rank, after all that leads to it; an edge over several ranks gets a place in each of
them, and its label too; ranks are put in an order with few crossings, by the means of neighbours; and places are as
near to those of their neighbours as their order and sizes allow, which is a least-squares fit under an order and
solved exactly by pooling (Ayer et al. 1955). So no two nodes, nor a node and a label, can overlap.

Libraries were looked at: networkx orders no layers, grandalf is no longer kept.

Read next: `reports.pictures.graphviz`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from reports.pictures.diagram import Box, Diagram, Placed, Point

ACROSS, ALONG = 9.0, 15.0  # points between neighbours in a rank, and between ranks
SWEEPS = 12
STRAIGHT = 4  # how much more an edge over several ranks wants to be level than a node near its neighbours

Size = tuple[float, float]


@dataclass
class _Item:
    """What takes a place in a rank: a node, or an edge on its way, perhaps with its label."""

    rank: int
    size: Size
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    y: float = 0.0

    @property
    def labelled(self) -> bool:
        return self.size != (0.0, 0.0)


def layered(diagram: Diagram, sizes: Mapping[str, Size], labels: Mapping[str, Size]) -> Placed:
    """Places for a diagram without cycles.

    Args:
        diagram: what to place.
        sizes: width and height of every node, by key.
        labels: width and height of every label of an edge, by text.

    Raises:
        ValueError: if there is a cycle.
    """
    items, ways = _items(diagram, sizes, labels)
    ranks: list[list[int]] = [[] for _ in range(max(item.rank for item in items) + 1)] if items else []
    for number, item in enumerate(items):
        ranks[item.rank].append(number)
    ranks = _ordered(ranks, items)
    _spread(ranks, items, len(diagram.nodes))
    widths = [max((items[n].size[0] for n in rank), default=0.0) for rank in ranks]
    starts = [sum(widths[:r]) + ALONG * r for r in range(len(ranks))]
    boxes = {}
    for node, item in zip(diagram.nodes, items, strict=False):
        boxes[node.key] = Box(starts[item.rank] + widths[item.rank] / 2, item.y, *item.size)
    curves, places = [], []
    for edge, way in zip(diagram.edges, ways, strict=True):
        tail, head = boxes[edge.tail], boxes[edge.head]
        passed = [(starts[items[n].rank], items[n].y, widths[items[n].rank]) for n in way]
        curves.append(_curve(tail, head, passed, starts, widths))
        labelled = [
            (x + width / 2, items[n]) for n, (x, _, width) in zip(way, passed, strict=True) if items[n].labelled
        ]
        places.append(next((Box(x, i.y + i.size[1] / 4, i.size[0], i.size[1] / 2) for x, i in labelled), None))
    return Placed(diagram, boxes, tuple(curves), tuple(places))


# --- ranks --------------------------------------------------------------------------------------------------------


def ranked(diagram: Diagram) -> dict[str, int]:
    """The longest way to every node; what nothing leads to stands just before its first reader.

    Raises:
        ValueError: if there is a cycle.
    """
    ahead: dict[str, list[str]] = {node.key: [] for node in diagram.nodes}
    waiting = dict.fromkeys(ahead, 0)
    for edge in diagram.edges:
        ahead[edge.tail].append(edge.head)
        waiting[edge.head] += 1
    sources = [key for key, number in waiting.items() if not number]
    ranks, ready = dict.fromkeys(ahead, 0), list(sources)
    done = 0
    while ready:
        key = ready.pop(0)
        done += 1
        for head in ahead[key]:
            ranks[head] = max(ranks[head], ranks[key] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    if done < len(ranks):
        raise ValueError("a diagram with a cycle has no layers")
    for key in sources:
        ranks[key] = min((ranks[head] for head in ahead[key]), default=1) - 1
    return ranks


def _items(
    diagram: Diagram, sizes: Mapping[str, Size], labels: Mapping[str, Size]
) -> tuple[list[_Item], list[list[int]]]:
    """Nodes first, in their order; then for every edge its places in the ranks between its ends."""
    ranks, number = ranked(diagram), {node.key: n for n, node in enumerate(diagram.nodes)}
    stretch = 2 if any(edge.label for edge in diagram.edges) else 1  # a rank between any two, for labels
    items = [_Item(stretch * ranks[node.key], sizes[node.key]) for node in diagram.nodes]
    ways = []
    for edge in diagram.edges:
        tail, head = number[edge.tail], number[edge.head]
        first, last = items[tail].rank + 1, items[head].rank
        way, before = [], tail
        for rank in range(first, last):
            width, height = labels[edge.label] if edge.label and rank == first else (0.0, 0.0)
            items.append(_Item(rank, (width, 2 * height), before=[before]))  # above its line, which is the middle
            items[before].after.append(len(items) - 1)
            before = len(items) - 1
            way.append(before)
        items[before].after.append(head)
        items[head].before.append(before)
        ways.append(way)
    return items, ways


# --- order --------------------------------------------------------------------------------------------------------


def _ordered(ranks: list[list[int]], items: Sequence[_Item]) -> list[list[int]]:
    """The order with the fewest crossings that sweeps forth and back find."""
    best, fewest = ranks, _crossings(ranks, items)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        ranks = [list(rank) for rank in ranks]
        places = {n: at for rank in ranks for at, n in enumerate(rank)}
        for rank in ranks if forth else reversed(ranks):
            means = {n: _mean(items[n].before if forth else items[n].after, places, places[n]) for n in rank}
            rank.sort(key=lambda n: (means[n], places[n]))
            places.update({n: at for at, n in enumerate(rank)})
        found = _crossings(ranks, items)
        if found < fewest:
            best, fewest = ranks, found
    return best


def _mean(neighbours: Sequence[int], places: Mapping[int, float], alone: float) -> float:
    return sum(places[n] for n in neighbours) / len(neighbours) if neighbours else alone


def _crossings(ranks: Sequence[Sequence[int]], items: Sequence[_Item]) -> int:
    total = 0
    for rank, following in pairwise(ranks):
        places = {n: at for at, n in enumerate(following)}
        heads: list[int] = []
        for n in rank:
            ends = [places[head] for head in items[n].after]
            total += sum(head > end for head in heads for end in ends)
            heads += ends
    return total


# --- places -------------------------------------------------------------------------------------------------------


def _spread(ranks: Sequence[Sequence[int]], items: Sequence[_Item], nodes: int) -> None:
    """Give every item its y: as near to the mean of its neighbours as its rank allows, forth and back."""
    for rank in ranks:
        _place(rank, items, [0.0] * len(rank))
    for sweep in range(SWEEPS):
        for rank in ranks if sweep % 2 == 0 else reversed(ranks):
            wishes = []
            for n in rank:
                near = [
                    (items[m].y, STRAIGHT if m >= nodes or n >= nodes else 1) for m in items[n].before + items[n].after
                ]
                weight = sum(w for _, w in near)
                wishes.append(sum(y * w for y, w in near) / weight if near else items[n].y)
            _place(rank, items, wishes)


def _place(rank: Sequence[int], items: Sequence[_Item], wishes: Sequence[float]) -> None:
    """The least-squares fit to wishes, in this order from the top, with gaps: blocks of touching items are pooled."""
    offsets, total = [], 0.0
    for place, n in enumerate(rank):
        if place:
            total += (items[rank[place - 1]].size[1] + items[n].size[1]) / 2 + ACROSS
        offsets.append(total)
    pools: list[tuple[float, int]] = []  # mean of (wish + offset), and of how many; not increasing
    for wish, offset in zip(wishes, offsets, strict=True):
        mean, number = wish + offset, 1
        while pools and pools[-1][0] < mean:
            before, many = pools.pop()
            mean, number = (before * many + mean * number) / (many + number), many + number
        pools.append((mean, number))
    means = [mean for mean, number in pools for _ in range(number)]
    for n, mean, offset in zip(rank, means, offsets, strict=True):
        items[n].y = mean - offset


def _curve(
    tail: Box, head: Box, passed: Sequence[tuple[float, float, float]], starts: Sequence[float], widths: Sequence[float]
) -> tuple[Point, ...]:
    """Level where it passes a rank, given by its left end, y and width, and curved between ranks."""
    ends = [start + width for start, width in zip(starts, widths, strict=True)]
    leaves, enters = min(e for e in ends if e >= tail.x), max(s for s in starts if s <= head.x)
    points: list[Point] = [(tail.x + tail.width / 2, tail.y), (leaves, tail.y)]
    for x, y, width in passed:
        points += [(x, y), (x + width, y)]
    points += [(enters, head.y), (head.x - head.width / 2, head.y)]
    curve = [points[0]]
    for (x, y), (u, v) in pairwise(points):
        if abs(u - x) < 1e-6:
            continue  # nothing between the border of a box and that of its rank, or an edge that passes a thin one
        middle = (x + u) / 2
        curve += [(middle, y), (middle, v), (u, v)]
    return tuple(curve)
