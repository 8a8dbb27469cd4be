"""What is paid before the first call: imports, the first derivation and kernel of a process, and the command line.

Each number is the median over fresh processes, of their processor time.  Python keeps compiled modules between them,
where it may write; with ``PYTHONDONTWRITEBYTECODE`` an import takes more than twice the time.

Read next: `numeric.bench.child`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from tempfile import TemporaryDirectory

from numeric.bench.records import Startup

STEPS = """
import numpy, sympy, time
now = time.process_time
marks = [now()]
import numeric
marks.append(now())
import derive
lstm = derive.load("lstm")
marks.append(now())
lstm.adjoint()
marks.append(now())
lstm.adjoint()
marks.append(now())
numeric.compile(lstm, "float32")
marks.append(now())
numeric.compile(lstm, "float32")
marks.append(now())
print(*marks)
"""
NAMES = (
    "import numeric, NumPy and SymPy being there",
    "load the LSTM",
    "adjoint of the LSTM, first in a process",
    "adjoint of the LSTM, again",
    "compile the LSTM, first in a process",
    "compile the LSTM, again",
)
COMMANDS = (("--help",), ("show", "lstm"), ("report", "lstm", "gru"))
BPTT = "import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))"


def startup(runs: int = 3) -> Iterator[Startup]:
    """Seconds of every step, then those of whole commands, imports included."""
    found = []
    for _ in range(runs):
        marks = [float(mark) for mark in _fresh(STEPS).split()]
        found.append([after - before for before, after in pairwise(marks)])
    for name, steps in zip(NAMES, zip(*found, strict=True), strict=True):
        yield Startup(name, median(steps))
    with TemporaryDirectory(prefix="bptt-") as folder:
        for command in COMMANDS:
            out = ("-o", folder) if command[0] == "report" else ()
            times = []
            for _ in range(runs):
                start = _of_children()
                _fresh(BPTT, *command, *out)
                times.append(_of_children() - start)
            yield Startup(" ".join(["bptt", *command]), median(times))


def _of_children() -> float:
    """Processor time of all processes that were started here and have ended; always 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def _fresh(program: str, *arguments: str) -> str:
    """What a program prints in a process of its own."""
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"},
    ).stdout
