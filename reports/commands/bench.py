"""`bptt bench`: speed beside peers, losses first.

Read next: `reports.cli`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from derive.system import System
from numeric.bench.child import Request, peaks, requests, run
from numeric.bench.contender import BOTH, DIRECTIONS, FORWARD
from numeric.bench.pairs import CLOCKS
from numeric.bench.records import Missing, Record, Startup, as_dict
from numeric.bench.rows import NAMES, OWN, Plan
from numeric.bench.startup import startup
from numeric.bench.task import CONFIGURATIONS, DTYPES
from reports.commands.failure import Failure
from reports.commands.output import print_json
from reports.commands.progress import Say, progress
from reports.commands.systems import read_systems
from reports.files import FileError, write
from reports.jsonreport import to_json
from reports.speed import heading, machine, tables
from reports.speedplot import plot

CELLS = ("rnn", "lstm", "gru-reset-after")
QUICK = ("S1", "S2", "LONG")
LEAST = 7  # pairs
WIDTH = 160  # columns where there is no terminal
DIRECTION = {"forward": (FORWARD,), "both": (BOTH,), "all": DIRECTIONS}


@dataclass(frozen=True)
class Options:
    """What the command line says; empty texts and None are the defaults."""

    configurations: str = ""
    dtypes: str = ""
    threads: str = ""
    contenders: str = ""
    direction: str = ""
    pairs: int | None = None
    clock: str = "wall"
    most: float | None = None
    quick: bool = False
    memory: bool | None = None
    scaling: bool = False
    unseen: bool = False
    startup: bool = False
    out: str = ""
    plot: str = ""


def bench(arguments: Sequence[str], options: Options, *, as_json: bool, strict: bool) -> int:
    """Measure and print; status 1 where a contender computes something else than the kernel."""
    asked = _requests(read_systems(arguments or CELLS, strict=strict), options)
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        raise Failure("--plot needs matplotlib, which is not installed")
    where = machine(asked[0].plan)
    try:
        with progress() as say:
            records = list(_measured(asked, options, say))
    except ValueError as error:
        raise Failure(str(error)) from error
    data = {**where, "records": [as_dict(record) for record in records]}
    try:
        if options.out:
            write(options.out, to_json(data))
        if options.plot:
            plot(options.plot, records)
    except (FileError, ValueError) as error:
        raise Failure(str(error)) from error
    if as_json:
        print_json(data)
    else:
        _print(heading(where), records)
    return 1 if any(isinstance(record, Missing) and record.wrong for record in records) else 0


def _requests(systems: Sequence[System], options: Options) -> list[Request]:
    names = _chosen("--configurations", options.configurations, CONFIGURATIONS, QUICK if options.quick else None)
    dtypes = _chosen("--dtypes", options.dtypes, DTYPES, ("float32",) if options.quick else None)
    counts = [str(n) for n in range(1, (os.cpu_count() or 1) + 1)]
    threads = _chosen("--threads", options.threads, counts, ("1",) if options.quick else counts[:2])
    contenders = _chosen("--contenders", options.contenders, NAMES, None)
    if not set(OWN[:2]) & set(contenders):
        contenders = ("kernel", *contenders)
    if options.clock not in CLOCKS:
        raise Failure(f"--clock: {options.clock!r} is not {' or '.join(CLOCKS)}")
    if options.clock == "cpu" and threads != ("1",):
        if options.threads:
            raise Failure("--clock cpu adds up the time of all threads: with it, --threads 1")
        threads = ("1",)
    pairs = options.pairs if options.pairs is not None else LEAST if options.quick else 9
    if pairs < LEAST:
        raise Failure(f"--pairs: at least {LEAST}, so that quartiles mean something")
    if options.direction and options.direction not in DIRECTION:
        raise Failure(f"--direction: {options.direction!r} is not {', '.join(DIRECTION)}")
    directions = DIRECTION[options.direction or ("both" if options.quick else "all")]
    most = options.most if options.most is not None else 6.0 if options.quick else 60.0
    plan = Plan(contenders, directions, pairs, options.clock, most)
    asked = [request for count in threads for request in requests(systems, names, dtypes, int(count), plan)]
    mode = "growth" if options.scaling else "unseen" if options.unseen else "pairs"
    if mode == "pairs":
        return asked
    by = "name" if mode == "growth" else "configuration"  # the other has no part in it
    return list({(getattr(r, by), r.dtype, r.threads): replace(r, mode=mode) for r in asked}.values())


def _measured(asked: Sequence[Request], options: Options, say: Say) -> Iterator[Record]:
    """All records, from a process for each number of threads, and for each contender whose memory is asked for."""
    if options.startup:
        say("fresh processes")
        yield from startup()
        return
    for threads in dict.fromkeys(request.threads for request in asked):
        say(f"threads {threads}: PyTorch and JAX are loaded")
        for record in run([request for request in asked if request.threads == threads]):
            if not isinstance(record, Startup):
                say(f"threads {threads}: {record.place.cell}, {record.place.dtype}, {record.place.configuration}")
            yield record
    wanted = options.memory if options.memory is not None else not options.quick
    for request in asked if wanted else ():
        if request.mode == "pairs" and request.threads == asked[0].threads and BOTH in request.plan.directions:
            say(f"memory: {request.name}, {request.dtype}, {request.configuration}")
            yield from peaks(request)


def _chosen(option: str, text: str, known: Iterable[str], default: Sequence[str] | None) -> tuple[str, ...]:
    """Names from a comma-separated list, in the order that is known."""
    names = tuple(known)
    if not text:
        return tuple(default) if default is not None else names
    given = [part.strip() for part in text.split(",") if part.strip()]
    for name in given:
        if name not in names:
            raise Failure(f"{option}: {name!r} is not there; there are {', '.join(names)}")
    if not given:
        raise Failure(f"{option}: name one of {', '.join(names)}")
    return tuple(name for name in names if name in given)


def _print(head: str, records: Sequence[Record]) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(head, highlight=False)
    for table in tables(records):
        console.print()
        console.print(table)
