"""The bench as cases of pytest-benchmark: ``pytest tests/measure_bench.py``; not collected unless it is named.

`bptt bench` is the measure; these are for histories, and for comparing two versions (``--benchmark-compare``).
"""

import pytest

import derive
from numeric.bench.contender import DIRECTIONS, NotMeasured, prepared
from numeric.bench.rows import CONTENDERS
from numeric.bench.task import CONFIGURATIONS, task

pytest.importorskip("pytest_benchmark")


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
@pytest.mark.parametrize("direction", DIRECTIONS, ids=("forward", "both"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru-reset-after"])
def test_speed(benchmark, cell, configuration, dtype, direction, contender):
    benchmark.group = f"{cell} {configuration} {dtype} {direction}"
    what = task(derive.load(cell), CONFIGURATIONS[configuration], dtype)
    try:
        actions = prepared(contender, what).actions
    except NotMeasured as reason:
        pytest.skip(str(reason))
    if direction not in actions:
        pytest.skip("it computes forward alone")
    benchmark(actions[direction].call)
