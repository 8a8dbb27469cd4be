"""What is found: records of plain fields, which go from process to process, and into a file, as JSON.

Read next: `numeric.bench.pairs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """What was measured: a cell at a configuration, in a dtype, on threads."""

    cell: str
    configuration: str
    dtype: str
    threads: int


@dataclass(frozen=True)
class Row:
    """Two contenders; ratios are own / other, and below 1 the own one is faster.

    Attributes:
        place: what was measured.
        direction: forward, or forward and backward.
        own, other: names.
        peer: whether it is a loss to be slower.
        seconds, other_seconds: medians of one call.
        low, ratio, high: quartiles of the ratios.
        pairs: how many.
        difference: of the results, relative to the largest entry of each array; None for the limit.
    """

    place: Place
    direction: str
    own: str
    other: str
    peer: bool
    seconds: float
    other_seconds: float
    low: float
    ratio: float
    high: float
    pairs: int
    difference: float | None


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time before the first call, of deriving the gradient and of compiling, where there are."""

    place: Place
    contender: str
    deriving: float | None
    compiling: float | None


@dataclass(frozen=True)
class Missing:
    """What was not measured, and why; ``wrong`` where its results are not those of the kernel."""

    place: Place
    direction: str
    contender: str
    reason: str
    wrong: bool = False


@dataclass(frozen=True)
class Memory:
    """MiB that a call of forward and backward needs at its peak, beyond parameters and inputs.

    Attributes:
        resident: of the process, see `numeric.bench.memory`.
        traced: that NumPy asked for; None where others allocate.
    """

    place: Place
    contender: str
    resident: float
    traced: float | None


@dataclass(frozen=True)
class Growth:
    """Seconds of the kernel along T or B, and the exponent of a power law through them."""

    place: Place
    along: str
    numbers: tuple[int, ...]
    seconds: tuple[float, ...]
    exponent: float


@dataclass(frozen=True)
class Startup:
    """Seconds of processor time of something that is paid once a process."""

    what: str
    seconds: float


Record = Row | Cost | Missing | Memory | Growth | Startup
KINDS = {kind.__name__: kind for kind in (Row, Cost, Missing, Memory, Growth, Startup)}


def as_dict(record: Record) -> dict[str, Any]:
    """A record as plain data."""
    return {"kind": type(record).__name__, **asdict(record)}


def from_dict(data: Mapping[str, Any]) -> Record:
    """The record that `as_dict` made."""
    fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in data.items() if n != "kind"}
    kind: Any = KINDS[data["kind"]]
    record: Record = kind(**{n: Place(**v) if n == "place" else v for n, v in fields.items()})
    return record


def losses(records: Sequence[Record]) -> list[Row]:
    """Rows in which a peer is faster, by the median, the worst first."""
    found = [record for record in records if isinstance(record, Row) and record.peer and record.ratio > 1]
    return sorted(found, key=lambda row: -row.ratio)
