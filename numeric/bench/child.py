"""Measurements in a process of their own: ``python -m numeric.bench.child``, a request on stdin, records on stdout.

BLAS and XLA settle how many threads they use when they are loaded; so there is one process for each number of
threads, with the environment that says it.  Where threadpoolctl is installed it says it once more, to what is loaded.

Read next: `numeric.initialisers`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from derive.language import parse
from derive.system import System
from numeric.bench.growth import growth, unrolled, unseen
from numeric.bench.memory import memory
from numeric.bench.records import Record, as_dict, from_dict
from numeric.bench.rows import CONTENDERS, Plan, measure
from numeric.bench.task import CONFIGURATIONS, Configuration, task

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Request:
    """What a process measures.

    Attributes:
        name, text: of the system.
        configuration: sizes.
        dtype, threads: of the task.
        plan: how to measure.
        mode: "pairs", "growth", "unseen", or "memory" of the one contender of the plan.
    """

    name: str
    text: str
    configuration: Configuration
    dtype: str
    threads: int
    plan: Plan
    mode: str = "pairs"


def requests(
    systems: Sequence[System], configurations: Sequence[str], dtypes: Sequence[str], threads: int, plan: Plan
) -> list[Request]:
    """One request for each combination."""
    return [
        Request(system.name, str(system), CONFIGURATIONS[name], dtype, threads, plan)
        for system in systems
        for dtype in dtypes
        for name in configurations
    ]


def environment(threads: int) -> dict[str, str]:
    """That of a process whose libraries use so many threads."""
    flags = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} intra_op_parallelism_threads={threads}"
    return {
        **os.environ,
        **dict.fromkeys(VARIABLES, str(threads)),
        "XLA_FLAGS": " ".join(filter(None, [os.environ.get("XLA_FLAGS", ""), flags])),
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }


def run(asked: Sequence[Request]) -> Iterator[Record]:
    """Measure in another process; all requests are of one number of threads.

    Raises:
        ValueError: with its last line, if the process ends early.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "numeric.bench.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(asked[0].threads),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps([asdict(request) for request in asked]))
        process.stdin.close()
        for line in process.stdout:
            if line.startswith("{"):  # what else a library prints is none of ours
                yield from_dict(json.loads(line))
        said = process.stderr.read().strip().splitlines()
    if process.returncode:
        raise ValueError(f"measuring ended with status {process.returncode}: {said[-1] if said else 'no message'}")


def peaks(asked: Request) -> Iterator[Record]:
    """Peak memory of the contenders of a plan, each in a process of its own."""
    for contender in CONTENDERS:
        if contender.name in asked.plan.contenders and contender.name not in ("limit", "onnxruntime"):
            yield from run([replace(asked, plan=replace(asked.plan, contenders=(contender.name,)), mode="memory")])


# --- in that process ------------------------------------------------------------------------------------------------


def request_of(data: Mapping[str, Any]) -> Request:
    """A request from plain data."""
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data["plan"].items()}
    plan = Plan(**fields)
    return Request(**{**data, "plan": plan, "configuration": Configuration(**data["configuration"])})


def main() -> None:
    """Answer the requests on stdin."""
    if importlib.util.find_spec("threadpoolctl") is not None:
        from threadpoolctl import threadpool_limits

        threadpool_limits(int(os.environ[VARIABLES[0]]))
    for data in json.load(sys.stdin):
        for record in answer(request_of(data)):
            print(json.dumps(as_dict(record)), flush=True)


def answer(request: Request) -> Iterator[Record]:
    """The records that a request asks for."""
    plan, dtype, threads = request.plan, request.dtype, request.threads
    if request.mode == "unseen":
        yield from unseen(request.configuration, dtype, threads, plan)
        return
    system = parse(request.text, name=request.name)
    if request.mode == "growth":
        yield from growth(system, dtype, threads, plan)
        yield unrolled(system, dtype, threads)
        return
    what = task(system, request.configuration, dtype, threads)
    if request.mode == "memory":
        yield memory(what, *plan.contenders)
    else:
        yield from measure(what, plan)


if __name__ == "__main__":
    main()
