"""What speed is promised, measured: ``python tests/benchmark.py``; beside PyTorch: ``python tests/benchmark.py torch``,
and with loops in C: ``python tests/benchmark.py torch compiled``.

Medians over several runs on this machine.  Nothing here decides whether a test passes; ratios are taken within
one run, so that they hold when the machine's speed drifts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import derive
import numeric

ROOT = Path(__file__).parents[1]
BPTT = "import sys; from reports.cli import main; sys.exit(main(sys.argv[1:]))"
ADJOINT = """
import derive, time
lstm = derive.load("lstm")
start = time.perf_counter()
lstm.adjoint()
print(time.perf_counter() - start)
"""


def seconds(action: Callable[[], object], runs: int) -> float:
    """Median wall time of one call."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def ratio(small: Callable[[], object], large: Callable[[], object], runs: int) -> float:
    """Median of large / small, measured in turn."""
    return statistics.median(seconds(large, 1) / seconds(small, 1) for _ in range(runs))


def process(*arguments: str, runs: int = 5) -> float:
    """Median wall time of a fresh process running the command line."""
    command = [sys.executable, "-c", BPTT, *arguments]
    return seconds(lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True), runs)


def first_adjoint(runs: int = 5) -> float:
    """Median time of the first adjoint in a fresh process, imports and parsing not counted."""
    command = [sys.executable, "-c", ADJOINT]
    done = [subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True) for _ in range(runs)]
    return statistics.median(float(process.stdout) for process in done)


def kernel_run(steps: int) -> Callable[[], object]:
    """Forward and backward of the LSTM kernel on a sequence of that length."""
    cell = numeric.LSTM(input_size=8, hidden_size=8)
    random = np.random.default_rng(0)
    x, dh = random.normal(size=(steps, 4, 8)), random.normal(size=(steps, 4, 8))

    def run() -> object:
        return cell.backward(cell.forward(x), {"h": dh})

    return run


def peaks() -> dict[str, float]:
    """Peak MiB that NumPy allocates for forward and backward of an LSTM: B 32, T 100, D 256, H 256, float32."""
    lstm, rng = derive.load("lstm"), np.random.default_rng(0)
    shapes = {name: (256, 512) if name[0] == "W" else (256,) for name in lstm.parameters}
    parameters = {name: rng.normal(size=shape).astype("float32") / 16 for name, shape in shapes.items()}
    x, dh = (rng.normal(size=(100, 32, 256)).astype("float32") for _ in range(2))
    found = {}
    for name, checkpoint, keep in (
        ("plain", False, True),
        ("checkpointed", True, True),
        ("forward only", False, False),
    ):
        kernel = numeric.compile(lstm, "float32", checkpoint=checkpoint)
        for _ in range(2):
            kernel.free()
            tracemalloc.start()
            run = kernel.forward(parameters, {"x": x}, keep=keep)
            if keep:
                kernel.backward(run, {"h": dh})
            found[name] = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
    return found


SIZES = {  # examples B, steps T, inputs D, states H
    "S1": (1, 100, 16, 16),
    "S2": (8, 50, 32, 32),
    "LONG": (16, 1000, 64, 64),
    "M1": (32, 50, 128, 128),
    "M2": (32, 100, 256, 256),
}


def beside_torch(
    kind: str, sizes: tuple[int, int, int, int], dtype: str, runs: int = 9, *, compiled: bool = False
) -> tuple[float, float, float]:
    """Milliseconds of processor time of a kernel and of PyTorch, forward and backward, and the median of their ratio.

    Both run in turn, on one thread: set OPENBLAS_NUM_THREADS=1.  Gradients of all parameters and inputs are computed.
    """
    import torch

    torch.set_num_threads(1)
    batch, steps, inputs, states = sizes
    random = np.random.default_rng(0)
    x = random.normal(size=(steps, batch, inputs)).astype(dtype)
    up = random.normal(size=(steps, batch, states)).astype(dtype)
    cell = getattr(numeric, kind)(inputs, states, dtype=dtype, seed=0)
    layer = getattr(torch.nn, kind)(inputs, states).to(getattr(torch, dtype))
    theirs, cotangent = torch.from_numpy(x.copy()).requires_grad_(), torch.from_numpy(up)

    def peer() -> None:
        layer.zero_grad(set_to_none=True)
        theirs.grad = None
        layer(theirs)[0].backward(cotangent)

    kernel = numeric.compile(cell.system, dtype, compiled=compiled)

    def own() -> None:
        kernel.backward(kernel.forward(cell.parameters, {"x": x}), {"h": up})

    def once(action: Callable[[], None]) -> float:
        start = time.process_time()
        action()
        return 1000 * (time.process_time() - start)

    for _ in range(2):
        own()
        peer()
    runs = max(runs, int(400 / (once(own) + once(peer))))
    pairs = [(once(own), once(peer)) for _ in range(runs)]
    own_time, peer_time = (statistics.median(times) for times in zip(*pairs, strict=True))
    return own_time, peer_time, statistics.median(one / other for one, other in pairs)


def against_torch(compiled: bool) -> None:
    """Print the table of all cells."""
    table = Table("float", "cell", "sizes", "kernel, ms", "PyTorch, ms", "ratio")
    for dtype in ("float32", "float64"):
        for kind in ("LSTM", "GRU", "RNN"):
            for name, sizes in SIZES.items():
                own, peer, quotient = beside_torch(kind, sizes, dtype, compiled=compiled)
                table.add_row(dtype, kind, name, f"{own:.2f}", f"{peer:.2f}", f"{quotient:.2f}")
    Console().print(table)


def main() -> None:
    """Print the table."""
    lstm = derive.load("lstm")
    table = Table("what", "measured", "promised")
    sizes = {"D": 2, "H": 2}

    def row(what: str, value: float, unit: str, promise: str) -> None:
        table.add_row(what, f"{value:.3g} {unit}", promise)

    row("adjoint of the LSTM, first in a process", 1000 * first_adjoint(), "ms", "50 ms")
    row("adjoint of the LSTM, again", 1000 * seconds(lstm.adjoint, 20), "ms", "50 ms")
    growth = ratio(lambda: lstm.unroll(100, sizes), lambda: lstm.unroll(200, sizes), 5)
    row("unroll, T = 200 against T = 100", growth, "×", "2.5 ×")
    row("LSTM kernel, T = 2000 against T = 1000", ratio(kernel_run(1000), kernel_run(2000), 7), "×", "2.5 ×")
    for what, size in peaks().items():
        row(f"LSTM M2 float32, peak memory, {what}", size, "MiB", "")
    row("bptt --help", process("--help"), "s", "0.2 s")
    row("bptt show lstm", process("show", "lstm"), "s", "1.5 s")
    with tempfile.TemporaryDirectory() as folder:
        row("bptt report lstm gru", process("report", "lstm", "gru", "-o", folder, runs=3), "s", "10 s")
    Console().print(table)


if __name__ == "__main__":
    against_torch("compiled" in sys.argv[1:]) if "torch" in sys.argv[1:] else main()
