"""What `bptt bench` found, as tables for a terminal: losses first, then all ratios, times, memory, what is missing.

Read next: `reports.speedplot`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy

from numeric.bench.records import Cost, Growth, Memory, Missing, Place, Record, Row, Startup, losses
from numeric.bench.rows import Plan
from numeric.bench.task import CONFIGURATIONS

if TYPE_CHECKING:
    from rich.table import Table

PACKAGES = ("numpy", "sympy", "torch", "jax", "onnxruntime", "autograd")
Key = tuple[str, ...]


def machine(plan: Plan) -> dict[str, Any]:
    """Where and how it was measured, as plain data."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "packages": found,
        "clock": plan.clock,
        "pairs": plan.pairs,
    }


def heading(where: dict[str, Any]) -> str:
    """The machine in a line, and what the numbers are."""
    packages = ", ".join(f"{name} {number}" for name, number in where["packages"].items() if number)
    clock = "processor time of all threads" if where["clock"] == "cpu" else "wall time"
    return (
        f"Python {where['python']} on {where['machine']}, {where['processors']} processors; {packages}; "
        f"{where['blas']}.\nRatios of {clock}, own / other, medians of {where['pairs']} pairs and their quartiles; "
        "below 1 the own is faster."
    )


def tables(records: Sequence[Record]) -> list[Table]:
    """All tables, the losses first."""
    rows = [record for record in records if isinstance(record, Row)]
    beaten = losses(records)
    found = [_ratios(f"Losses to peers: {len(beaten)} of {sum(r.peer for r in rows)} ratios", beaten)]
    for direction in dict.fromkeys(row.direction for row in rows):
        found.append(_ratios(direction[0].upper() + direction[1:], [r for r in rows if r.direction == direction]))
    found += [_times(rows), _memory(records), _costs(records), _growth(records), _startup(records), _missing(records)]
    return [table for table in found if table.row_count]


def _ratios(title: str, rows: Sequence[Row]) -> Table:
    def entry(row: Row) -> str:
        return f"{_number(row.ratio)}\n{_number(row.low)}–{_number(row.high)}"

    worst: dict[Key, float] = {}
    for row in rows:
        worst[_label(row)] = max(worst.get(_label(row), 0.0), row.difference or 0.0)

    def label(row: Row) -> Key:
        return (*_label(row), f"{worst[_label(row)]:.0e}" if row.difference is not None else "")

    return _grid(title, ("cell", "float", "threads", "direction", "own / other", "difference"), rows, label, entry)


def _label(row: Row) -> Key:
    at = row.place
    return at.cell, at.dtype, str(at.threads), _short(row.direction), f"{row.own} / {row.other}"


def _times(rows: Sequence[Row]) -> Table:
    """Milliseconds of one call of everything, the smallest median where a contender was in several pairs."""
    found: dict[tuple[Key, str], tuple[Place, float]] = {}
    for row in rows:
        at = row.place
        for name, seconds in ((row.own, row.seconds), (row.other, row.other_seconds)):
            key = (at.cell, at.dtype, str(at.threads), _short(row.direction), name), at.configuration
            found[key] = at, min(seconds, found[key][1] if key in found else seconds)
    items = [(*key, *value) for key, value in found.items()]
    return _grid(
        "Milliseconds of a call",
        ("cell", "float", "threads", "direction", "contender"),
        items,
        lambda item: item[0],
        lambda item: _number(1000 * item[3]),
        lambda item: item[1],
    )


def _memory(records: Iterable[Record]) -> Table:
    def entry(record: Memory) -> str:
        traced = f" ({record.traced:.3g})" if record.traced is not None else ""
        return f"{record.resident:.3g}{traced}"

    return _grid(
        "Peak MiB of forward and backward: resident, and (as NumPy counts them)",
        ("cell", "float", "contender"),
        [record for record in records if isinstance(record, Memory)],
        lambda record: (record.place.cell, record.place.dtype, record.contender),
        entry,
    )


def _costs(records: Iterable[Record]) -> Table:
    """Once a process and cell; the first configuration pays, and what is known by then costs nothing again."""
    found: dict[Key, list[Cost]] = {}
    for record in records:
        if isinstance(record, Cost):
            found.setdefault((record.place.cell, record.contender), []).append(record)
    table = _table("Before the first call: milliseconds of processor time", ("cell", "contender", "derive", "compile"))
    for key, costs in found.items():
        parts = [[c.deriving for c in costs], [c.compiling for c in costs]]
        known = [[part for part in each if part is not None] for each in parts]
        table.add_row(*key, *(_number(1000 * max(each)) if each else "" for each in known))
    return table


def _growth(records: Iterable[Record]) -> Table:
    table = _table("Growth of the kernel's time", ("cell", "float", "along", "sizes", "milliseconds", "exponent"))
    for r in records:
        if isinstance(r, Growth):
            times = " ".join(_number(1000 * each) for each in r.seconds)
            sizes = " ".join(map(str, r.numbers))
            table.add_row(r.place.cell, r.place.dtype, r.along, sizes, times, f"{r.exponent:.2f}")
    return table


def _startup(records: Iterable[Record]) -> Table:
    table = _table("Before anything is computed", ("what", "milliseconds"))
    for record in records:
        if isinstance(record, Startup):
            table.add_row(record.what, _number(1000 * record.seconds))
    return table


def _missing(records: Iterable[Record]) -> Table:
    found: dict[Key, dict[str, None]] = {}
    for record in records:
        if isinstance(record, Missing):
            place = record.place
            where = f"{place.cell} {place.configuration} {place.dtype}"
            found.setdefault((record.contender, _short(record.direction), record.reason), {})[where] = None
    table = _table("Not measured", ("contender", "direction", "why", "where"))
    for key, places in found.items():
        shown = list(places)
        table.add_row(*key, ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else ""))
    return table


def _grid(
    title: str,
    head: Key,
    items: Sequence[Any],
    label: Callable[[Any], Key],
    entry: Callable[[Any], str],
    column: Callable[[Any], str] = lambda item: item.place.configuration,
) -> Table:
    """A row for each label in the order of the items, a column for each configuration in that of their sizes."""
    order = list(CONFIGURATIONS)
    there = dict.fromkeys(map(column, items))
    columns = sorted(there, key=lambda name: order.index(name) if name in order else len(order))
    table = _table(title, (*head, *columns))
    cells: dict[Key, dict[str, str]] = {}
    for item in items:
        cells.setdefault(label(item), {})[column(item)] = entry(item)
    for key, found in cells.items():
        table.add_row(*key, *(found.get(name, "") for name in columns))
    return table


def _table(title: str, head: Key) -> Table:
    from rich.table import Table

    return Table(*head, title=title, title_justify="left")


def _short(direction: str) -> str:
    return {"forward and backward": "both"}.get(direction, direction)


def _number(value: float) -> str:
    """Two or three significant digits, without an exponent where there need be none."""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}" if value >= 1 else f"{value:.2g}"
