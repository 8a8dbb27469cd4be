"""Peak memory of one forward and backward, in a process of its own.

A process forgets its peak (``/proc/self/clear_refs`` on Linux), runs once, and is asked for it again: what libraries
took when they were loaded does not count.  Elsewhere the peak of the whole process stands for it, and what a library
took before can hide the call.  A call at the smallest sizes goes first, so that lazy loading is over.

Read next: `numeric.bench.growth`.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path

from numeric.bench.contender import BOTH, NotMeasured, prepared
from numeric.bench.pairs import Call
from numeric.bench.records import Memory, Missing
from numeric.bench.rows import CONTENDERS, place_of
from numeric.bench.task import Configuration, Task, task

TINY = Configuration("tiny", 2, 3, 4, 4)
NUMPY = ("kernel", "checkpoint", "autograd", "textbook")
MIB = 2.0**20


def memory(what: Task, name: str) -> Memory | Missing:
    """The peak of a contender, measured in this process."""
    (contender,) = (each for each in CONTENDERS if each.name == name)
    try:
        small = prepared(contender, task(what.system, TINY, what.dtype, what.threads))
        if BOTH not in small.actions:
            raise NotMeasured("it computes forward alone")
        small.actions[BOTH].call()
        ready = prepared(contender, what)
    except NotMeasured as reason:
        return Missing(place_of(what), BOTH, name, str(reason))
    call = ready.actions[BOTH].call
    gc.collect()
    before = _reset()
    call()
    resident = max(0.0, (_peak() - before) / MIB)
    ready.release()
    return Memory(place_of(what), name, resident, _traced(call) if name in NUMPY else None)


def _traced(call: Call) -> float:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / MIB


def _reset() -> float:
    """Forget the peak where that can be; bytes in use now, or the peak so far."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak()


def _peak() -> float:
    """The largest number of bytes that were resident."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
