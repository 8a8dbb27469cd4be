"""Diagrams drawn: sizes from the labels, places from a layout, boxes and arrows with matplotlib.

Read next: `reports.pictures.plots`.
"""

from __future__ import annotations

from typing import Any

from reports.pictures import canvas
from reports.pictures.canvas import Drawn, measured
from reports.pictures.diagram import Box, Diagram, Edge, Node, Placed
from reports.pictures.graphviz import by_graphviz
from reports.pictures.layered import layered

MARGIN, FRAME = 4.0, 8.0  # points
SMALL = 8.0  # size of the label of an edge


def drawn(diagram: Diagram) -> Drawn:
    """A diagram without cycles as a picture."""
    with canvas.style():
        return draw(laid_out(diagram))


def laid_out(diagram: Diagram) -> Placed:
    """Places by Graphviz, else by our own layout; to be used within `canvas.style`."""
    sizes, labels = (
        node_sizes(diagram),
        {edge.label: measured(edge.label, SMALL) for edge in diagram.edges if edge.label},
    )
    labels = {text: (width + 6, height) for text, (width, height) in labels.items()}
    return by_graphviz(diagram, sizes, labels) or layered(diagram, sizes, labels)


def node_sizes(diagram: Diagram) -> dict[str, tuple[float, float]]:
    """Width and height of every node by key; to be used within `canvas.style`."""
    return {node.key: _size(node) for node in diagram.nodes}


def _size(node: Node) -> tuple[float, float]:
    width, height = measured(node.label)
    if node.kind == "value":
        return max(25.0, width + 8), max(25.0, height + 8)
    if node.kind == "plain":
        return width + 4, height + 2
    return max(25.0, width + 11), max(19.0, height + 7)


def draw(placed: Placed) -> Drawn:
    """A placed diagram as a picture; to be used within `canvas.style`."""
    nodes = placed.diagram.nodes
    inner = [placed.boxes[node.key] for node in nodes if node.inside]
    frame = None
    if inner and len(inner) < len(nodes):
        left, right = min(b.x - b.width / 2 for b in inner) - FRAME, max(b.x + b.width / 2 for b in inner) + FRAME
        low, high = min(b.y - b.height / 2 for b in inner) - FRAME, max(b.y + b.height / 2 for b in inner) + FRAME
        around = Box((left + right) / 2, (low + high) / 2, right - left, high - low)
        if all(placed.boxes[node.key].apart(around) for node in nodes if not node.inside):
            frame = (left, low, right, high)
    xs = [p[0] for curve in placed.curves for p in curve]
    ys = [p[1] for curve in placed.curves for p in curve]
    for box in (*placed.boxes.values(), *filter(None, placed.labels)):
        xs += [box.x - box.width / 2, box.x + box.width / 2]
        ys += [box.y - box.height / 2, box.y + box.height / 2]
    if frame is not None:
        xs, ys = [*xs, frame[0], frame[2]], [*ys, frame[1], frame[3]]
    left, right, low, high = min(xs) - MARGIN, max(xs) + MARGIN, min(ys) - MARGIN, max(ys) + MARGIN
    drawing = canvas.figure(right - left, high - low)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    if frame is not None:
        _frame(axes, frame)
    for edge, curve, label in zip(placed.diagram.edges, placed.curves, placed.labels, strict=True):
        _arrow(axes, edge, curve)
        if label is not None:
            _text(axes, edge.label, label, SMALL)
    for node in nodes:
        _node(axes, node, placed.boxes[node.key])
    return canvas.saved(drawing)


def _frame(axes: Any, frame: tuple[float, float, float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, low, right, high = frame
    shape = "round,pad=0,rounding_size=8"
    axes.add_patch(
        FancyBboxPatch((left, low), right - left, high - low, boxstyle=shape, fc="none", ec="#b8b8b8", lw=0.7, zorder=0)
    )


def _arrow(axes: Any, edge: Edge, curve: tuple[tuple[float, float], ...]) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    codes = [Path.MOVETO, *[Path.CURVE4] * (len(curve) - 1)]
    colour, width = (canvas.RED, 2.0) if edge.path else (canvas.GREY, 0.8)
    axes.add_patch(
        FancyArrowPatch(
            path=Path(curve, codes),
            arrowstyle="-|>",
            mutation_scale=9 if edge.path else 7,
            shrinkA=0,
            shrinkB=0,
            color=colour,
            lw=width,
            zorder=2 if edge.path else 1,
            capstyle="butt",
            joinstyle="miter",
        )
    )


def _node(axes: Any, node: Node, box: Box) -> None:
    from matplotlib.patches import Ellipse, FancyBboxPatch

    corner = (box.x - box.width / 2, box.y - box.height / 2)
    look: Any = {"ec": canvas.INK, "lw": 0.8, "zorder": 3}
    if node.kind == "value":
        axes.add_patch(Ellipse((box.x, box.y), box.width, box.height, fc="none", **look))
    elif node.kind != "plain":
        shape = f"round,pad=0,rounding_size={6 if node.kind == 'operation' else 4}"
        axes.add_patch(FancyBboxPatch(corner, box.width, box.height, boxstyle=shape, fc=canvas.FILL, **look))
    _text(axes, node.label, box, canvas.SIZE)


def _text(axes: Any, text: str, box: Box, size: float) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.transforms import Affine2D

    moved = Affine2D().translate(box.x, box.y).transform_path(canvas.outlined(text, size).path)
    axes.add_patch(PathPatch(moved, fc=canvas.INK, ec="none", lw=0, zorder=4))
