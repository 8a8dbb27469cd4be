"""A layout by Graphviz, where it is installed: `dot` places boxes of given sizes, and nothing else is asked of it.

What it would draw itself depends on the fonts it finds; sizes are ours, so its places are the same wherever the
version is the same.

Read next: `reports.pictures.drawing`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache

from reports.pictures.diagram import Box, Diagram, Placed, Point

PATIENCE = 20  # seconds
Size = tuple[float, float]


@cache
def program() -> str | None:
    """The program ``dot``, if it is installed."""
    return shutil.which("dot")


def by_graphviz(diagram: Diagram, sizes: Mapping[str, Size], labels: Mapping[str, Size]) -> Placed | None:
    """Places for a diagram; None without Graphviz, or where it gives up.

    Args:
        diagram: what to place.
        sizes: width and height of every node, by key.
        labels: width and height of every label of an edge, by text.
    """
    command = program()
    if command is None:
        return None
    try:
        done = subprocess.run(
            [command, "-Tjson0"],
            input=_dot(diagram, sizes, labels).encode(), check=True, timeout=PATIENCE, capture_output=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return _placed(diagram, sizes, labels, json.loads(done.stdout))


def _dot(diagram: Diagram, sizes: Mapping[str, Size], labels: Mapping[str, Size]) -> str:
    number = {node.key: n for n, node in enumerate(diagram.nodes)}
    lines = ['digraph g { rankdir=LR; nodesep=0.13; ranksep=0.24; node [fixedsize=true, label=""]']
    drawn = [(n, node) for n, node in enumerate(diagram.nodes)]
    inner = [_node(n, sizes[node.key], node.kind == "value") for n, node in drawn if node.inside]
    if inner:
        lines += ["subgraph cluster_step { margin=9", *inner, "}"]
    lines += [_node(n, sizes[node.key], node.kind == "value") for n, node in drawn if not node.inside]
    for place, edge in enumerate(diagram.edges):
        text = f"n{number[edge.tail]} -> n{number[edge.head]} [id={place}"
        if edge.label:
            width, height = labels[edge.label]
            cell = f'FIXEDSIZE="TRUE" WIDTH="{round(width)}" HEIGHT="{round(height)}"'
            text += f', label=<<TABLE BORDER="0" CELLPADDING="0" CELLSPACING="0"><TR><TD {cell}></TD></TR></TABLE>>'
        lines.append(text + "]")
    return "\n".join([*lines, "}"])


def _node(number: int, size: Size, round_: bool) -> str:
    shape = "ellipse" if round_ else "box"
    return f"n{number} [shape={shape}, width={size[0] / 72:.4f}, height={size[1] / 72:.4f}]"


def _placed(
    diagram: Diagram, sizes: Mapping[str, Size], labels: Mapping[str, Size], found: Mapping[str, object]
) -> Placed:
    objects, edges = found.get("objects", []), found.get("edges", [])
    assert isinstance(objects, list)
    assert isinstance(edges, list)
    places = {item["name"]: _point(item["pos"]) for item in objects if "pos" in item}
    boxes = {node.key: Box(*places[f"n{n}"], *sizes[node.key]) for n, node in enumerate(diagram.nodes)}
    drawn = {int(item["id"]): item for item in edges}
    curves, middles = [], []
    for place, edge in enumerate(diagram.edges):
        item = drawn[place]
        end, _, rest = item["pos"].removeprefix("e,").partition(" ")
        points = [_point(text) for text in rest.split()]
        curve = [*points[:-1], _point(end)] if item["pos"].startswith("e,") else points
        curves.append(tuple(curve))
        middles.append(Box(*_point(item["lp"]), *labels[edge.label]) if edge.label and "lp" in item else None)
    return Placed(diagram, boxes, tuple(curves), tuple(middles))


def _point(text: str) -> Point:
    x, _, y = text.partition(",")
    return float(x), float(y)
