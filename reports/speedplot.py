"""The ratios of `bptt bench` as a picture: a panel for each cell and dtype, a line for each contender.

Read next: `reports.commands.bench`.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from numeric.bench.records import Record, Row
from reports.files import write


def plot(path: str, records: Sequence[Record]) -> None:
    """Write a picture; its format is what the name of the file ends in.

    Raises:
        FileError: if it cannot be written.
        ValueError: if matplotlib has no such format, or there is no ratio.
    """
    from matplotlib.figure import Figure

    rows = [record for record in records if isinstance(record, Row)]
    panels = list(dict.fromkeys(map(_panel, rows)))
    if not panels:
        raise ValueError("there is no ratio to plot")
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    figure = Figure(figsize=(4.2 * across, 3.4 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    names = list(dict.fromkeys(row.place.configuration for row in rows))
    for place, panel in enumerate(panels):
        _draw(axes[place // across][place % across], panel, [r for r in rows if _panel(r) == panel], names)
    for place in range(len(panels), across * down):
        axes[place // across][place % across].set_axis_off()
    stream = BytesIO()
    figure.savefig(stream, format=Path(path).suffix.lstrip(".") or "svg", metadata=None)
    write(path, stream.getvalue())


def _panel(row: Row) -> str:
    threads = f"{row.place.threads} thread{'s' if row.place.threads > 1 else ''}"
    return f"{row.place.cell}, {row.place.dtype}, {threads}\n{row.direction}"


def _draw(axes: Any, title: str, rows: Sequence[Row], names: Sequence[str]) -> None:
    lines = dict.fromkeys((row.own, row.other) for row in rows)
    for own, other in lines:
        found = [row for row in rows if (row.own, row.other) == (own, other)]
        at = [names.index(row.place.configuration) for row in found]
        middle = [row.ratio for row in found]
        below = [max(0.0, row.ratio - row.low) for row in found]
        above = [max(0.0, row.high - row.ratio) for row in found]
        label = other if own == "kernel" else f"{own} / {other}"
        axes.errorbar(at, middle, yerr=[below, above], marker="o", markersize=3, linewidth=1, capsize=2, label=label)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(names)), names)
    axes.set_title(title, fontsize=9)
    axes.set_ylabel("own / other, below 1 faster", fontsize=8)
    axes.legend(fontsize=6)
